package simboard

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// list runs a list.
func (u *bootloader) list(ctx context.Context, list []*pipeline) error {
	for _, p := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.after == "&&" && u.status != 0 || p.after == "||" && u.status == 0 {
			continue
		}
		var err error
		if p.block != nil {
			err = u.compound(ctx, p.block)
		} else {
			err = u.simple(ctx, p.words)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *bootloader) compound(ctx context.Context, b *block) error {
	switch b.kind {
	case "if":
		for i, cond := range b.conds {
			if err := u.list(ctx, cond); err != nil {
				return err
			}
			if u.status == 0 {
				return u.list(ctx, b.then[i])
			}
		}
		u.status = 0
		return u.list(ctx, b.other)
	case "for":
		values, err := u.expand(b.words)
		if err != nil {
			return u.refuse(err)
		}
		return u.until(ctx, func(ctx context.Context) error {
			for _, value := range values {
				u.env[b.name] = value
				if err := u.list(ctx, b.then[0]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return u.until(ctx, func(ctx context.Context) error {
		for ctx.Err() == nil {
			if err := u.list(ctx, b.conds[0]); err != nil {
				return err
			}
			if (u.status == 0) != (b.kind == "while") {
				return nil
			}
			if err := u.list(ctx, b.then[0]); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
}

// simple runs a command with its words expanded.
func (u *bootloader) simple(ctx context.Context, words []word) error {
	args, err := u.expand(words)
	if err != nil {
		return u.refuse(err)
	}
	return u.command(ctx, args)
}

// refuse prints that a line cannot be run. The lines after it are run.
func (u *bootloader) refuse(err error) error {
	u.printf("%v\n", err)
	u.status = 1
	return nil
}

// errMemory is the error of the real hush, which then hangs.
var errMemory = errors.New("ERROR : memory not allocated")

// expand expands variables. The value of one that is not quoted is split at its blanks.
func (u *bootloader) expand(words []word) ([]string, error) {
	var all []string
	size := 0
	for _, w := range words {
		fields, open := []string(nil), false
		for _, p := range w {
			pieces := []string{p.text}
			if p.name {
				value := u.variable(p.text)
				if size += len(value); size > envSize { // variables in variables could fill the station's memory in a few lines
					return nil, errMemory
				}
				pieces = []string{value}
				if !p.quoted {
					if pieces = strings.Fields(value); len(pieces) == 0 {
						continue
					}
				}
			}
			if open {
				fields[len(fields)-1] += pieces[0]
				pieces = pieces[1:]
			}
			fields, open = append(fields, pieces...), true
		}
		all = append(all, fields...)
	}
	return all, nil
}

func (u *bootloader) variable(name string) string {
	if name == "?" {
		return strconv.Itoa(u.status)
	}
	if v, ok := u.env[name]; ok { // the environment hides the shell's own
		return v
	}
	return u.own[name]
}

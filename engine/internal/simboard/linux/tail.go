package linux

import (
	"bufio"
	"io"
	"strings"
	"syscall"
)

func tail(p *process) int {
	p.args = dashNumber(p.args)
	o, rest, ok := p.options("n:c:qv")
	if !ok {
		return 1
	}
	text, lines := "10", true
	if o['n'] != "" {
		text = o['n']
	}
	if o['c'] != "" {
		text, lines = o['c'], false
	}
	n, invalid := count(text)
	if invalid != "" {
		return p.fail("invalid number '%s'", invalid)
	}
	opened := len(rest) == 0
	code := p.titled(rest, o, func(r io.Reader) error {
		opened = true
		switch {
		case strings.HasPrefix(text, "+") && lines:
			return p.linesFrom(r, n)
		case strings.HasPrefix(text, "+"):
			if _, err := io.CopyN(io.Discard, r, max(n-1, 0)); err != nil && err != io.EOF {
				return err
			}
			return p.copyOut(p.out, r)
		case lines:
			return p.lastLines(r, max(n, -n))
		}
		return p.lastBytes(r, max(n, -n))
	})
	if !opened {
		return p.fail("no files")
	}
	return code
}

// linesFrom copies the lines from the nth on; the first is 1.
func (p *process) linesFrom(r io.Reader, n int64) error {
	in := bufio.NewReader(r)
	for ; n > 1 && p.ctx.Err() == nil; n-- {
		if _, err := readLine(in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return p.copyOut(p.out, in)
}

// lastLines copies the last lines.
func (p *process) lastLines(r io.Reader, n int64) error {
	var kept []string
	var held holding
	in := bufio.NewReader(r)
	for p.ctx.Err() == nil {
		line, err := readLine(in)
		if line != "" {
			if kept = append(kept, line); int64(len(kept)) > n {
				held.forget(kept[0])
				kept = kept[1:]
			}
			if !held.keep(line) {
				return syscall.ENOMEM
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, line := range kept {
		if _, err := io.WriteString(p.out, line); err != nil {
			return err
		}
	}
	return nil
}

// lastBytes copies the last bytes.
func (p *process) lastBytes(r io.Reader, n int64) error {
	text, err := io.ReadAll(io.LimitReader(r, treeLimit))
	if err == nil {
		_, err = p.out.Write(text[max(0, int64(len(text))-n):])
	}
	return err
}

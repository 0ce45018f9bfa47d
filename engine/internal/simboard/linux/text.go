package linux

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// number reads a decimal number.
func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

func itoa(n int) string { return strconv.Itoa(n) }

// lines runs f on every line of the files, without its end, until f says that it has enough.
func (p *process) lines(names []string, f func(line string) bool) int {
	more := true
	return p.each(names, func(_ string, r io.Reader) error {
		in := bufio.NewReader(r)
		for more && p.ctx.Err() == nil {
			line, err := readLine(in)
			if line != "" {
				more = f(strings.TrimSuffix(line, "\n"))
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func cat(p *process) int {
	_, rest, ok := p.options("uvn")
	if !ok {
		return 1
	}
	return p.each(rest, func(_ string, r io.Reader) error {
		return p.copyOut(p.out, r)
	})
}

func head(p *process) int {
	p.args = dashNumber(p.args)
	o, rest, ok := p.options("n:c:q")
	if !ok {
		return 1
	}
	if o['c'] != "" {
		n, ok := size(o['c'])
		if !ok {
			return p.fail("invalid number '%s'", o['c'])
		}
		return p.each(rest, func(_ string, r io.Reader) error {
			return p.copyOut(p.out, io.LimitReader(r, n))
		})
	}
	left := number(o['n'], 10)
	if left == 0 {
		return 0
	}
	return p.lines(rest, func(line string) bool {
		fmt.Fprintln(p.out, line)
		left--
		return left > 0
	})
}

// dashNumber makes -n 5 of -5.
func dashNumber(args []string) []string {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0][1] >= '0' && args[0][1] <= '9' {
		return append([]string{"-n", args[0][1:]}, args[1:]...)
	}
	return args
}

func tail(p *process) int {
	p.args = dashNumber(p.args)
	o, rest, ok := p.options("n:c:qf")
	if !ok {
		return 1
	}
	if o['c'] != "" {
		n, ok := size(strings.TrimPrefix(o['c'], "-"))
		if !ok {
			return p.fail("invalid number '%s'", o['c'])
		}
		return p.each(rest, func(_ string, r io.Reader) error {
			text, err := io.ReadAll(io.LimitReader(r, treeLimit))
			p.out.Write(text[max(0, int64(len(text))-n):])
			return err
		})
	}
	keep, from := number(strings.TrimLeft(o['n'], "+-"), 10), strings.HasPrefix(o['n'], "+")
	var kept []string
	var held holding
	n := 0
	code := p.lines(rest, func(line string) bool {
		if n++; from {
			if n >= keep {
				fmt.Fprintln(p.out, line)
			}
			return true
		}
		if kept = append(kept, line); len(kept) > keep {
			held.forget(kept[0])
			kept = kept[1:]
		}
		return held.keep(line)
	})
	if held.used > treeLimit {
		return p.fail("out of memory")
	}
	for _, line := range kept {
		fmt.Fprintln(p.out, line)
	}
	return code
}

func wc(p *process) int {
	o, rest, ok := p.options("lwcm")
	if !ok {
		return 1
	}
	return p.each(rest, func(name string, r io.Reader) error {
		var lines, words, size int
		inWord := false
		count := writer(func(b []byte) {
			size += len(b)
			lines += bytes.Count(b, []byte("\n"))
			for _, c := range b {
				blank := c == ' ' || c >= '\t' && c <= '\r'
				if !blank && !inWord {
					words++
				}
				inWord = !blank
			}
		})
		readErr, _ := transfer(p.ctx, count, r)
		var fields []string
		for _, f := range []struct {
			flag byte
			n    int
		}{{'l', lines}, {'w', words}, {'c', size}} {
			if o[f.flag] != "" || len(o) == 0 {
				fields = append(fields, strconv.Itoa(f.n))
			}
		}
		if len(fields) > 1 {
			for i := range fields {
				fields[i] = fmt.Sprintf("%9s", fields[i])
			}
		}
		if name != "-" {
			fields = append(fields, name)
		}
		fmt.Fprintln(p.out, strings.Join(fields, " "))
		return readErr
	})
}

type writer func(b []byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

package linux

import (
	"bufio"
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

// lines runs f on every line of the files, without its end, until f returns false.
func (p *process) lines(names []string, f func(line string) bool) int {
	more := true
	return p.each(names, func(_ string, r io.Reader) error {
		return p.linesOf(r, func(line string) bool {
			more = more && f(line)
			return more
		})
	})
}

// linesOf runs f on every line of a stream, without its end, until f returns false.
func (p *process) linesOf(r io.Reader, f func(line string) bool) error {
	in := bufio.NewReader(r)
	for p.ctx.Err() == nil {
		line, err := readLine(in)
		if line != "" && !f(strings.TrimSuffix(line, "\n")) || err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cat(p *process) int {
	_, rest, ok := p.options("u")
	if !ok {
		return 1
	}
	return p.each(rest, func(_ string, r io.Reader) error {
		return p.copyOut(p.out, r)
	})
}

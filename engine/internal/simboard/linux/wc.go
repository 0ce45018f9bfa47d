package linux

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

func wc(p *process) int {
	o, rest, ok := p.options("lwcm")
	if !ok {
		return 1
	}
	var total wordCount
	show := func(c wordCount, name string) {
		var fields []string
		for _, f := range []struct {
			flag byte
			n    int
		}{{'l', c.lines}, {'w', c.words}, {'c', c.bytes}} {
			if o[f.flag] != "" || len(o) == 0 {
				fields = append(fields, strconv.Itoa(f.n))
			}
		}
		if len(fields) > 1 || len(rest) > 1 {
			for i := range fields {
				fields[i] = fmt.Sprintf("%9s", fields[i])
			}
		}
		if len(rest) > 0 {
			fields = append(fields, name)
		}
		fmt.Fprintln(p.out, strings.Join(fields, " "))
	}
	code := p.each(rest, func(name string, r io.Reader) error {
		var c wordCount
		readErr, _ := transfer(p.ctx, &c, r)
		total.lines, total.words, total.bytes = total.lines+c.lines, total.words+c.words, total.bytes+c.bytes
		if readErr != nil {
			p.cannotRead(name, readErr)
		}
		show(c, name)
		return nil
	})
	if len(rest) > 1 {
		show(total, "total")
	}
	return code
}

// wordCount counts what is written to it.
type wordCount struct {
	lines, words, bytes int
	inWord              bool
}

func (w *wordCount) Write(b []byte) (int, error) {
	w.bytes += len(b)
	w.lines += bytes.Count(b, []byte("\n"))
	for _, c := range b {
		blank := c == ' ' || c >= '\t' && c <= '\r'
		if !blank && !w.inWord {
			w.words++
		}
		w.inWord = !blank
	}
	return len(b), nil
}

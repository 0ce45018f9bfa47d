package linux

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/flashlua/flashlua/engine/bounded"
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

func head(p *process) int {
	p.args = dashNumber(p.args)
	o, rest, ok := p.options("n:c:qv")
	if !ok {
		return 1
	}
	lines, most, invalid := true, int64(10), ""
	if o['n'] != "" {
		most, invalid = count(o['n'])
	}
	if o['c'] != "" {
		lines = false
		most, invalid = count(o['c'])
	}
	if invalid != "" {
		return p.fail("invalid number '%s'", invalid)
	}
	return p.titled(rest, o, func(r io.Reader) error {
		if most < 0 {
			return p.allBut(r, -most, lines)
		}
		return p.first(r, most, lines)
	})
}

// count reads a number of lines or bytes with the suffixes of head and tail. invalid is what is not a number.
func count(text string) (n int64, invalid string) {
	digits := strings.TrimLeft(text, "+-")
	unit := int64(1)
	for suffix, u := range map[string]int64{"b": 512, "k": 1 << 10, "m": 1 << 20} {
		if t, ok := strings.CutSuffix(digits, suffix); ok {
			digits, unit = t, u
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	n, ok := bounded.Mul(n, unit)
	if err != nil || !ok || len(text)-len(strings.TrimLeft(text, "+-")) > 1 {
		return 0, strings.TrimPrefix(text, "-")
	}
	if strings.HasPrefix(text, "-") {
		n = -n
	}
	return n, ""
}

// titled runs f on every file, after a line with the file's name if there are several.
func (p *process) titled(names []string, o map[byte]string, f func(r io.Reader) error) int {
	title := "==> %s <==\n"
	return p.each(names, func(name string, r io.Reader) error {
		if len(names) > 1 && o['q'] == "" || o['v'] != "" {
			fmt.Fprintf(p.out, title, name)
			title = "\n==> %s <==\n"
		}
		return f(r)
	})
}

// first copies the first lines or bytes.
func (p *process) first(r io.Reader, n int64, lines bool) error {
	if !lines {
		return p.copyOut(p.out, io.LimitReader(r, n))
	}
	in := bufio.NewReader(r)
	for ; n > 0 && p.ctx.Err() == nil; n-- {
		line, err := readLine(in)
		if _, werr := io.WriteString(p.out, line); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// allBut copies all but the last lines or bytes.
func (p *process) allBut(r io.Reader, n int64, lines bool) error {
	text, err := io.ReadAll(io.LimitReader(r, treeLimit))
	if err != nil {
		return err
	}
	if lines {
		all := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		_, err = p.out.Write(bytes.Join(all[:max(0, int64(len(all))-n)], nil))
		return err
	}
	_, err = p.out.Write(text[:max(0, int64(len(text))-n)])
	return err
}

// dashNumber replaces -5 by -n 5.
func dashNumber(args []string) []string {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0][1] >= '0' && args[0][1] <= '9' {
		return append([]string{"-n", args[0][1:]}, args[1:]...)
	}
	return args
}

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

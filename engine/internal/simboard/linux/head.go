package linux

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/engine/bounded"
)

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

package linux

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// dump is od -c, hexdump -C and xxd, each in its one form.
func dump(p *process) int {
	names := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return strings.HasPrefix(a, "-") })
	return p.each(names, func(_ string, r io.Reader) error {
		row := make([]byte, 16)
		for at := 0; p.ctx.Err() == nil; at += 16 {
			n, err := io.ReadFull(r, row)
			if n > 0 {
				p.dumpRow(at, row[:n])
			}
			if err != nil {
				if p.name == "od" {
					fmt.Fprintf(p.out, "%07o\n", at+n)
				} else if p.name == "hexdump" {
					fmt.Fprintf(p.out, "%08x\n", at+n)
				}
				break
			}
		}
		return nil
	})
}

func (p *process) dumpRow(at int, row []byte) {
	if p.name == "od" {
		fmt.Fprintf(p.out, "%07o", at)
		for _, c := range row {
			name := strings.TrimSuffix(strings.TrimPrefix(strconv.QuoteToASCII(string(rune(c))), `"`), `"`)
			switch {
			case c == 0:
				name = `\0`
			case c < ' ' && len(name) > 2 || c >= 0x7f:
				name = fmt.Sprintf("%03o", c)
			case c == '"' || c == '\\':
				name = string(rune(c))
			}
			fmt.Fprintf(p.out, " %3s", name)
		}
		fmt.Fprintln(p.out)
		return
	}
	printable := bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, row)
	fmt.Fprintf(p.out, "%08x  %-48s  |%s|\n", at, fmt.Sprintf("% x", row), printable)
}

package linux

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// od has the one form `od -c`.
func od(p *process) int {
	o, names, ok := p.options("c")
	if !ok {
		return 1
	}
	if o['c'] == "" {
		return p.fail("numbers are not in this simulation, only od -c")
	}
	return p.each(names, func(_ string, r io.Reader) error {
		row, before, squeezed := make([]byte, 16), []byte(nil), false
		for at := 0; p.ctx.Err() == nil; at += 16 {
			n, err := io.ReadFull(r, row)
			switch {
			case n == len(row) && bytes.Equal(row, before): // rows like the one before are one star
				if !squeezed {
					fmt.Fprintln(p.out, "*")
				}
				squeezed = true
			case n > 0:
				fmt.Fprintf(p.out, "%07o", at)
				for _, c := range row[:n] {
					fmt.Fprintf(p.out, " %3s", characterName(c))
				}
				fmt.Fprintln(p.out)
				before, squeezed = append(before[:0], row[:n]...), false
			}
			if err != nil {
				fmt.Fprintf(p.out, "%07o\n", at+n)
				break
			}
		}
		return nil
	})
}

// characterName returns a byte as od -c prints it.
func characterName(c byte) string {
	name := strings.TrimSuffix(strings.TrimPrefix(strconv.QuoteToASCII(string(rune(c))), `"`), `"`)
	switch {
	case c == 0:
		return `\0`
	case c < ' ' && len(name) > 2 || c >= 0x7f:
		return fmt.Sprintf("%03o", c)
	case c == '"' || c == '\\':
		return string(rune(c))
	}
	return name
}

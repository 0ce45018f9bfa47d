package linux

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// od is `od -c`: the one form that it has.
func od(p *process) int {
	names := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return strings.HasPrefix(a, "-") })
	return p.each(names, func(_ string, r io.Reader) error {
		row := make([]byte, 16)
		for at := 0; p.ctx.Err() == nil; at += 16 {
			n, err := io.ReadFull(r, row)
			if n > 0 {
				fmt.Fprintf(p.out, "%07o", at)
				for _, c := range row[:n] {
					fmt.Fprintf(p.out, " %3s", characterName(c))
				}
				fmt.Fprintln(p.out)
			}
			if err != nil {
				fmt.Fprintf(p.out, "%07o\n", at+n)
				break
			}
		}
		return nil
	})
}

// characterName is a byte as od -c prints it.
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

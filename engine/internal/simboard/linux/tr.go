package linux

import (
	"bytes"
	"io"
	"strings"
)

func tr(p *process) int {
	o, rest, ok := p.options("dscC")
	if !ok || len(rest) == 0 {
		return 1
	}
	from, to := charset(rest[0]), []byte(nil)
	if len(rest) > 1 {
		to = charset(rest[1])
	}
	if o['c'] != "" || o['C'] != "" {
		var other []byte
		for c := range 256 {
			if bytes.IndexByte(from, byte(c)) < 0 {
				other = append(other, byte(c))
			}
		}
		from = other
	}
	last := -1
	return p.each(nil, func(_ string, r io.Reader) error {
		return p.copyOut(filter{p.out, func(b []byte) (out []byte) {
			for _, c := range b {
				at := bytes.IndexByte(from, c)
				switch {
				case at >= 0 && o['d'] != "":
					continue
				case at >= 0 && len(to) > 0:
					c = to[min(at, len(to)-1)]
				}
				if at >= 0 && o['s'] != "" && int(c) == last {
					continue
				}
				out, last = append(out, c), int(c)
			}
			return out
		}}, r)
	})
}

// filter changes what is written.
type filter struct {
	w io.Writer
	f func([]byte) []byte
}

func (f filter) Write(b []byte) (int, error) {
	_, err := f.w.Write(f.f(b))
	return len(b), err
}

var classes = map[string]string{
	"[:upper:]": "A-Z", "[:lower:]": "a-z", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z", "[:alnum:]": "A-Za-z0-9", "[:space:]": "\t\n\v\f\r ", "[:blank:]": " \t",
}

// charset reads a set of tr: ranges, classes, escapes.
func charset(text string) []byte {
	for class, set := range classes {
		text = strings.ReplaceAll(text, class, set)
	}
	plain, _ := unescape(text, false)
	var out []byte
	for i := 0; i < len(plain); i++ {
		if i+2 < len(plain) && plain[i+1] == '-' && plain[i] <= plain[i+2] {
			for c := int(plain[i]); c <= int(plain[i+2]); c++ {
				out = append(out, byte(c))
			}
			i += 2
			continue
		}
		out = append(out, plain[i])
	}
	return out
}

package linux

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func cut(p *process) int {
	o, rest, ok := p.options("d:f:c:b:s")
	if !ok {
		return 1
	}
	list := o['f'] + o['c'] + o['b']
	if list == "" {
		return p.usage()
	}
	wanted := func(n int) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(r string) bool {
			from, to, isRange := strings.Cut(r, "-")
			if !isRange {
				return number(r, 0) == n
			}
			return n >= number(from, 1) && n <= number(to, 1<<30)
		})
	}
	sep := o['d']
	if sep == "" {
		sep = "\t"
	}
	return p.lines(rest, func(line string) bool {
		parts, joint := strings.Split(line, ""), ""
		if o['f'] != "" {
			if parts, joint = strings.Split(line, sep), sep; len(parts) == 1 {
				if o['s'] == "" {
					fmt.Fprintln(p.out, line)
				}
				return true
			}
		}
		var kept []string
		for i, part := range parts {
			if wanted(i + 1) {
				kept = append(kept, part)
			}
		}
		fmt.Fprintln(p.out, strings.Join(kept, joint))
		return true
	})
}

func seq(p *process) int {
	args := p.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && (args[0][1] < '0' || args[0][1] > '9') {
		return p.fail("option %s is not in this simulation", args[0])
	}
	var v []int
	for _, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil && strings.Trim(a, "0123456789.-") == "" {
			return p.fail("%s: not in this simulation", a)
		}
		if err != nil {
			return p.usage()
		}
		v = append(v, n)
	}
	switch len(v) {
	case 1:
		v = []int{1, 1, v[0]}
	case 2:
		v = []int{v[0], 1, v[1]}
	case 3:
	default:
		return p.usage()
	}
	w := bufio.NewWriter(p.out)
	for i := v[0]; v[1] > 0 && i <= v[2] || v[1] < 0 && i >= v[2]; i += v[1] {
		fmt.Fprintln(w, i)
		if p.ctx.Err() != nil {
			return 1
		}
	}
	w.Flush()
	return 0
}

func yes(p *process) int {
	text := "y"
	if len(p.args) > 0 {
		text = strings.Join(p.args, " ")
	}
	block := []byte(strings.Repeat(text+"\n", max(1, 4096/(len(text)+1))))
	for p.ctx.Err() == nil {
		if _, err := p.out.Write(block); err != nil {
			return 1
		}
	}
	return 1
}

package linux

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

func uname(p *process) int {
	o, _, ok := p.options("asnrvmpio")
	if !ok {
		return 1
	}
	var parts []string
	for _, f := range []struct{ flag, text string }{
		{"s", "Linux"}, {"n", p.hostname()}, {"r", release}, {"v", version}, {"m", machine}, {"o", "GNU/Linux"},
	} {
		if o[f.flag[0]] != "" || o['a'] != "" || len(o) == 0 && f.flag == "s" {
			parts = append(parts, f.text)
		}
	}
	fmt.Fprintln(p.out, strings.Join(parts, " "))
	return 0
}

func hostname(p *process) int {
	if len(p.args) > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.host = p.args[0]
		return 0
	}
	fmt.Fprintln(p.out, p.hostname())
	return 0
}

func id(p *process) int {
	if len(p.args) > 0 {
		fmt.Fprintln(p.out, 0)
		return 0
	}
	fmt.Fprintln(p.out, "uid=0(root) gid=0(root)")
	return 0
}

func sleep(p *process) int {
	if len(p.args) == 0 {
		return p.usage()
	}
	var total time.Duration
	for _, a := range p.args {
		unit := time.Second
		for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
			if t, ok := strings.CutSuffix(a, suffix); ok {
				a, unit = t, u
			}
		}
		n, err := strconv.ParseFloat(a, 64)
		if err != nil || n < 0 {
			return p.fail("invalid number '%s'", a)
		}
		total += time.Duration(n * float64(unit))
	}
	return p.pause(total)
}

func dmesg(p *process) int {
	o, _, ok := p.options("n:cr")
	if !ok {
		return 1
	}
	if o['n'] != "" {
		level := number(o['n'], -1)
		if strings.Trim(o['n'], "0123456789") != "" {
			return p.fail("invalid number '%s'", o['n'])
		}
		if level < 1 || level > 8 {
			return p.fail("number %s is not in 1..8 range", o['n'])
		}
		p.log.setLevel(level)
		return 0
	}
	fmt.Fprint(p.out, p.log.text())
	if o['c'] != "" {
		p.log.clear()
	}
	return 0
}

// goesDown makes an applet that ends the system. As with init, the shell may still print something.
func goesDown(how Halt, said string) func(*process) int {
	return func(p *process) int {
		o, _, ok := p.options("fd:nw")
		if !ok {
			return 1
		}
		if o['f'] == "" {
			p.term.say("The system is going down NOW!\n")
		}
		p.log.emerg(said)
		p.halt(how)
		return 0
	}
}

func basename(p *process) int {
	if len(p.args) == 0 || len(p.args) > 2 {
		return p.usage()
	}
	name := ""
	if p.args[0] != "" {
		name = path.Base(p.args[0])
	}
	if len(p.args) > 1 && name != p.args[1] {
		name = strings.TrimSuffix(name, p.args[1])
	}
	fmt.Fprintln(p.out, name)
	return 0
}

func dirname(p *process) int {
	if len(p.args) != 1 {
		return p.usage()
	}
	dir, _ := path.Split(strings.TrimRight(p.args[0], "/"))
	if dir = strings.TrimRight(dir, "/"); dir == "" {
		dir = map[bool]string{true: "/", false: "."}[strings.HasPrefix(p.args[0], "/")]
	}
	fmt.Fprintln(p.out, dir)
	return 0
}

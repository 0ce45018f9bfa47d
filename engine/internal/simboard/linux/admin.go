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

var dateForms = strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%F", "2006-01-02", "%T", "15:04:05", "%Z", "MST", "%b", "Jan", "%a", "Mon", "%e", "_2")

// date tells the board's time, and sets it, which moves nothing but the board's own idea.
func date(p *process) int {
	o, rest, ok := p.options("us:d:D:I")
	if !ok {
		return 1
	}
	text := o['s'] + o['d']
	now := p.now()
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "+") {
		at, ok := timeArgument(rest[0], now)
		if !ok {
			return p.fail("invalid date '%s'", rest[0])
		}
		now = at
		p.setDate(at)
	}
	if text != "" {
		at, ok := dateOf(text)
		if !ok {
			return p.fail("invalid date '%s'", text)
		}
		if now = at; o['s'] != "" {
			p.setDate(at)
		}
	}
	form := "Mon Jan _2 15:04:05 MST 2006"
	if len(rest) > 0 && strings.HasPrefix(rest[0], "+") {
		if rest[0] == "+%s" {
			fmt.Fprintln(p.out, now.Unix())
			return 0
		}
		form = dateForms.Replace(rest[0][1:])
	}
	fmt.Fprintln(p.out, now.Format(form))
	return 0
}

// timeArgument reads MMDDhhmm[[CC]YY][.ss], which stands where no option is.
func timeArgument(text string, now time.Time) (time.Time, bool) {
	for _, form := range []string{"010215042006", "0102150406", "01021504"} {
		for _, seconds := range []string{".05", ""} {
			t, err := time.Parse(form+seconds, text)
			if err != nil {
				continue
			}
			if t.Year() == 0 {
				t = t.AddDate(now.Year(), 0, 0)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

func dateOf(text string) (time.Time, bool) {
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		n, err := strconv.ParseInt(seconds, 10, 64)
		return time.Unix(n, 0).UTC(), err == nil
	}
	for _, form := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "200601021504.05", "200601021504", "2006.01.02-15:04:05", time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
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

// goesDown makes an applet that ends the system. init takes its time, so that the shell may still say something.
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
	if len(p.args) == 0 {
		return 1
	}
	name := path.Base(p.args[0])
	if len(p.args) > 1 && name != p.args[1] {
		name = strings.TrimSuffix(name, p.args[1])
	}
	fmt.Fprintln(p.out, name)
	return 0
}

func dirname(p *process) int {
	if len(p.args) == 0 {
		return 1
	}
	dir, _ := path.Split(strings.TrimRight(p.args[0], "/"))
	if dir = strings.TrimRight(dir, "/"); dir == "" {
		dir = map[bool]string{true: "/", false: "."}[strings.HasPrefix(p.args[0], "/")]
	}
	fmt.Fprintln(p.out, dir)
	return 0
}

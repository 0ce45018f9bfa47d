package shell

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// prepare makes of a shell that answers one to work with.
func (s *Shell) prepare(ctx context.Context) error {
	if err := s.checkRoundTrip(ctx); err != nil {
		return err
	}
	for _, optional := range []struct {
		what string
		do   func(context.Context) error
	}{{"the kernel's messages may stay on the console", s.quietKernel}, {"the board's clock may be wrong", s.setClock}} {
		err := optional.do(ctx)
		switch {
		case err == nil:
		case !console.Optional(ctx, err):
			return err
		default:
			s.note(fmt.Sprintf("%s: %v", optional.what, err))
		}
	}
	return nil
}

// probeText are the characters that commands are made of; a line that loses or changes one is no line to flash over.
const probeText = "AZaz09!\"#$%&'()*+,-./:;<=>?@[]^_`{|} ~"

const (
	saneTries = 3
	saneWait  = 5 * time.Second
)

// checkRoundTrip makes sure that what is typed comes back byte for byte. A line of the kernel's may fall into it, not each time.
func (s *Shell) checkRoundTrip(ctx context.Context) error {
	const failed = "the shell does not give back what is typed"
	var got string
	var last error
	for range saneTries {
		res, err := s.Exec(ctx, console.Command{Text: "echo " + console.Quote(probeText), Timeout: saneWait})
		if err != nil && !isNoAnswer(err) {
			return err
		}
		if slices.Contains(strings.Split(res.Output, "\n"), probeText) {
			return nil
		}
		got, last = res.Output, err
	}
	if last != nil && classify.Find(last, classify.ConsoleTimeout) == nil { // the console knows better
		return classify.Wrap(last, classify.ShellSync, failed)
	}
	return classify.WithHint(s.Fail(classify.New(classify.ShellSync, failed+": %q came back as %q", probeText, got)),
		"the serial line loses or changes characters: check console.baud, console.framing and console.flow in the policy, the cable and the ground")
}

// printk is the level below which the kernel prints on the console, and three others.
var printk = regexp.MustCompile(`(?m)^(\d+)\s+\d+\s+\d+\s+\d+$`)

// uptime is how long Linux runs, in seconds, and how long it idled.
var uptime = regexp.MustCompile(`(?m)^(\d+\.\d+) \d+\.\d+$`)

// quietKernel keeps kernel messages off the console, and looks whether it does. A board that does not let us is noisy, not
// broken: framing copes, and the kernel's clock tells its lines from those of a command.
func (s *Shell) quietKernel(ctx context.Context) error {
	const lower = "dmesg -n 1 2>/dev/null || echo 1 >/proc/sys/kernel/printk; " + level + " /proc/uptime"
	res, err := s.Exec(ctx, console.Command{Text: lower})
	if err != nil {
		return err
	}
	if m := uptime.FindStringSubmatch(res.Output); m != nil {
		if up, err := strconv.ParseFloat(m[1], 64); err == nil {
			s.BootTime = s.Now().Add(-time.Duration(up * float64(time.Second)))
		}
	}
	if s.KernelOnConsole, s.CheckKernelQuiet = !quiet(res.Output), s.quiet; s.KernelOnConsole {
		s.note(fmt.Sprintf("kernel messages stay on the console: /proc/sys/kernel/printk says %q", strings.TrimSpace(uptime.ReplaceAllString(res.Output, ""))))
	}
	return nil
}

// level prints printk.
const level = "cat /proc/sys/kernel/printk"

// quiet reports whether what level prints says that the kernel keeps to itself.
func quiet(output string) bool {
	m := printk.FindStringSubmatch(output)
	return m != nil && (m[1] == "0" || m[1] == "1")
}

// quiet asks for it.
func (s *Shell) quiet(ctx context.Context) (bool, error) {
	res, err := s.Console.Run(ctx, s.Dialect, console.Command{Text: level, Timeout: commandTime})
	return quiet(res.Output), err
}

// clockOff is how wrong a board's clock may be.
const clockOff = 5 * time.Second

// seconds is a line of the time since 1970 and nothing else.
var seconds = regexp.MustCompile(`(?m)^-?\d{1,12}$`)

// setClock gives the board the station's time, for certificates and logs. A board that keeps its own is told of, and works.
func (s *Shell) setClock(ctx context.Context) error {
	const read = "date +%s"
	off, known, err := s.clockError(ctx, read)
	if err != nil || known && off.Abs() <= clockOff {
		return err
	}
	now := s.Now().UTC()
	set := fmt.Sprintf("date -u -s @%d >/dev/null 2>&1 || date -u %s >/dev/null; %s", now.Unix(), now.Format("010215042006.05"), read)
	off, known, err = s.clockError(ctx, set)
	switch {
	case err != nil:
		return err
	case !known:
		s.note("the board's clock cannot be read: date does not print it")
	case off.Abs() > clockOff:
		s.note(fmt.Sprintf("the board's clock is off by %s and cannot be set", off.Round(time.Second)))
	}
	return nil
}

// clockError runs a command that prints the board's time, and tells how wrong that is.
func (s *Shell) clockError(ctx context.Context, cmd string) (off time.Duration, known bool, err error) {
	res, err := s.Exec(ctx, console.Command{Text: cmd})
	if err != nil {
		return 0, false, err
	}
	n, err := strconv.ParseInt(seconds.FindString(res.Output), 10, 64)
	if err != nil {
		return 0, false, nil
	}
	return time.Unix(n, 0).Sub(s.Now()), true, nil
}

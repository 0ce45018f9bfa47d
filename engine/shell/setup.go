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

// prepare checks a shell that answers, keeps the kernel off the console and sets the clock. What failed without harm
// is noted.
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

// probeText are the characters that commands consist of. A serial line that loses or changes one cannot be used.
const probeText = "AZaz09!\"#$%&'()*+,-./:;<=>?@[]^_`{|} ~"

const (
	roundTripTries   = 3
	roundTripTimeout = 5 * time.Second
)

// checkRoundTrip makes sure that typed characters come back unchanged. It tries more than once, because a line of
// the kernel may interrupt the answer.
func (s *Shell) checkRoundTrip(ctx context.Context) error {
	const failed = "the shell does not return what is typed"
	var got string
	var last error
	for range roundTripTries {
		res, err := s.Exec(ctx, console.Command{Text: "echo " + console.Quote(probeText), Timeout: roundTripTimeout})
		if err != nil && !isNoAnswer(err) {
			return err
		}
		if slices.Contains(strings.Split(res.Output, "\n"), probeText) {
			return nil
		}
		got, last = res.Output, err
	}
	if last != nil && classify.Find(last, classify.ConsoleTimeout) == nil { // the console has a better reason
		return classify.Wrap(last, classify.ShellSync, failed)
	}
	return classify.WithHint(s.Fail(classify.New(classify.ShellSync, failed+": %q came back as %q", probeText, got)),
		"the serial line loses or changes characters: check console.baud, console.framing and console.flow in the policy, the cable and the ground")
}

// printk matches the four levels in /proc/sys/kernel/printk. The kernel prints messages below the first on the
// console.
var printk = regexp.MustCompile(`(?m)^(\d+)\s+\d+\s+\d+\s+\d+$`)

// uptime matches /proc/uptime: the seconds since the boot, and the seconds that were idle.
var uptime = regexp.MustCompile(`(?m)^(\d+\.\d+) \d+\.\d+$`)

// quietKernel keeps kernel messages off the console, and checks whether that worked. A board where it does not is
// noisy, not broken: the framing tolerates kernel lines, and the kernel's clock distinguishes them from the output
// of a command.
func (s *Shell) quietKernel(ctx context.Context) error {
	const lower = "dmesg -n 1 2>/dev/null || echo 1 >/proc/sys/kernel/printk; " + printLevels + " /proc/uptime"
	res, err := s.Exec(ctx, console.Command{Text: lower})
	if err != nil {
		return err
	}
	if m := uptime.FindStringSubmatch(res.Output); m != nil {
		if up, err := strconv.ParseFloat(m[1], 64); err == nil {
			s.BootTime = s.Now().Add(-time.Duration(up * float64(time.Second)))
		}
	}
	if s.KernelOnConsole, s.CheckKernelQuiet = !isQuiet(res.Output), s.checkQuiet; s.KernelOnConsole {
		s.note(fmt.Sprintf("kernel messages stay on the console: /proc/sys/kernel/printk says %q", strings.TrimSpace(uptime.ReplaceAllString(res.Output, ""))))
	}
	return nil
}

// printLevels prints the kernel's levels.
const printLevels = "cat /proc/sys/kernel/printk"

// isQuiet reports whether the output of printLevels means that the kernel prints nothing on the console.
func isQuiet(output string) bool {
	m := printk.FindStringSubmatch(output)
	return m != nil && (m[1] == "0" || m[1] == "1")
}

// checkQuiet asks the board whether the kernel prints nothing on the console.
func (s *Shell) checkQuiet(ctx context.Context) (bool, error) {
	res, err := s.Console.Run(ctx, s.Dialect, console.Command{Text: printLevels, Timeout: commandTimeout})
	return isQuiet(res.Output), err
}

// maxClockError is the largest error of the board's clock that is left alone.
const maxClockError = 5 * time.Second

// seconds matches a line that is the number of seconds since 1970 and nothing else.
var seconds = regexp.MustCompile(`(?m)^-?\d{1,12}$`)

// setClock sets the board's clock from the station's, for certificates and logs. A clock that cannot be set is
// noted and is no error.
func (s *Shell) setClock(ctx context.Context) error {
	const read = "date +%s"
	off, known, err := s.clockError(ctx, read)
	if err != nil || known && off.Abs() <= maxClockError {
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
	case off.Abs() > maxClockError:
		s.note(fmt.Sprintf("the board's clock is off by %s and cannot be set", off.Round(time.Second)))
	}
	return nil
}

// clockError runs a command that prints the board's time, and returns its difference to the station's.
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

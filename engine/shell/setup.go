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

// prepareCmd keeps the kernel's messages off the console and prints what it then prints there, how long the kernel
// runs, and the board's time. It is one command because every typed byte costs time.
const prepareCmd = `(p=/proc/sys/kernel/printk;echo 1 >$p;cat $p /proc/uptime);` + dateCmd

// prepare checks a shell that answers, keeps the kernel off the console and sets the clock. What failed without harm
// is noted.
func (s *Shell) prepare(ctx context.Context) error {
	if !s.ComparesEcho() {
		if err := s.checkRoundTrip(ctx); err != nil {
			return err
		}
	}
	res, err := s.Exec(ctx, console.Command{Text: prepareCmd, What: "the preparation of the shell"})
	switch {
	case err == nil:
	case !console.Optional(ctx, err):
		return err
	default:
		s.note(fmt.Sprintf("the kernel's messages may stay on the console, and the board's clock may be wrong: %v", err))
		return nil
	}
	s.checkQuiet(res.Output)
	if err := s.setClock(ctx, res.Output); err != nil {
		if !console.Optional(ctx, err) {
			return err
		}
		s.note(fmt.Sprintf("the board's clock may be wrong: %v", err))
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

// checkQuiet reads the kernel's clock and levels from the output of prepareCmd. A board whose kernel prints on the
// console nevertheless is noisy, not broken: the framing tolerates kernel lines, and the kernel's clock distinguishes
// them from the output of a command.
func (s *Shell) checkQuiet(output string) {
	if m := uptime.FindStringSubmatch(output); m != nil {
		if up, err := strconv.ParseFloat(m[1], 64); err == nil {
			s.BootTime = s.Now().Add(-time.Duration(up * float64(time.Second)))
		}
	}
	if s.KernelOnConsole, s.CheckKernelQuiet = !isQuiet(output), s.askQuiet; s.KernelOnConsole {
		levels := seconds.ReplaceAllString(uptime.ReplaceAllString(output, ""), "")
		s.note(fmt.Sprintf("kernel messages stay on the console: /proc/sys/kernel/printk says %q", strings.TrimSpace(levels)))
	}
}

// isQuiet reports whether the kernel's levels in an output mean that the kernel prints nothing on the console.
func isQuiet(output string) bool {
	m := printk.FindStringSubmatch(output)
	return m != nil && (m[1] == "0" || m[1] == "1")
}

// askQuiet asks the board whether the kernel prints nothing on the console.
func (s *Shell) askQuiet(ctx context.Context) (bool, error) {
	res, err := s.Console.Run(ctx, s.Dialect, console.Command{Text: "cat /proc/sys/kernel/printk", Timeout: commandTimeout})
	return isQuiet(res.Output), err
}

// maxClockError is the largest error of the board's clock that is left alone.
const maxClockError = 5 * time.Second

// seconds matches a line that is the number of seconds since 1970 and nothing else.
var seconds = regexp.MustCompile(`(?m)^-?\d{1,12}$`)

// dateCmd prints the board's time.
const dateCmd = "date +%s"

// setClock sets the board's clock from the station's if the output of dateCmd says that it is wrong, for certificates
// and logs. A clock that cannot be set is noted and is no error.
func (s *Shell) setClock(ctx context.Context, output string) error {
	off, known := s.clockError(output)
	// Old versions of date do not know the first form.
	for _, form := range []func(now time.Time) string{
		func(now time.Time) string { return fmt.Sprintf("-s @%d", now.Unix()) },
		func(now time.Time) string { return "-u " + now.UTC().Format("010215042006.05") },
	} {
		if known && off.Abs() <= maxClockError {
			return nil
		}
		res, err := s.Exec(ctx, console.Command{Text: "date " + form(s.Now()) + ";" + dateCmd})
		if err != nil {
			return err
		}
		off, known = s.clockError(res.Output)
	}
	switch {
	case !known:
		s.note("the board's clock cannot be read: date does not print it")
	case off.Abs() > maxClockError:
		s.note(fmt.Sprintf("the board's clock is off by %s and cannot be set", off.Round(time.Second)))
	}
	return nil
}

// clockError returns the difference of the time in an output of dateCmd to the station's.
func (s *Shell) clockError(output string) (off time.Duration, known bool) {
	n, err := strconv.ParseInt(seconds.FindString(output), 10, 64)
	if err != nil {
		return 0, false
	}
	return time.Unix(n, 0).Sub(s.Now()), true
}

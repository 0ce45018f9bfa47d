package console

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Result is the output of a command and its exit code.
type Result struct {
	Output string // clean text, without the final line end
	Code   int

	withKernelLines string // Output with the lines that are taken for the kernel's; "" if there are none
}

// Command is a command and what may end it.
type Command struct {
	Text    string
	What    string        // what it is, for people: "the look at /dev/vda"; "" shows the text
	Timeout time.Duration // 0: only the context ends it
	Stall   time.Duration // silence that ends it; 0: silence is fine
	Kind    classify.Kind // of the error when Timeout passes; "" means console.timeout
	Abort   []Abort       // in addition to those of the dialect

	// Line gets each line of the output as soon as it is complete, in the goroutine that runs the command. Its
	// error ends the wait, not the command on the board.
	Line func(line string) error
}

// name returns the command for an error text.
func (c Command) name() string { return cmp.Or(c.What, abbreviate(c.Text)) }

// shown returns the command as a failure shows it at its prompt, "" if it is a part of the framing.
func (c Command) shown() string {
	text, _, more := strings.Cut(c.Text, "\n")
	switch {
	case c.Text == "": // the setup of the interpreter
		return ""
	case c.What != "" && !strings.HasPrefix(c.What, "`"):
		return "[" + c.What + "]"
	case more:
		return text + "…"
	}
	return text
}

// maxOutput is the largest output of one command, in bytes.
const maxOutput = 16 << 20

// abortGrace is how long a command may still end by itself after an abort pattern: `dmesg | grep panic` is no
// panic.
const abortGrace = 2 * time.Second

// Limits of the synchronisation after a command that did not end normally.
const (
	resyncTries   = 3
	resyncTimeout = 3 * time.Second
)

// A board that is back at its prompt without the exit code is asked for it.
const (
	probeAfter = time.Second // of silence
	maxProbes  = 4
)

// Start types a command that should not return, such as a boot. The pattern matches if it does.
func (c *Console) Start(ctx context.Context, d Dialect, cmd string) (returned Pattern, err error) {
	if err := d.Check(cmd); err != nil {
		return Pattern{}, err
	}
	w, err := c.typist.typeLine(ctx, d, typeTries, Command{Text: cmd}.shown(), func(w marker) string { return d.wrap(w, cmd) })
	if err != nil {
		return Pattern{}, err
	}
	return w.ended(), c.Send(ctx, "\n")
}

// Run types one command and waits for its exit code, wherever in the stream it arrives. An exit code other than 0
// is no error here.
func (c *Console) Run(ctx context.Context, d Dialect, cmd Command) (Result, error) {
	if err := d.Check(cmd.Text); err != nil {
		return Result{}, err
	}
	t := &c.typist
	if t.current != "" { // Command.Line runs a command
		return Result{}, classify.New(classify.ConsoleBusy, "the console is busy with %s", t.current)
	}
	t.current = cmd.name()
	defer func() { t.current = "" }()
	if t.needsSync || c.Gaps() > t.syncedAtGap {
		if err := c.Sync(ctx, d, resyncTries, resyncTimeout); err != nil {
			return Result{}, err
		}
	}
	return t.run(ctx, d, cmd, typeTries, t.wrapper(d, cmd.Text))
}

// run types a command, as frame makes it of a marker, at an interpreter that answers, and waits for its exit code.
func (t *typist) run(ctx context.Context, d Dialect, cmd Command, tries int, frame func(marker) string) (Result, error) {
	c := t.con
	t.needsSync = true
	w, err := t.typeLine(ctx, d, tries, cmd.shown(), frame)
	if err != nil {
		return Result{}, err
	}
	got := newCapture(c, d, w, cmd.Line)
	defer c.stream.stopCapture()
	if err := c.Send(ctx, "\n"); err != nil {
		return Result{}, err
	}
	code, end, err := t.awaitExit(ctx, got, cmd)
	res := Result{Code: code}
	res.Output, res.withKernelLines = got.output(end)
	if err != nil {
		return res, err
	}
	if d.byUnknown {
		res.Code = simpleCode(res.Output)
	}
	t.needsSync = false
	t.awaitPrompt(ctx, d)
	switch {
	case got.overflow:
		return res, c.Fail(classify.New(classify.ConsoleOverflow, "%s printed more than %d MiB", cmd.name(), maxOutput>>20))
	case got.hasGap():
		return res, c.Fail(classify.New(classify.ConsoleGap, "the console was away while %s ran: it exited %d, a part of its output is lost", cmd.name(), code))
	case cmd.Line != nil:
		return res, got.deliverLines(true)
	}
	return res, nil
}

// awaitExit waits for the second echo of a command, and returns the exit code and the text of the echo. If the
// prompt comes back without it, the board is asked for it.
func (t *typist) awaitExit(ctx context.Context, got *capture, cmd Command) (code int, end string, err error) {
	c, name, d, w := t.con, cmd.name(), got.dialect, got.marker
	wait := Wait{
		What: name + " to end", For: []Pattern{w.ended(), w.foreignEnd()},
		Abort: append(cmd.Abort[:len(cmd.Abort):len(cmd.Abort)], d.Abort...), grace: abortGrace,
		Timeout: cmd.Timeout, Stall: cmd.Stall, Kind: cmd.Kind, since: c.clk.Now(), silence: probeAfter,
	}
	if cmd.Line != nil {
		wait.onData = func() error { return got.deliverLines(false) }
	}
	for probes := 0; ; {
		m, err := c.Expect(ctx, wait)
		switch {
		case err == nil && m.Index == 0 && d.byUnknown:
			return 0, m.Text, nil
		case err == nil && m.Index == 0 && m.Groups[0] == m.Groups[1]:
			code, err = strconv.Atoi(m.Groups[0])
			return code, m.Text, err
		case err == nil && m.Index == 1 && w.isForeign(m.Groups):
			return 0, "", c.Fail(classify.New(classify.ConsoleGarbled, "%s did not run: the line was spoiled after it had been checked", name))
		case err != nil && err != errSilence: // also the banner that the command itself prints
			return 0, "", cmp.Or(got.refusal(), err)
		}
		at := got.progress()
		if err == nil { // garbled
			at = promptBack
		}
		if at == promptBack {
			if err := got.refusal(); err != nil {
				return 0, "", err
			}
		}
		if at == stillRunning {
			wait.silence = min(2*wait.silence, time.Hour)
			continue
		}
		if probes++; probes > maxProbes {
			return 0, "", c.Fail(classify.New(classify.ConsoleGarbled, "the prompt is back, but not the exit code of %s", name))
		}
		line := " "
		if at == promptBack {
			got.markProbe()
			line = w.askEnd()
		}
		if err := t.typeHarmless(ctx, d, line, false); err != nil {
			return 0, "", err
		}
	}
}

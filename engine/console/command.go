package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Dialect is how a command interpreter is talked to.
type Dialect struct {
	Name   string // for people: "U-Boot"
	Prompt string // how its prompt ends
	Line   int    // the longest line that it takes, in bytes

	// Frame puts cmd between two echoes. The first prints a+b+":b", the second a+b+":"+exit code+":"+b+":"+exit
	// code+":e". a and b stand apart in what is typed, so that the echo of the line holds neither. The variable fl keeps
	// what the second one prints behind a, for the case that it is lost on the way.
	Wrap func(a, b, cmd string) string

	// Setup is a command that makes Short do what Frame does, in fewer characters: what is typed on a serial line is what
	// a short command costs. Both may be empty.
	Setup     string
	ShortWrap func(a, b, cmd string) string

	// Check refuses what would not end by itself, an open quote for one.
	Check func(cmd string) error

	// Abort lists what means failure whenever it is printed.
	Abort []Abort

	// Plain is typed once the shell answers. It makes a line editor show lines as they are typed.
	DisableEditing string

	// Booted is when the kernel's clock was at zero. What the kernel prints while a command runs can then be told from what
	// the command prints, dmesg for one. Zero: it cannot.
	BootTime time.Time

	// Loud is whether the kernel prints on the console, as far as is known. Quiet finds out; it may be nil.
	KernelOnConsole  bool
	CheckKernelQuiet func(ctx context.Context) (bool, error)
}

// The blank before a line is there to be lost: some boards lose the first character. U-Boot runs an empty line as the
// last one again, unless something in that one must not be repeated, as setenv.

// Hush is U-Boot's shell.
func Hush(prompt string, line int) Dialect {
	return Dialect{
		Name: "U-Boot", Prompt: prompt, Line: line, Check: func(cmd string) error {
			if strings.ContainsAny(cmd, "\n\t") {
				return errors.New("it has more than one line, or a tab")
			}
			return closedQuotesHush(cmd)
		},
		Wrap: func(a, b, cmd string) string {
			return fmt.Sprintf(` echo '%s''%s:b';setenv fl;%s;fl=%[2]s:$?;echo '%[1]s'$fl:$fl:e`, a, b, cmd)
		},
	}
}

// bareWord needs no quotes in any shell.
var bareWord = regexp.MustCompile(`^[\w./-]+$`)

// POSIX is any shell of that family. The command runs in the shell itself, so that cd and variables last; it reads
// from /dev/null, so that it cannot eat what is typed next; an error of syntax does not swallow the second echo.
func POSIX(prompt string, line int) Dialect {
	return Dialect{
		Name: "the shell", Prompt: prompt, Line: line, Check: closedQuotes,
		// The command sees no arguments of the function's, and no variable of its that matters.
		Setup: `fl(){ flw=$1 flc=$2;set --;echo "$flw:b";command eval "$flc" </dev/null;fl=${flw#???}:$?;echo "${flw%???}$fl:$fl:e";}`,
		ShortWrap: func(a, b, cmd string) string {
			if !bareWord.MatchString(cmd) {
				cmd = quoteLine(cmd)
			}
			return " fl " + a + b + " " + cmd
		},
		DisableEditing: " set +o emacs +o vi 2>/dev/null", // bash scrolls long lines sideways on terminals that it does not know
		Wrap: func(a, b, cmd string) string {
			return fmt.Sprintf(` echo '%s''%s:b';command eval %s </dev/null;fl=%[2]s:$?;echo '%[1]s'$fl:$fl:e`, a, b, quoteLine(cmd))
		},
	}
}

// again asks for the second echo of a framed command once more.
func (w marker) again() string { return " echo '" + w.a + "'$fl:$fl:e" }

// quoteLine makes one word of cmd that can be typed in one line: a line editor would act upon a tab.
func quoteLine(cmd string) string {
	if !strings.ContainsAny(cmd, "\n\t") {
		return Quote(cmd)
	}
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "!", `\0041`).Replace(cmd) // ! would be bash's history
	return `"$(printf %b ` + Quote(escaped) + `)"`
}

// Quote makes one word of s for a POSIX shell.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// QuoteHush makes one word of s for U-Boot's hush, where a backslash counts inside single quotes too.
func QuoteHush(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `'\''`).Replace(s) + "'"
}

// closedQuotes refuses a command that would make a POSIX shell ask for more.
func closedQuotes(cmd string) error { return scanQuotes(cmd, false) }

// closedQuotesHush does so for hush, where a single quote opens a quotation inside double quotes too, and where a comment
// would swallow the second echo.
func closedQuotesHush(cmd string) error { return scanQuotes(cmd, true) }

func scanQuotes(cmd string, hush bool) error {
	single, double, escaped := false, false, false
	last := ' '
	for _, r := range cmd {
		if r == '#' && hush && !single && !double && strings.ContainsRune(" \t;&|", last) {
			return errors.New("a # begins a comment, which would swallow what follows: quote it")
		}
		last = r
		switch {
		case escaped:
			escaped = false
		case single:
			single = r != '\''
		case r == '\\':
			escaped = true
		case r == '"':
			double = !double
		case r == '\'':
			single = hush || !double
		}
	}
	if single || double || escaped {
		return errors.New("a quote or backslash in it is left open")
	}
	return nil
}

// checkText refuses bytes that a terminal would act upon.
func checkText(cmd string) error {
	for _, r := range cmd {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
			return fmt.Errorf("it contains the control character %q", r)
		}
	}
	return nil
}

// Result is what a command printed and its exit code.
type Result struct {
	Output string // clean text, without the final line end
	Code   int

	all string // with what the kernel seems to have printed meanwhile; "" if there is no such thing
}

// Command is a command with what may end it.
type Command struct {
	Text    string
	Timeout time.Duration // 0: only the context ends it
	Stall   time.Duration // silence that ends it; 0: silence is fine
	Kind    classify.Kind // of the error when Timeout passes; "" means console.timeout
	Abort   []Abort       // besides those of the dialect

	// Line gets each line of the output as soon as it is complete, from the goroutine that runs the command. Its error ends
	// the wait, not the command on the board.
	Line func(line string) error
}

// abortGrace is how long a command may still end by itself after an abort pattern: `dmesg | grep panic` is no panic.
const abortGrace = 2 * time.Second

// After a command that did not end as it should, whoever is there is asked first.
const (
	resyncTries = 3
	resyncWait  = 3 * time.Second
)

// A board that is back at its prompt without having told the exit code is asked for it.
const (
	probeAfter = time.Second
	askTries   = 4
)

// promptPatience bounds the wait for a prompt behind a result. The result does not depend on it.
const promptPatience = 300 * time.Millisecond

// marker marks one command.
type marker struct{ a, b string }

func (w marker) begun() Pattern { return RegexpAcrossKernelLines(w.a + w.b + ":b") }

// ended matches the second echo of a framed command, with its exit code, twice.
func (w marker) ended() Pattern {
	return RegexpAcrossKernelLines(w.a + w.b + `:(\d+):` + w.b + `:(\d+):e`)
}

// foreignEnd matches the answer of a shell in which another command was the last, and a garbled answer.
func (w marker) foreignEnd() Pattern { return Regexp(w.a + `(?:(\w{3}):(\d+):(\w{3}):(\d+)|:):e`) }

// isForeign reports whether what other found is the former.
func (w marker) isForeign(groups []string) bool { return groups[0] == groups[2] && groups[0] != w.b }

// Framed is the length of the line in which cmd is typed, in bytes, with its Enter.
func (d Dialect) Framed(cmd string) int {
	a, b := newMarker()
	return len(d.Wrap(a, b, cmd)) + 1
}

// check refuses a command that cannot be framed.
func (d Dialect) check(cmd string) error {
	err := checkText(cmd)
	if err == nil {
		err = d.Check(cmd)
	}
	if err != nil {
		return classify.Wrap(err, classify.ConsoleText, "cannot type %s", abbreviate(cmd))
	}
	if n := d.Framed(cmd); n > d.Line {
		return classify.WithHint(
			classify.New(classify.ConsoleText, "the command %s is %d bytes long when framed, %s takes %d", abbreviate(cmd), n, d.Name, d.Line),
			"split it, or raise line_limit in the policy if the board takes more")
	}
	return nil
}

// Start types a command that should not come back, such as a boot. What it gives matches if the command does.
func (c *Console) Start(ctx context.Context, d Dialect, cmd string) (returned Pattern, err error) {
	if err := d.check(cmd); err != nil {
		return Pattern{}, err
	}
	w, err := c.typeLine(ctx, d, typeTries, func(a, b string) string { return d.Wrap(a, b, cmd) })
	if err != nil {
		return Pattern{}, err
	}
	return w.ended(), c.Send(ctx, "\n")
}

// Run types one command and waits for its exit code, wherever in the stream it arrives. An exit code other than 0 is
// no error here.
func (c *Console) Run(ctx context.Context, d Dialect, cmd Command) (Result, error) {
	if err := d.check(cmd.Text); err != nil {
		return Result{}, err
	}
	if c.running != "" { // a function that is told its lines calls us
		return Result{}, classify.New(classify.ConsoleBusy, "the console is busy with %s", c.running)
	}
	c.running = abbreviate(cmd.Text)
	defer func() { c.running = "" }()
	if c.needsSync || c.gapped() {
		if err := c.Sync(ctx, d, resyncTries, resyncWait); err != nil {
			return Result{}, err
		}
	}
	return c.run(ctx, d, cmd)
}

// run is Run where somebody answers.
func (c *Console) run(ctx context.Context, d Dialect, cmd Command) (Result, error) {
	c.needsSync = true
	frame := d.Wrap
	if c.setupDone && d.ShortWrap != nil {
		frame = d.ShortWrap
	}
	w, err := c.typeLine(ctx, d, typeTries, func(a, b string) string { return frame(a, b, cmd.Text) })
	if err != nil {
		return Result{}, err
	}
	got := c.collect(d, w, cmd.Line)
	defer c.endCollect()
	if err := c.Send(ctx, "\n"); err != nil {
		return Result{}, err
	}
	wait := Wait{
		What: abbreviate(cmd.Text) + " to end", For: []Pattern{w.ended(), w.foreignEnd()},
		Abort: append(cmd.Abort[:len(cmd.Abort):len(cmd.Abort)], d.Abort...), Grace: abortGrace,
		Timeout: cmd.Timeout, Stall: cmd.Stall, Kind: cmd.Kind,
	}
	if cmd.Line != nil {
		wait.each = func() error { return got.deliverLines(false) }
	}
	code, end, err := c.await(ctx, d, got, wait)
	res := Result{Code: code}
	res.Output, res.all = got.output(end)
	if err != nil {
		return res, err
	}
	c.needsSync = false
	c.awaitPrompt(ctx, d)
	switch {
	case got.over:
		return res, c.Fail(classify.New(classify.ConsoleOverflow, "%s printed more than %d MiB", abbreviate(cmd.Text), maxOutput>>20))
	case got.gapped():
		return res, c.Fail(classify.New(classify.ConsoleGap, "the console was away while %s ran: it exited %d, a part of its output is lost", abbreviate(cmd.Text), code))
	case cmd.Line != nil:
		return res, got.deliverLines(true)
	}
	return res, nil
}

// await waits for the second echo of a command and gives the exit code and the text of the echo. When the prompt is
// back without it, the board is asked.
func (c *Console) await(ctx context.Context, d Dialect, got *capture, wait Wait) (code int, end string, err error) {
	wait.since, wait.quiet = c.clk.Now(), probeAfter
	for asked := 0; ; {
		m, err := c.Expect(ctx, wait)
		switch {
		case err == nil && m.Index == 0 && m.Groups[0] == m.Groups[1]:
			code, err = strconv.Atoi(m.Groups[0])
			return code, m.Text, err
		case err == nil && m.Index == 1 && got.marker.isForeign(m.Groups):
			return 0, "", c.Fail(classify.New(classify.ConsoleGarbled, "%s did not run: the line was spoiled after it had been checked", strings.TrimSuffix(wait.What, " to end")))
		case err != nil && err != errQuiet:
			return 0, "", err
		}
		how := got.state()
		if err == nil { // garbled
			how = atPrompt
		}
		if how == running {
			wait.quiet = min(2*wait.quiet, time.Hour)
			continue
		}
		if asked++; asked > askTries {
			return 0, "", c.Fail(classify.New(classify.ConsoleGarbled, "the prompt is back, but not the exit code of %s", strings.TrimSuffix(wait.What, " to end")))
		}
		line := " "
		if how == atPrompt {
			got.ask()
			line = got.marker.again()
		}
		if err := c.ask(ctx, d, line, false); err != nil {
			return 0, "", err
		}
	}
}

// ask types a line that does no harm, wherever it ends up. It is fresh if nothing came since the prompt.
func (c *Console) ask(ctx context.Context, d Dialect, line string, fresh bool) error {
	how, err := c.typeChecked(ctx, d, &echo{prompt: d.Prompt, known: c.prompt, fresh: fresh}, line)
	if err != nil {
		return err
	}
	if how == echoMismatch {
		c.halveChunk()
		line = "\x15" // Ctrl-U: unlike Ctrl-C it ends no command
	} else {
		line = "\n"
	}
	return c.Send(ctx, line)
}

// awaitPrompt waits until the prompt is there, which paces the next command and decides nothing.
func (c *Console) awaitPrompt(ctx context.Context, d Dialect) {
	c.atPrompt = false
	if prompts := d.prompts(c.prompt); prompts != nil {
		_, err := c.Expect(ctx, Wait{For: prompts, Timeout: promptPatience})
		c.atPrompt = err == nil
	}
}

// Sync makes sure that d answers: it types an echo until its output is seen, and Ctrl-C before every try but the
// first. Everything older than the answer is forgotten.
func (c *Console) Sync(ctx context.Context, d Dialect, tries int, patience time.Duration) error {
	c.noEcho, c.prompt, c.atPrompt, c.setupDone = c.NoEcho, "", true, false
	gaps := c.Gaps()
	var err error
	for try := range tries {
		if try > 0 || c.needsSync || gaps > c.syncedAtGap {
			if err = c.clear(ctx, d); err != nil {
				return err
			}
		}
		var w marker
		if w, err = c.typeLine(ctx, d, syncTypes, func(a, b string) string { return " echo '" + a + "''" + b + ":s'" }); err == nil {
			if err = c.Send(ctx, "\n"); err != nil {
				return err
			}
			_, err = c.Expect(ctx, Wait{What: d.Name + " to answer", For: []Pattern{RegexpAcrossKernelLines(w.a + w.b + ":s")}, Abort: d.Abort, Timeout: patience})
		}
		if err == nil {
			c.needsSync, c.syncedAtGap = false, gaps
			c.awaitPrompt(ctx, d)
			if d.DisableEditing != "" {
				if err = c.ask(ctx, d, d.DisableEditing, c.atPrompt); err == nil {
					c.awaitPrompt(ctx, d)
				}
			}
			if err == nil && d.Setup != "" && d.check(d.Setup) == nil {
				res, serr := c.run(ctx, d, Command{Text: d.Setup, Timeout: patience})
				c.setupDone = serr == nil && res.Code == 0
			}
			return err
		}
		if classify.Find(err, classify.ConsoleTimeout) == nil && classify.Find(err, classify.ConsoleEcho) == nil {
			return err
		}
	}
	return err
}

// halfMarker is the length of half a marker. Every character that is typed takes its time.
const halfMarker = 3

// newMarker gives the two halves of a random word of 30 bits.
func newMarker() (a, b string) {
	var raw [2 * halfMarker]byte
	rand.Read(raw[:])
	for i := range raw {
		raw[i] = "abcdefghijklmnopqrstuvwxyz234567"[raw[i]&31]
	}
	return string(raw[:halfMarker]), string(raw[halfMarker:])
}

// abbreviate shortens a command for an error text.
func abbreviate(cmd string) string {
	cmd, _, more := strings.Cut(cmd, "\n")
	if len(cmd) > 60 {
		cmd, more = cmd[:60], true
	}
	if more {
		cmd += "…"
	}
	return "`" + cmd + "`"
}

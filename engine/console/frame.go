package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
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

	// Frame puts cmd between two echoes. The first prints a+b+":b", the second a+b+":"+exit code+":e". a and b stand
	// apart in what is typed, so that the echo of the line holds neither.
	Frame func(a, b, cmd string) string

	// Check refuses what would not end by itself, an open quote for one.
	Check func(cmd string) error

	// Abort lists what means failure whenever it is printed.
	Abort []Abort
}

// Hush is U-Boot's shell.
func Hush(prompt string, line int) Dialect {
	return Dialect{
		Name: "U-Boot", Prompt: prompt, Line: line, Check: func(cmd string) error {
			if strings.Contains(cmd, "\n") {
				return errors.New("it has more than one line")
			}
			return closedQuotesHush(cmd)
		},
		Frame: func(a, b, cmd string) string {
			return fmt.Sprintf(`echo '%s''%s:b'; %s; echo '%[1]s''%[2]s:'"$?:e"`, a, b, cmd)
		},
	}
}

// POSIX is any shell of that family. The command runs in the shell itself, so that cd and variables last; it reads
// from /dev/null, so that it cannot eat what is typed next; an error of syntax does not swallow the second echo.
func POSIX(prompt string, line int) Dialect {
	return Dialect{
		Name: "the shell", Prompt: prompt, Line: line, Check: closedQuotes,
		Frame: func(a, b, cmd string) string {
			return fmt.Sprintf(`echo '%s''%s:b'; command eval %s </dev/null; echo '%[1]s''%[2]s:'"$?:e"`, a, b, Quote(cmd))
		},
	}
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
}

// Command is a command with what may end it.
type Command struct {
	Text    string
	Timeout time.Duration // 0: only the context ends it
	Stall   time.Duration // silence that ends it; 0: silence is fine
	Kind    classify.Kind // of the error when Timeout passes; "" means console.timeout
	Abort   []Abort       // besides those of the dialect
}

// abortGrace is how long a command may still end by itself after an abort pattern: `dmesg | grep panic` is no panic.
const abortGrace = 2 * time.Second

// After a command that did not end as it should, whoever is there is asked first.
const (
	resyncTries = 3
	resyncWait  = 3 * time.Second
)

// promptPatience bounds the wait for a prompt behind a result. The result does not depend on it; what is typed before
// the prompt may be lost.
const promptPatience = 300 * time.Millisecond

// frame checks a command and gives the line to type and the word in its markers.
func (d Dialect) frame(cmd string) (line, word string, err error) {
	if err = checkText(cmd); err == nil {
		err = d.Check(cmd)
	}
	if err != nil {
		return "", "", classify.Wrap(err, classify.ConsoleText, "cannot type %s", brief(cmd))
	}
	a, b := marker()
	line = d.Frame(a, b, cmd) + "\n"
	if len(line) > d.Line {
		return "", "", classify.WithHint(
			classify.New(classify.ConsoleText, "the command %s is %d bytes long when framed, %s takes %d", brief(cmd), len(line), d.Name, d.Line),
			"split it, or raise line_limit in the policy if the board takes more")
	}
	return line, a + b, nil
}

// ended matches the second echo of a framed command, with its exit code.
func ended(word string) Pattern { return Regexp(word + `:(\d+):e`) }

// Start types a command that should not come back, such as a boot. What it gives matches if the command does.
func (c *Console) Start(ctx context.Context, d Dialect, cmd string) (returned Pattern, err error) {
	line, word, err := d.frame(cmd)
	if err != nil {
		return Pattern{}, err
	}
	return ended(word), c.Send(ctx, line)
}

// Run types one command and waits for its exit code, wherever in the stream it arrives. An exit code other than 0 is
// no error here.
func (c *Console) Run(ctx context.Context, d Dialect, cmd Command) (Result, error) {
	line, word, err := d.frame(cmd.Text)
	if err != nil {
		return Result{}, err
	}
	if c.unsure {
		if err := c.Sync(ctx, d, resyncTries, resyncWait); err != nil {
			return Result{}, err
		}
	}
	got := c.collect()
	defer c.endCollect()
	c.unsure = true
	if err := c.Send(ctx, line); err != nil {
		return Result{}, err
	}
	m, err := c.Expect(ctx, Wait{
		What: brief(cmd.Text) + " to end", For: []Pattern{ended(word)},
		Abort: append(cmd.Abort[:len(cmd.Abort):len(cmd.Abort)], d.Abort...), Grace: abortGrace,
		Timeout: cmd.Timeout, Stall: cmd.Stall, Kind: cmd.Kind,
	})
	if err != nil {
		return Result{Output: got.until(c, word, "")}, err
	}
	c.unsure = false
	res := Result{Output: got.until(c, word, m.Text)}
	if res.Code, err = strconv.Atoi(m.Groups[0]); err != nil {
		return res, c.Fail(classify.Wrap(err, classify.ConsoleAbort, "the exit code of %s is garbled", brief(cmd.Text)))
	}
	if got.over {
		return res, c.Fail(classify.New(classify.ConsoleLong, "%s printed more than %d MiB", brief(cmd.Text), maxOutput>>20))
	}
	c.awaitPrompt(ctx, d)
	return res, nil
}

// awaitPrompt waits until the prompt is there, which paces the next command and decides nothing.
func (c *Console) awaitPrompt(ctx context.Context, d Dialect) {
	if d.Prompt != "" {
		c.Expect(ctx, Wait{For: []Pattern{Text(d.Prompt)}, Timeout: promptPatience})
	}
}

// Sync makes sure that d answers: it types an echo until its output is seen, and Ctrl-C before every try but the
// first. Everything older than the answer is forgotten.
func (c *Console) Sync(ctx context.Context, d Dialect, tries int, patience time.Duration) error {
	var err error
	for try := range tries {
		if try > 0 || c.unsure {
			if err = c.Send(ctx, "\x03"); err != nil {
				return err
			}
		}
		a, b := marker()
		if err = c.Send(ctx, fmt.Sprintf("echo '%s''%s:s'\n", a, b)); err != nil {
			return err
		}
		_, err = c.Expect(ctx, Wait{What: d.Name + " to answer", For: []Pattern{Text(a + b + ":s")}, Abort: d.Abort, Timeout: patience})
		if err == nil {
			c.unsure = false
			c.awaitPrompt(ctx, d)
			return nil
		}
		if classify.Find(err, classify.ConsoleTimeout) == nil {
			return err
		}
	}
	return err
}

// marker gives the two halves of a random word.
func marker() (a, b string) {
	var raw [8]byte
	rand.Read(raw[:])
	word := hex.EncodeToString(raw[:])
	return "fl" + word[:8], word[8:]
}

// brief shortens a command for an error text.
func brief(cmd string) string {
	cmd, _, more := strings.Cut(cmd, "\n")
	if len(cmd) > 60 {
		cmd, more = cmd[:60], true
	}
	if more {
		cmd += "…"
	}
	return "`" + cmd + "`"
}

// capture collects the stream while a command runs.
type capture struct {
	buf  []byte
	over bool // more came than a result may hold; the end is kept, for the marker lies there
}

func (g *capture) add(p []byte) {
	if len(g.buf)+len(p) > maxOutput+window {
		g.over = true
		g.buf = append(g.buf[:0], g.buf[max(0, len(g.buf)-lineReach):]...)
	}
	g.buf = append(g.buf, p...)
}

func (c *Console) collect() *capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capture = &capture{}
	return c.capture
}

func (c *Console) endCollect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capture = nil
}

// until gives what stands between the line of the first marker and end.
func (g *capture) until(c *Console, word, end string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := g.buf
	if _, after, ok := bytes.Cut(out, []byte(word+":b")); ok {
		out = bytes.TrimPrefix(bytes.TrimLeft(after, "\r"), []byte("\n"))
	}
	if end != "" {
		out, _, _ = bytes.Cut(out, []byte(end))
	}
	return strings.TrimSuffix(Clean(string(out)), "\n")
}

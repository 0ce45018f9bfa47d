package console

import (
	"bytes"
	"context"
	"regexp"
	"sync"

	"github.com/flashlua/flashlua/classify"
)

// Epoch is the time in which one interpreter of a board can be talked to: from its first answer until the board is
// switched, boots or resets, or until the console is asked for another interpreter. It ends once, and the first event
// counts. Safe for concurrent use.
type Epoch struct {
	name string // of the interpreter, for people: "U-Boot prompt"

	mu    sync.Mutex
	since int64  // mu guards it: offset in the stream; a banner after it is a reset
	last  string // mu guards it: where the last command was called
	ended error  // mu guards it: nil until the end
}

type callerKey struct{}

// WithCaller returns a context in which commands and switches are known to come from a line of a script, "board.lua:12".
func WithCaller(ctx context.Context, line string) context.Context {
	if line == "" {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, line)
}

func caller(ctx context.Context) string {
	line, _ := ctx.Value(callerKey{}).(string)
	return line
}

// End ends the epoch by an event, "the board was switched off".
func (e *Epoch) End(ctx context.Context, event string) { e.end(caller(ctx), event) }

func (e *Epoch) end(line, event string) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended != nil {
		return
	}
	if line != "" {
		line = " since " + line
	}
	e.ended = classify.WithHint(classify.New(classify.ScriptStale, "the %s is gone%s: %s", e.name, line, event),
		"after a power switch, a boot or a reset, use the prompt or the shell that is returned next, and not the one from before")
}

// Err returns nil until the epoch has ended, then an error that names the event and its line. A nil epoch does not end.
func (e *Epoch) Err() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// NewEpoch begins an epoch. Banners that came until now do not count. The caller has ended the one before.
func (c *Console) NewEpoch(name string) *Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = &Epoch{name: name, since: c.received}
	return c.epoch
}

// EndEpoch ends the epoch of the console's present interpreter, if there is one.
func (c *Console) EndEpoch(ctx context.Context, event string) {
	c.mu.Lock()
	e := c.epoch
	c.mu.Unlock()
	e.End(ctx, event)
}

// Closed reports whether Close was called. It is safe for concurrent use.
func (c *Console) Closed() bool { return c.isClosed() }

// Live returns an error if the interpreter has ended. A reset that no command has reported is reported here, once.
func (i *Interpreter) Live(ctx context.Context) error {
	e := i.Epoch
	if e == nil {
		return nil
	}
	if err := e.Err(); err != nil {
		return err
	}
	banner := i.lastBanner()
	e.mu.Lock()
	reset, line := banner > e.since, e.last
	e.last = caller(ctx)
	e.mu.Unlock()
	if !reset {
		return nil
	}
	e.end(line, Reset.Message)
	return i.Fail(&classify.Error{Kind: Reset.Kind, Msg: Reset.Message, Hint: Reset.Hint})
}

// takesDown is a command after which a Linux ends, whatever it still answers.
var takesDown = regexp.MustCompile(`^\s*(?:/\S*/)?(?:(?:reboot|poweroff|halt)(?:\s+-[dfnp]+)*|systemctl\s+(?:reboot|poweroff|halt)|init\s+[06])\s*$`)

// ran looks at how a command ended. Banners in the output of a command that ended well are its own.
func (i *Interpreter) ran(ctx context.Context, cmd Command, res Result, err error) {
	switch e := i.Epoch; {
	case e == nil:
	case err != nil:
		if failed := classify.Find(err, "board"); failed != nil {
			e.End(ctx, failed.Error())
		}
	case res.Code == 0 && takesDown.MatchString(cmd.Text):
		e.End(ctx, abbreviate(cmd.Text)+" takes the system down")
	default:
		seen := i.matched()
		e.mu.Lock()
		e.since = max(e.since, seen)
		e.mu.Unlock()
	}
}

// Leave types a command that should not come back, such as a boot, and ends the epoch. The pattern matches if the command
// comes back.
func (i *Interpreter) Leave(ctx context.Context, cmd string) (returned Pattern, err error) {
	if err := i.Live(ctx); err != nil {
		return Pattern{}, err
	}
	returned, err = i.Console.Start(ctx, i.Dialect, cmd)
	if classify.Find(err, classify.ConsoleText) == nil { // else nothing was typed
		i.Epoch.End(ctx, abbreviate(cmd)+" was to boot the board")
	}
	return returned, err
}

// matched is the offset up to which the stream was matched.
func (c *Console) matched() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pos
}

// lastBanner is the offset of the last bootloader's banner, 0 if there was none.
func (c *Console) lastBanner() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.banner
}

// watchBanner looks for a bootloader's banner in the n newest bytes. The caller holds mu.
func (c *Console) watchBanner(n int) {
	from := len(c.buf) - n
	if !bytes.Contains(c.buf[max(0, from-bannerReach):], []byte("U-Boot ")) {
		return
	}
	for _, w := range c.watches {
		for _, name := range w.Disable {
			if name == Reset.Name {
				return
			}
		}
	}
	for from < len(c.buf) {
		m := Reset.Pattern.find(c.buf, from)
		if m == nil {
			return
		}
		c.banner = max(c.banner, c.base+int64(m[1]))
		next := bytes.IndexByte(c.buf[m[1]:], '\n')
		if next < 0 {
			return
		}
		from = m[1] + next + 1
	}
}

// bannerReach is longer than what a bootloader's banner begins with.
const bannerReach = 64

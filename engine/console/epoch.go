package console

import (
	"context"
	"regexp"
	"sync"

	"github.com/flashlua/flashlua/classify"
)

// Epoch is the time in which one interpreter of a board can be used: from its first answer until the board is
// switched, boots or resets, or until the console is asked for another interpreter. It ends once; the first event
// is the reason. A nil Epoch does not end. It is safe for concurrent use.
type Epoch struct {
	name string // of the interpreter, for people: "U-Boot prompt"

	mu     sync.Mutex // mu guards what follows
	since  int64      // offset in the stream: a banner after it is a reset
	caller string     // the line of the script that ran the last command
	ended  error      // nil until the end
}

type callerKey struct{}

// WithCaller returns a context that names the line of a script, "board.lua:12", as the caller of commands and
// power switches.
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

// end ends the epoch by an event, "the board was switched off".
func (e *Epoch) end(ctx context.Context, event string) { e.endAt(caller(ctx), event) }

// endAt ends the epoch by an event at a line of a script.
func (e *Epoch) endAt(line, event string) {
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

// err returns nil until the epoch has ended, then an error that names the event and its line.
func (e *Epoch) err() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// startCommand notes the line of the script that runs the next command. It returns the line before, and whether
// the board has printed a banner at offset banner since the last command.
func (e *Epoch) startCommand(line string, banner int64) (last string, reset bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, reset = e.caller, banner > e.since
	e.caller = line
	return last, reset
}

// ignoreBanners ignores banners before offset.
func (e *Epoch) ignoreBanners(offset int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.since = max(e.since, offset)
}

// NewEpoch begins an epoch. Banners that came before do not count. The caller has ended the epoch before.
func (c *Console) NewEpoch(name string) *Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = &Epoch{name: name, since: c.stream.end()}
	return c.epoch
}

// EndEpoch ends the epoch of the present interpreter, if there is one.
func (c *Console) EndEpoch(ctx context.Context, event string) {
	c.mu.Lock()
	e := c.epoch
	c.mu.Unlock()
	e.end(ctx, event)
}

// Live returns an error if the epoch has ended. A reset between two commands ends it here.
func (i *Interpreter) Live(ctx context.Context) error {
	e := i.Epoch
	if e == nil {
		return nil
	}
	if err := e.err(); err != nil {
		return err
	}
	line, reset := e.startCommand(caller(ctx), i.stream.lastBanner())
	if !reset {
		return nil
	}
	e.endAt(line, Reset.Message)
	return i.Fail(&classify.Error{Kind: Reset.Kind, Msg: Reset.Message, Hint: Reset.Hint})
}

// shutdownCommand matches a command after which Linux ends, whatever it still answers.
var shutdownCommand = regexp.MustCompile(`^\s*(?:/\S*/)?(?:(?:reboot|poweroff|halt)(?:\s+-[dfnp]+)*|systemctl\s+(?:reboot|poweroff|halt)|init\s+[06])\s*$`)

// updateEpoch ends the epoch if a command ended it. Banners in the output of a command that succeeded do not.
func (i *Interpreter) updateEpoch(ctx context.Context, cmd Command, res Result, err error) {
	switch e := i.Epoch; {
	case e == nil:
	case err != nil:
		if failed := classify.Find(err, "board"); failed != nil {
			e.end(ctx, failed.Error())
		}
	case res.Code == 0 && shutdownCommand.MatchString(cmd.Text):
		e.end(ctx, abbreviate(cmd.Text)+" takes the system down")
	default:
		e.ignoreBanners(i.stream.matched())
	}
}

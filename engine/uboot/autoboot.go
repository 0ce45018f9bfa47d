package uboot

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// interrupt is Ctrl-C: it drops a line that was begun and ends a command, where Enter would run the one and repeat the
// other.
const interrupt = "\x03"

const (
	nudgeAfter    = 5 * time.Second        // silence after which a board is asked whether it waits at its prompt
	nudgeFirst    = 500 * time.Millisecond // likewise, once, for a board that was not just reset
	clearEvery    = 5                      // so many keys, then Ctrl-C: a word may lie behind the prompt and hide it
	passwordTries = 3
)

// abortMissed is what shows that nobody stopped autoboot.
var abortMissed = console.Abort{
	Pattern: console.Text("Starting kernel ..."),
	Kind:    classify.UBootAutoboot,
	Message: "autoboot was not stopped: the board starts its kernel",
	Hint:    "check uboot.autoboot, the text that asks for a key, and uboot.keys and uboot.password in the policy against the console lines",
}

// abortPassword is the same after a password.
var abortPassword = console.Abort{
	Pattern: abortMissed.Pattern,
	Kind:    classify.UBootAutobootDenied,
	Message: "U-Boot did not take the password: the board starts its kernel",
	Hint:    "check uboot.password in the policy",
}

// banner is what a U-Boot proper begins with. Its SPL may have said so before, more than once.
var banner = console.Regexp(`(?m)^U-Boot 20\d\d\.\d\d`)

// event is what the board did while it was being stopped.
type event int

const (
	began event = iota
	asksKeys
	asksPassword
	atPrompt // and what follows: which prompt
)

// stopper is the way to the prompt.
type stopper struct {
	*UBoot
	cfg     Config
	prompts []string // the longest last: of two that fit it is the one that is meant
	until   time.Time
	nudge   time.Duration // silence after which the board is asked

	booted    bool // the banner was seen: another one is a reset
	asked     bool // autoboot's text was
	typing    bool // keys go out every so often
	ticks     int  // how often they did
	passwords int  // that were typed
}

// stop types the keys from the moment U-Boot asks for them until its prompt ends the stream, and gives that prompt.
func (u *UBoot) stop(ctx context.Context, cfg Config, until time.Time) (prompt string, err error) {
	gaps := u.Gaps()
	s := &stopper{UBoot: u, cfg: cfg, until: until, nudge: nudgeFirst}
	if cfg.JustReset {
		s.nudge = nudgeAfter
	}
	s.prompts = slices.SortedFunc(slices.Values(cfg.Prompts), func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	for {
		left := until.Sub(u.Now())
		if left <= 0 {
			hint := "check that the board powers on and that uboot.prompt, uboot.autoboot and uboot.keys are right"
			if u.Gaps() > gaps {
				hint = "the console port was away meanwhile, and what U-Boot asked then is lost: look after the adapter, its cable and its power"
			}
			return "", classify.WithHint(u.Fail(classify.New(classify.UBootAutoboot, "U-Boot's prompt %q did not appear within %s", strings.Join(cfg.Prompts, `" or "`), cfg.Timeout)), "%s", hint)
		}
		what, err := s.next(ctx, left)
		switch {
		case err == nil && what >= atPrompt:
			return s.prompts[what-atPrompt], nil
		case err == nil:
			err = s.answer(ctx, what)
		case classify.Find(err, classify.ConsoleStall) != nil:
			s.nudge = nudgeAfter
			err = u.Send(ctx, interrupt)
		case classify.Find(err, classify.ConsoleTimeout) != nil && s.typing:
			err = s.key(ctx)
		case classify.Find(err, classify.ConsoleTimeout) != nil:
			err = nil
		}
		if err != nil {
			u.Skip() // it is told: a try without a power cycle begins with what comes now
			return "", err
		}
	}
}

// next waits for what the board does.
func (s *stopper) next(ctx context.Context, left time.Duration) (event, error) {
	w := console.Wait{What: "U-Boot's prompt", Abort: []console.Abort{console.Crash}, Timeout: left, Stall: min(left, s.nudge)}
	if !s.cfg.JustReset { // what is off waits for a switch that nobody moves; a driver's own may have had Linux shut down
		w.Abort = append(w.Abort, console.Off)
	}
	if s.typing {
		w.Timeout, w.Stall = min(left, s.cfg.KeyInterval), 0
	}
	var events []event
	add := func(e event, p console.Pattern) { events, w.For = append(events, e), append(w.For, p) }
	if s.booted {
		w.Abort = append(w.Abort, console.Reset)
	} else {
		add(began, banner)
	}
	if s.asked {
		add(asksPassword, console.Text("assword:"))
	} else if s.cfg.Autoboot != "" {
		add(asksKeys, console.Text(s.cfg.Autoboot))
	}
	switch {
	case s.passwords > 0:
		w.Abort = append(w.Abort, abortPassword)
	case s.asked || s.cfg.JustReset:
		w.Abort = append(w.Abort, abortMissed)
	}
	for i, p := range s.prompts { // keys that came too late may stand behind one
		add(atPrompt+event(i), console.Prompt(strings.TrimRight(p, " ")))
	}
	m, err := s.Expect(ctx, w)
	if err != nil {
		return 0, err
	}
	return events[m.Index], nil
}

// answer types what the board asks for.
func (s *stopper) answer(ctx context.Context, what event) error {
	switch {
	case what == began:
		s.booted = true
		return nil
	case what == asksKeys && s.cfg.Keys != "":
		s.asked, s.typing = true, true
		return s.key(ctx)
	case s.cfg.Password == "":
		return classify.WithHint(s.Fail(classify.New(classify.UBootAutobootDenied, "U-Boot asks for a password")), "set uboot.password in the policy")
	case s.passwords == passwordTries:
		return classify.WithHint(s.Fail(classify.New(classify.UBootAutobootDenied, "U-Boot does not take the password")), "check uboot.password in the policy")
	}
	// Once for each time it is asked for: some compare everything that came, and give one chance.
	s.asked, s.typing = true, false
	s.passwords++
	return s.SendSecret(ctx, s.cfg.Password+"\n")
}

// key types the keys once more.
func (s *stopper) key(ctx context.Context) error {
	if s.ticks++; s.ticks%clearEvery == 0 {
		return s.Send(ctx, interrupt)
	}
	return s.Send(ctx, s.cfg.Keys)
}

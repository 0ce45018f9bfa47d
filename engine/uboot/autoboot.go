package uboot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// interrupt is Ctrl-C. It drops an incomplete line and ends a command; Enter would run the line, or repeat the
// command.
const interrupt = "\x03"

const (
	nudgeAfter    = 5 * time.Second        // silence after which Ctrl-C is typed, in case the board is at its prompt
	firstNudge    = 500 * time.Millisecond // likewise, once, for a board that was not just reset
	clearEvery    = 5                      // after so many keys, Ctrl-C is typed: a word of keys may follow the prompt and hide it
	passwordTries = 3
)

// kernelStarts matches the start of a kernel. U-Boot's own text is missing if its console is silent.
var kernelStarts = console.Regexp(`Starting kernel \.\.\.|^(?:\[ *\d+\.\d+\] )?(?:Linux version \d|Booting Linux on physical CPU)`)

// abortPassword matches the start of a kernel after a password was typed.
var abortPassword = console.Abort{
	Pattern: kernelStarts,
	Kind:    classify.UBootAutobootDenied,
	Message: "U-Boot did not take the password: the board starts its kernel",
	Hint:    "check uboot.password in the policy",
}

// maxRestarts is how often a board may reset itself before U-Boot's prompt: after power-on, some reset themselves
// once, to set fuses or a power controller.
const maxRestarts = 3

// banner matches the first line of U-Boot proper. Its SPL may have printed a banner of its own before, more than
// once.
var banner = console.Regexp(`(?m)^U-Boot 20\d\d\.\d\d`)

// bannerSPL matches the first line of its SPL, or of what comes before that.
var bannerSPL = console.Regexp(`(?m)^U-Boot [ST]PL 20\d\d\.\d\d`)

// event is what the board did while autoboot was being stopped.
type event int

const (
	sawBanner  event = iota
	sawRestart       // another banner
	sawSPL           // likewise, of an SPL
	asksKeys
	asksPassword
	atPrompt // plus the index of the prompt
)

// stopper stops autoboot once.
type stopper struct {
	*UBoot
	cfg     Config
	state   State
	prompts []string // the longest last: if two match, the longer one is the prompt
	until   time.Time
	nudge   time.Duration // silence after which Ctrl-C is typed
	gaps    int           // of the console's port, at the beginning
	came    int64         // bytes that had come from the console at the beginning
	note    func(string)  // reports to people

	booted    bool // the banner came: another one is a restart
	restarts  int  // how often the board reset itself
	asked     bool // the autoboot text came, or there is none to wait for
	typing    bool // keys are typed every KeyInterval
	keysTyped int  // how often they were typed
	passwords int  // how many passwords were typed
}

// stop types the keys from the moment U-Boot asks for them until its prompt ends the stream, and returns that
// prompt.
func (u *UBoot) stop(ctx context.Context, cfg Config, state State, until time.Time, note func(string)) (prompt string, err error) {
	s := &stopper{UBoot: u, cfg: cfg, state: state, until: until, nudge: firstNudge, gaps: u.Gaps(), came: u.Received(), note: note}
	if state == JustReset {
		s.nudge = nudgeAfter
	}
	s.prompts = slices.SortedFunc(slices.Values(cfg.Prompts), func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	if err := s.begin(ctx); err != nil {
		return "", err
	}
	for {
		left := until.Sub(u.Now())
		if left <= 0 {
			return "", s.timeoutError()
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
			err = s.typeKeys(ctx)
		case classify.Find(err, classify.ConsoleTimeout) != nil:
			err = nil
		}
		if err != nil {
			u.Skip() // it is reported: a try without a power cycle must not find it again
			return "", err
		}
	}
}

// begin begins to type if there is no text to wait for.
func (s *stopper) begin(ctx context.Context) error {
	s.asked, s.typing = s.cfg.Autoboot == "", false
	if !s.asked || s.cfg.Keys == "" && s.cfg.Password == "" {
		return nil
	}
	s.typing = true
	return s.typeKeys(ctx)
}

// restart begins again: the board has reset itself.
func (s *stopper) restart(ctx context.Context) error {
	s.restarts++
	s.nudge = nudgeAfter
	bounded := !s.AbortDisabled(console.Reset.Name)
	switch {
	case !bounded:
		s.note("the board reset itself before U-Boot's prompt: waiting for it again")
	case s.restarts <= maxRestarts:
		s.note(fmt.Sprintf("the board reset itself before U-Boot's prompt (%d of at most %d times): waiting for it again", s.restarts, maxRestarts))
	default:
		const format = "the board reset itself %d times before U-Boot's prompt"
		return classify.WithHint(s.Fail(classify.New(console.Reset.Kind, format, s.restarts)), "%s", console.Reset.Hint)
	}
	return s.begin(ctx)
}

// next waits for the next event.
func (s *stopper) next(ctx context.Context, left time.Duration) (event, error) {
	w := console.Wait{What: "U-Boot's prompt", Abort: []console.Abort{console.Crash}, Timeout: left, Stall: min(left, s.nudge)}
	if s.state != JustReset { // a board that is off stays off; after a power driver's reset, Linux may have shut down before it
		w.Abort = append(w.Abort, console.Off)
	}
	if s.typing {
		w.Timeout, w.Stall = min(left, s.cfg.KeyInterval), 0
	}
	var events []event
	add := func(e event, p console.Pattern) { events, w.For = append(events, e), append(w.For, p) }
	if s.booted {
		add(sawRestart, banner)
		add(sawSPL, bannerSPL)
	} else {
		add(sawBanner, banner)
	}
	if s.asked {
		add(asksPassword, console.Text("assword:"))
	} else if s.cfg.Autoboot != "" {
		add(asksKeys, console.Text(s.cfg.Autoboot))
	}
	switch {
	case s.passwords > 0:
		w.Abort = append(w.Abort, abortPassword)
	case s.asked || s.state == JustReset:
		w.Abort = append(w.Abort, s.abortMissed())
	}
	for i, p := range s.prompts { // keys that came too late may follow a prompt
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
	case what == sawBanner:
		s.booted = true
		return nil
	case what == sawRestart || what == sawSPL:
		s.booted = what == sawRestart
		return s.restart(ctx)
	case what == asksKeys && s.cfg.Keys != "":
		s.asked, s.typing = true, true
		return s.typeKeys(ctx)
	case s.cfg.Password == "":
		return classify.WithHint(s.Fail(classify.New(classify.UBootAutobootDenied, "U-Boot asks for a password")), "set uboot.password in the policy")
	case s.passwords == passwordTries:
		return classify.WithHint(s.Fail(classify.New(classify.UBootAutobootDenied, "U-Boot does not take the password")), "check uboot.password in the policy")
	}
	// Once for each time it is asked for: some U-Boots compare everything that came, and accept one try.
	s.asked, s.typing = true, false
	s.passwords++
	return s.SendSecret(ctx, s.cfg.Password+"\n")
}

// typeKeys types the keys, or the password if there are none, and Ctrl-C instead after every few times.
func (s *stopper) typeKeys(ctx context.Context) error {
	s.keysTyped++
	switch {
	case s.keysTyped%clearEvery == 0:
		return s.Send(ctx, interrupt)
	case s.cfg.Keys == "":
		return s.SendSecret(ctx, s.cfg.Password+"\n")
	}
	return s.Send(ctx, s.cfg.Keys)
}

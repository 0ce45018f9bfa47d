package shell

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

const (
	nudgeAfter    = 15 * time.Second // silence after which Enter is pressed: some consoles ask for it in words of their own
	firstNudge    = time.Second      // time after which Enter is pressed once, silent or not, for a Linux that runs already
	answerNudge   = 5 * time.Second  // likewise, after a name or a password that got no answer
	followedNudge = 5 * time.Second  // likewise, after a prompt that other text followed
	promptReturns = time.Second      // after Enter, a prompt comes at most this late
	answerTimeout = 20 * time.Second // from the user's name, or the password, to what follows
	echoTimeout   = time.Minute      // from the first name that the board did not show
	loginTries    = 3                // refusals that end the login
)

// pressEnter matches what busybox's init prints on a console.
var pressEnter = console.Regexp(`(?i)press enter to activate`)

// event is what the board did during the login.
type event int

const (
	asksUser event = iota
	asksPassword
	echoesName
	echoesWord // something else, alone in its line
	refuses
	asksNewPassword
	timesOut
	asksEnter
	printsBanner
	startsLinux
	atPrompt // plus the index of the prompt
)

// loginDialogue is one login, from a booting kernel or a running Linux to a prompt.
type loginDialogue struct {
	*Shell
	prompts []string // the longest last: if two match, the longer one is the prompt
	aborts  []console.Abort
	until   time.Time
	enterAt time.Time // when Enter is pressed, silent or not; zero: only after nudgeAfter of silence
	banners banners   // of a board that was just switched on; nil once Linux has started, and for other boards

	try       loginTry
	refusals  int       // names and passwords that were refused
	lost      int       // names that the board did not show as they were typed
	firstName time.Time // when it was typed
	shown     bool      // the board has shown a name, or answered one
	changed   string    // the last word that the board showed in place of a name

	matched          string    // the text of the last event
	answeredFollowed time.Time // when Enter was pressed because other text followed a prompt
}

// logIn answers the login until something looks like a prompt, and returns it.
func (s *Shell) logIn(ctx context.Context, state State, until time.Time, aborts []console.Abort) (prompt string, err error) {
	e := &loginDialogue{Shell: s, aborts: aborts, until: until}
	switch state {
	case Running:
		e.enterAt = e.Now().Add(firstNudge)
	case PoweredOn:
		e.banners = banners{}
	}
	e.prompts = slices.SortedFunc(slices.Values(s.cfg.Prompts), func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	for {
		if err := e.checkDeadlines(); err != nil {
			return "", err
		}
		what, err := e.next(ctx)
		switch {
		case err == nil && what >= atPrompt:
			return e.prompts[what-atPrompt], nil
		case err == nil:
			err = e.answer(ctx, what)
		case isSilence(err):
			err = e.pressEnter(ctx)
		}
		if err != nil {
			return "", err
		}
	}
}

// isSilence reports whether err means that nothing came that was waited for.
func isSilence(err error) bool {
	return classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil
}

// pressEnter presses Enter, and sets when it is pressed again.
func (e *loginDialogue) pressEnter(ctx context.Context) error {
	e.enterAt = time.Time{}
	if e.try.open() {
		e.enterAt = e.Now().Add(answerNudge)
	}
	return e.Send(ctx, "\n")
}

// checkDeadlines returns an error when the time for the answer, or for the login, is over.
func (e *loginDialogue) checkDeadlines() error {
	now := e.Now()
	lost := !e.shown && !e.firstName.IsZero() && e.Echoes()
	switch {
	case lost && (!now.Before(e.firstName.Add(echoTimeout)) || !now.Before(e.until)):
		return e.lostError()
	case !lost && e.try.open() && !now.Before(e.try.typedAt.Add(answerTimeout)):
		return classify.WithHint(e.Fail(classify.New(classify.ShellLogin, "no prompt within %s after the login", answerTimeout)),
			"check linux.prompt in the policy against the console lines: the shell's prompt must end with %q", e.cfg.Prompts)
	case !now.Before(e.until):
		return classify.WithHint(e.Fail(classify.New(classify.ShellLogin, "no login within %s", e.cfg.Timeout)),
			"if the board is at its login, check linux.login and linux.prompt in the policy; if it needs longer, raise linux.timeout")
	}
	return nil
}

// next waits for the next event.
func (e *loginDialogue) next(ctx context.Context) (event, error) {
	now := e.Now()
	w := console.Wait{What: "a login", Abort: e.aborts, Timeout: e.until.Sub(now), Followed: followedNudge}
	if e.enterAt.IsZero() { // nothing is typed at a booting board while it prints
		w.Stall = min(w.Timeout, nudgeAfter)
	} else {
		w.Timeout = min(w.Timeout, max(e.enterAt.Sub(now), time.Millisecond))
	}
	if !e.answeredFollowed.IsZero() && now.Sub(e.answeredFollowed) < promptReturns {
		w.Followed = promptReturns
	}
	if e.banners != nil {
		w.Abort = withoutReset(w.Abort)
	}
	var events []event
	events, w.For = e.events()
	m, err := e.Expect(ctx, w)
	if err != nil {
		return 0, err
	}
	e.matched = m.Text
	return e.followed(events[m.Index], m), nil
}

// events returns what may come next, and its patterns.
func (e *loginDialogue) events() (events []event, patterns []console.Pattern) {
	add := func(what event, all ...console.Pattern) {
		for _, p := range all {
			events, patterns = append(events, what), append(patterns, p)
		}
	}
	add(asksEnter, pressEnter)
	if e.banners != nil {
		add(printsBanner, console.Reset.Pattern)
		add(startsLinux, linuxStarts)
	}
	add(asksUser, console.Prompt(e.cfg.Login), promptThenKernelLine(e.cfg.Login))
	if e.try.open() {
		add(refuses, refusal)
		add(asksNewPassword, newPassword)
		add(timesOut, loginTimedOut)
		if !e.try.askedPassword {
			add(asksPassword, console.Text("assword:"))
		}
		if e.try.echo != echoRight {
			add(echoesName, nameAlone(e.cfg.User))
			add(echoesWord, wordAlone)
		}
	}
	for i, p := range e.prompts {
		add(atPrompt+event(i), console.Prompt(p), promptThenKernelLine(p))
	}
	return events, patterns
}

// followed returns the event of a match. Enter is the answer to a prompt that other text followed: it may be none.
// If one comes at once after that Enter, it is a prompt, however much follows it.
func (e *loginDialogue) followed(what event, m console.Match) event {
	if m.Followed.IsZero() {
		return what
	}
	if since := m.Followed.Sub(e.answeredFollowed); !e.answeredFollowed.IsZero() && since < promptReturns {
		e.answeredFollowed = time.Time{}
		return what
	}
	e.answeredFollowed = e.Now()
	return asksEnter
}

// promptThenKernelLine matches a prompt after which the kernel printed, so that the prompt does not end the
// stream.
func promptThenKernelLine(prompt string) console.Pattern {
	return console.Regexp(regexp.QuoteMeta(prompt) + `(?: |\x1b\[[0-9;?]*[A-Za-z])*\[ *\d+\.\d{6}\] `)
}

// answer types what the board asks for.
func (e *loginDialogue) answer(ctx context.Context, what event) error {
	switch what {
	case asksEnter:
		return e.pressEnter(ctx)
	case printsBanner:
		e.countBanner()
	case startsLinux:
		e.banners = nil
	case echoesName:
		e.try.echo, e.shown = echoRight, true
	case echoesWord:
		e.try.echo, e.changed = echoWrong, strings.TrimSpace(e.matched)
	case timesOut:
		e.endTry()
	case asksNewPassword:
		return classify.WithHint(e.Fail(classify.New(classify.ShellLoginDenied, "the board wants a new password for %q before it lets anyone in", e.cfg.User)),
			"log in by hand and set it, or use an image whose password has not expired; then set linux.password in the policy")
	case refuses:
		return e.endTried(true)
	case asksPassword:
		return e.typePassword(ctx)
	case asksUser:
		return e.typeName(ctx)
	}
	return nil
}

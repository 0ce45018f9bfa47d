package shell

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

const (
	nudgeAfter    = 15 * time.Second // silence after which Enter is pressed: some consoles ask for it in words of their own
	firstNudge    = time.Second      // time after which Enter is pressed once, silent or not, for a Linux that runs already
	answerNudge   = 5 * time.Second  // likewise, after a name or a password that got no answer
	answerTimeout = 20 * time.Second // from the user's name, or the password, to what follows
	loginTries    = 3
)

// pressEnter matches what busybox's init prints on a console.
var pressEnter = console.Regexp(`(?i)press enter to activate`)

// event is what the board did during the login.
type event int

const (
	asksUser event = iota
	asksPassword
	refuses
	asksEnter
	atPrompt // plus the index of the prompt
)

// loginDialogue is one login, from a booting kernel or a running Linux to a prompt.
type loginDialogue struct {
	*Shell
	prompts []string // the longest last: if two match, the longer one is the prompt
	aborts  []console.Abort
	until   time.Time
	nudge   time.Duration // after which Enter is pressed

	namesTyped    int       // how many user names were typed
	answerBy      time.Time // when the answer to a name or a password is due; zero if none was typed
	askedPassword bool      // after the last name
}

// logIn answers the login until something looks like a prompt, and returns it.
func (s *Shell) logIn(ctx context.Context, state State, until time.Time, aborts []console.Abort) (prompt string, err error) {
	e := &loginDialogue{Shell: s, aborts: aborts, until: until, nudge: nudgeAfter}
	if state == Running {
		e.nudge = firstNudge
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
		case classify.Find(err, classify.ConsoleStall) != nil || classify.Find(err, classify.ConsoleTimeout) != nil:
			if e.nudge == firstNudge {
				e.nudge = nudgeAfter
			}
			err = s.Send(ctx, "\n")
		}
		if err != nil {
			return "", err
		}
	}
}

// answering reports whether an answer to a name or a password is due.
func (e *loginDialogue) answering() bool { return !e.answerBy.IsZero() }

// checkDeadlines returns an error when the time for the answer, or for the login, is over.
func (e *loginDialogue) checkDeadlines() error {
	switch now := e.Now(); {
	case e.answering() && !now.Before(e.answerBy):
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
	left := e.until.Sub(e.Now())
	if e.answering() {
		left = min(left, e.answerBy.Sub(e.Now()))
	}
	w := console.Wait{What: "a login", Abort: e.aborts, Timeout: min(left, e.nudge)}
	if e.nudge == nudgeAfter { // nothing is typed at a booting board while it prints
		w.Timeout, w.Stall = left, min(left, nudgeAfter)
	}
	var events []event
	add := func(what event, all ...console.Pattern) {
		for _, p := range all {
			events, w.For = append(events, what), append(w.For, p)
		}
	}
	add(asksEnter, pressEnter)
	add(asksUser, console.Prompt(e.cfg.Login), promptThenKernelLine(e.cfg.Login))
	if e.answering() {
		add(refuses, console.Text("Login incorrect"))
		if !e.askedPassword {
			add(asksPassword, console.Text("assword:"))
		}
	}
	for i, p := range e.prompts {
		add(atPrompt+event(i), console.Prompt(p), promptThenKernelLine(p))
	}
	m, err := e.Expect(ctx, w)
	if err != nil {
		return 0, err
	}
	return events[m.Index], nil
}

// promptThenKernelLine matches a prompt after which the kernel printed, so that the prompt does not end the
// stream.
func promptThenKernelLine(prompt string) console.Pattern {
	return console.Regexp(regexp.QuoteMeta(prompt) + `(?: |\x1b\[[0-9;?]*[A-Za-z])*\[ *\d+\.\d{6}\] `)
}

// answer types what the board asks for.
func (e *loginDialogue) answer(ctx context.Context, what event) error {
	switch {
	case what == asksEnter:
		return e.Send(ctx, "\n")
	case (what == asksUser || what == refuses) && e.namesTyped == loginTries:
		hint := "check linux.user and linux.password in the policy"
		if e.askedPassword && e.cfg.Password == "" {
			hint = "the board asks for a password: set linux.password in the policy"
		}
		return classify.WithHint(e.Fail(classify.New(classify.ShellLoginDenied, "the board does not let %q in", e.cfg.User)), "%s", hint)
	case what == refuses:
		e.answerBy, e.nudge = time.Time{}, nudgeAfter
		return nil
	}
	e.answerBy, e.nudge = e.Now().Add(answerTimeout), answerNudge
	if what == asksPassword {
		e.askedPassword = true
		return e.SendSecret(ctx, e.cfg.Password+"\n")
	}
	e.namesTyped++
	e.askedPassword = false
	return e.Send(ctx, e.cfg.User+"\n")
}

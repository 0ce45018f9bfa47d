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
	nudgeAfter  = 15 * time.Second // silence after which Enter is pressed: some consoles ask for it in words of their own
	nudgeFirst  = time.Second      // time, silent or not, once, for a Linux that runs already
	nudgeAnswer = 5 * time.Second  // likewise, for who logs in and gets no answer
	answerTime  = 20 * time.Second // from the user's name, or the password, to what follows
	loginTries  = 3
)

// pressEnter is what busybox's init asks on a console.
var pressEnter = console.Regexp(`(?i)press enter to activate`)

// event is what the board does on the way to a prompt.
type event int

const (
	asksUser event = iota
	asksPassword
	refuses
	asksEnter
	atPrompt // and what follows: which prompt
)

// loginDialogue is the way from a booting kernel to a prompt.
type loginDialogue struct {
	*Shell
	prompts []string // the longest last: of two that fit it is the one that is meant
	alarms  []console.Abort
	until   time.Time
	nudge   time.Duration // after which Enter is pressed

	namesTyped int       // so many were typed
	answerBy   time.Time // when what follows a name or a password must be there; zero while none was typed
	password   bool      // was asked for
}

// enter gets from a booting kernel to something that looks like a prompt, and gives it.
func (s *Shell) enter(ctx context.Context, until time.Time, alarms []console.Abort) (prompt string, err error) {
	e := &loginDialogue{Shell: s, alarms: alarms, until: until, nudge: nudgeAfter}
	if s.cfg.Running {
		e.nudge = nudgeFirst
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
			if e.nudge == nudgeFirst {
				e.nudge = nudgeAfter
			}
			err = s.Send(ctx, "\n")
		}
		if err != nil {
			return "", err
		}
	}
}

func (e *loginDialogue) answering() bool { return !e.answerBy.IsZero() }

// checkDeadlines ends the way when its time is over.
func (e *loginDialogue) checkDeadlines() error {
	switch now := e.Now(); {
	case e.answering() && !now.Before(e.answerBy):
		return classify.WithHint(e.Fail(classify.New(classify.ShellLogin, "no prompt within %s after the login", answerTime)),
			"check linux.prompt in the policy against the console lines: the shell's prompt must end with %q", e.cfg.Prompts)
	case !now.Before(e.until):
		return classify.WithHint(e.Fail(classify.New(classify.ShellLogin, "no login within %s", e.cfg.Timeout)),
			"if the board is at its login, check linux.login and linux.prompt in the policy; if it needs longer, raise linux.timeout")
	}
	return nil
}

// next waits for what the board does.
func (e *loginDialogue) next(ctx context.Context) (event, error) {
	left := e.until.Sub(e.Now())
	if e.answering() {
		left = min(left, e.answerBy.Sub(e.Now()))
	}
	w := console.Wait{What: "a login", Abort: e.alarms, Timeout: min(left, e.nudge)}
	if e.nudge == nudgeAfter { // a board that boots is left alone while it talks
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
		if !e.password {
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

// promptThenKernelLine is a prompt that a line of the kernel's followed, so that it does not end the stream.
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
		if e.password && e.cfg.Password == "" {
			hint = "the board asks for a password: set linux.password in the policy"
		}
		return classify.WithHint(e.Fail(classify.New(classify.ShellLoginDenied, "the board does not let %q in", e.cfg.User)), "%s", hint)
	case what == refuses:
		e.answerBy, e.nudge = time.Time{}, nudgeAfter
		return nil
	}
	e.answerBy, e.nudge = e.Now().Add(answerTime), nudgeAnswer
	if what == asksPassword {
		e.password = true
		return e.SendSecret(ctx, e.cfg.Password+"\n")
	}
	e.namesTyped++
	e.password = false
	return e.Send(ctx, e.cfg.User+"\n")
}

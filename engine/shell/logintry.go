package shell

import (
	"context"
	"regexp"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// loginTry is a name that was typed, and what followed. The zero value is none.
type loginTry struct {
	typedAt       time.Time // the name, or the password; zero if no answer is due
	echo          echoState // of the name
	askedPassword bool
}

// echoState is what the board has shown of a name.
type echoState int

const (
	echoNone  echoState = iota
	echoWrong           // another word
	echoRight
)

// open reports whether an answer to a name or a password is due.
func (t *loginTry) open() bool { return !t.typedAt.IsZero() }

// refusal matches the words by which a login refuses a name or a password. Sources: util-linux login(1), busybox
// login, shadow's login, Linux-PAM's modules and pam_strerror(3), nologin(8), sulogin.
var refusal = console.Regexp(`(?i)login (?:incorrect|failed|failure|denied)|login refused|(?:permission|access|authentication) denied|authentication fail(?:ure|ed)|` +
	`(?:invalid|wrong|incorrect) (?:login|password|user ?name)|\baccount (?:is |has )?(?:been )?(?:temporarily )?(?:locked|disabled|expired)|account (?:is )?(?:currently )?not available|` +
	`user not known|user account has expired|not permitted to log in|maximum number of tries|too many (?:login|authentication)? ?(?:failures|tries)|without effective root`)

// newPassword matches a login that lets a user in only with a new password. Source: Linux-PAM, pam_unix.
var newPassword = console.Regexp(`(?i)required to change your password|password has expired|(?:current|new)\)? (?:unix )?password:`)

// loginTimedOut matches what a login prints before it ends because nothing was typed. Sources: util-linux, shadow and
// busybox, login.c.
var loginTimedOut = console.Regexp(`(?i)login timed out`)

// nameAlone matches the echo of a name, wordAlone that of another one.
func nameAlone(name string) console.Pattern {
	return console.Regexp(`(?m)^[ \t]*` + regexp.QuoteMeta(name) + `[ \t\r]*\n`)
}

var wordAlone = console.Regexp(`(?m)^[ \t]*[^\s:]+[ \t\r]*\n`)

// The pauses before a name or a password is typed again: a getty, and a login, may throw away what comes soon after
// their prompts.
const (
	firstPause = 2 * time.Second
	maxPause   = 8 * time.Second
)

// pause waits before something is typed again, longer after each failure. What comes meanwhile is dropped.
func (e *loginDialogue) pause(ctx context.Context, failures int) error {
	if failures == 0 {
		return nil
	}
	_, err := e.Expect(ctx, console.Wait{What: "the login to be ready", Abort: e.aborts, Timeout: min(firstPause<<min(failures-1, 8), maxPause)})
	if err != nil && !isSilence(err) {
		return err
	}
	e.Skip()
	return nil
}

// typeName types the name, if the last one was not refused too often.
func (e *loginDialogue) typeName(ctx context.Context) error {
	if e.try.open() {
		if err := e.endTried(false); err != nil {
			return err
		}
	}
	if err := e.pause(ctx, e.lost); err != nil {
		return err
	}
	now := e.Now()
	e.try, e.enterAt = loginTry{typedAt: now}, now.Add(answerNudge)
	if e.firstName.IsZero() {
		e.firstName = now
	}
	return e.Send(ctx, e.cfg.User+"\n")
}

// typePassword types the password.
func (e *loginDialogue) typePassword(ctx context.Context) error {
	if err := e.pause(ctx, e.lost+e.refusals); err != nil {
		return err
	}
	now := e.Now()
	e.shown = e.shown || e.try.echo != echoWrong
	e.try.askedPassword, e.try.typedAt, e.enterAt = true, now, now.Add(answerNudge)
	return e.SendSecret(ctx, e.cfg.Password+"\n")
}

// endTry ends the try: no answer is due any more.
func (e *loginDialogue) endTry() { e.try.typedAt, e.enterAt = time.Time{}, time.Time{} }

// endTried ends a try that did not let the user in. Words refuse what was typed, unless the echo was another word. A
// new prompt refuses it if the board has shown the name, or has asked for the password. Any other name was lost.
func (e *loginDialogue) endTried(inWords bool) error {
	known := e.try.echo == echoRight || e.try.echo == echoNone && (inWords || e.try.askedPassword)
	if e.endTry(); !known && e.Echoes() {
		e.lost++
		return nil
	}
	e.shown = true
	if e.refusals++; e.refusals < loginTries {
		return nil
	}
	hint := "check linux.user and linux.password in the policy"
	if e.try.askedPassword && e.cfg.Password == "" {
		hint = "the board asks for a password: set linux.password in the policy"
	}
	return classify.WithHint(e.Fail(classify.New(classify.ShellLoginDenied, "the board does not let %q in", e.cfg.User)), "%s", hint)
}

// lostError returns the error of a login whose board has shown no name as it was typed.
func (e *loginDialogue) lostError() error {
	err, hint := classify.New(classify.ShellLogin, "the board shows nothing of what is typed"),
		"check the line from the station to the board, and that a login runs on this console; if the board echoes nothing, set console.echo = false; "+
			"if a shell's prompt is in the console lines, set linux.prompt to its end"
	if e.changed != "" {
		err = classify.New(classify.ShellLogin, "the board shows %q where %q was typed", e.changed, e.cfg.User)
		hint = "the serial line loses or changes characters: check console.baud, console.framing and console.flow in the policy, the cable and the ground"
	}
	return classify.WithHint(e.Fail(err), "%s", hint)
}

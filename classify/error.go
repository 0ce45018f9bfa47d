package classify

import (
	"fmt"
	"strings"
)

// Class says whether another attempt may help. Its values are constants: safe for concurrent use.
type Class int

const (
	None  Class = iota // says nothing
	Retry              // another attempt may help
	Fatal              // another attempt cannot help
)

// String gives the word that policies, verdicts and reports use.
func (c Class) String() string {
	return [...]string{"unmarked", "retry", "fatal"}[c]
}

// Error is one node of an error tree and the facts that its writer knew. Every field is optional.
//
// A Class here is a mark. A node without one counts as its Kind does by default.
//
// Safe for concurrent use: nothing changes an error once it was returned.
type Error struct {
	Kind    Kind
	Class   Class
	Msg     string // what this layer adds; "" adds facts and no text
	Cause   error
	Hint    string // for the user: what to do now
	Detail  string // for the developer: a traceback, a stack
	Step    string // the step in which it happened
	Attempt int    // counted from 1
	Console string // the last lines that the board printed
	Target  string // state of the medium: untouched, partial, written, verified

	// Secondary holds what failed beside the primary error: clean-up, a policy hook, an earlier attempt. It is shown
	// and never walked, so that it cannot change a verdict.
	Secondary []error
}

const (
	// maxText bounds how many nodes are joined into one line, so that a cycle ends.
	maxText = 200
	// maxJoined bounds the text of these nodes, in bytes: a script may wrap an error again and again in a long one.
	maxJoined = 1 << 20
)

// Error joins the texts of e and its causes, outermost first.
func (e *Error) Error() string {
	var parts []string
	var err error = e
	left := maxJoined
	for range maxText {
		x, ok := err.(*Error)
		if !ok || x == nil {
			break
		}
		if len(x.Msg) > left {
			return strings.Join(append(parts, strings.ToValidUTF8(x.Msg[:left], "")), ": ") + "…"
		}
		if left -= len(x.Msg); x.Msg != "" {
			parts = append(parts, x.Msg)
		}
		if err = x.Cause; err == nil && len(parts) == 0 {
			parts = append(parts, x.Kind.defaultText())
		}
	}
	if _, cycle := err.(*Error); err != nil && !cycle {
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, ": ")
}

func (k Kind) defaultText() string {
	if m := k.Summary(); m != "" {
		return m
	}
	return "failed"
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Cause
}

// class is what the node itself says: its mark, else the default of its kind.
func (e *Error) class() Class {
	if e.Class != None {
		return e.Class
	}
	return e.Kind.Class()
}

// New makes a leaf of a kind.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...)}
}

// Wrap puts a kind and a text over a cause. It is nil for a nil cause.
func Wrap(cause error, k Kind, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), Cause: cause}
}

// The decorators below add one fact each. They keep nil as nil and change neither text nor class, unless they say so.

// WithHint tells the user what to do.
func WithHint(err error, format string, args ...any) error {
	return decorate(err, Error{Hint: fmt.Sprintf(format, args...)})
}

// WithStep names the step in which err happened.
func WithStep(err error, step string) error { return decorate(err, Error{Step: step}) }

// WithAttempt tells in which attempt err happened, counted from 1.
func WithAttempt(err error, n int) error { return decorate(err, Error{Attempt: n}) }

// WithConsole attaches the last lines of the console.
func WithConsole(err error, tail string) error { return decorate(err, Error{Console: tail}) }

// WithTarget tells in which state the medium was left.
func WithTarget(err error, state string) error { return decorate(err, Error{Target: state}) }

// WithSecondary attaches failures that came beside err. Nil ones are dropped.
func WithSecondary(err error, secondary ...error) error {
	var kept []error
	for _, s := range secondary {
		if s != nil {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		return err
	}
	return decorate(err, Error{Secondary: kept})
}

// MarkRetry marks err as worth another attempt.
func MarkRetry(err error) error { return decorate(err, Error{Class: Retry}) }

// MarkFatal marks err as not worth another attempt.
func MarkFatal(err error) error { return decorate(err, Error{Class: Fatal}) }

func decorate(err error, fact Error) error {
	if err == nil {
		return nil
	}
	fact.Cause = err
	return &fact
}

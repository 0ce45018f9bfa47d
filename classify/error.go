package classify

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Class says whether another attempt may help. Its values are constants: safe for concurrent use.
type Class int

const (
	None  Class = iota // not known
	Retry              // another attempt may help
	Fatal              // another attempt cannot help
)

// String returns the word that policies, verdicts and reports use.
func (c Class) String() string {
	return [...]string{"none", "retry", "fatal"}[c]
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
	Try     int    // of a step, counted from 1
	Console string // the last lines that the board printed
	Target  string // state of the medium: untouched, partial, written, verified

	// Secondary holds failures other than the primary one: of clean-up, of a policy hook, of an earlier attempt.
	// They are shown and never walked, so that they cannot change a verdict.
	Secondary []error
	// Earlier are errors of the same run that happened before this one, the oldest first. They are neither shown nor
	// walked. The caller that sets them must not change them later.
	Earlier []error
}

const (
	// maxText bounds how many nodes are joined into one line, so that a cycle ends.
	maxText = 200
	// maxJoined bounds the text of these nodes, in bytes: a script may wrap an error again and again in a long
	// one.
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

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Cause
}

// class returns the mark of the node, or the default class of its kind if it has no mark.
func (e *Error) class() Class {
	if e.Class != None {
		return e.Class
	}
	return e.Kind.Class()
}

// New returns an error of a kind, without a cause.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...)}
}

// FromPanic returns an error of kind internal for a value that recover returned. It must be called by the deferred
// function, so that its detail is the stack of the panic.
func FromPanic(v any) error {
	return &Error{
		Kind: Internal, Msg: fmt.Sprintf("panic: %v", v), Detail: string(debug.Stack()),
		Hint: "this is a bug in flashlua; please report it with the detail",
	}
}

// Wrap adds a kind and a text to a cause. It returns nil if the cause is nil.
func Wrap(cause error, k Kind, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...), Cause: cause}
}

// The functions below add one fact each. They return nil for nil, and change neither text nor class unless they
// say so.

// WithHint adds what the user can do.
func WithHint(err error, format string, args ...any) error {
	return decorate(err, Error{Hint: fmt.Sprintf(format, args...)})
}

// WithStep adds the name of the step in which err happened.
func WithStep(err error, step string) error { return decorate(err, Error{Step: step}) }

// WithAttempt adds the number of the attempt in which err happened, counted from 1, and the errors of the run before
// it. The error has no try then: it is that of the attempt.
func WithAttempt(err error, n int, earlier ...error) error {
	return decorate(err, Error{Attempt: n, Earlier: earlier})
}

// WithTry adds the numbers of the attempt and of the try of a step in which err happened, counted from 1, and the
// errors of the run before it.
func WithTry(err error, attempt, try int, earlier []error) error {
	return decorate(err, Error{Attempt: attempt, Try: try, Earlier: earlier})
}

// WithConsole adds the last lines of the console.
func WithConsole(err error, tail string) error { return decorate(err, Error{Console: tail}) }

// WithTarget adds the state in which the medium was left.
func WithTarget(err error, state string) error { return decorate(err, Error{Target: state}) }

// WithSecondary adds other failures than err. It drops nil ones.
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

package classify

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Rule names the rule that decided. It is printed with every verdict. Its values are constants: safe for concurrent use.
type Rule string

// The rules, in the order in which they are asked. A policy cannot override the first three.
const (
	RuleInternal     Rule = "internal"      // a panic was recovered under the run
	RuleLimit        Rule = "limit"         // the script broke a limit
	RuleRunCancelled Rule = "run-cancelled" // the run's own context is done
	RulePolicy       Rule = "policy"        // the policy's classify(err, next)
	RuleNonRetryable Rule = "non-retryable" // a fatal mark or kind anywhere in the tree
	RuleRetryable    Rule = "retryable"     // a retryable mark or kind anywhere in the tree
	RuleCancelled    Rule = "cancelled"     // every leaf is context.Canceled
	RuleUnknown      Rule = "unknown"       // nothing is known: try again
)

func (r Rule) class() Class {
	if r == RuleRetryable || r == RuleUnknown {
		return Retry
	}
	return Fatal
}

// Decision is a verdict on one error. Plain data: safe for concurrent use while nothing changes it.
type Decision struct {
	Class Class
	Rule  Rule
	// Err is the error to report: the one asked about, with what the decision adds to it.
	Err error
}

// Override is a board's own opinion. It answers Retry or Fatal, asks next for the built-in verdict, or fails,
// in which case the built-in verdict holds and the failure is shown beside it.
// A Classifier calls it from the goroutine that calls Decide; one that several goroutines share calls it concurrently.
type Override func(err error, next func(error) Class) (Class, error)

// Classifier asks the rules in their order. The zero value has the built-in rules alone.
// Safe for concurrent use if its functions are.
type Classifier struct {
	Override Override
	// OnUnknown hears of an error that no rule knows, once per decision, with the stack of the one who asked.
	OnUnknown func(err error, stack []byte)
}

// Decide judges err. cause is context.Cause of the run's own context, nil while the run goes on.
func (c *Classifier) Decide(cause, err error) Decision {
	switch {
	case err == nil:
		return Decision{}
	case Find(err, Internal) != nil:
		return Decision{Fatal, RuleInternal, err}
	case Find(err, ScriptLimit) != nil:
		return Decision{Fatal, RuleLimit, err}
	case cause != nil:
		return Decision{Fatal, RuleRunCancelled, cancelledBy(cause, err)}
	case c.Override == nil:
		return c.builtin(err)
	}
	return c.ask(err)
}

// cancelledBy makes the run's cause the primary error and keeps what it interrupted.
func cancelledBy(cause, err error) error {
	if contains(err, cause) {
		return err
	}
	f := Facts(err)
	return &Error{Cause: cause, Step: f.Step, Attempt: f.Attempt, Console: f.Console, Secondary: []error{err}}
}

// ask puts err before the policy. When the policy hands back what next told it about err, the built-in rule decided.
func (c *Classifier) ask(err error) Decision {
	var said *Decision
	class, perr := c.Override(err, func(e error) Class {
		d := c.builtin(e)
		if said = nil; contains(e, err) || contains(err, e) {
			said = &d
		}
		return d.Class
	})
	if perr != nil {
		d := c.builtin(err)
		d.Err = WithSecondary(d.Err, perr)
		return d
	}
	if said != nil && said.Class == class {
		return *said
	}
	return Decision{class, RulePolicy, err}
}

// builtin asks the built-in rules.
func (c *Classifier) builtin(err error) Decision {
	rule, decisive := decide(err)
	switch rule {
	case RuleCancelled:
		err = Wrap(err, Cancelled, "operation cancelled")
	case RuleUnknown:
		stack := debug.Stack()
		if c.OnUnknown != nil {
			c.OnUnknown(err, stack)
		}
		err = unknown(err, decisive, stack)
	}
	return Decision{rule.class(), rule, err}
}

// unknown wraps an error that no rule knows, so that whoever sees it later finds it retryable, with type and text
// named and the cause kept.
func unknown(err, named error, stack []byte) error {
	return &Error{
		Kind: Unknown, Class: Retry, Cause: err, Detail: string(stack),
		Msg: fmt.Sprintf("unknown error of type %s, %q", typeOf(named), named.Error()),
	}
}

// typeOf names the type of an error, as it wants to be named if it does.
func typeOf(err error) string {
	if x, ok := err.(interface{ ErrorType() string }); ok {
		return x.ErrorType()
	}
	return fmt.Sprintf("%T", err)
}

// decide finds the built-in rule that answers and the node that made it. Where no node says anything, that is the
// first leaf that was not merely cancelled.
func decide(err error) (rule Rule, decisive error) {
	var fatal, retry, cancelled, unknown error
	first := func(slot *error, err error) {
		if *slot == nil {
			*slot = err
		}
	}
	Walk(err, func(err error) bool {
		switch classOf(err) {
		case Fatal:
			fatal = err
		case Retry:
			first(&retry, err)
		default:
			switch {
			case retry != nil || unknown != nil || !isLeaf(err):
			case isCancel(err):
				first(&cancelled, err)
			default:
				unknown = err
			}
		}
		return fatal == nil
	})
	switch {
	case fatal != nil:
		return RuleNonRetryable, fatal
	case retry != nil:
		return RuleRetryable, retry
	case cancelled != nil && unknown == nil:
		return RuleCancelled, cancelled
	case unknown == nil:
		unknown = err // a cycle has no leaf
	}
	return RuleUnknown, unknown
}

// isCancel reports whether a leaf is context.Canceled or says so itself, as net's errors do.
func isCancel(leaf error) (yes bool) {
	if identical(leaf, context.Canceled) {
		return true
	}
	x, ok := leaf.(interface{ Is(error) bool })
	if !ok {
		return false
	}
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return x.Is(context.Canceled)
}

// classOf is what one node says of itself.
func classOf(err error) Class {
	if e, ok := err.(*Error); ok && e != nil {
		return e.class()
	}
	return None
}

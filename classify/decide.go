package classify

import (
	"context"
	"fmt"
	"runtime/debug"
)

// Rule is the name of the rule that decided. Every verdict has it. Its values are constants: safe for concurrent
// use.
type Rule string

// The rules, in their order. A policy cannot override the first three.
const (
	RuleInternal     Rule = "internal"      // a panic was recovered
	RuleLimit        Rule = "limit"         // the script broke a limit
	RuleRunCancelled Rule = "run-cancelled" // the run's own context is done
	RulePolicy       Rule = "policy"        // the policy's classify(err, next)
	RuleFatal        Rule = "fatal"         // a fatal mark or kind anywhere in the tree
	RuleRetry        Rule = "retry"         // a retry mark or kind anywhere in the tree
	RuleCancelled    Rule = "cancelled"     // every leaf is context.Canceled
	RuleUnknown      Rule = "unknown"       // nothing is known: try again
)

func (r Rule) class() Class {
	if r == RuleRetry || r == RuleUnknown {
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

// Override is a policy's own rule. It returns Retry, Fatal, or the result of next, which is that of the built-in
// rules. If it returns an error, the built-in rules decide, and its error is a secondary one. A Classifier calls
// it in the goroutine that calls Decide: concurrently, if several goroutines share the Classifier.
type Override func(err error, next func(error) Class) (Class, error)

// NamedRule is a rule of a Go program that embeds flashlua. Safe for concurrent use if its function is.
type NamedRule struct {
	Name   Rule                  // in verdicts; not one of the names above
	Decide func(err error) Class // None leaves the decision to the next rule
}

// decide calls the rule. A panic of its function is an error that names the rule; the rule then decides nothing.
func (r NamedRule) decide(err error) (class Class, perr error) {
	defer func() {
		if v := recover(); v != nil {
			class, perr = None, New(Internal, "panic in the rule %q of the embedding Go program: %v", r.Name, v)
		}
	}()
	return r.Decide(err), nil
}

// Classifier applies the rules in their order. The zero value has only the built-in rules.
// Safe for concurrent use if its functions are.
type Classifier struct {
	Override Override
	Own      []NamedRule // are tried before the built-in rules; next of an Override applies both
	// OnUnknown is called with an error that no rule knows, and the stack of the caller of Decide; at most once
	// per decision.
	OnUnknown func(err error, stack []byte)
}

// Decide classifies err. cause is context.Cause of the run's context, nil while the run goes on.
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
	return c.override(err)
}

// cancelledBy makes the run's cause the primary error. The error that it interrupted becomes a secondary one. A
// cause without a kind, as context.Canceled, is of kind run.cancelled.
func cancelledBy(cause, err error) error {
	named := Facts(cause).Kind != ""
	f := Facts(err)
	if contains(err, cause) && (named || f.Kind == "") {
		if named {
			return err
		}
		return Wrap(err, RunCancelled, "the run was cancelled")
	}
	e := &Error{Cause: cause, Step: f.Step, Attempt: f.Attempt, Try: f.Try, Earlier: f.Earlier, Console: f.Console, Secondary: []error{err}}
	if !named {
		e.Kind, e.Msg = RunCancelled, "the run was cancelled"
	}
	return e
}

// override calls the policy's rule. If that returns what next returned for err, the built-in rule has decided.
func (c *Classifier) override(err error) Decision {
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

// builtin applies the built-in rules.
func (c *Classifier) builtin(err error) Decision {
	for _, r := range c.Own {
		class, perr := r.decide(err)
		if perr != nil {
			err = WithSecondary(err, perr)
		}
		if class != None {
			return Decision{class, r.Name, err}
		}
	}
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

// unknown wraps an error that no rule knows in one of kind unknown, which is worth another attempt. Its message
// has the type and the text of the node named.
func unknown(err, named error, stack []byte) error {
	return &Error{
		Kind: Unknown, Class: Retry, Cause: err, Detail: string(stack),
		Msg: fmt.Sprintf("unknown error of type %s, %q", typeOf(named), named.Error()),
	}
}

// typeOf returns the type of an error: what its method ErrorType returns, if it has one.
func typeOf(err error) string {
	if x, ok := err.(interface{ ErrorType() string }); ok {
		return x.ErrorType()
	}
	return fmt.Sprintf("%T", err)
}

// decide returns the built-in rule that applies, and the node because of which it does. If no node has a class,
// that is the first leaf that is not a cancellation.
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
		return RuleFatal, fatal
	case retry != nil:
		return RuleRetry, retry
	case cancelled != nil && unknown == nil:
		return RuleCancelled, cancelled
	case unknown == nil:
		unknown = err // a cycle has no leaf
	}
	return RuleUnknown, unknown
}

// isCancel reports whether a leaf is context.Canceled, or says so by its method Is, as the errors of net do.
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

// classOf returns the class of one node, None if it has none.
func classOf(err error) Class {
	if e, ok := err.(*Error); ok && e != nil {
		return e.class()
	}
	return None
}

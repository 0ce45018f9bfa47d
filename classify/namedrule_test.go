package classify

import (
	"errors"
	"strings"
	"testing"
)

// TestOwnRules: the rules of an embedder come before the built-in ones, and a policy's after them.
func TestOwnRules(t *testing.T) {
	flaky := errors.New("flaky")
	own := []NamedRule{
		{"lab.broken", func(error) Class { panic("oops") }},
		{"lab.flaky", func(err error) Class {
			if contains(err, flaky) {
				return Fatal
			}
			return None
		}},
	}
	next := func(err error, next func(error) Class) (Class, error) { return next(err), nil }
	for _, tt := range []struct {
		name     string
		override Override
		err      error
		class    Class
		rule     Rule
	}{
		{"its own error", nil, MarkRetry(flaky), Fatal, "lab.flaky"},
		{"another error", nil, MarkRetry(errors.New("other")), Retry, RuleRetry},
		{"by next", next, flaky, Fatal, "lab.flaky"},
		{"overridden", func(error, func(error) Class) (Class, error) { return Retry, nil }, flaky, Retry, RulePolicy},
		{"of kind internal", nil, WithSecondary(New(Internal, "bug"), flaky), Fatal, RuleInternal},
	} {
		d := (&Classifier{Own: own, Override: tt.override}).Decide(nil, tt.err)
		if d.Class != tt.class || d.Rule != tt.rule {
			t.Errorf("%s: Decide = %v by %s; want %v by %s", tt.name, d.Class, d.Rule, tt.class, tt.rule)
		}
		text := ""
		for _, err := range Facts(d.Err).Secondary {
			text += err.Error()
		}
		if consulted := tt.name != "overridden" && tt.rule != RuleInternal; strings.Contains(text, `panic in the rule "lab.broken" of the embedding Go program: oops`) != consulted {
			t.Errorf("%s: secondary errors = %q; want the panic of lab.broken: %t", tt.name, text, consulted)
		}
	}
}

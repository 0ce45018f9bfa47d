package classify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// TestReferenceTable holds what the public tests of jumpstarter's flasher client assert of its classification.
// Where we differ, better says why.
func TestReferenceTable(t *testing.T) {
	fatal, retry := MarkFatal(errors.New("config error")), MarkRetry(errors.New("network timeout"))
	for _, tt := range []struct {
		asserts string
		err     error
		rule    Rule
		is      error  // that the decided error still is
		says    string // part of its text
		better  string
	}{
		{"a fatal error stays fatal", fatal, RuleFatal, fatal, "config error", ""},
		{"a retry error stays retry", retry, RuleRetry, retry, "network timeout", ""},
		{"an unknown error is wrapped as retry, with type, text and cause", errPlain, RuleUnknown, errPlain, `*errors.errorString, "boom"`, "it is logged once, with its stack"},
		{
			"a missing file of the system is unknown, hence retried", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, RuleUnknown, fs.ErrNotExist, "file does not exist",
			"our own code reports image.missing, which is fatal, before the board gets power",
		},
		{"a cancelled operation is not retried", context.Canceled, RuleCancelled, context.Canceled, "operation cancelled", "a cancelled sibling does not hide a real cause"},
		{"the chain of causes is searched", over(retry, 2), RuleRetry, retry, "", ""},
		{"a group is searched", errors.Join(errors.New("generic"), retry), RuleRetry, retry, "", ""},
		{"a group in a group is searched", errors.Join(errors.New("other"), errors.Join(fatal)), RuleFatal, fatal, "", ""},
		{"fatal comes first", errors.Join(retry, fatal), RuleFatal, fatal, "", "also if it lies deeper than the other"},
		{
			"a clean-up that fails counts as the error", WithSecondary(retry, fatal), RuleRetry, retry, "network timeout",
			"a secondary error is shown and never changes the verdict",
		},
		{
			"an error of an earlier attempt counts", WithSecondary(over(dhcp, 1), MarkFatal(errors.New("partial file of attempt 1"))), RuleRetry, dhcp, "",
			"an error of an earlier attempt is a secondary one of the last",
		},
	} {
		d := (&Classifier{}).Decide(nil, tt.err)
		if d.Rule != tt.rule || !errors.Is(d.Err, tt.is) || !strings.Contains(d.Err.Error(), tt.says) {
			t.Errorf("%s: Decide = %q by %s; want %q by %s (%s)", tt.asserts, d.Err, d.Rule, tt.says, tt.rule, tt.better)
		}
	}
	if Find(over(dhcp, 3), "net") == nil || Find(errors.New("some error"), "net") != nil {
		t.Error("Find finds no net in a chain with net.dhcp.timeout, or one in an error without a kind")
	}
}

// model is decide for trees without cycles, panics and shared nodes.
func model(err error) Rule {
	fatal, retry, cancelled, other := 0, 0, 0, 0
	var count func(error)
	count = func(err error) {
		switch classOf(err) {
		case Fatal:
			fatal++
		case Retry:
			retry++
		}
		var below []error
		switch x := err.(type) {
		case interface{ Unwrap() []error }:
			below = x.Unwrap()
		case interface{ Unwrap() error }:
			if cause := x.Unwrap(); cause != nil {
				below = []error{cause}
			}
		}
		for _, e := range below {
			count(e)
		}
		if len(below) == 0 && classOf(err) == None {
			if err == context.Canceled {
				cancelled++
			} else {
				other++
			}
		}
	}
	count(err)
	switch {
	case fatal > 0:
		return RuleFatal
	case retry > 0:
		return RuleRetry
	case cancelled > 0 && other == 0:
		return RuleCancelled
	}
	return RuleUnknown
}

// grow makes a tree from a script of bytes.
func grow(script []byte) (rest []byte, err error) {
	if len(script) == 0 {
		return nil, errors.New("leaf")
	}
	op, rest := script[0], script[1:]
	kinds := []Kind{NetDHCPTimeout, Usage, "lab.fixture", ImageMismatch, BoardReset, ""}
	switch op % 9 {
	case 0:
		return rest, errPlain
	case 1:
		return rest, context.Canceled
	case 2:
		return rest, New(kinds[int(op/9)%len(kinds)], "leaf")
	case 3:
		rest, err := grow(rest)
		return rest, fmt.Errorf("wrapped: %w", err)
	case 4:
		rest, err := grow(rest)
		return rest, Wrap(err, kinds[int(op/9)%len(kinds)], "wrapped")
	case 5:
		rest, err := grow(rest)
		return rest, WithStep(err, "step")
	case 6:
		rest, err := grow(rest)
		return rest, WithSecondary(err, MarkFatal(errPlain))
	case 7:
		rest, err := grow(rest)
		if op/9%2 == 0 {
			return rest, MarkRetry(err)
		}
		return rest, &wrapper{err}
	}
	g := &group{}
	for range 1 + int(op/9)%4 {
		var err error
		rest, err = grow(rest)
		g.members = append(g.members, err)
	}
	return rest, g
}

// FuzzTree holds the walk over random trees to the naive model.
func FuzzTree(f *testing.F) {
	for seed := range byte(60) {
		f.Add([]byte{seed * 4, seed, 8, seed * 3, 26, 3, seed * 7, 17, 1, 1, seed})
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		_, err := grow(script[:min(len(script), 500)])
		d := (&Classifier{}).Decide(nil, err)
		if want := model(err); d.Rule != want || d.Class != want.class() {
			t.Errorf("%v by %s; want %s", d.Class, d.Rule, want)
		}
		if again := (&Classifier{}).Decide(nil, d.Err); again.Class != d.Class {
			t.Errorf("judged again: %s; want %s", again.Class, d.Class)
		}
		if !errors.Is(d.Err, err) && err != context.Canceled && d.Rule != RuleUnknown {
			if _, comparable := err.(*group); comparable {
				t.Errorf("%v is not in %v", err, d.Err)
			}
		}
		_, _, _, _ = Messages(err), Leaves(err), Chain(err), Facts(err)
	})
}

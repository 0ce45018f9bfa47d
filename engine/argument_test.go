package engine

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

func TestParseArgument(t *testing.T) {
	for _, tt := range []struct {
		kind ArgumentType
		text string
		want any // nil: an error
	}{
		{StringArgument, "", ""},
		{StringArgument, " 1 ", " 1 "},
		{NumberArgument, "0x1f", 31.0},
		{NumberArgument, "-2.5", -2.5},
		{NumberArgument, "1e3", 1000.0},
		{NumberArgument, "inf", nil},
		{NumberArgument, "NaN", nil},
		{NumberArgument, "1e999", nil},
		{NumberArgument, "", nil},
		{BooleanArgument, "true", true},
		{BooleanArgument, "false", false},
		{BooleanArgument, "1", nil},
		{DurationArgument, "0s", time.Duration(0)},
		{DurationArgument, "1m30s", 90 * time.Second},
		{DurationArgument, "-1s", nil},
		{DurationArgument, "90", nil},
		{DurationArgument, "9999h", nil},
	} {
		got, err := Argument{Type: tt.kind}.Parse(tt.text)
		if (err != nil) != (tt.want == nil) || err == nil && got != tt.want {
			t.Errorf("%s.Parse(%q) = %v, %v; want %v", tt.kind, tt.text, got, err, tt.want)
		}
	}
}

// TestArguments holds that wrong arguments end a run, a dry run too, before anything is touched, and that the policy
// gets the values of right ones.
func TestArguments(t *testing.T) {
	for name, tt := range map[string]struct {
		args   map[string]string
		values map[string]any
		errors int
	}{
		"default":  {map[string]string{"serial": "1"}, map[string]any{"serial": "1", "slot": "a"}, 0},
		"given":    {map[string]string{"serial": "1", "slot": "b"}, map[string]any{"serial": "1", "slot": "b"}, 0},
		"none":     {nil, nil, 1},
		"wrong":    {map[string]string{"slot": "c", "slto": "a", "other": ""}, nil, 4},
		"required": {map[string]string{"serial": ""}, map[string]any{"serial": "", "slot": "a"}, 0},
	} {
		for _, dry := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var got map[string]any
				b := newBench(t, func(_ context.Context, s *Session) error {
					got = s.Args()
					return classify.MarkFatal(noLease)
				})
				b.policy.Args = map[string]Argument{
					"serial": {Name: "serial", Type: StringArgument, Required: true},
					"slot":   {Name: "slot", Type: StringArgument, Default: "a", OneOf: []any{"a", "b"}},
				}
				b.job.Args, b.job.DryRun, b.job.Port = tt.args, dry, "tcp:bench:1"
				r, _ := b.run(t)
				switch {
				case tt.errors > 0:
					wantReport(t, r, ExitPlan, classify.Rule(r.Rule), classify.Usage, 0)
					if n := strings.Count(r.Err.Error(), "argument"); n != tt.errors {
						t.Errorf("%s: %d errors: %v; want %d", name, n, r.Err, tt.errors)
					}
				case dry:
					wantReport(t, r, ExitVerified, "", "", 0)
				case !reflect.DeepEqual(got, tt.values):
					t.Errorf("%s: Args = %v; want %v", name, got, tt.values)
				}
			})
		}
	}
}

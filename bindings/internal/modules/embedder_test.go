package modules

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// lab is the module of these tests.
func lab(f func() []any) map[string]Functions {
	return map[string]Functions{"lab": {"get": func(context.Context, []any) ([]any, error) { return f(), nil }}}
}

type (
	part struct {
		Name string `json:"name"`
		Size int    `json:"size,omitempty"`
		note string
		Skip string `json:"-"`
	}
	slotName string
	ring     struct{ Next *ring }
	opaque   struct{ x int }
)

// TestGoResultsConvert holds what Lua sees of a Go function's results.
func TestGoResultsConvert(t *testing.T) {
	var noPart *part
	for _, tt := range []struct {
		result any
		lua    string // of the result x
		want   string
	}{
		{nil, "x", "nil"},
		{true, "x", "true"},
		{7, "x", "7"},
		{int8(-7), "x", "-7"},
		{uint16(7), "x", "7"},
		{float32(0.5), "x", "0.5"},
		{int64(1 << 53), "x == 2 ^ 53", "true"},
		{"text", "x", "text"},
		{slotName("text"), "x", "text"},
		{[]byte("a\x00b"), "#x", "3"},
		{90 * time.Second, "x, time.seconds(x)", "1m30s 90"},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "x", "2026-01-02T03:04:05Z"},
		{netip.MustParseAddr("10.0.0.1"), "x", "10.0.0.1"},
		{classify.New(classify.NetDHCP, "no lease"), "x.kind, x.message", "net.dhcp no lease"},
		{errors.New("plain"), "x.message", "plain"},
		{[]string{"a", "b"}, "#x, x[2]", "2 b"},
		{[]any{"a", []int{1, 2}}, "x[2][1]", "1"},
		{[2]bool{true, false}, "x[1], x[2]", "true false"},
		{map[string]int{"b": 2, "a": 1}, "x.a, x.b, next(x)", "1 2 a 1"},
		{map[slotName]any{"a": map[string]any{"b": "c"}}, "x.a.b", "c"},
		{part{Name: "boot", note: "y", Skip: "z"}, "x.name, x.size, x.note, x.Skip", "boot nil nil nil"},
		{&part{Name: "boot", Size: 3}, "x.name, x.size", "boot 3"},
		{struct {
			part
			Label string
		}{part{Name: "boot"}, "l"}, "x.name, x.Label", "boot l"},
		{noPart, "x", "nil"},
		{[]string(nil), "x", "nil"},
		{map[string]string(nil), "x", "nil"},
	} {
		got, err := eval(t, newState(lab(func() []any { return []any{"first", tt.result} })), "local _, x = lab.get() return "+tt.lua)
		if err != nil || got != tt.want {
			t.Errorf("%#v: %s = %q, %v; want %q", tt.result, tt.lua, got, err, tt.want)
		}
	}
}

// TestGoResultsAreRefused holds that a result which Lua cannot have names its function, position and type, and
// that no script can catch the error.
func TestGoResultsAreRefused(t *testing.T) {
	loop := &ring{}
	loop.Next = loop
	for _, tt := range []struct {
		result any
		want   string
	}{
		{make(chan int), "lab.get: result 2: a Go value of type chan int has no Lua value"},
		{func() {}, "lab.get: result 2: a Go value of type func() has no Lua value"},
		{complex(1, 2), "lab.get: result 2: a Go value of type complex128 has no Lua value"},
		{opaque{1}, "lab.get: result 2: a Go value of type modules.opaque has no Lua value"},
		{map[int]string{1: "a"}, "lab.get: result 2: a Go value of type map[int]string has no Lua value"},
		{map[string]any{"ports": []any{"a", make(chan int)}}, "lab.get: result 2: at .ports[2]: a Go value of type chan int has no Lua value"},
		{int64(1<<53 + 1), "lab.get: result 2: the int64 9007199254740993 is no number that Lua holds exactly"},
		{uint64(math.MaxUint64), "lab.get: result 2: the uint64 18446744073709551615 is no number that Lua holds exactly"},
		{loop, "it is more than 10000 levels deep, or contains itself"},
		{make([]bool, maxValues+1), "it has more than 200000 values"},
	} {
		_, err := eval(t, newState(lab(func() []any { return []any{"first", tt.result} })), "pcall(lab.get) return 'went on'")
		f := classify.Facts(err)
		if err == nil || !strings.Contains(err.Error(), tt.want) || f.Kind != classify.Internal || !strings.Contains(f.Hint, "the program that embeds flashlua") {
			t.Errorf("a result of type %T: %v, kind %s, hint %q; want %q", tt.result, err, f.Kind, f.Hint, tt.want)
		}
	}
}

func TestAPanicOfAnEmbedderNamesItsFunction(t *testing.T) {
	_, err := eval(t, newState(lab(func() []any { panic("oops") })), "pcall(lab.get) return 'went on'")
	f := classify.Facts(err)
	if err == nil || err.Error() != "panic in lab.get: oops" || f.Kind != classify.Internal || f.Detail == "" {
		t.Errorf("the error is %v, kind %s, detail %q; want the panic of lab.get", err, f.Kind, f.Detail)
	}
	if want := "the function belongs to the program that embeds flashlua; report this to its authors"; f.Hint != want {
		t.Errorf("the hint is %q; want %q", f.Hint, want)
	}
}

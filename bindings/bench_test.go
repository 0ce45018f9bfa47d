package bindings

import (
	"context"
	"math"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/classify"
)

// perOp returns the time of one of n rounds of f, in nanoseconds.
func perOp(n int, f func()) float64 {
	began := time.Now()
	for range n {
		f()
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n)
}

// BenchmarkClassify compares a call of a policy's classify with a call of an empty Lua function. It may cost ten
// times as much.
func BenchmarkClassify(b *testing.B) {
	script, err := load(source{name: "bench.lua", text: []byte(`return {
		flash = function() end, classify = function(err, next) if err:is("shell.exit") then return "fatal" end return next(err) end,
	}`)}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := newHost(sourceNamed("bench.lua", ""), Options{})
	c, err := lua51.Compile("bench.lua", []byte(`return function() end`))
	if err != nil {
		b.Fatal(err)
	}
	results, err := h.Call(b.Context(), h.L.NewFunctionFromProto(c.Proto))
	if err != nil {
		b.Fatal(err)
	}
	empty := results[0]
	failure := classify.WithStep(classify.Wrap(classify.New(classify.NetDHCPTimeout, "no lease"), "", "dhcp"), "network")
	next := func(err error) classify.Class { return classify.Retry }
	var ask, none float64
	for b.Loop() {
		none = perOp(20_000, func() { h.Call(b.Context(), empty) })
		ask = perOp(20_000, func() {
			if class, err := script.Policy.Classify(b.Context(), failure, next); err != nil || class != classify.Retry {
				b.Fatal(class, err)
			}
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(none, "empty-ns")
	b.ReportMetric(ask, "classify-ns")
	b.ReportMetric(ask/none, "ratio")
	if ask > 10*none {
		b.Errorf("classify takes %.0f ns, an empty call %.0f ns; want at most ten times as much", ask, none)
	}
}

// BenchmarkHost compares making a host with all modules with making a bare state with Lua's own libraries. It
// may cost three times as much.
func BenchmarkHost(b *testing.B) {
	var ours, bare float64
	for b.Loop() {
		bare = perOp(500, func() { lua.NewState().Close() })
		ours = perOp(500, func() {
			h := newHost(sourceNamed("bench.lua", ""), Options{})
			for _, name := range h.globals.Names() {
				h.globals.Members(name)
			}
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bare/1000, "bare-us")
	b.ReportMetric(ours/1000, "host-us")
	b.ReportMetric(ours/bare, "ratio")
	if ours > 3*bare {
		b.Errorf("a host takes %.0f us, a bare state %.0f us; want at most three times as much", ours/1000, bare/1000)
	}
}

// BenchmarkSort compares table.sort with a comparison function with gopher-lua's own. It may cost twice as much.
func BenchmarkSort(b *testing.B) {
	const source = `local t = {} for i = 1, 2000 do t[i] = (i * 7919) % 20011 end table.sort(t, function(a, b) return a < b end)`
	h := newHost(sourceNamed("bench.lua", ""), Options{})
	c, err := lua51.Compile("bench.lua", []byte(source))
	if err != nil {
		b.Fatal(err)
	}
	ours := h.L.NewFunctionFromProto(c.Proto)
	bareState := lua.NewState()
	defer bareState.Close()
	stock, err := bareState.LoadString(source)
	if err != nil {
		b.Fatal(err)
	}
	own, bare := math.Inf(1), math.Inf(1) // the fastest of many rounds: other work makes a round slower
	for b.Loop() {
		for range 50 {
			bare = min(bare, perOp(1, func() {
				bareState.Push(stock)
				bareState.Call(0, 0)
			}))
			own = min(own, perOp(1, func() { h.Call(b.Context(), ours) }))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bare/1000, "stock-us")
	b.ReportMetric(own/1000, "sort-us")
	b.ReportMetric(own/bare, "ratio")
	if own > 2*bare {
		b.Errorf("table.sort takes %.0f us, gopher-lua's %.0f us; want at most twice as much", own/1000, bare/1000)
	}
}

// BenchmarkRunaway measures how long a script that catches every error runs after its context has ended.
func BenchmarkRunaway(b *testing.B) {
	const limit = 50 * time.Millisecond
	h := newHost(sourceNamed("bench.lua", ""), Options{})
	var worst time.Duration
	for b.Loop() {
		for range 20 {
			ctx, cancel := context.WithTimeout(b.Context(), limit)
			began := time.Now()
			h.eval(ctx, `while true do pcall(function() while true do end end) end`)
			worst = max(worst, time.Since(began)-limit)
			cancel()
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(worst.Microseconds())/1000, "late-ms")
	if worst > time.Second {
		b.Errorf("the script ended %s after its context", worst)
	}
}

package bindings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// TestStepsAreCountedBetweenCalls holds that a call of the engine resets the count of a script's steps, but not
// while the script loads.
func TestStepsAreCountedBetweenCalls(t *testing.T) {
	const source = "for i = 1, 3 do for i = 1, 1e5 do end json.encode({}) end"
	for _, loading := range []bool{false, true} {
		h := newHost(sourceNamed("test.lua", t.TempDir()), Options{})
		h.Watchdog.Loading = loading
		if _, err := h.eval(t.Context(), source); err != nil {
			t.Error(err)
		}
		if steps := h.Watchdog.Steps(); loading != (steps > 300_000) || !loading && steps > 1000 {
			t.Errorf("loading %v: %d steps are counted after a call; want them reset only after loading", loading, steps)
		}
	}
}

// TestMeasure compares the measured size of a state with the growth of Go's heap. They differ, because small
// tables count by an average.
func TestMeasure(t *testing.T) {
	for _, source := range []string{
		"for i = 1, 1e5 do t[i] = i + 0.5 end",
		"for i = 1, 3e4 do t[i] = {} end",
		"for i = 1, 3e4 do t[i] = { i } end",
		"for i = 1, 1e4 do t[i] = { a = i } end",
		"for i = 1, 2e3 do t[i] = {} t[i].a = i end",
		"for i = 1, 3e4 do t['k' .. i] = i end",
		"for i = 1, 3e4 do t['k' .. i] = i t['k' .. i] = nil end",
		"for i = 1, 3e4 do t[i + 0.5] = i end",
		"for i = 1, 3e4 do t[i] = 'k' .. i end",
		"for i = 1, 3e4 do t[i] = function() return i end end",
		"local function f() coroutine.yield() end for i = 1, 200 do t[i] = coroutine.create(f) coroutine.resume(t[i]) end",
		"for i = 1, 1e4 do t[i] = errors.new{ message = 'x' .. i } end",
		"for i = 1, 1e4 do t[i] = errors.retryable('x', 'caught' .. i) end",
		"t[1048575] = 1",
		"local s = ('x'):rep(1e6) for i = 1, 5 do t[i] = (s .. i):gmatch('y') end",
	} {
		h := newHost(sourceNamed("test.lua", t.TempDir()), Options{})
		c, err := lua51.Compile("test.lua", []byte("local t = {} "+source+" return t"))
		if err != nil {
			t.Fatal(err)
		}
		before, heap := h.Size(), liveHeap()
		results, err := h.Call(t.Context(), h.L.NewFunctionFromProto(c.Proto))
		if err != nil {
			t.Fatal(source, err)
		}
		h.L.G.Registry.RawSetString("kept", results[0])
		grew := liveHeap() - heap
		got := h.Size() - before
		if ratio := float64(got) / float64(grew); ratio < 0.35 || ratio > 2 {
			t.Errorf("%s\n\tmeasures %d bytes, the heap grew by %d, a ratio of %.2f; want them to agree", source, got, grew, ratio)
		}
		runtime.KeepAlive(h)
	}
}

// liveHeap returns the size of the heap after garbage collection.
func liveHeap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestMemoryOfOthers holds that memory which the rest of the process allocates does not count for a script.
func TestMemoryOfOthers(t *testing.T) {
	var others [][]byte
	begin, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(end)
		<-begin
		for range 50 {
			others = append(others, make([]byte, 10<<20)) // never touched, so it costs nothing
		}
	}()
	own := Module{
		"begin": func(context.Context, []any) ([]any, error) { close(begin); return nil, nil },
		"ended": func(context.Context, []any) ([]any, error) {
			select {
			case <-end:
				return []any{true}, nil
			default:
				return []any{false}, nil
			}
		},
	}
	h := newHost(sourceNamed("test.lua", t.TempDir()), Options{Modules: map[string]Module{"others": own}})
	_, err := h.eval(t.Context(), "others.begin() repeat for i = 1, 1e4 do end until others.ended() for i = 1, 3e6 do end")
	if err != nil {
		t.Errorf("while the process holds 500 MiB more: %v; want no error", err)
	}
	runtime.KeepAlive(others)
}

// TestManyBoards loads 200 boards in one process and runs them at the same time, each with half a MiB of its own.
func TestManyBoards(t *testing.T) {
	const boards = 200
	var all sync.WaitGroup
	all.Add(boards)
	together := Module{"meet": func(context.Context, []any) ([]any, error) {
		all.Done()
		all.Wait()
		return nil, nil
	}}
	script := filepath.Join(t.TempDir(), "board.lua")
	if err := os.WriteFile(script, []byte(`local board = require("boards.qemu-arm64")
function board.classify(err, next)
	local t = {}
	for i = 1, 50 do t[i] = ("x"):rep(1e4) .. i end
	together.meet()
	for i = 1, 3e3 do t[1] = "y" .. i end
	return #t == 50 and "fatal" or "retry"
end
return board`), 0o600); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, boards)
	for range boards {
		go func() {
			p, err := Load(script, Options{Modules: map[string]Module{"together": together}})
			if err != nil {
				all.Done()
				failed <- err
				return
			}
			class, err := p.Classify(context.Background(), errors.New("x"), func(error) classify.Class { return classify.Retry })
			if err == nil && class != classify.Fatal {
				err = fmt.Errorf("classify returned %s", class)
			}
			failed <- err
		}()
	}
	for range boards {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// TestSyntaxLimits holds that Load and Check refuse code which would take the compiler long, before they compile
// it.
func TestSyntaxLimits(t *testing.T) {
	each := func(n int, format string) string { // on lines of 20
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i+1000)
			if i%20 == 0 {
				b.WriteByte('\n')
			}
		}
		return b.String()
	}
	numbers := func(n int) string { return "local t = {" + each(n, "%d,") + "}" }
	const deep, many = "more than 1000 expressions or blocks inside each other", "more than 8192 different names, texts and numbers in one function"
	for name, tt := range map[string]struct{ source, want string }{
		"numbers that fit":   {numbers(lua51.MaxConstants-10) + "local f = function()" + numbers(100) + " end", ""},
		"40,000 numbers":     {numbers(40_000), many},
		"many texts":         {"local t = {" + each(9000, "'k%d',") + "}", many},
		"many names":         {"local t = {}" + each(9000, " t.k%d = 1"), many},
		"many methods":       {"local t = {}" + each(9000, " t:k%d()"), many},
		"one number often":   {"local t = {" + strings.Repeat("7,\n", 50_000) + "}", ""},
		"a long sum":         {"local a = 1 local b = a" + strings.Repeat(" + a", 900), ""},
		"a longer sum":       {"local a = 1 local b = a" + strings.Repeat(" + a", 60_000), deep},
		"minus minus":        {"local a = 1 local b = " + strings.Repeat("- ", 60_000) + "a", deep},
		"tables in tables":   {"local t = " + strings.Repeat("{", 60_000) + strings.Repeat("}", 60_000), deep},
		"blocks in blocks":   {strings.Repeat("do ", 30_000) + strings.Repeat("end ", 30_000), deep},
		"functions":          {strings.Repeat("return function() ", 5000) + strings.Repeat("end ", 5000), deep},
		"a chain of methods": {"local f local x = f" + strings.Repeat(":a()", 40_000), deep},
		"brackets":           {"local x = " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000), ""},
		"a long elseif":      {"local a if a then " + strings.Repeat("elseif a then ", 2000) + "end", ""},
	} {
		source := tt.source
		if name != "functions" {
			source += "\nreturn require('boards.sim')"
		}
		path := filepath.Join(t.TempDir(), "board.lua")
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, Options{})
		found, cerr := Check(path, Options{})
		if tt.want == "" {
			if err != nil || cerr != nil || len(found) > 0 {
				t.Errorf("%s: Load = %v, Check = %v, %v; want nothing", name, err, found, cerr)
			}
			continue
		}
		if classify.Facts(err).Kind != classify.ScriptLimit || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Load = %v; want %s, %q", name, err, classify.ScriptLimit, tt.want)
		}
		if cerr != nil || len(found) != 1 || found[0].Rule != "load" || found[0].Message != tt.want {
			t.Errorf("%s: Check = %v, %v; want %q", name, found, cerr, tt.want)
		}
	}
}

// TestDocumentedLimits holds docs/security.md to the code.
func TestDocumentedLimits(t *testing.T) {
	doc, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	for limit, n := range map[string]string{
		"| source of a script or module | %s KiB |":                     fmt.Sprint(lua51.MaxSource >> 10),
		"| file of `json.load` and `csv.load` | %s MiB |":               fmt.Sprint(maxDataFile >> 20),
		"| nested expressions and blocks | %s |":                        thousands(lua51.MaxSyntax),
		"| different names, strings and numbers in one function | %s |": thousands(lua51.MaxConstants),
		"| loading a script and its modules | %s million steps |":       fmt.Sprint(vm.MaxSteps / 1_000_000),
		"also in `classify` and `backoff` | %s million steps |":         fmt.Sprint(vm.MaxSteps / 1_000_000),
		"| memory that a script holds | %s MiB, measured as above |":    fmt.Sprint(vm.MaxSize >> 20),
		"a script that holds more than %s MiB ends":                     fmt.Sprint(vm.MaxSize * 3 / 2 >> 20),
		"| a string that one call returns | %s MiB |":                   fmt.Sprint(lua51.MaxString >> 20),
		"| steps of a pattern in one call | %s million |":               fmt.Sprint(lua51.MaxPatternSteps / 1_000_000),
		"| nested `pcall`, nested coroutines | %s |":                    fmt.Sprint(vm.MaxDepth),
		"| coroutines | %s |":                                           thousands(lua51.MaxCoroutines),
		"| results of one call, for example of `unpack` | %s |":         thousands(lua51.MaxResults),
		"%s min for reading the files of a script":                      fmt.Sprint(loadTime.Minutes()),
		"copying %s bytes": fmt.Sprint(vm.BytesPerStep),
	} {
		if want := fmt.Sprintf(limit, n); !strings.Contains(string(doc), want) {
			t.Errorf("docs/security.md lacks %q", want)
		}
	}
}

// thousands returns a number as the documents write it.
func thousands(n int) string {
	s := fmt.Sprint(n)
	if len(s) > 3 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s
}

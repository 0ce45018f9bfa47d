package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/simulate"
)

// counting is a policy that counts in a local, in a module of its own and in one of flashlua's, and logs the
// counts.
const counting = `local b, mine, lib = require("boards.sim"), require("mine"), require("lib.family")
local n = 0
print("loads")
local seq = require("lib.uboot_busybox").sequence()
seq:before("write", { name = "count", run = function(s, job, at)
	n, mine.n, lib.n = n + 1, mine.n + 1, (lib.n or 0) + 1
	s:log(("counted %d %d %d"):format(n, mine.n, lib.n))
	if s.attempt == 1 then error(errors.retryable("once more")) end
end })
b.flash = seq.flash
function b.classify(err, next) n = n + 10 return next(err) end
function b.backoff(n, err, next) return "1ms" end
function b.check(s, report) n = n + 100 s:log("counted in the check " .. n) end
return b`

// scriptDir makes a folder with some files, and returns its path.
func scriptDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// notes collects the notes of a run. Safe for concurrent use.
type notes struct {
	mu  sync.Mutex
	all []string // mu guards it
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, text)
}

func (n *notes) with(prefix string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []string
	for _, text := range n.all {
		if strings.HasPrefix(text, prefix) {
			found = append(found, text)
		}
	}
	return strings.Join(found, ", ")
}

// TestOnePolicyInManyRuns holds that every run of a policy has a Lua state of its own, also after another run,
// and while the script is inspected and checked.
func TestOnePolicyInManyRuns(t *testing.T) {
	dir := scriptDir(t, map[string]string{"board.lua": counting, "mine.lua": "return { n = 0 }", "x.raw": "an image\x00"})
	path, image := filepath.Join(dir, "board.lua"), filepath.Join(dir, "x.raw")
	var printed notes
	policy, err := bindings.Load(path, bindings.Options{Log: printed.add})
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string) {
		var said notes
		e := engine.Engine{Events: func(e engine.Event) {
			if e.Type == engine.EventNote {
				said.add(e.Text)
			}
		}}
		sim, err := simulate.Attach(&e, policy, "size=16")
		if err != nil {
			t.Error(err)
			return
		}
		defer sim.Close()
		rep := e.Run(context.Background(), policy, engine.Job{Image: image})
		if got, want := said.with("counted"), "counted 1 1 1, counted 12 2 2, counted in the check 112"; rep.Result != engine.ResultVerified || got != want {
			t.Errorf("%s: %s, %v, it logged %s; want %s", name, rep.Result, rep.Err, got, want)
		}
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { run(fmt.Sprint("run ", i)) })
	}
	all.Go(func() {
		if s, err := bindings.Inspect(path, bindings.Options{}); err != nil || s.Policy.Name != policy.Name {
			t.Errorf("Inspect during a run = %v; want no error", err)
		}
	})
	all.Go(func() {
		if found, err := bindings.Check(path, bindings.Options{}); err != nil || len(found) > 0 {
			t.Errorf("Check during a run = %v, %v; want no findings", found, err)
		}
	})
	all.Wait()
	run("a run after all others")
	if got := printed.with("loads"); got != "loads" {
		t.Errorf("loading printed %q; want it once", got)
	}
	for _, want := range []classify.Class{classify.Retry, classify.Retry} { // outside of a run
		if got, err := policy.Classify(t.Context(), errors.New("x"), func(error) classify.Class { return classify.Retry }); got != want || err != nil {
			t.Errorf("Classify outside of a run = %v, %v; want %v", got, err, want)
		}
	}
}

// TestOneProgramInManyRuns holds the same of a program that flashes boards: one by its name, and one that it
// makes itself.
func TestOneProgramInManyRuns(t *testing.T) {
	dir := scriptDir(t, map[string]string{"x.raw": "an image\x00", "mine.lua": `return require("boards.sim")`, "program.lua": `local n = 0
local own = require("boards.sim")
own.classify = function(err, next) n = n + 10 return next(err) end
return function(args)
	n = n + 1
	flash.run("mine.lua", { image = args[1], port = "sim:size=16" })
	flash.run(own, { image = args[1], port = "sim:size=17", set = { ["power.off_time"] = "1ms" } })
	log.info("counted " .. n)
end`})
	s, err := bindings.Inspect(filepath.Join(dir, "program.lua"), bindings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			var said notes
			e := engine.Engine{Events: func(e engine.Event) { said.add(e.Text) }}
			rep := s.Program.Run(context.Background(), e, engine.ProgramJob{}, filepath.Join(dir, "x.raw"))
			if got := said.with("counted"); rep.Result != engine.ResultDone || got != "counted 1" {
				t.Errorf("run %d: %s, %v, it logged %q; want counted 1", i, rep.Result, rep.Err, got)
			}
		})
	}
	all.Wait()
}

// TestBoardsAtOnce holds that runs of several policies share nothing.
func TestBoardsAtOnce(t *testing.T) {
	image := filepath.Join(scriptDir(t, map[string]string{"x.raw": "an image\x00"}), "x.raw")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			policy, err := bindings.Load("sim", bindings.Options{Set: map[string]string{"name": fmt.Sprint("board-", i)}})
			if err != nil {
				t.Error(err)
				return
			}
			var e engine.Engine
			sim, err := simulate.Attach(&e, policy, "size=16")
			if err != nil {
				t.Error(err)
				return
			}
			defer sim.Close()
			if rep := e.Run(context.Background(), policy, engine.Job{Image: image}); rep.Result != engine.ResultVerified || rep.Board != policy.Name {
				t.Errorf("board %d: %s of %s, %v; want its own board verified", i, rep.Result, rep.Board, rep.Err)
			}
		})
	}
	all.Wait()
}

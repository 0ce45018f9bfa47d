package bindings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/scripts"
)

// loadTime bounds the loading of a script on a station that does not answer, a network file system say. What a script itself
// does is bounded by its steps.
const loadTime = 10 * time.Minute

// host is one Lua state with flashlua's modules. One goroutine at a time uses it.
type host struct {
	*vm.State
	name         string // of the script, for messages
	modules      modules
	said         sayings
	extraModules map[string]Module            // an embedder's
	lazyGlobals  map[string]func() lua.LValue // globals that are made on first use
	allow        []string                     // commands of the station that scripts may run
	program      *engine.Program              // the program that runs; nil in a policy and while a script loads
	clk          clock.Clock                  // nil while a script loads
}

// Options are what Load needs besides the script.
// Plain data: safe for concurrent use while nothing changes it. Runs that are under way at the same time call
// Log and the functions of Modules concurrently.
type Options struct {
	Set map[string]string // policy keys, dotted, that the operator sets
	Log func(string)      // told what scripts print; may be nil

	Modules map[string]Module // Lua modules of an embedder's own, by the name of their global
	Allow   []string          // commands of the station that a program may run, by their program's name

	open func(path string) (*os.File, error) // opens the script; nil is os.Open
}

// Load reads a script, a path or the name of a board that comes with flashlua, and makes a policy of it. No hardware is
// touched.
func Load(spec string, o Options) (*engine.Policy, error) {
	s, err := Inspect(spec, o)
	if err != nil {
		return nil, err
	}
	return s.Board()
}

// Board gives the policy, and an error for a program.
func (s *Script) Board() (*engine.Policy, error) {
	if s.Program != nil {
		return nil, classify.WithHint(classify.New(classify.ScriptResult, "%s returns a function, a program; a board's policy is needed here", s.File),
			"return a table; programs are for `flashlua run`")
	}
	return s.Policy, nil
}

// Script is a board's script, loaded, for who wants to look at it.
// Safe for concurrent use while nothing changes it: each run of its policy or program has a Lua state of its own.
type Script struct {
	Policy    *engine.Policy // nil for a program
	Program   *Program       // nil for a board's policy
	File      string         // its path, or boards/NAME.lua of one that comes with flashlua
	Embedded  bool           // it comes with flashlua
	Text      []byte
	Settings  []Setting       // every policy key as it will be used, in the order of docs/boards.md
	Overrides map[string]bool // flash, classify and backoff: whether the script has its own
}

// Setting is a policy key, dotted as --set takes it, and its value: a string, a number or a list of those. A password
// is stars. Plain data: safe for concurrent use while nothing changes it.
type Setting struct {
	Key   string
	Value any
}

// Inspect is Load for who wants to see more than the policy.
func Inspect(spec string, o Options) (*Script, error) {
	src, err := readSource(spec, o.open)
	if err != nil {
		return nil, err
	}
	return inspect(src, o)
}

// DefaultPolicy is the policy of a board of which nothing is known but what the operator sets.
func DefaultPolicy(o Options) (*engine.Policy, error) {
	s, err := inspect(source{name: "unknown", text: []byte("return { flash = function() end }")}, o)
	if err != nil {
		return nil, err
	}
	return s.Policy, nil
}

// loadInTime loads a script into a state of its own.
func loadInTime(src source, o Options) (*Script, error) {
	type loaded struct {
		s   *Script
		err error
	}
	done, late := make(chan loaded, 1), make(chan struct{})
	defer clock.Real{}.AfterFunc(loadTime, func() { close(late) })()
	go func() {
		s, err := load(src, o)
		done <- loaded{s, err}
	}()
	select {
	case l := <-done:
		return l.s, l.err
	case <-late: // reading a file does not end with a context
		return nil, classify.New(classify.ScriptLimit, "%s took longer than %s to load", src.name, loadTime)
	}
}

func load(src source, o Options) (*Script, error) {
	h := newHost(src, o)
	if log := h.said.log; src.again { // what it prints while it loads was printed the first time
		h.said.log = func(string) {}
		defer func() { h.said.log = log }()
	}
	h.said.holding = true
	defer h.said.release()
	ctx, cancel := clock.WithTimeout(context.Background(), clock.Real{}, loadTime,
		classify.New(classify.ScriptLimit, "%s took longer than %s to load", src.name, loadTime))
	defer cancel()
	h.Watchdog.Loading = true
	defer func() { h.Watchdog.Loading = false }()
	c, err := h.modules.library.get("", func() (compiled, error) {
		c, err := lua51.Compile(src.name, src.text)
		return compiled{file: src.name, Chunk: c}, err
	})
	if err != nil {
		return nil, err
	}
	h.modules.note(src.name, c.Chunk)
	results, err := h.Call(ctx, h.L.NewFunctionFromProto(c.Proto))
	if err != nil {
		return nil, asLoadFault(err)
	}
	var result lua.LValue = lua.LNil
	if len(results) > 0 {
		result = results[0]
	}
	switch v := result.(type) {
	case *lua.LTable:
		return h.policy(ctx, v, src, o.Set)
	case *lua.LFunction:
		name := strings.TrimSuffix(filepath.Base(src.name), ".lua")
		return &Script{Program: h.newProgram(name, v), File: src.name, Embedded: src.dir == "", Text: src.text}, nil
	}
	return nil, classify.WithHint(classify.New(classify.ScriptResult, "%s returns %s, not a table", src.name, article(result)),
		"end the script with `return { name = …, targets = … }`, or a program with `return function(args) … end`")
}

// asLoadFault makes a fault of a plain value that a script raises while it loads: there is nothing to try again.
func asLoadFault(err error) error {
	if classify.Facts(err).Kind == "" {
		return &classify.Error{Kind: classify.ScriptFault, Cause: err}
	}
	return err
}

func article(v lua.LValue) string {
	if v == lua.LNil {
		return "nothing"
	}
	return "a " + v.Type().String()
}

// source is a script before it is loaded.
type source struct {
	name string
	text []byte
	dir  string // where its files and modules lie; "" for an embedded one

	library *library // what was compiled already; nil is nothing
	again   bool     // a state of it was loaded before
}

// readSource reads a script from its path, or from those that come with flashlua.
func readSource(spec string, open func(path string) (*os.File, error)) (source, error) {
	if spec == "" {
		return source{}, classify.New(classify.Usage, "the script has no name")
	}
	if !strings.ContainsRune(spec, filepath.Separator) && filepath.Ext(spec) != ".lua" {
		if text, err := scripts.FS.ReadFile("boards/" + spec + ".lua"); err == nil {
			return source{name: "boards/" + spec + ".lua", text: text}, nil
		}
	}
	st, err := os.Stat(spec)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return source{}, classify.WithHint(classify.Wrap(err, classify.Usage, "there is no script or board %q", spec),
			"name a file, or one of the boards %s%s", strings.Join(Boards(), ", "), DidYouMean(spec, Boards()))
	case err == nil && !st.Mode().IsRegular():
		err = fmt.Errorf("it is not a regular file")
	case err == nil && st.Size() > lua51.MaxSource:
		return source{}, classify.New(classify.ScriptLimit, "%s has %d bytes, a script may have %d", spec, st.Size(), lua51.MaxSource)
	}
	var text []byte
	if err == nil {
		text, err = readScript(spec, open)
	}
	return source{name: spec, text: text, dir: filepath.Dir(spec)}, classify.Wrap(err, classify.Usage, "cannot read the script %s", spec)
}

// readScript returns the text of a script; open is nil where any file may be read.
func readScript(path string, open func(path string) (*os.File, error)) ([]byte, error) {
	if open == nil {
		open = input.Open
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return input.ReadAll(f, lua51.MaxSource)
}

// DidYouMean suggests the known word that may have been meant; it is "" if none is near.
func DidYouMean(word string, known []string) string {
	if s := suggest(word, known); strings.HasPrefix(s, "; did") {
		return s
	}
	return ""
}

// Boards gives the names of the boards that come with flashlua.
func Boards() []string {
	var names []string
	files, _ := fs.Glob(scripts.FS, "boards/*.lua")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".lua"))
	}
	slices.Sort(names)
	return names
}

// newHost makes a state with flashlua's library and nothing of Lua's that reaches outside.
func newHost(src source, o Options) *host {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	h := &host{
		State: vm.New(), name: src.name, said: sayings{log: o.Log, secrets: console.NewSecrets()},
		extraModules: o.Modules, allow: o.Allow, lazyGlobals: map[string]func() lua.LValue{},
	}
	h.RaisedHint = h.raisedHint
	h.modules = newModules(h, src)
	lua51.Open(h.State)
	h.openGlobals()
	h.openErrors()
	h.openModules()
	h.sealGlobals()
	return h
}

// raisedHint is the hint of an error that a policy raised as a plain value.
func (h *host) raisedHint() string {
	if h.clk == nil || h.program != nil {
		return ""
	}
	return "nothing is known about it, so it is tried again: raise errors.fatal(…) or errors.retryable(…) to say what it means"
}

package bindings

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/labfile"
	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// loadTime bounds the loading of a script where the station does not answer, for example on a network file
// system. The work of the script itself is bounded by its steps.
const loadTime = 10 * time.Minute

// loadInTime loads a script into a state of its own.
func loadInTime(src source, o Options) (*Script, error) {
	type loaded struct {
		s   *Script
		err error
	}
	done := make(chan loaded, 1)
	late, stop := clock.After(clock.Real{}, loadTime)
	defer stop()
	go func() {
		s, err := load(src, o)
		done <- loaded{s, err}
	}()
	select {
	case l := <-done:
		return l.s, l.err
	case <-late: // no context ends the reading of a file
		return nil, classify.New(classify.ScriptLimit, "%s took longer than %s to load", src.name, loadTime)
	}
}

func load(src source, o Options) (*Script, error) {
	if isMeta(src.text) {
		return nil, classify.New(classify.ScriptResult, "%s declares types for editors, by ---@meta, and is no script", src.name)
	}
	h := newHost(src, o)
	if src.again { // its output was printed when it was first loaded
		defer h.output.Mute()()
	}
	h.output.Hold()
	defer h.output.Release()
	ctx, cancel := clock.WithTimeout(context.Background(), clock.Real{}, loadTime,
		classify.New(classify.ScriptLimit, "%s took longer than %s to load", src.name, loadTime))
	defer cancel()
	h.Watchdog.Loading = true
	defer func() { h.Watchdog.Loading = false }()
	c, err := h.finder.library.get("", func() (compiled, error) {
		c, err := h.finder.compile(src.name, src.text)
		return compiled{file: src.name, text: string(src.text), Chunk: c}, err
	})
	if err != nil {
		return nil, err
	}
	h.finder.record(c)
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
		if src.lab && !labfile.IsLab(v) {
			return nil, notALab(src.name, "returns a table without the key stations"+labfile.Misspelled(v))
		}
		if labfile.IsLab(v) {
			return &Script{lab: h.lab(v, src), File: src.name, Text: src.text}, nil
		}
		return h.policy(ctx, v, src, modules.Choice{Variant: o.Variant, Set: o.Set})
	case *lua.LFunction:
		if src.lab {
			return nil, notALab(src.name, "returns a function, a program")
		}
		name := strings.TrimSuffix(filepath.Base(src.name), ".lua")
		return &Script{Program: h.newProgram(name, v, src), File: src.name, Embedded: src.embedded, Text: src.text}, nil
	}
	if src.lab {
		return nil, notALab(src.name, "returns "+vm.TypeWithArticle(result))
	}
	return nil, classify.WithHint(classify.New(classify.ScriptResult, "%s returns %s, not a table", src.name, vm.TypeWithArticle(result)),
		"end the script with `return { name = …, targets = … }`, or a program with `return function(args) … end`")
}

// asLoadFault makes a plain value that a script raises while it loads a fault, because loading is not tried again.
func asLoadFault(err error) error {
	if classify.Facts(err).Kind == "" {
		return &classify.Error{Kind: classify.ScriptFault, Cause: err}
	}
	return err
}

// policy decodes a policy's table of this state. src is the script that returned it.
func (h *host) policy(ctx context.Context, t *lua.LTable, src source, by modules.Choice) (*Script, error) {
	decoded, err := h.reader.Policy(ctx, policy.Input{
		Table: t, File: src.name, Name: strings.TrimSuffix(filepath.Base(src.name), ".lua"), Set: by.Set, Variant: by.Variant, Session: h.session, TargetArgs: h.targetArgs, Verdict: h.verdict,
		Dir: h.finder.stationDir(), LoadsAllFiles: h.finder.own.loadsAll, Mentions: h.finder.own.mentions, Uses: h.finder.own.uses,
	})
	if err != nil {
		return nil, err
	}
	p := decoded.Policy
	s := &Script{Policy: p, File: src.name, Embedded: src.embedded, Text: src.text, Files: h.finder.files, Overrides: decoded.Own, hooks: hooksOf(t)}
	for _, x := range decoded.Settings {
		s.Settings = append(s.Settings, Setting(x))
	}
	p.Script = src.script()
	p.SHA256 = s.digest(h.finder.texts)
	return s, nil
}

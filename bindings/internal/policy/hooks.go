package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// defaultSequences are the modules with the flash of policies that have none of their own.
var defaultSequences = map[engine.Method]string{engine.ByLinux: "lib.uboot_busybox", engine.ByUBoot: "lib.uboot_writer"}

// hooks makes the policy's functions call those of the script, or of the default sequence.
func (d *decoder) hooks(ctx context.Context, p *engine.Policy, in Input) error {
	t, state := in.Table, d.reader.State
	flash, _ := t.RawGetString("flash").(*lua.LFunction)
	if flash == nil {
		var err error
		if flash, err = sequence(ctx, state, defaultSequences[p.Method], "flash"); err != nil {
			return err
		}
	}
	p.Flash = func(ctx context.Context, s *engine.Session) error {
		session, job := in.Session(s)
		_, err := state.Call(ctx, flash, session, job)
		return err
	}
	p.Transition = func(ctx context.Context, s *engine.Session, to engine.BoardState) error {
		boot, err := sequence(ctx, state, defaultSequences[engine.ByLinux], "boot")
		if err != nil {
			return err
		}
		session, _ := in.Session(s)
		_, err = state.Call(ctx, boot, session, lua.LString(to))
		return err
	}
	if f, ok := t.RawGetString("target").(*lua.LFunction); ok {
		p.ChooseTarget = func(ctx context.Context, s *engine.Session, ub *uboot.UBoot, sh *shell.Shell) (string, error) {
			answer, err := callHook(ctx, state, f, in.TargetArgs(s, ub, sh)...)
			if err != nil {
				return "", err
			}
			name, _ := answer.(lua.LString)
			if _, ok := p.Targets[string(name)]; !ok {
				known := slices.Sorted(maps.Keys(p.Targets))
				return "", errBadResult(f, "target", answer, "the name of a target of the policy: "+strings.Join(known, ", "))
			}
			return string(name), nil
		}
	}
	if f, ok := t.RawGetString("check").(*lua.LFunction); ok {
		p.Check = func(ctx context.Context, s *engine.Session, report *engine.Report) error {
			session, _ := in.Session(s)
			verdict, err := in.Verdict(report)
			if err == nil {
				_, err = state.Call(ctx, f, session, verdict)
			}
			return err
		}
	}
	if f, ok := t.RawGetString("classify").(*lua.LFunction); ok {
		p.Classify = func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error) {
			return askClassify(ctx, state, f, err, next)
		}
	}
	if f, ok := t.RawGetString("backoff").(*lua.LFunction); ok {
		p.Backoff = func(ctx context.Context, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
			return askBackoff(ctx, state, f, n, err, next)
		}
	}
	return nil
}

// sequence returns a function of a default sequence, which the script may have replaced.
func sequence(ctx context.Context, s *vm.State, module, name string) (*lua.LFunction, error) {
	results, err := s.Call(ctx, s.L.GetGlobal("require"), lua.LString(module))
	if err != nil {
		return nil, err
	}
	if len(results) > 0 {
		if lib, ok := results[0].(*lua.LTable); ok {
			if f, ok := lib.RawGetString(name).(*lua.LFunction); ok {
				return f, nil
			}
		}
	}
	return nil, classify.New(classify.ConfigPolicy, "the script took the function %s out of %s, or replaced require", name, module)
}

// askClassify calls a policy's classify(err, next).
func askClassify(ctx context.Context, s *vm.State, f *lua.LFunction, err error, next func(error) classify.Class) (classify.Class, error) {
	ask := s.Function("next", 0, func(c *vm.Args) ([]lua.LValue, error) {
		e := vm.GoError(c.Any(1, "error"))
		if e == nil {
			c.Fail("argument 1 must be an error, not a %s", c.Opt(1).Type())
		}
		return []lua.LValue{lua.LString(next(e).String())}, nil
	})
	answer, cerr := callHook(ctx, s, f, s.ErrorValue(err), ask)
	if cerr != nil {
		return classify.None, cerr
	}
	for _, class := range []classify.Class{classify.Retry, classify.Fatal} {
		if answer == lua.LString(class.String()) {
			return class, nil
		}
	}
	return classify.None, errBadResult(f, "classify", answer, `"retry", "fatal" or next(err)`)
}

// askBackoff calls a policy's backoff(n, err, next).
func askBackoff(ctx context.Context, s *vm.State, f *lua.LFunction, n int, err error, next func(int, error) time.Duration) (time.Duration, error) {
	ask := s.Function("next", 0, func(c *vm.Args) ([]lua.LValue, error) {
		return []lua.LValue{lua.LString(next(c.Int(1, "n", n), vm.GoError(c.Opt(2))).String())}, nil
	})
	answer, berr := callHook(ctx, s, f, lua.LNumber(n), s.ErrorValue(err), ask)
	if berr != nil {
		return 0, berr
	}
	text, _ := answer.(lua.LString)
	wait, perr := time.ParseDuration(string(text))
	if perr != nil || wait < 0 {
		return 0, errBadResult(f, "backoff", answer, `a duration with its unit, "30s", or next(n, err)`)
	}
	return wait, nil
}

func callHook(ctx context.Context, s *vm.State, f *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	results, err := s.Call(ctx, f, args...)
	if err != nil || len(results) == 0 {
		return lua.LNil, err
	}
	return results[0], nil
}

// errBadResult is the error of a hook that returned something unusable, with the place of its definition.
func errBadResult(f *lua.LFunction, hook string, answer lua.LValue, want string) error {
	got := vm.TypeWithArticle(answer)
	if text, ok := answer.(lua.LString); ok {
		got = fmt.Sprintf("%q", string(text))
	}
	if f.Proto != nil { // a vm.Builtin has none
		hook = fmt.Sprintf("%s:%d: %s", f.Proto.SourceName, f.Proto.LineDefined, hook)
	}
	return classify.New(classify.ScriptResult, "%s returned %s, not %s", hook, got, want)
}

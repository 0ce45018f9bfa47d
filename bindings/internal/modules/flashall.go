package modules

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

// maxFlashes bounds the flashes of one flash.all.
const maxFlashes = 1000

type allOptions struct {
	Parallel  int `lua:"parallel"`
	Canary    int `lua:"canary"`
	StopAfter int `lua:"stop_after"`
}

var flashAllOptions = option.Declare[allOptions](2, "flash.all")

// flashAll is flash.all({ { board, job }, … }, [options]). It returns a list of verdicts in the order of the
// list, and how many are not verified. It raises an error if the plan of a flash cannot work; nothing was touched then.
func (m flashModule) flashAll(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	list := c.Table(1, "list of flashes")
	var o allOptions
	luaoption.Read(c, flashAllOptions, &o)
	options := luaoption.Table(c, 2)
	for name, n := range map[string]int{"parallel": o.Parallel, "canary": o.Canary, "stop_after": o.StopAfter} {
		if options.RawGetString(name) != lua.LNil && n < 1 {
			c.Fail("option %s must be 1 or more, not %d", name, n)
		}
	}
	calls := m.flashCalls(c, list)
	all := make([]engine.Flash, len(calls))
	for i, call := range calls {
		f := engine.Flash{Run: p.NewRun()}
		f.Policy, f.Err = m.job(c, p, f.Run, call, &f.Job)
		all[i] = f
	}
	reports, err := p.FlashAll(c.Ctx, all, engine.FlashAllOptions(o))
	if err != nil {
		return nil, err
	}
	verdicts, failed := &vm.ReadOnly{Kind: "verdicts", List: true, Values: c.L.NewTable()}, 0
	for i, rep := range reports {
		v, err := Verdict(c.State, rep)
		if err != nil {
			return nil, err
		}
		verdicts.Values.RawSetInt(i+1, v)
		if rep.Err != nil {
			failed++
		}
	}
	return []lua.LValue{c.State.Record(verdicts), lua.LNumber(failed)}, nil
}

// flashCalls reads the list of flashes, each a list of a board and a job.
func (m flashModule) flashCalls(c *vm.Args, list *lua.LTable) []flashCall {
	n := list.Len()
	if n == 0 || n > maxFlashes {
		c.Fail("argument 1 must be a list of 1 to %d flashes, { { board, job }, … }, not of %d", maxFlashes, n)
	}
	list.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || i < 1 || int(i) > n || i != lua.LNumber(int(i)) {
			c.Fail("argument 1 must be a list of flashes, { { board, job }, … }, without the key %s", k)
		}
	})
	calls := make([]flashCall, n)
	for i := range calls {
		where := fmt.Sprintf("entry %d: ", i+1)
		pair, ok := vm.TableIn(list.RawGetInt(i + 1))
		if !ok {
			c.Fail("%smust be a board and a job, { board, { image = …, port = … } }, not a %s", where, list.RawGetInt(i+1).Type())
		}
		job, ok := vm.TableIn(pair.RawGetInt(2))
		if !ok || pair.RawGetInt(1) == lua.LNil {
			c.Fail("%smust be a board and a job, { board, { image = …, port = … } }", where)
		}
		pair.ForEach(func(k, _ lua.LValue) {
			if k != lua.LNumber(1) && k != lua.LNumber(2) {
				c.Fail("%sholds a board and a job, and not %s: options of the flash are in the job", where, k)
			}
		})
		calls[i] = flashCall{board: pair.RawGetInt(1), options: job, where: where}
	}
	return calls
}

package modules

import (
	"context"
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/uboot"
)

// session is an attempt as a script sees it.
type session struct {
	*vm.State
	s     *engine.Session
	value *lua.LUserData
	job   *lua.LTable
}

// object makes a handle that ends with the attempt, or when live, if it is not nil, returns an error.
func (x *session) object(kind string, live func(context.Context) error, methods map[string]vm.Builtin, fields map[string]lua.LValue) *lua.LUserData {
	return newHandle(x.State, kind, func(ctx context.Context) error {
		if err := x.s.CheckActive(); err != nil || live == nil {
			return err
		}
		return live(ctx)
	}, methods, fields)
}

// NewSession returns the session and the job that a policy's flash is called with.
func NewSession(state *vm.State, s *engine.Session) (object, job lua.LValue) {
	x := newSession(state, s)
	return x.value, x.job
}

func newSession(state *vm.State, s *engine.Session) *session {
	x := &session{State: state, s: s}
	x.job = x.newJob()
	x.value = x.object("session", nil, map[string]vm.Builtin{
		"step": x.step, "uboot": x.uboot, "shell": x.shell, "log": x.log, "serve": x.serve,
	}, map[string]lua.LValue{
		"power": x.object("power", nil, map[string]vm.Builtin{
			"on": x.powerMethod(s.PowerOn), "off": x.powerMethod(s.PowerOff), "cycle": x.powerMethod(s.PowerCycle),
		}, nil),
		"outputs":    x.newOutputs(),
		"consoles":   x.newConsoles(),
		"console":    x.object("console", nil, consoleMethods(s.Console, s.BeforeTyping), nil),
		"attempt":    lua.LNumber(s.Attempt()),
		"last_error": state.ErrorValue(s.LastError),
		"board":      lua.LString(s.Policy().Name),
	})
	return x
}

// newJob makes the job. Reading size or sha256 waits until the image is staged.
func (x *session) newJob() *lua.LTable {
	job := &vm.ReadOnly{
		Kind: "job", Names: []string{"target", "verify_only", "attempt", "args", "size", "sha256"}, Values: x.L.NewTable(),
		Hint: "the operator says what the job is: --target names another target, default_target is the policy's",
	}
	job.Values.RawSetString("verify_only", lua.LBool(x.s.VerifyOnly()))
	job.Values.RawSetString("attempt", lua.LNumber(x.s.Attempt()))
	job.Values.RawSetString("args", x.newArguments())
	job.Get = func(c *vm.Args, _ lua.LValue, key string) (lua.LValue, bool, error) {
		if name := x.s.Target().Name; key == "target" && name != "" { // a policy may choose it late
			job.Values.RawSetString(key, lua.LString(name))
			return lua.LString(name), true, nil
		}
		if key != "size" && key != "sha256" {
			return nil, false, nil
		}
		im, err := x.s.Image(c.Ctx)
		if im == nil || err != nil {
			return nil, false, err
		}
		job.Values.RawSetString("size", lua.LNumber(im.Size()))
		job.Values.RawSetString("sha256", lua.LString(im.SHA256()))
		return job.Values.RawGetString(key), true, nil
	}
	return x.Record(job)
}

// newArguments makes the values of the policy's arguments. A duration is a text with its unit.
func (x *session) newArguments() *lua.LTable {
	args := &vm.ReadOnly{
		Kind: "job.args", Names: slices.Sorted(maps.Keys(x.s.Policy().Args)), Values: x.L.NewTable(),
		Hint: "--arg sets a value, args in the policy its default",
	}
	for name, v := range x.s.Args() {
		switch v := v.(type) {
		case string:
			args.Values.RawSetString(name, lua.LString(v))
		case float64:
			args.Values.RawSetString(name, lua.LNumber(v))
		case bool:
			args.Values.RawSetString(name, lua.LBool(v))
		case time.Duration:
			args.Values.RawSetString(name, lua.LString(v.String()))
		}
	}
	return x.Record(args)
}

func (x *session) powerMethod(do func(context.Context) error) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) { return nil, do(c.Ctx) }
}

func (x *session) log(c *vm.Args) ([]lua.LValue, error) {
	x.s.Note(x.ToString(c.Ctx, c.Any(1, "text")))
	return nil, nil
}

func (x *session) uboot(c *vm.Args) ([]lua.LValue, error) {
	ub, err := x.s.UBoot(c.Ctx)
	if err != nil {
		return nil, err
	}
	return vm.Ret(x.newUBoot(ub))
}

func (x *session) newUBoot(ub *uboot.UBoot) lua.LValue {
	methods := ubootMethods(ub, x.s.BeforeCommand)
	methods["run"] = runner(ubootCommand(x.s, ub.Run, func(out string) string { return out }), x.s.CheckActive)
	methods["exec"] = executer(ubootCommand(x.s, ub.Exec, func(res console.Result) string { return res.Output }), x.s.CheckActive)
	methods["dhcp"] = func(c *vm.Args) ([]lua.LValue, error) {
		address, err := x.s.DHCP(c.Ctx, ub)
		return []lua.LValue{lua.LString(address)}, err
	}
	methods["load"] = func(c *vm.Args) ([]lua.LValue, error) {
		var o loadOptions
		luaoption.Read(c, ubootLoadOptions, &o)
		opt := engine.LoadOptions(o)
		if err := opt.Check(); err != nil {
			c.Fail("%s", err)
		}
		return nil, x.s.LoadBy(c.Ctx, ub, opt, x.files(c)...)
	}
	methods["boot"] = x.boot(ub)
	methods["ums"] = x.ums(ub)
	x.addWriters(methods, ub)
	x.addUBootWrite(methods, ub)
	return x.object("uboot", ub.Live, methods, nil)
}

type loadOptions struct {
	By   engine.LoadWay `lua:"by"`
	Baud int            `lua:"baud"`
}

var ubootLoadOptions = option.Declare[loadOptions](2, "uboot:load")

// files reads the names of the files to load: none for all, one, a list, or a table like the policy's files.
func (x *session) files(c *vm.Args) []string {
	var names []string
	switch v := c.Opt(1).(type) {
	case *lua.LNilType:
	case lua.LString:
		names = []string{string(v)}
	case *lua.LTable:
		list, _ := vm.TableIn(v)
		list.ForEach(func(k, f lua.LValue) {
			name, ok := f.(lua.LString) // a list of names
			if _, index := k.(lua.LNumber); !index || !ok {
				name, ok = k.(lua.LString)
			}
			if !ok {
				c.Fail("argument 1 must name files of the policy")
			}
			names = append(names, string(name))
		})
		slices.Sort(names)
	default:
		c.Fail("argument 1 must name files of the policy, not be a %s", v.Type())
	}
	x.requireFiles(c, names)
	return names
}

// requireFiles refuses a call that names a file which the policy does not have.
func (x *session) requireFiles(c *vm.Args, names []string) {
	known := slices.Sorted(maps.Keys(x.s.Policy().Files))
	for _, name := range names {
		if !slices.Contains(known, name) {
			c.Fail("the policy has no file %q%s; a file must be in files, where it is found before the board gets power", name, suggest.Nearest(name, known))
		}
	}
}

func (x *session) boot(ub *uboot.UBoot) vm.Builtin {
	return func(c *vm.Args) ([]lua.LValue, error) {
		cmd := c.StrOr(1, "boot command", x.s.Policy().Boot)
		if cmd == "" {
			c.Fail("the policy has no boot command")
		}
		sh, err := x.s.Boot(c.Ctx, ub, cmd)
		if err != nil {
			return nil, err
		}
		return []lua.LValue{x.newShell(sh)}, nil
	}
}

func (x *session) shell(c *vm.Args) ([]lua.LValue, error) {
	sh, err := x.s.Shell(c.Ctx)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{x.newShell(sh)}, nil
}

package bindings

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// object makes a Lua object with methods and fields.
func (h *host) object(kind string, methods map[string]builtin, fields map[string]lua.LValue) *lua.LUserData {
	x := &closed{kind: kind, data: h.L.NewTable(), known: slices.Concat(slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(fields)))}
	for name, v := range fields {
		x.data.RawSetString(name, v)
	}
	for name, f := range methods {
		x.data.RawSetString(name, h.engineCall(kind+":"+name, 1, f))
	}
	ud := h.L.NewUserData()
	ud.Metatable = h.closedMeta(x)
	return ud
}

// handle is an object that ends before its script does: no method does anything once live returns an error.
func (h *host) handle(kind string, live func(context.Context) error, methods map[string]builtin, fields map[string]lua.LValue) *lua.LUserData {
	guarded := map[string]builtin{}
	for name, f := range methods {
		guarded[name] = func(c *args) ([]lua.LValue, error) {
			if err := live(c.ctx); err != nil {
				return nil, classify.Wrap(err, "", "%s", strings.TrimSpace(c.L.Where(1)+" "+c.name))
			}
			return f(c)
		}
	}
	return h.object(kind, guarded, fields)
}

// session is one attempt as a script sees it.
type session struct {
	*host
	s     *engine.Session
	value *lua.LUserData
	job   *lua.LTable
}

// object is a handle that ends with the attempt, or with what live asks.
func (x *session) object(kind string, live func(context.Context) error, methods map[string]builtin, fields map[string]lua.LValue) *lua.LUserData {
	return x.handle(kind, func(ctx context.Context) error {
		if err := x.s.CheckActive(); err != nil || live == nil {
			return err
		}
		return live(ctx)
	}, methods, fields)
}

func (h *host) newSession(s *engine.Session) *session {
	h.clk = s.Clock()
	x := &session{host: h, s: s}
	x.job = x.newJob()
	x.value = x.object("session", nil, map[string]builtin{
		"step": x.step, "uboot": x.uboot, "shell": x.shell, "log": x.note,
	}, map[string]lua.LValue{
		"power": x.object("power", nil, map[string]builtin{
			"on": x.powerMethod(s.PowerOn), "off": x.powerMethod(s.PowerOff), "cycle": x.powerMethod(s.PowerCycle),
		}, nil),
		"attempt":    lua.LNumber(s.Attempt()),
		"last_error": h.ErrorValue(s.LastError),
		"board":      lua.LString(s.Policy().Name),
	})
	return x
}

// newJob makes the job. Of the image, what asks waits while it is being staged.
func (x *session) newJob() *lua.LTable {
	job := &closed{
		kind: "job", known: []string{"target", "verify_only", "attempt", "size", "sha256"}, data: x.L.NewTable(),
		hint: "the operator says what the job is: --target names another target, default_target is the policy's",
	}
	job.data.RawSetString("target", lua.LString(x.s.Target().Name))
	job.data.RawSetString("verify_only", lua.LBool(x.s.VerifyOnly()))
	job.data.RawSetString("attempt", lua.LNumber(x.s.Attempt()))
	job.get = func(c *args, _ lua.LValue, key string) (lua.LValue, bool, error) {
		if key != "size" && key != "sha256" {
			return nil, false, nil
		}
		im, err := x.s.Image(c.ctx)
		if im == nil || err != nil {
			return nil, false, err
		}
		job.data.RawSetString("size", lua.LNumber(im.Size()))
		job.data.RawSetString("sha256", lua.LString(im.SHA256()))
		return job.data.RawGetString(key), true, nil
	}
	return x.record(job)
}

// stepOptions are those of s:step.
type stepOptions struct {
	Retries  int           `lua:"retries"`
	Timeout  time.Duration `lua:"timeout"`  // of each try
	Destroys string        `lua:"destroys"` // job.target
	Aborts   console.Watch `lua:"aborts"`
}

// sequenceStep is a step that a board adds to the default sequence, with the options that it is run with.
type sequenceStep struct {
	Name     string         `lua:"name,required"`
	Run      *lua.LFunction `lua:"run,function,required"`
	Retries  int            `lua:"retries"`
	Timeout  time.Duration  `lua:"timeout"`
	Destroys bool           `lua:"destroys"`
	Aborts   console.Watch  `lua:"aborts"`
}

var (
	sessionStepOptions = option.Declare[stepOptions](2, "session:step")
	_                  = option.Declare[sequenceStep](2, "sequence:before", "sequence:after") // lib/uboot_busybox.lua reads them
)

// step is s:step(name, [options], function).
func (x *session) step(c *args) ([]lua.LValue, error) {
	name, at := c.str(1, "step's name"), 2
	if _, ok := c.opt(2).(*lua.LFunction); !ok {
		at = 3
	}
	f := c.function(at, "step's function")
	if !c.none(at + 1) {
		c.fail("options come before the function: s:step(name, { … }, function)")
	}
	var o stepOptions
	if at == 3 {
		readOptions(c, sessionStepOptions, &o)
	}
	if target := x.s.Target().Name; o.Destroys != "" && o.Destroys != target {
		c.fail("option destroys must be job.target, %q, not %q", target, o.Destroys)
	}
	var results []lua.LValue
	err := x.s.Step(c.ctx, name, engine.StepOptions{
		Retries: o.Retries, Timeout: o.Timeout, Destroys: o.Destroys != "", Watch: o.Aborts,
	}, func(ctx context.Context) (err error) {
		results, err = x.Call(ctx, f)
		return err
	})
	return results, err
}

func (x *session) powerMethod(do func(context.Context) error) builtin {
	return func(c *args) ([]lua.LValue, error) { return nil, do(c.ctx) }
}

func (x *session) note(c *args) ([]lua.LValue, error) {
	x.s.Note(x.ToString(c.ctx, c.any(1, "text")))
	return nil, nil
}

func (x *session) uboot(c *args) ([]lua.LValue, error) {
	ub, err := x.s.UBoot(c.ctx)
	if err != nil {
		return nil, err
	}
	methods := x.ubootMethods(ub, x.s.BeforeCommand)
	methods["dhcp"] = func(c *args) ([]lua.LValue, error) {
		address, err := x.s.DHCP(c.ctx, ub)
		return []lua.LValue{lua.LString(address)}, err
	}
	methods["load"] = func(c *args) ([]lua.LValue, error) { return nil, x.s.Load(c.ctx, ub, x.files(c)...) }
	methods["boot"] = x.boot(ub)
	return ret(x.object("uboot", ub.Live, methods, nil))
}

// files are the names to load: none for all, one, a list, or a table like the policy's files.
func (x *session) files(c *args) []string {
	var names []string
	switch v := c.opt(1).(type) {
	case *lua.LNilType:
	case lua.LString:
		names = []string{string(v)}
	case *lua.LTable:
		list, _ := tableIn(v)
		list.ForEach(func(k, f lua.LValue) {
			name, ok := f.(lua.LString) // a list of names
			if _, index := k.(lua.LNumber); !index || !ok {
				name, ok = k.(lua.LString)
			}
			if !ok {
				c.fail("argument 1 must name files of the policy")
			}
			names = append(names, string(name))
		})
		slices.Sort(names)
	default:
		c.fail("argument 1 must name files of the policy, not be a %s", v.Type())
	}
	known := slices.Sorted(maps.Keys(x.s.Policy().Files))
	for _, name := range names {
		if !slices.Contains(known, name) {
			c.fail("the policy has no file %q%s; a file must be in files, where it is found before the board gets power", name, DidYouMean(name, known))
		}
	}
	return names
}

func (x *session) boot(ub *uboot.UBoot) builtin {
	return func(c *args) ([]lua.LValue, error) {
		cmd := c.strDefault(1, "boot command", x.s.Policy().Boot)
		if cmd == "" {
			c.fail("the policy has no boot command")
		}
		sh, err := x.s.Boot(c.ctx, ub, cmd)
		if err != nil {
			return nil, err
		}
		return []lua.LValue{x.newShell(sh)}, nil
	}
}

func (x *session) shell(c *args) ([]lua.LValue, error) {
	sh, err := x.s.Shell(c.ctx)
	if err != nil {
		return nil, err
	}
	return []lua.LValue{x.newShell(sh)}, nil
}

func (x *session) newShell(sh *shell.Shell) lua.LValue {
	methods := x.shellMethods(sh, x.s.BeforeCommand)
	methods["write"] = func(c *args) ([]lua.LValue, error) {
		if v := c.opt(1); v != lua.LNil && v != x.job {
			c.fail("argument 1 must be the job that flash was given")
		}
		return nil, x.s.Write(c.ctx, sh)
	}
	return x.object("shell", sh.Live, methods, nil)
}

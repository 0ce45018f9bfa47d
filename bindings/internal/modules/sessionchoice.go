package modules

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// NewTargetArgs returns what a policy's target is called with: the session, the job, and a record with the prompt or
// the shell that is there.
func NewTargetArgs(state *vm.State, s *engine.Session, ub *uboot.UBoot, sh *shell.Shell) []lua.LValue {
	x := newSession(state, s)
	at := &vm.ReadOnly{Kind: "at", Names: []string{"uboot", "shell"}, Values: state.L.NewTable(), Hint: "it has the prompt of U-Boot, or the shell"}
	if ub != nil {
		at.Values.RawSetString("uboot", x.newUBoot(ub))
	}
	if sh != nil {
		at.Values.RawSetString("shell", x.newShell(sh))
	}
	return []lua.LValue{x.value, x.job, state.Record(at)}
}

// ubootCommand makes do, a command of the script at U-Boot's prompt, void the receipts if it may change the medium.
func ubootCommand[T any](s *engine.Session, do func(context.Context, console.Command) (T, error), output func(T) string) func(context.Context, console.Command) (T, error) {
	return func(ctx context.Context, cmd console.Command) (res T, err error) {
		after, err := s.BeforeUBootCommand(cmd.Text)
		if err != nil {
			return res, err
		}
		res, err = do(ctx, cmd)
		return res, after(output(res), err)
	}
}

type writeOptions struct {
	Target string `lua:"target"`
	Image  string `lua:"image"`
}

var mediumOptions = option.Declare[writeOptions](2, "shell:write", "shell:verify", "uboot:verify")

// ubootWriteOptions are those of uboot:write.
type ubootWriteOptions struct {
	Target string         `lua:"target"`
	Image  string         `lua:"image"`
	By     engine.LoadWay `lua:"by,station_way"`
	Baud   int            `lua:"baud"`
}

var ubootWrite = option.Declare[ubootWriteOptions](2, "uboot:write")

func (x *session) newShell(sh *shell.Shell) lua.LValue {
	methods := shellMethods(sh, x.s.BeforeCommand)
	x.addWriters(methods, sh)
	return x.object("shell", sh.Live, methods, nil)
}

// addWriters adds write and verify, at a prompt.
func (x *session) addWriters(methods map[string]vm.Builtin, p engine.Prompt) {
	call := func(do func(context.Context, engine.Prompt, engine.WriteOptions) error) vm.Builtin {
		return func(c *vm.Args) ([]lua.LValue, error) {
			x.requireJob(c)
			var o writeOptions
			luaoption.Read(c, mediumOptions, &o)
			return nil, do(c.Ctx, p, engine.WriteOptions{Target: o.Target, Image: o.Image})
		}
	}
	methods["write"], methods["verify"] = call(x.s.WriteTo), call(x.s.Verify)
}

// addUBootWrite adds write at U-Boot's prompt, which can get the image in more than one way.
func (x *session) addUBootWrite(methods map[string]vm.Builtin, ub *uboot.UBoot) {
	methods["write"] = func(c *vm.Args) ([]lua.LValue, error) {
		x.requireJob(c)
		var o ubootWriteOptions
		luaoption.Read(c, ubootWrite, &o)
		load := engine.LoadOptions{By: o.By, Baud: o.Baud}
		return nil, x.s.WriteTo(c.Ctx, ub, engine.WriteOptions{Target: o.Target, Image: o.Image, Load: load})
	}
}

// requireJob refuses a call whose first argument is another job.
func (x *session) requireJob(c *vm.Args) {
	if v := c.Opt(1); v != lua.LNil && v != x.job {
		c.Fail("argument 1 must be the job that flash was given")
	}
}

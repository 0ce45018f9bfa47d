package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/interp"
)

// exec runs a program.
func (sh *shell) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	p := &process{
		system: sh.system, sh: sh, ctx: ctx, name: args[0], args: args[1:], dir: hc.Dir, env: hc.Env,
		in: hc.Stdin, out: keptOutput(hc.Stdout), err: hc.Stderr,
	}
	stdin, piped := hc.Stdin.(*os.File)
	if !piped || stdin == nil {
		p.in = keyboard{sh.term, ctx}
	}
	code := p.start()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if code != 0 {
		return interp.ExitStatus(uint8(code))
	}
	return nil
}

func (p *process) start() int {
	if name, ours := strings.CutPrefix(p.name, hidden); ours {
		return p.builtin(name)
	}
	_, err := p.lookup(p.dir, p.env, p.name)
	switch {
	case errors.Is(err, syscall.EACCES):
		fmt.Fprintf(p.err, "%s: %s: Permission denied\n", p.sh.said, p.name)
		return 126
	case err != nil && isMissing(p.name):
		fmt.Fprintf(p.err, "%s: %s: not in this simulation\n", p.sh.said, p.name)
		return 127
	case err != nil:
		fmt.Fprintf(p.err, "%s: %s: not found\n", p.sh.said, p.name)
		return 127
	}
	p.name = path.Base(p.name)
	return p.applet()
}

// applet runs the applet of the process' name: every program of the board is a link to busybox.
func (p *process) applet() int {
	run, ok := applet(p.name)
	if !ok {
		fmt.Fprintf(p.err, "%s: applet not found\n", p.name)
		return 127
	}
	return run(p)
}

// shell runs a script in a shell of its own.
func (p *process) shell(name, zero, text string, params []string) int {
	std := streams{out: p.out, err: p.err}
	if f, ok := p.in.(*os.File); ok {
		std.in = f
	}
	return p.newShell(name, zero, p.dir, exported(p.env), std, params).script(p.ctx, text)
}

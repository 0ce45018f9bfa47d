package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// session is what a user has between login and logout.
type session struct {
	*system
	sh *shell
}

func newSession(s *system) *session {
	std := streams{out: s.term, err: s.term}
	return &session{s, s.newShell("-sh", "-sh", homeDir, environment(), std, nil)}
}

// run reads and runs commands until the user leaves or the board goes down.
func (x *session) run(ctx context.Context) {
	var text []string // of a command that is not complete
	for ctx.Err() == nil {
		prompt := x.prompt()
		if len(text) > 0 {
			prompt = "> "
		}
		line, err := x.term.readCommand(ctx, prompt)
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return
		case err != nil:
			text = nil
			x.status(130)
			continue
		}
		x.reached(AtShell)
		text = append(text, line)
		f, unfinished, err := x.sh.parse(strings.Join(text, "\n") + "\n")
		if unfinished {
			continue
		}
		text = nil
		if err != nil {
			fmt.Fprintf(x.term, "-sh: %v\n", err)
			x.status(2)
			continue
		}
		if x.foreground(ctx, f) {
			return
		}
	}
}

// prompt is the directory before a sign, as busybox has it, or what the board has in its place.
func (x *session) prompt() string {
	if slices.Contains([]string{"#", "$", ">"}, strings.TrimSpace(x.cfg.Prompt)) {
		return x.sh.run.Dir + " " + x.cfg.Prompt
	}
	return x.cfg.Prompt
}

// foreground runs one line, which Ctrl-C ends, and reports whether the shell was left.
func (x *session) foreground(ctx context.Context, f *syntax.File) (left bool) {
	ctx, interrupt := context.WithCancelCause(ctx)
	defer interrupt(nil)
	x.term.hand(&foreground{ctx, interrupt})
	_, left = x.sh.statements(ctx, f)
	x.term.hand(nil)
	if errors.Is(context.Cause(ctx), errInterrupt) {
		x.term.say("\n")
		x.status(130)
	}
	return left
}

// status sets $?.
func (x *session) status(code int) {
	f, _, err := x.sh.parse(fmt.Sprintf("(exit %d)", code))
	must(err)
	x.sh.statements(context.Background(), f)
}

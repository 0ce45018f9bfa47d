package simboard

import (
	"context"
	"strings"
)

// The shells of a simulated U-Boot.
const (
	ShellHush   = "hush"
	ShellSimple = "simple" // no $?, no NAME=VALUE, no if; quotes do not join words
	ShellBare   = "bare"   // likewise, and no echo
)

// maxArgs is CONFIG_SYS_MAXARGS.
const maxArgs = 32

// hasHush reports whether U-Boot's shell is hush.
func (u *bootloader) hasHush() bool {
	return u.b.cfg.Shell != ShellSimple && u.b.cfg.Shell != ShellBare
}

// simpleLine runs a line as U-Boot's simple shell does. Source: common/cli_simple.c.
func (u *bootloader) simpleLine(ctx context.Context, text string) error {
	for _, command := range splitSimple(text) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		args := strings.Fields(u.expandSimple(command))
		if len(args) > maxArgs {
			u.printf("** Too many args (max. %d) **\n", maxArgs)
			args = args[:maxArgs]
		}
		if err := u.command(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

// splitSimple splits a line at the semicolons that are not quoted.
func splitSimple(text string) (all []string) {
	quoted, from := false, 0
	for i := range len(text) {
		escaped := i > 0 && text[i-1] == '\\'
		switch {
		case text[i] == '\'' && !escaped:
			quoted = !quoted
		case text[i] == ';' && !quoted && !escaped && i > from:
			all, from = append(all, text[from:i]), i+1
		}
	}
	return append(all, text[from:])
}

// expandSimple removes quotes and backslashes, and expands ${NAME} and $(NAME).
func (u *bootloader) expandSimple(text string) string {
	var out strings.Builder
	quoted, prev := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !quoted && c == '\\' && prev != '\\' {
			if i++; i == len(text) {
				break
			}
			prev, c = '\\', text[i]
		}
		switch {
		case c == '\'' && prev != '\\':
			quoted = !quoted
		case c == '$' && prev != '\\' && !quoted && i+1 < len(text) && (text[i+1] == '{' || text[i+1] == '('):
			name, _, _ := strings.Cut(text[i+2:], map[byte]string{'{': "}", '(': ")"}[text[i+1]])
			out.WriteString(u.env[name])
			i += len(name) + 2
		default:
			out.WriteByte(c)
		}
		prev = c
	}
	return out.String()
}

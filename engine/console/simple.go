package console

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Some U-Boots have a shell without $?, and some have no echo. There a command is framed by two words that are no
// commands: U-Boot answers "Unknown command 'WORD'", also if it was the command in the middle that failed. Such a
// shell keeps no exit code, so that success is judged by what the command printed. Source: U-Boot,
// common/cli_simple.c; before 2014, common/main.c.

// UBootSimple returns the dialect of a U-Boot without hush. It can be used with hush too.
func UBootSimple(prompt string, line int) Dialect {
	return Dialect{
		Name: "U-Boot", Prompt: prompt, Line: line, byUnknown: true, checkClosed: checkSimple,
		wrap: func(w marker, cmd string) string { return fmt.Sprintf(" %sb;%s;%[1]se", w.word(), cmd) },
	}
}

// checkSimple refuses a command that would change how the rest of its line is read.
func checkSimple(cmd string) error {
	if strings.ContainsAny(cmd, "\n\t") {
		return errors.New("it has more than one line, or a tab")
	}
	quoted := false
	for i, r := range cmd { // a quote counts unless it follows a backslash
		if r == '\'' && (i == 0 || cmd[i-1] != '\\') {
			quoted = !quoted
		}
	}
	if quoted || strings.HasSuffix(cmd, `\`) {
		return errors.New("a quote or backslash in it is left open")
	}
	return nil
}

// plainWord is a word that no shell of U-Boot changes.
var plainWord = regexp.MustCompile(`^[\w./:,+@%=-]+$`)

// QuoteUBootSimple returns s so that a U-Boot without hush passes it on unchanged. Quotes do not join words there:
// a value with blanks becomes several arguments, which setenv joins with one blank each. An error names what cannot
// be expressed.
func QuoteUBootSimple(s string) (string, error) {
	switch {
	case s == "" || plainWord.MatchString(s):
		return s, nil
	case strings.Contains(s, `\`):
		return "", simpleError(s, "a backslash")
	case strings.ContainsAny(s, "\n\t") || strings.Contains(s, "  ") || strings.TrimSpace(s) != s:
		return "", simpleError(s, "a tab, a line end, or more than one blank in a row")
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", nil
}

func simpleError(s, what string) error {
	return classify.New(classify.ConsoleText, "%q cannot be typed at a U-Boot without hush: it contains %s", s, what)
}

// unknownCommand returns the pattern of U-Boot's answer to a word that is no command.
func unknownCommand(word string) Pattern {
	return regexpAcrossKernelLines(`Unknown command:? ?['"]?` + word + `\b['"]?`)
}

// noPattern matches nothing.
var noPattern = Regexp(`\z.`)

// simpleFailure matches a line of U-Boot that says that a command failed.
var simpleFailure = regexp.MustCompile(`(?m)^(?:Unknown command|Usage:|## Error|\*\* |Bad |ERROR\b|Error\b|Wrong \S+ (?:Image )?Format|syntax error|<INTERRUPT>|` +
	`TFTP error|Not retrying|Network is (?:down|unreachable)|No ethernet found|Abort|Can't |Could not |FAILED|Failed)|` +
	`Retry (?:count|time) exceeded|" not defined$| - no such (?:file|device)`)

// simpleCode returns the exit code that the output of a command stands for: 0 or 1.
func simpleCode(output string) int {
	if simpleFailure.MatchString(output) {
		return 1
	}
	return 0
}

// lacksHush matches the answer of a U-Boot that does not know what a command is framed with.
var lacksHush = Abort{
	Pattern: Regexp(`Unknown command:? ?['"]?(?:echo['" \r\n]|fl=)`),
	Kind:    classify.UBootShell,
	Message: "this U-Boot has no hush shell, or no command echo",
	Hint:    `set uboot.shell = "simple" in the policy`,
}

// refusal returns the error that says why a framed command did not run, otherwise nil.
func (g *capture) refusal() error {
	for _, a := range g.dialect.refusals {
		g.con.stream.mu.Lock()
		found := a.Pattern.find(g.buf, 0) != nil
		g.con.stream.mu.Unlock()
		if found {
			return g.con.Fail(&classify.Error{Kind: a.Kind, Msg: a.Message, Hint: a.Hint})
		}
	}
	return nil
}

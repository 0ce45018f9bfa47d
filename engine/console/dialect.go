package console

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// Dialect says how to talk to a command interpreter.
type Dialect struct {
	Name   string // for people: "U-Boot"
	Prompt string // how its prompt ends
	Line   int    // the longest line that it takes, in bytes

	// Wrap frames cmd between two echoes. For a = "x1", b = "y2" and cmd = "ls", the line for U-Boot is
	//
	//	 echo 'x1''y2:b';setenv fl;ls;fl=y2:$?;echo 'x1'$fl:$fl:e
	//
	// which prints x1y2:b before the output of ls, and x1y2:0:y2:0:e after it if the exit code is 0. In the line, a
	// and b are apart, so that its echo contains neither marker. The variable fl keeps what the second echo prints
	// after a, so that it can be printed again if it was lost.
	Wrap func(a, b, cmd string) string

	// setup is a command after which shortWrap does what Wrap does in fewer characters: on a serial line, the
	// characters are most of the cost of a short command. Both may be unset.
	setup     string
	shortWrap func(a, b, cmd string) string

	// checkClosed refuses a command that the interpreter would continue on the next line, for instance an open
	// quote.
	checkClosed func(cmd string) error

	// disableEditing is typed once the shell answers. It makes a line editor show lines as they are typed.
	disableEditing string

	// byUnknown means that commands are framed by unknown commands, and that their output stands for the exit code.
	byUnknown bool

	// refusals are answers to a framed command that did not run.
	refusals []Abort

	// Abort lists the texts that mean failure whenever they are printed.
	Abort []Abort

	// BootTime is when the kernel's clock was at zero. With it, what the kernel prints while a command runs is
	// distinguished from the output of the command, for instance of dmesg. The zero time means unknown.
	BootTime time.Time

	// KernelOnConsole reports whether the kernel prints on the console, as far as is known. CheckKernelQuiet asks
	// the board; it may be nil.
	KernelOnConsole  bool
	CheckKernelQuiet func(ctx context.Context) (bool, error)
}

// Every typed line starts with a space because some boards drop the first character. U-Boot repeats the previous
// command on an empty line, except non-repeatable ones such as setenv.

// UBoot returns the dialect of U-Boot's shell, hush.
func UBoot(prompt string, line int) Dialect {
	return Dialect{
		Name: "U-Boot", Prompt: prompt, Line: line, refusals: []Abort{lacksHush}, checkClosed: func(cmd string) error {
			if strings.ContainsAny(cmd, "\n\t") {
				return errors.New("it has more than one line, or a tab")
			}
			return closedQuotesUBoot(cmd)
		},
		Wrap: func(a, b, cmd string) string {
			return fmt.Sprintf(` echo '%s''%s:b';setenv fl;%s;fl=%[2]s:$?;echo '%[1]s'$fl:$fl:e`, a, b, cmd)
		},
	}
}

// bareWord needs no quotes in any shell.
var bareWord = regexp.MustCompile(`^[\w./-]+$`)

// POSIX returns the dialect of a POSIX shell. The command runs in the shell itself, so that cd and variables
// persist; it reads from /dev/null, so that it cannot consume what is typed next; a syntax error does not suppress
// the second echo.
func POSIX(prompt string, line int) Dialect {
	return Dialect{
		Name: "the shell", Prompt: prompt, Line: line, checkClosed: closedQuotes,
		// The command sees neither the arguments nor the variables of the function, except flw, flc and fl.
		setup: `fl(){ flw=$1 flc=$2;set --;echo "$flw:b";command eval "$flc" </dev/null;fl=${flw#???}:$?;echo "${flw%???}$fl:$fl:e";}`,
		shortWrap: func(a, b, cmd string) string {
			if !bareWord.MatchString(cmd) {
				cmd = quoteLine(cmd)
			}
			return " fl " + a + b + " " + cmd
		},
		disableEditing: " set +o emacs +o vi 2>/dev/null", // on terminals that it does not know, bash scrolls long lines sideways
		Wrap: func(a, b, cmd string) string {
			return fmt.Sprintf(` echo '%s''%s:b';command eval %s </dev/null;fl=%[2]s:$?;echo '%[1]s'$fl:$fl:e`, a, b, quoteLine(cmd))
		},
	}
}

// Framed returns the length of the line in which cmd is typed, in bytes, with its Enter.
func (d Dialect) Framed(cmd string) int {
	m := newMarker()
	return len(d.Wrap(m.a, m.b, cmd)) + 1
}

// check refuses a command that cannot be framed.
func (d Dialect) check(cmd string) error {
	err := checkText(cmd)
	if err == nil {
		err = d.checkClosed(cmd)
	}
	if err != nil {
		return classify.Wrap(err, classify.ConsoleText, "cannot type %s", abbreviate(cmd))
	}
	if n := d.Framed(cmd); n > d.Line {
		return classify.WithHint(
			classify.New(classify.ConsoleText, "the command %s is %d bytes long when framed, %s takes %d", abbreviate(cmd), n, d.Name, d.Line),
			"split it, or raise line_limit in the policy if the board takes more")
	}
	return nil
}

// checkText refuses bytes that a terminal would act upon.
func checkText(cmd string) error {
	for _, r := range cmd {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
			return fmt.Errorf("it contains the control character %q", r)
		}
	}
	return nil
}

// prompts returns the patterns of the prompts after which a line may be typed. learned is a prompt that is not the
// dialect's; "" is none.
func (d Dialect) prompts(learned string) []Pattern {
	var patterns []Pattern
	for _, p := range []string{d.Prompt, learned} {
		if p != "" {
			patterns = append(patterns, Text(p))
		}
	}
	return patterns
}

// endsWithPrompt reports whether the last line of buf is a prompt.
func (d Dialect) endsWithPrompt(buf []byte, learned string) bool {
	row := textOf(tokens(buf))
	row = row[strings.LastIndexByte(row, '\n')+1:]
	bare := strings.TrimRight(row, " ")
	return bare != "" && (row == learned || d.Prompt != "" && strings.HasSuffix(bare, strings.TrimRight(d.Prompt, " ")))
}

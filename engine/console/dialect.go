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

	// wrap frames cmd between two echoes. For the marker kxkpeb and the command ls, the line for U-Boot is
	//
	//	 echo p'eb:';setenv fl;ls;fl=kxkpeb$?;echo $fl:$fl.
	//
	// which prints peb: before the output of ls, and kxkpeb0:kxkpeb0. after it if the exit code is 0. The echo of the
	// line contains neither. The variable fl keeps what the second echo prints, so that it can be printed again if it
	// was lost.
	wrap func(w marker, cmd string) string

	// setup is a line that makes shortWrap do what wrap does in fewer characters: on a serial line, the characters
	// are most of the cost of a short command. It ends like the line of a framed command. Both may be unset.
	setup     func(marker) string
	shortWrap func(w marker, cmd string) string

	// checkClosed refuses a command that the interpreter would continue on the next line, for instance an open
	// quote.
	checkClosed func(cmd string) error

	// prepare is a line that is typed once the interpreter answers. Its failure does no harm.
	prepare string

	// repairs are lines that are typed one after another as long as setup fails, which is tried again after each.
	// They do nothing in a shell that does not need them.
	repairs []string

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

// Every typed line starts with a space because some boards drop the first character.

// UBoot returns the dialect of U-Boot's shell, hush.
func UBoot(prompt string, line int) Dialect {
	return Dialect{
		Name: "U-Boot", Prompt: prompt, Line: line, refusals: []Abort{lacksHush}, checkClosed: func(cmd string) error {
			if strings.ContainsAny(cmd, "\n\t") {
				return errors.New("it has more than one line, or a tab")
			}
			return closedQuotesUBoot(cmd)
		},
		prepare: " setenv fl", // a variable of the environment would hide that of the shell
		wrap: func(w marker, cmd string) string {
			// U-Boot repeats the previous line on an empty one, unless a command such as setenv was in it.
			once := "setenv fl;"
			if strings.HasPrefix(cmd, "setenv ") {
				once = ""
			}
			return fmt.Sprintf(` echo %s;%s%s;fl=%s$?;echo $fl:$fl.`, w.quotedBegin(), once, cmd, w.word())
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
		// The command sees neither the arguments nor the variables of the function, except fl and fc.
		setup: func(w marker) string {
			return ` fl(){ fl=$1 fc=$2;set --;echo $fl:;command eval "$fc"</dev/null;fl=$fl$?;echo "$fl:$fl.";};fl ` + w.word()
		},
		// On terminals that they do not know, bash and zsh scroll long lines sideways, so that the echo differs.
		// The "command eval" of zsh runs nothing.
		repairs: []string{" set +o emacs +o vi +o zle", " emulate sh"},
		shortWrap: func(w marker, cmd string) string {
			if !bareWord.MatchString(cmd) {
				cmd = quoteLine(cmd)
			}
			return " fl " + w.word() + " " + cmd
		},
		wrap: func(w marker, cmd string) string {
			return fmt.Sprintf(` echo %s;command eval %s </dev/null;fl=%s$?;echo "$fl:$fl."`, w.quotedBegin(), quoteLine(cmd), w.word())
		},
	}
}

// Frame returns a line in which cmd is typed, with its Enter.
func (d Dialect) Frame(cmd string) string { return d.wrap(newMarker(), cmd) + "\n" }

// Check returns an error if a command cannot be framed.
func (d Dialect) Check(cmd string) error {
	err := checkText(cmd)
	if err == nil {
		err = d.checkClosed(cmd)
	}
	if err != nil {
		return classify.Wrap(err, classify.ConsoleText, "cannot type %s", abbreviate(cmd))
	}
	if n := len(d.Frame(cmd)); n > d.Line {
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

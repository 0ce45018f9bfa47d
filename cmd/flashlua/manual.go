package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
)

func (env Env) manualCommand() *cli.Command {
	return &cli.Command{
		Name: "manual", Usage: "print the manual page, for man", OnUsageError: onUsageError,
		Description: "The packages contain it as flashlua(1). To read it without a package:\n\n  flashlua manual | man -l -",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageErrorFor("manual", "unexpected argument %q", c.Args().First())
			}
			_, err := fmt.Fprint(env.Stdout, manual(c.App))
			return stdoutError(err)
		},
	}
}

// exitMeanings are the exit codes that the manual page lists.
var exitMeanings = []struct{ codes, meaning string }{
	{fmt.Sprint(int(engine.ExitVerified)), "The image is verified on the medium; with --dry-run, the plan can work."},
	{fmt.Sprint(int(engine.ExitInternal)), "A bug in flashlua."},
	{fmt.Sprint(int(engine.ExitPlan)), "Nothing was touched: the command line, the policy or the plan cannot work."},
	{fmt.Sprint(int(engine.ExitFatal)), "Another attempt cannot fix the failure, or the final power state could not be set."},
	{fmt.Sprint(int(engine.ExitExhausted)), "Every attempt failed."},
	{fmt.Sprint(int(engine.ExitDeadline)), "The total deadline passed."},
	{fmt.Sprint(int(engine.ExitOutput)), "The run succeeded, but an output could not be written."},
	{fmt.Sprint(int(engine.ExitTempFail)), "Nothing was touched, and the same command may succeed later."},
	{"130, 143", "SIGINT or SIGTERM ended the run."},
}

// roff is a manual page under construction, in the macros of man(7).
type roff struct{ strings.Builder }

// manual returns the manual page of flashlua. It is made from the declarations that the help is made from.
func manual(app *cli.App) string {
	var p roff
	date, build := "", engine.ReadBuild()
	if !build.Date.IsZero() {
		date = build.Date.UTC().Format(time.DateOnly)
	}
	p.macro("TH", "FLASHLUA", "1", date, "flashlua", "flashlua")
	p.macro("SH", "NAME")
	p.line(app.Name + " - " + app.Usage)
	p.macro("SH", "SYNOPSIS")
	p.macro("B", "flashlua COMMAND")
	p.line("[flags] [arguments]")
	p.macro("SH", "COMMANDS")
	groups := groupCommands(app.VisibleCommands())
	for _, g := range groups {
		p.macro("SS", g.title)
		p.rows(g.rows)
	}
	p.macro("SH", "FLAGS")
	p.flags("", app.VisibleFlags())
	for _, g := range groups {
		for _, row := range g.rows {
			if cmd := app.Command(row[0]); cmd.Name != "help" {
				p.command(app.Name, cmd)
			}
		}
	}
	p.macro("SH", "ENVIRONMENT")
	p.line("The variable FLASHLUA_NAME sets the flag --name. The command flashlua env shows the variables and their values.")
	p.macro("SH", "EXIT STATUS")
	for _, e := range exitMeanings {
		p.rows([][2]string{{e.codes, e.meaning}})
	}
	p.macro("SH", "VERSION") // a pseudo-version is too long for the foot of the page
	p.line("This page describes flashlua " + build.Version + ".")
	p.macro("SH", "SEE ALSO")
	p.line("https://" + engine.ModulePath + "/tree/main/docs has the documents.")
	return p.String()
}

// command prints a command and its subcommands, each as a section.
func (p *roff) command(parent string, cmd *cli.Command) {
	name := parent + " " + cmd.Name
	p.macro("SH", strings.ToUpper(name))
	p.line(cmd.Usage)
	p.macro("PP")
	p.macro("B", name)
	p.line(strings.TrimSpace("[flags] " + cmd.ArgsUsage))
	p.description(cmd.Description)
	p.flags(cmd.Name, cmd.VisibleFlags())
	for _, sub := range cmd.Subcommands {
		if !sub.Hidden {
			p.command(name, sub)
		}
	}
}

// description prints paragraphs, and indented lines as they are.
func (p *roff) description(text string) {
	const paragraph, example = 1, 2
	in := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		next := paragraph
		switch {
		case line == "":
			next = 0
		case line[0] == ' ':
			next = example
		}
		if in == example && next != example {
			p.macro("fi")
			p.macro("RE")
		}
		if in != next {
			switch next {
			case paragraph:
				p.macro("PP")
			case example:
				p.macro("PP")
				p.macro("RS", "2")
				p.macro("nf")
			}
		}
		if in = next; line != "" {
			p.line(line)
		}
	}
	if in == example {
		p.macro("fi")
		p.macro("RE")
	}
}

func (p *roff) flags(command string, all []cli.Flag) {
	for _, g := range groupFlags(command, all) {
		if len(g.rows) > 0 {
			p.macro("SS", cmp.Or(g.title, "Flags"))
			p.rows(g.rows)
		}
	}
}

// rows prints terms, each with its text.
func (p *roff) rows(all [][2]string) {
	for _, row := range all {
		p.macro("TP")
		p.macro("B", row[0])
		p.line(row[1])
	}
}

// macro prints a line with a macro and its arguments.
func (p *roff) macro(name string, args ...string) {
	p.WriteString("." + name)
	for _, arg := range args {
		p.WriteString(` "` + strings.ReplaceAll(roffText(arg), `"`, `\(dq`) + `"`)
	}
	p.WriteString("\n")
}

// line prints a line of text. A period or an apostrophe at its begin would make it a macro.
func (p *roff) line(text string) {
	text = strings.TrimRight(text, " ")
	if trimmed := strings.TrimLeft(text, " "); strings.HasPrefix(trimmed, ".") || strings.HasPrefix(trimmed, "'") {
		text = text[:len(text)-len(trimmed)] + `\&` + roffText(trimmed)
	} else {
		text = roffText(text)
	}
	p.WriteString(text + "\n")
}

// roffText returns a text without escapes. An unescaped hyphen could not be copied into a shell.
func roffText(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
}

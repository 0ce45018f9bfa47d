package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

const (
	helpWidth    = 80  // columns of the help that is not on a terminal
	maxHelpWidth = 120 // columns: longer lines are hard to read
	minHelpText  = 30  // columns of a description, or it gets lines of its own
	helpIndent   = 3
)

// helpGroup is a group of flags or commands in the help.
type helpGroup struct {
	title string
	names []string
}

// flagGroups are the flags of run and verify. A flag that is in none of them stands after the last one.
var flagGroups = []helpGroup{
	{"Image", []string{"image", "part", "sha256", "format", "max-size", "no-bmap", "strict"}},
	{"Board", []string{"port", "power", "place", "console", "output", "target", "variant", "files", "file", "tftp-dir", "set", "arg"}},
	{"Run", []string{"dry-run", "no-check", "retries", "timeout", "wait", "on", "on-binary"}},
	{"Stations", []string{"lab", "tag", "jobs", "canary", "stop-after", "resume"}},
	{"Outputs", []string{"verbose", "quiet", "out", "verdict", "events", "transcript", "junit", "summary", "results"}},
	{"Permissions", []string{"allow-exec", "allow-read", "allow-write"}},
}

// minGrouped is the number of flags from which a command's are grouped.
const minGrouped = 16

// commandGroups are the commands. One that is in none of them stands in the last group.
var commandGroups = []helpGroup{
	{"Flash", []string{"run", "verify", "write", "demo"}},
	{"Boards and labs", []string{"console", "ports", "boards", "lab", "hold", "tftp", "results", "report"}},
	{"Scripts", []string{"new", "check", "explain", "sim", "stub"}},
	{"flashlua itself", []string{"env", "version", "completion", "manual", "help"}},
}

// requiredFlags are the flags that a command needs, with the condition.
var requiredFlags = map[string]string{
	"run image": "required for a board, or --part", "run port": "required for a board without STATION", "run power": "required for a board without STATION",
	"verify image": "required, or --part", "verify port": "required without STATION", "verify power": "required without STATION",
	"write image": "required", "write to": "required", "console port": "required", "hold port": "required without STATION",
}

// helpWriter is the output of the help, with the width that it has.
type helpWriter struct {
	io.Writer
	columns func(w io.Writer) int // 0 is no terminal
}

func (h helpWriter) width() int {
	if h.columns == nil {
		return helpWidth
	}
	if n := h.columns(h.Writer); n > 0 {
		return min(n, maxHelpWidth)
	}
	return helpWidth
}

// urfave/cli has one printer for all apps. Its templates neither wrap descriptions nor mark what is required.
func init() { cli.HelpPrinter = printHelp }

// printHelp prints the help of an app or a command.
func printHelp(w io.Writer, _ string, data any) {
	p := helpText{width: helpWidth}
	if h, ok := w.(helpWriter); ok {
		p.width = h.width()
	}
	switch of := data.(type) {
	case *cli.App:
		p.heading("NAME", of.Name+" - "+of.Usage)
		p.heading("USAGE", of.Name+" COMMAND [flags]")
		p.title("COMMANDS")
		p.commands(of.VisibleCommands())
		p.title("FLAGS")
		p.flags("", of.VisibleFlags())
	case *cli.Command:
		p.heading("NAME", of.HelpName+" - "+of.Usage)
		p.heading("USAGE", strings.TrimSpace(of.HelpName+" [flags] "+of.ArgsUsage))
		p.heading("DESCRIPTION", of.Description)
		p.title("FLAGS")
		p.flags(of.Name, of.VisibleFlags())
	}
	io.WriteString(w, p.text.String())
}

// helpText is a help under construction.
type helpText struct {
	width int // columns
	text  strings.Builder
}

func (p *helpText) title(text string) {
	if p.text.Len() > 0 {
		p.text.WriteString("\n")
	}
	fmt.Fprintf(&p.text, "%s:\n", text)
}

// heading prints a title and a text below it. It wraps paragraphs, and the second column of indented rows. Other
// indented lines are examples, which stay.
func (p *helpText) heading(title, text string) {
	p.title(title)
	paragraph := ""
	flush := func() {
		p.wrapped(strings.Repeat(" ", helpIndent), helpIndent, paragraph)
		paragraph = ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != ' ' {
			paragraph += " " + line
			continue
		}
		flush()
		indent := len(line) - len(strings.TrimLeft(line, " "))
		gap := strings.LastIndex(line, "  ") + 2
		if gap <= indent+1 { // a row of one column
			p.text.WriteString(strings.TrimRight(strings.Repeat(" ", helpIndent)+line, " ") + "\n")
			continue
		}
		if p.width-helpIndent-utf8.RuneCountInString(line[:gap]) < min(minHelpText, utf8.RuneCountInString(line[gap:])) {
			p.text.WriteString(strings.Repeat(" ", helpIndent) + strings.TrimRight(line[:gap], " ") + "\n")
			p.wrapped(strings.Repeat(" ", helpIndent+indent+2), helpIndent+indent+2, line[gap:])
			continue
		}
		p.wrapped(strings.Repeat(" ", helpIndent)+line[:gap], helpIndent+utf8.RuneCountInString(line[:gap]), line[gap:])
	}
	flush()
}

// wrapped prints words in lines of the width. The first line begins with prefix, and the others are indented.
func (p *helpText) wrapped(prefix string, indent int, text string) {
	words := unbroken(strings.Fields(text), p.width-indent)
	if len(words) == 0 {
		return
	}
	line, used := prefix, utf8.RuneCountInString(prefix)
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && used+1+n > p.width:
			p.text.WriteString(line + "\n")
			line, used = strings.Repeat(" ", indent)+word, indent+n
		case i > 0:
			line, used = line+" "+word, used+1+n
		default:
			line, used = line+word, used+n
		}
	}
	p.text.WriteString(line + "\n")
}

// unbroken joins the words of a quoted text that is not longer than width.
func unbroken(words []string, width int) (all []string) {
	for len(words) > 0 {
		n := 1
		if quote := words[0][:1]; strings.ContainsAny(quote, `"'`) {
			end := slices.IndexFunc(words, func(w string) bool { return len(w) > 1 && strings.HasSuffix(strings.TrimRight(w, ",;.:"), quote) })
			if end >= 0 && utf8.RuneCountInString(strings.Join(words[:end+1], " ")) <= width {
				n = end + 1
			}
		}
		all, words = append(all, strings.Join(words[:n], " ")), words[n:]
	}
	return all
}

// rows prints rows of two columns. The second one is wrapped, below the first one if the width is too small.
func (p *helpText) rows(all [][2]string, indent, column int) {
	for _, row := range all {
		first := strings.Repeat(" ", indent) + row[0]
		n := utf8.RuneCountInString(first)
		if p.width-column < minHelpText {
			p.text.WriteString(first + "\n")
			p.wrapped(strings.Repeat(" ", indent+2), indent+2, row[1])
			continue
		}
		p.wrapped(first+strings.Repeat(" ", max(column-n, 2)), column, row[1])
	}
}

// column returns the column at which the second column of rows begins.
func column(all [][2]string, indent int) (n int) {
	for _, row := range all {
		n = max(n, indent+utf8.RuneCountInString(row[0])+2)
	}
	return n
}

// rowGroup is a group of rows of two columns: names and what they do.
type rowGroup struct {
	title string
	rows  [][2]string
}

// groupCommands returns the rows of commands in the order of commandGroups.
func groupCommands(all []*cli.Command) (groups []rowGroup) {
	rows := map[string][][2]string{}
	for _, cmd := range all {
		title := commandGroups[len(commandGroups)-1].title
		if i := slices.IndexFunc(commandGroups, func(g helpGroup) bool { return slices.Contains(g.names, cmd.Name) }); i >= 0 {
			title = commandGroups[i].title
		}
		usage := cmd.Usage
		if cmd.Name == "help" { // of urfave/cli
			usage = "print this help, or that of a command"
		}
		rows[title] = append(rows[title], [2]string{cmd.Name, usage})
	}
	for _, g := range commandGroups {
		if len(rows[g.title]) > 0 {
			groups = append(groups, rowGroup{g.title, rows[g.title]})
		}
	}
	return groups
}

// groupFlags returns the rows of the flags of a command, "" for those of the app, in the order of flagGroups. The last
// group has no title: it has the flags that are in no group, or all of a command with few flags.
func groupFlags(command string, all []cli.Flag) (groups []rowGroup) {
	rows := map[string][][2]string{}
	for _, f := range all {
		title := ""
		if i := slices.IndexFunc(flagGroups, func(g helpGroup) bool { return slices.Contains(g.names, f.Names()[0]) }); i >= 0 && len(all) >= minGrouped {
			title = flagGroups[i].title
		}
		rows[title] = append(rows[title], flagRow(command, f))
	}
	for _, g := range flagGroups {
		if len(rows[g.title]) > 0 {
			groups = append(groups, rowGroup{g.title, sortedRows(rows[g.title], g.names)})
		}
	}
	return append(groups, rowGroup{"", rows[""]})
}

func (p *helpText) commands(all []*cli.Command) {
	groups := groupCommands(all)
	var every [][2]string
	for _, g := range groups {
		every = append(every, g.rows...)
	}
	for _, g := range groups {
		fmt.Fprintf(&p.text, "\n%s%s\n", strings.Repeat(" ", helpIndent), g.title)
		p.rows(g.rows, helpIndent+2, column(every, helpIndent+2))
	}
}

// flags prints the flags of a command, "" for those of the app.
func (p *helpText) flags(command string, all []cli.Flag) {
	groups := groupFlags(command, all)
	indent := helpIndent
	if len(all) >= minGrouped {
		indent += 2
	}
	var every [][2]string
	for _, g := range groups {
		every = append(every, g.rows...)
	}
	for _, g := range groups {
		if g.title != "" {
			fmt.Fprintf(&p.text, "\n%s%s\n", strings.Repeat(" ", helpIndent), g.title)
		} else if len(all) >= minGrouped {
			p.text.WriteString("\n")
		}
		p.rows(g.rows, indent, column(every, indent))
	}
	hasVariable := slices.ContainsFunc(all, func(f cli.Flag) bool {
		name := f.Names()[0]
		return name != "help" && withoutVariable[name] == "" && withoutVariable[command+" "+name] == ""
	})
	if command != "" && hasVariable {
		p.text.WriteString("\n")
		p.wrapped("", 0, "A variable of the environment can set a flag: FLASHLUA_NAME is --name. flashlua env shows which of them apply.")
	}
}

// sortedRows returns the rows of flags in the order of their names.
func sortedRows(rows [][2]string, names []string) [][2]string {
	place := func(row [2]string) int {
		name, _, _ := strings.Cut(strings.TrimPrefix(row[0], "--"), " ")
		return slices.Index(names, strings.TrimSuffix(name, ","))
	}
	slices.SortStableFunc(rows, func(a, b [2]string) int { return place(a) - place(b) })
	return rows
}

// flagRow returns the names of a flag and what it does.
func flagRow(command string, f cli.Flag) [2]string {
	names, does, _ := strings.Cut(f.String(), "\t")
	if why := requiredFlags[command+" "+f.Names()[0]]; why != "" {
		does += " (" + why + ")"
	}
	return [2]string{names, does}
}

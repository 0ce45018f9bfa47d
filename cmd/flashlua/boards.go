package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) boardsCommand() *cli.Command {
	return &cli.Command{
		Name: "boards", Usage: "list the built-in boards, or show the effective settings of a board", ArgsUsage: "[show SCRIPT]",
		Description: "SCRIPT is a Lua file or the name of a built-in board.\n\n" +
			"  flashlua boards\n" +
			"  flashlua boards show qemu-arm64\n" +
			"  flashlua boards show ti-j784s4evm --source >boards/mine.lua",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			variantFlag(),
			&cli.BoolFlag{Name: "source", Usage: "with show: print the script"},
		},
		OnUsageError: onUsageError,
		Action:       env.boards,
	}
}

// usageErrorFor returns the error of a wrong command line, with a hint to the help of the command.
func usageErrorFor(command, format string, args ...any) error {
	return classify.WithHint(classify.New(classify.Usage, format, args...), "see flashlua %s --help", command)
}

func (env Env) boards(c *cli.Context) error {
	args := c.Args().Slice()
	switch {
	case len(args) == 0 && isGiven(c, "source"):
		return usageErrorFor("boards", "--source needs a board: flashlua boards show SCRIPT --source")
	case len(args) == 0 && isGiven(c, "variant"):
		return usageErrorFor("boards", "--variant needs a board: flashlua boards show SCRIPT --variant NAME")
	case len(args) == 0:
		return env.listBoards(c.Bool("json"))
	case args[0] != "show":
		return usageErrorFor("boards", "flashlua boards has no command %q, only show%s", args[0], bindings.DidYouMean(args[0], []string{"show"}))
	case len(args) == 1:
		return usageErrorFor("boards", "SCRIPT is required: flashlua boards show SCRIPT")
	case len(args) > 2:
		return usageErrorFor("boards", "unexpected argument %q", args[2])
	case c.Bool("source") && c.Bool("json"):
		return usageErrorFor("boards", "--source and --json exclude each other")
	}
	if err := checkVariant(c); err != nil {
		return err
	}
	s, err := bindings.Inspect(args[1], bindings.Options{Variant: c.String("variant")})
	if err == nil && !c.Bool("source") {
		_, err = s.Board()
	}
	switch {
	case err != nil:
		return err
	case c.Bool("source"):
		text := s.Text
		if env.Terminal(env.Stdout) > 0 { // to a file or a pipe the script is written unchanged
			text = []byte(visible.Text(string(text)))
		}
		_, err = env.Stdout.Write(text)
		return stdoutError(err)
	case c.Bool("json"):
		return printJSON(env.Stdout, newBoardDetail(s))
	}
	return printBoard(env.Stdout, s)
}

// boardLine is one row of the list of boards.
type boardLine struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Tested      string `json:"tested"` // where; "" if never on hardware
}

func (env Env) listBoards(asJSON bool) error {
	var all []boardLine
	for _, name := range bindings.Boards() {
		p, err := bindings.Load(name, bindings.Options{})
		if err != nil {
			return err
		}
		all = append(all, boardLine{p.Name, p.Description, p.Tested})
	}
	if asJSON {
		return printJSON(env.Stdout, all)
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, b := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\n", visible.Line(b.Name), visible.Line(b.Description), visible.Line(tested(b.Tested)))
	}
	return stdoutError(w.Flush())
}

// tested describes where a policy was run.
func tested(where string) string {
	if where == "" {
		return "never run on hardware"
	}
	return "tested: " + where
}

// boardDetail is the JSON of flashlua boards show.
type boardDetail struct {
	boardLine
	File      string          `json:"file"`
	BuiltIn   bool            `json:"built_in"`
	Variant   string          `json:"variant,omitempty"`
	FilesFrom string          `json:"files_from"`
	Own       map[string]bool `json:"own"`
	Settings  map[string]any  `json:"settings"` // by policy key, dotted as --set takes it
}

func newBoardDetail(s *bindings.Script) boardDetail {
	settings := map[string]any{}
	for _, x := range s.Settings {
		settings[x.Key] = x.Value
	}
	return boardDetail{boardLine{s.Policy.Name, s.Policy.Description, s.Policy.Tested}, s.File, s.Embedded, s.Policy.Variant, bootFilesDir(s.Policy), s.Overrides, settings}
}

// bootFilesDir returns the directory of a policy's boot files, which --files overrides.
func bootFilesDir(p *engine.Policy) string {
	if p.Dir == "" {
		return "."
	}
	return p.Dir
}

func printBoard(out io.Writer, s *bindings.Script) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", visible.Line(name), visible.Line(value)) }
	from := s.File
	if s.Embedded {
		from += ", built-in"
	}
	row("script", from)
	if s.Policy.Variant != "" {
		row("variant", s.Policy.Variant)
	}
	row("run", tested(s.Policy.Tested))
	row("boot files", "from "+bootFilesDir(s.Policy)+", or --files")
	for _, name := range slices.Sorted(maps.Keys(s.Overrides)) {
		what := "flashlua's"
		switch {
		case s.Overrides[name]:
			what = "the script's own"
		case name == "check":
			what = "none"
		}
		row(name, what)
	}
	for _, x := range s.Settings {
		row(x.Key, luaLiteral(x.Value))
	}
	return stdoutError(w.Flush())
}

// luaLiteral formats a value as a Lua literal.
func luaLiteral(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case uint64:
		return fmt.Sprintf("%#x", v)
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, luaLiteral(x))
		}
		return strings.TrimRight("{ "+strings.Join(all, ", "), " ") + " }"
	}
	return fmt.Sprint(v)
}

// stdoutError adds to a write error that it concerns the standard output.
func stdoutError(err error) error {
	return classify.Wrap(err, classify.Usage, "the standard output cannot be written")
}

func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(text.Bytes()))
	return stdoutError(err)
}

// escapeJSON escapes the characters that encoding/json leaves and a terminal would interpret. In JSON they occur only
// within strings.
func escapeJSON(text []byte) []byte {
	var out []byte
	for _, r := range string(text) {
		if visible.Is(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

package bindings

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/check"
	"github.com/flashlua/flashlua/bindings/internal/labfile"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/scripts"
)

// Options are what Load needs besides the script. The zero value is ready to use.
// Plain data: safe for concurrent use while nothing changes it. Runs that are under way at the same time call
// Log and the functions of Modules concurrently.
type Options struct {
	Set     map[string]string // policy keys, dotted, that the operator sets
	Variant string            // variant of the policy whose keys replace its own; "" is none

	// Secret returns the secret that the operator's value of a password in Set stands for, "env:NAME" for example. It
	// is called whenever the script is loaded. nil takes the value as it is.
	Secret func(value string) (string, error)

	Log func(string) // called with each line that scripts print; may be nil

	// FS is where the script is read from, and the modules that it requires; nil is the station's files. A path
	// in it has slashes, and no leading one. Boot files and images are files of the station nevertheless:
	// a relative files_dir starts at the working directory.
	FS fs.FS

	Modules map[string]Module // Lua modules of the embedder, by the name of their global
	Allow   []string          // commands of the station that a script may run, by the name of their executable

	open             func(path string) (*os.File, error) // opens the script on the station; nil is input.Open
	nilForUndeclared bool                                // as in modules.Config
}

// Load reads a board's script and returns its policy. spec is a path, or the name of a board that comes with
// flashlua. No hardware is touched. The error of a program is of kind script.result.
func Load(spec string, o Options) (*engine.Policy, error) {
	s, err := Inspect(spec, o)
	if err != nil {
		return nil, err
	}
	return s.Board()
}

// LoadText is Load for a script that the embedder has as a string. name stands for it in messages, and
// ends in .lua. Modules that the script requires are read from o.FS; without it, there are only those that come
// with flashlua.
func LoadText(name, text string, o Options) (*engine.Policy, error) {
	s, err := InspectText(name, text, o)
	if err != nil {
		return nil, err
	}
	return s.Board()
}

// Inspect is Load, but returns the whole script: a policy with its settings, or a program.
func Inspect(spec string, o Options) (*Script, error) {
	src, err := readSource(spec, o)
	if err != nil {
		return nil, err
	}
	return inspectScript(src, o)
}

// InspectText is Inspect for a script that the embedder has as a string. See LoadText.
func InspectText(name, text string, o Options) (*Script, error) {
	src, err := textSource(name, text, o)
	if err != nil {
		return nil, err
	}
	return inspectScript(src, o)
}

// inspectScript is inspect, and refuses a lab file.
func inspectScript(src source, o Options) (*Script, error) {
	s, err := inspect(src, o)
	if err == nil && s.lab != nil {
		return nil, classify.WithHint(classify.New(classify.ScriptResult, "%s is a lab file, not the script of a board", src.name),
			"name one of its stations: flashlua run STATION --lab %s", src.name)
	}
	return s, err
}

// Script is a loaded script.
// Safe for concurrent use while nothing changes it: each run of its policy or program has a Lua state of its own.
type Script struct {
	Policy    *engine.Policy // nil for a program
	Program   *Program       // nil for a board's policy
	File      string         // its path or name; boards/NAME.lua for one that comes with flashlua
	Embedded  bool           // it comes with flashlua
	Text      []byte
	Files     []string        // its modules and data files that loading read, relative to its folder
	Settings  []Setting       // every policy key with the value that will be used, in the order of docs/boards.md
	Overrides map[string]bool // for flash, target, check, classify and backoff: whether the script has its own

	hooks map[string]check.Definition // the functions of the policy, for Check
	lab   *labfile.Lab                // of a lab file, which Inspect refuses
}

// Board returns the policy. The error of a program is of kind script.result.
func (s *Script) Board() (*engine.Policy, error) {
	if s.Program != nil {
		return nil, classify.WithHint(classify.New(classify.ScriptResult, "%s returns a function, a program; a board's policy is needed here", s.File),
			"return a table; programs are for `flashlua run`")
	}
	return s.Policy, nil
}

// Setting is a policy key, dotted as --set takes it, and its value: a string, a number or a list of those. A
// password is stars. Plain data: safe for concurrent use while nothing changes it.
type Setting struct {
	Key   string
	Value any
}

// DefaultPolicy returns the policy of a board of which nothing is known but what the operator sets.
func DefaultPolicy(o Options) (*engine.Policy, error) {
	return LoadText("unknown", "return { flash = function() end }", o)
}

// Boards returns the names of the boards that come with flashlua, sorted.
func Boards() []string {
	var names []string
	files, _ := fs.Glob(scripts.FS, "boards/*.lua")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".lua"))
	}
	slices.Sort(names)
	return names
}

// DidYouMean returns "; did you mean NAME?" with the known name nearest to word, and "" if none is near.
func DidYouMean(word string, known []string) string { return suggest.Nearest(word, known) }

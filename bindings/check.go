package bindings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/check"
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/policy"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// Finding is a mistake that Check found in a script. Plain data: safe for concurrent use while nothing changes it.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"` // in bytes, from 1
	Message string `json:"message"`
	Rule    string `json:"rule"` // its name in Rules
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d:%d: %s (%s)", f.File, f.Line, f.Column, f.Message, f.Rule)
}

// Raises reports whether the line raises an error when it is executed. Other findings are advice, or faults that the
// plan of a run finds, too.
func (f Finding) Raises() bool { return check.Raises(f.Rule) }

// Rules are the rules that Check holds a script to, by name, with what each demands.
var Rules = check.Rules

// Check returns the mistakes in a script, sorted by line and column. It loads the script, and touches no board.
// A file that declares types for editors has none.
func Check(spec string, o Options) ([]Finding, error) {
	src, err := readSource(spec, o)
	if err != nil {
		return nil, err
	}
	return checkSource(src, o)
}

// CheckLab is Check for a file that must be a lab file, whatever it returns. See LoadLab.
func CheckLab(path string, o Options) ([]Finding, error) {
	src, o, err := readLab(path, o)
	if err != nil {
		return nil, err
	}
	return checkSource(src, o)
}

func checkSource(src source, o Options) ([]Finding, error) {
	if err := checkModules(o.Modules); err != nil {
		return nil, err
	}
	if isMeta(src.text) {
		return nil, nil
	}
	h := newHost(src, o)
	in := check.Input{
		File: src.name, Text: src.text, Globals: h.globals.Names(), Members: h.globals.Members,
		Functions: option.Declared(), CheckPattern: lua51.CheckPattern, CheckRegexp: checkRegexp, ProgramOnly: modules.ProgramOnly,
		FileSize: fileSize,
		Module:   h.finder.moduleForCheck,
		Load: func(variant string) (check.Loaded, error) {
			o := o
			o.Variant = variant
			return loadForCheck(src, o)
		},
	}
	if _, in.SyntaxErr = lua51.Compile(src.name, src.text); in.SyntaxErr == nil {
		var err error
		if in.Tree, err = lua51.Parse(src.name, src.text); err != nil {
			return nil, err
		}
	}
	var all []Finding
	for _, f := range check.Run(in) {
		all = append(all, Finding(f))
	}
	return all, nil
}

// loadForCheck loads a script. Wrong keys of a policy are no error; if an undeclared name ended the loading, they are
// returned beside its error.
func loadForCheck(src source, o Options) (check.Loaded, error) {
	s, err := inspect(src, o)
	if err != nil && strings.Contains(err.Error(), "undeclared global") && !o.nilForUndeclared {
		o.nilForUndeclared = true
		loaded, _ := loadForCheck(src, o)
		return check.Loaded{Mistakes: loaded.Mistakes}, err
	}
	var wrong *policy.Mistakes
	if errors.As(err, &wrong) {
		loaded := check.Loaded{Policy: wrong.Partial.Policy, OwnFlash: wrong.Partial.Own["flash"]}
		for _, m := range wrong.All {
			if m.Missing && (o.nilForUndeclared || o.Variant == "" && len(loaded.Policy.Variants) > 0) {
				continue // it may be the undeclared name's value, or each variant's own
			}
			loaded.Mistakes = append(loaded.Mistakes, check.Mistake{Key: m.Key, Err: m.Err})
		}
		return loaded, nil
	}
	if err == nil && s.lab != nil {
		return loadLabForCheck(src, o)
	}
	if err != nil {
		return check.Loaded{}, err
	}
	return check.Loaded{Policy: s.Policy, Program: s.Program != nil, OwnFlash: s.Overrides["flash"], Hooks: s.hooks}, nil
}

// hooksOf returns where the functions of a policy's table are defined.
func hooksOf(t *lua.LTable) map[string]check.Definition {
	all := map[string]check.Definition{}
	t.ForEach(func(k, v lua.LValue) {
		if f, ok := v.(*lua.LFunction); ok && f.Proto != nil {
			all[k.String()] = check.Definition{File: f.Proto.SourceName, Line: f.Proto.LineDefined, End: f.Proto.LastLineDefined}
		}
	})
	return all
}

// moduleForCheck returns a module of the script's own that can be read, and is Lua.
func (f *finder) moduleForCheck(name string) (check.Module, bool) {
	if !moduleName.MatchString(name) {
		return check.Module{}, false
	}
	file := strings.ReplaceAll(name, ".", "/") + ".lua"
	text, embedded, err := f.readModule(file)
	if err != nil || embedded {
		return check.Module{}, false
	}
	tree, err := lua51.Parse(file, text)
	return check.Module{File: file, Text: text, Tree: tree}, err == nil
}

// fileSize returns the size of a policy's file, 0 if it is not on the station.
func fileSize(p *engine.Policy, name string) int64 {
	f := p.Files[name]
	size := f.HeaderSize()
	for _, path := range []string{f.Path, f.Append} {
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.Dir, path)
		}
		st, err := os.Stat(path)
		if err != nil || !st.Mode().IsRegular() {
			return 0
		}
		size += st.Size()
	}
	return size
}

// checkRegexp returns what is wrong with a regular expression of con:expect, nil if it is valid.
func checkRegexp(expression string) error {
	_, err := console.ParseRegexp(expression)
	return err
}

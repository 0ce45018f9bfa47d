package policy

import (
	"context"
	"path/filepath"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Reader reads policies, and options that are sections of one, in a Lua state. The state's goroutine owns it.
type Reader struct {
	State   *vm.State
	Where   func(file, key string) string      // returns the place of a dotted key, "file:line", or the file
	Secrets *console.Secrets                   // passwords that were read are added to it
	Secret  func(value string) (string, error) // returns the secret that the operator's value stands for; may be nil
}

// Input is a policy before it is decoded.
type Input struct {
	Table *lua.LTable // the operator's settings are written into it
	File  string      // of the script, for messages
	Name  string      // of a policy that has no name of its own
	Set   map[string]string
	// Variant is the variant whose keys are laid over the policy's, "" is none. The table is changed, so that the
	// script sees them.
	Variant string
	Dir     string // of the script on the station, the base of files_dir

	LoadsAllFiles func() bool // reports whether a flash of the script's own loads all files at once; may be nil
	// Mentions reports whether the script names a variable of U-Boot other than by its value. It may be nil.
	Mentions func(name string) bool
	// Uses returns the variables of U-Boot, or of a shell, whose values the script's texts contain. It may be nil.
	Uses    func() []Use
	Session func(*engine.Session) (session, job lua.LValue) // returns the arguments of the policy's flash
	// TargetArgs returns the arguments of the policy's target.
	TargetArgs func(*engine.Session, *uboot.UBoot, *shell.Shell) []lua.LValue
	Verdict    func(*engine.Report) (lua.LValue, error) // returns the last argument of the policy's check
}

// Use is a place where a text of the script contains the value of a variable, ${Name}. Plain data.
type Use struct{ Name, Where string }

// Result is a decoded policy. Plain data, but for the policy's functions: they call the script in its state.
type Result struct {
	Policy   *engine.Policy
	Settings []Setting       // every key with the value that will be used
	Own      map[string]bool // for flash, target, check, classify and backoff: whether the script has its own
}

// Setting is a policy key, dotted as --set takes it, and its value: a string, a number or a list of those. A
// password is stars.
type Setting struct {
	Key   string
	Value any
}

// Policy decodes a policy. The error of wrong keys is a Mistakes: that of a key is of kind config.policy and names
// its line, that of an unknown key in Set, or of an unknown variant, is of kind usage.
func (r Reader) Policy(ctx context.Context, in Input) (Result, error) {
	d := newDecoder(r, in.File)
	d.set = in.Set
	top := &section{decoder: d, t: in.Table}
	variants := top.variants()
	if err := d.err(Result{}); err != nil {
		return Result{}, err
	}
	if err := top.choose(in.Variant, variants); err != nil {
		return Result{}, err
	}
	p := readPolicy(top, in.Name, variants)
	p.Variant, p.Variants = in.Variant, variants
	if !filepath.IsAbs(p.Dir) {
		p.Dir = filepath.Join(in.Dir, p.Dir)
	}
	p.LoadsNoFiles = !d.own["flash"] && p.Method == engine.ByUBoot
	p.LoadsAllFiles = !d.own["flash"] && !p.LoadsNoFiles || in.LoadsAllFiles != nil && in.LoadsAllFiles()
	top.rejectFilesWithoutAddress(p)
	top.rejectMisspelled(p, in)
	d.rejectUnknownSettings()
	result := Result{Policy: p, Settings: d.settings, Own: d.own}
	if err := d.err(result); err != nil {
		return Result{}, err
	}
	if err := d.hooks(ctx, p, in); err != nil {
		return Result{}, err
	}
	return result, nil
}

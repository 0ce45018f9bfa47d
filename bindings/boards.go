package bindings

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// boards reads the boards that a program calls flash.run with.
type boards struct {
	host    *host
	modules map[string]Module // of the embedder
	allow   []string          // commands of the station that a program's boards may run, too
}

// Load loads a policy by its name or path, which is relative to the program's directory. The program must be
// allowed to read the file. note is called with what the script prints.
func (b boards) Load(p *engine.Program, note func(string), spec string, by modules.Choice) (*engine.Policy, error) {
	fsys, dir := b.host.finder.fsys, b.host.finder.dir
	switch file := strings.HasSuffix(spec, ".lua"); {
	case file && fsys != nil:
		spec = path.Join(dir, spec)
	case file && !filepath.IsAbs(spec):
		spec = filepath.Join(dir, spec)
	}
	var refused error
	policy, err := Load(spec, Options{Set: by.Set, Variant: by.Variant, Log: note, Modules: b.modules, Allow: b.allow, FS: fsys, open: func(path string) (*os.File, error) {
		f, err := p.OpenFile(path)
		if classify.Facts(err).Kind == classify.ScriptGrant {
			refused = err
		}
		return f, err
	}})
	if refused != nil {
		return nil, refused
	}
	return policy, err
}

// Decode returns the policy of a table that the program made. The table keeps its own keys if a variant is chosen:
// the program may choose another one later.
func (b boards) Decode(ctx context.Context, t *lua.LTable, by modules.Choice) (*engine.Policy, error) {
	if by.Variant != "" {
		t = copyTable(t, map[*lua.LTable]*lua.LTable{})
	}
	s, err := b.host.policy(ctx, t, source{name: b.host.name, fsys: b.host.finder.fsys, dir: b.host.finder.dir}, by)
	if err != nil {
		return nil, err
	}
	return s.Policy, nil
}

// copyTable returns a copy of a table, with copies of the tables in it. copies has those that were made already.
func copyTable(t *lua.LTable, copies map[*lua.LTable]*lua.LTable) *lua.LTable {
	if made, ok := copies[t]; ok {
		return made
	}
	made := &lua.LTable{Metatable: t.Metatable}
	copies[t] = made
	t.ForEach(func(k, v lua.LValue) {
		if inner, ok := v.(*lua.LTable); ok {
			v = copyTable(inner, copies)
		}
		made.RawSet(k, v)
	})
	return made
}

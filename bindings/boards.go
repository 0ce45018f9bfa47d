package bindings

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// boards reads the boards that a program calls flash.run with.
type boards struct {
	host    *host
	modules map[string]Module // of the embedder
}

// Load loads a policy by its name or path, which is relative to the program's directory. The program must be
// allowed to read the file. note is called with what the script prints.
func (b boards) Load(p *engine.Program, note func(string), spec string, set map[string]string) (*engine.Policy, error) {
	fsys, dir := b.host.finder.fsys, b.host.finder.dir
	switch file := strings.HasSuffix(spec, ".lua"); {
	case file && fsys != nil:
		spec = path.Join(dir, spec)
	case file && !filepath.IsAbs(spec):
		spec = filepath.Join(dir, spec)
	}
	var refused error
	policy, err := Load(spec, Options{Set: set, Log: note, Modules: b.modules, FS: fsys, open: func(path string) (*os.File, error) {
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

// Decode returns the policy of a table that the program made.
func (b boards) Decode(ctx context.Context, t *lua.LTable, set map[string]string) (*engine.Policy, error) {
	s, err := b.host.policy(ctx, t, source{name: b.host.name, fsys: b.host.finder.fsys, dir: b.host.finder.dir}, set)
	if err != nil {
		return nil, err
	}
	return s.Policy, nil
}

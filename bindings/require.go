package bindings

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/modules"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// finder is what require finds: scripts that come with flashlua, and files in the script's directory.
type finder struct {
	state   *vm.State
	library *library
	fsys    fs.FS // file system of dir; nil is that of the station
	dir     string
	loaded  *lua.LTable // by name; in the registry, so that its size is measured
	loading []string
	keys    map[string]int // line of a key by "file\x00key"
}

// stationDir returns the script's directory on the station, "" if it has none.
func (f *finder) stationDir() string {
	if f.fsys != nil {
		return ""
	}
	return f.dir
}

var moduleName = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$`)

// loadedKey is where the registry keeps what require loaded.
const loadedKey = "flashlua.loaded"

func newFinder(s *vm.State, src source) *finder {
	f := &finder{state: s, fsys: src.fsys, dir: src.dir, library: cmp.Or(src.library, &library{}), loaded: s.L.NewTable(), keys: map[string]int{}}
	s.L.G.Registry.RawSetString(loadedKey, f.loaded)
	return f
}

// require is Lua's require.
func (f *finder) require(c *vm.Args) ([]lua.LValue, error) {
	name := c.Str(1, "module's name")
	if !moduleName.MatchString(name) {
		c.Fail("%q is not a module's name: words with dots between them", name)
	}
	if v := f.loaded.RawGetString(name); v != lua.LNil {
		return []lua.LValue{v}, nil
	}
	for i, l := range f.loading {
		if l == name {
			c.Fail("modules require each other: %s", strings.Join(append(f.loading[i:], name), " -> "))
		}
	}
	found, err := f.library.get(name, func() (compiled, error) {
		file := strings.ReplaceAll(name, ".", "/") + ".lua"
		text, embedded, err := f.readModule(file)
		if err != nil {
			c.Fail("no module %q: %v", name, err)
		}
		c.Watchdog().Work(lua51.StepsPerByte*len(text), 0)
		chunk, err := lua51.Compile(file, text)
		return compiled{file, chunk, embedded}, err
	})
	if err != nil {
		return nil, err
	}
	f.recordKeys(found.file, found.Chunk)
	f.loading = append(f.loading, name)
	defer func() { f.loading = f.loading[:len(f.loading)-1] }()
	arguments := []lua.LValue{lua.LString(name)}
	if found.embedded {
		arguments = append(arguments, modules.Librarian(f.state))
	}
	results, err := f.state.Call(c.Ctx, f.state.L.NewFunctionFromProto(found.Proto), arguments...)
	if err != nil {
		return nil, err
	}
	var v lua.LValue = lua.LTrue
	if len(results) > 0 && results[0] != lua.LNil {
		v = results[0]
	}
	f.loaded.RawSetString(name, v)
	return []lua.LValue{v}, nil
}

// recordKeys records the lines of a file's keys.
func (f *finder) recordKeys(file string, c lua51.Chunk) {
	for key, line := range c.Keys {
		f.keys[file+"\x00"+key] = line
	}
}

// where returns "file:line" of a key, or the file alone if the line is not known.
func (f *finder) where(file, key string) string {
	if line := f.keys[file+"\x00"+key]; line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	for at, line := range f.keys {
		if other, k, _ := strings.Cut(at, "\x00"); k == key {
			return fmt.Sprintf("%s:%d", other, line)
		}
	}
	return file
}

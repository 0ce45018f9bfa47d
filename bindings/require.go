package bindings

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// modules is what require finds: scripts that come with flashlua, and files in the script's directory.
type modules struct {
	state   *vm.State
	library *library
	fsys    fs.FS // file system of dir; nil is that of the station
	dir     string
	loaded  *lua.LTable // by name; in the registry, so that its size is measured
	loading []string
	keys    map[string]int // line of a key by "file\x00key"
}

// stationDir returns the script's directory on the station, "" if it has none.
func (m *modules) stationDir() string {
	if m.fsys != nil {
		return ""
	}
	return m.dir
}

var moduleName = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$`)

// loadedKey is where the registry keeps what require loaded.
const loadedKey = "flashlua.loaded"

func newModules(s *vm.State, src source) modules {
	m := modules{state: s, fsys: src.fsys, dir: src.dir, library: cmp.Or(src.library, &library{}), loaded: s.L.NewTable(), keys: map[string]int{}}
	s.L.G.Registry.RawSetString(loadedKey, m.loaded)
	return m
}

// require is Lua's require.
func (m *modules) require(c *vm.Args) ([]lua.LValue, error) {
	name := c.Str(1, "module's name")
	if !moduleName.MatchString(name) {
		c.Fail("%q is not a module's name: words with dots between them", name)
	}
	if v := m.loaded.RawGetString(name); v != lua.LNil {
		return []lua.LValue{v}, nil
	}
	for i, l := range m.loading {
		if l == name {
			c.Fail("modules require each other: %s", strings.Join(append(m.loading[i:], name), " -> "))
		}
	}
	found, err := m.library.get(name, func() (compiled, error) {
		file := strings.ReplaceAll(name, ".", "/") + ".lua"
		text, embedded, err := m.readModule(file)
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
	m.recordKeys(found.file, found.Chunk)
	m.loading = append(m.loading, name)
	defer func() { m.loading = m.loading[:len(m.loading)-1] }()
	arguments := []lua.LValue{lua.LString(name)}
	if found.embedded {
		arguments = append(arguments, librarian(m.state))
	}
	results, err := m.state.Call(c.Ctx, m.state.L.NewFunctionFromProto(found.Proto), arguments...)
	if err != nil {
		return nil, err
	}
	var v lua.LValue = lua.LTrue
	if len(results) > 0 && results[0] != lua.LNil {
		v = results[0]
	}
	m.loaded.RawSetString(name, v)
	return []lua.LValue{v}, nil
}

// recordKeys records the lines of a file's keys.
func (m *modules) recordKeys(file string, c lua51.Chunk) {
	for key, line := range c.Keys {
		m.keys[file+"\x00"+key] = line
	}
}

// where returns "file:line" of a key, or the file alone if the line is not known.
func (m *modules) where(file, key string) string {
	if line := m.keys[file+"\x00"+key]; line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	for at, line := range m.keys {
		if f, k, _ := strings.Cut(at, "\x00"); k == key {
			return fmt.Sprintf("%s:%d", f, line)
		}
	}
	return file
}

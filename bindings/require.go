package bindings

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/scripts"
)

// modules is what require finds: scripts that come with flashlua, and files beside the script.
type modules struct {
	host    *host
	library *library
	dir     string
	loaded  *lua.LTable // by name; in the registry, so that its size is measured
	loading []string
	keys    map[string]int // "file\x00key" -> line
}

var moduleName = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$`)

// loadedKey is where the registry keeps what require loaded.
const loadedKey = "flashlua.loaded"

func newModules(h *host, src source) modules {
	m := modules{host: h, dir: src.dir, library: cmp.Or(src.library, &library{}), loaded: h.L.NewTable(), keys: map[string]int{}}
	h.L.G.Registry.RawSetString(loadedKey, m.loaded)
	return m
}

// require is Lua's.
func (m *modules) require(c *args) ([]lua.LValue, error) {
	name := c.str(1, "module's name")
	if !moduleName.MatchString(name) {
		c.fail("%q is not a module's name: words with dots between them", name)
	}
	if v := m.loaded.RawGetString(name); v != lua.LNil {
		return []lua.LValue{v}, nil
	}
	for i, l := range m.loading {
		if l == name {
			c.fail("modules require each other: %s", strings.Join(append(m.loading[i:], name), " -> "))
		}
	}
	found, err := m.library.get(name, func() (compiled, error) {
		file, text, own, err := m.read(name)
		if err != nil {
			c.fail("no module %q: %v", name, err)
		}
		c.Watchdog().Work(lua51.StepsPerByte*len(text), 0)
		chunk, err := lua51.Compile(file, text)
		return compiled{file, chunk, own}, err
	})
	if err != nil {
		return nil, err
	}
	m.note(found.file, found.Chunk)
	m.loading = append(m.loading, name)
	defer func() { m.loading = m.loading[:len(m.loading)-1] }()
	arguments := []lua.LValue{lua.LString(name)}
	if found.own {
		arguments = append(arguments, m.host.librarian())
	}
	results, err := m.host.Call(c.ctx, m.host.L.NewFunctionFromProto(found.Proto), arguments...)
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

// read finds a module's source, and whether it comes with flashlua. A file beside the script must lie in its folder, whatever links say.
func (m *modules) read(name string) (file string, text []byte, own bool, err error) {
	path := strings.ReplaceAll(name, ".", "/") + ".lua"
	if text, err = scripts.FS.ReadFile(path); err == nil {
		return path, text, true, nil
	}
	if m.dir == "" {
		return "", nil, false, fmt.Errorf("it does not come with flashlua")
	}
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return "", nil, false, err
	}
	defer root.Close()
	st, err := root.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return "", nil, false, fmt.Errorf("it neither comes with flashlua nor lies beside the script: %w", err)
	}
	f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // it may be a FIFO by now
	if err != nil {
		return "", nil, false, err
	}
	defer f.Close()
	if err := input.Regular(f); err != nil {
		return "", nil, false, err
	}
	text, err = io.ReadAll(io.LimitReader(f, lua51.MaxSource+1))
	return path, text, false, err
}

// note remembers where a file's keys stand.
func (m *modules) note(file string, c lua51.Chunk) {
	for key, line := range c.Keys {
		m.keys[file+"\x00"+key] = line
	}
}

// where gives "file:line" of a key, as far as it is known.
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

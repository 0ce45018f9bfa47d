package bindings

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/labfile"
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
	own     ownText
	texts   hash.Hash // of all files that were read, with their names
	files   []string  // modules and data files of the script, relative to dir
	keys    keyLines
	tables  *lua51.TablePlaces // of a lab file; nil for another script

	repeated []labfile.Repeated // keys of a lab file
}

// compile compiles the script or one of its modules.
func (f *finder) compile(file string, text []byte) (lua51.Chunk, error) {
	if f.tables != nil {
		return lua51.CompileTables(file, text)
	}
	return lua51.Compile(file, text)
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
	f := &finder{state: s, fsys: src.fsys, dir: src.dir, library: cmp.Or(src.library, &library{}), loaded: s.L.NewTable(), texts: sha256.New(), keys: keyLines{}}
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
		if isMeta(text) {
			c.Fail("no module %q: %s declares types for editors, by ---@meta", name, file)
		}
		c.Watchdog().Work(lua51.StepsPerByte*len(text), 0)
		chunk, err := f.compile(file, text)
		return compiled{file, string(text), chunk, embedded}, err
	})
	if err != nil {
		return nil, err
	}
	f.record(found)
	if !found.embedded {
		f.files = append(f.files, found.file)
	}
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

// hash adds the text of a file to texts.
func (f *finder) hash(name string, text []byte) {
	fmt.Fprintf(f.texts, "%q %d\n", name, len(text))
	f.texts.Write(text)
}

// record records the lines of a file's keys, and its text.
func (f *finder) record(c compiled) {
	f.hash(c.file, []byte(c.text))
	f.keys[c.file] = c.Keys
	for _, k := range c.Repeated {
		f.repeated = append(f.repeated, labfile.Repeated{Key: k.Key, Place: fmt.Sprintf("%s:%d", c.file, k.Line), First: k.First})
	}
	if !c.embedded {
		f.own = append(f.own, ownFile{c.file, c.text})
	}
}

// keyLines are the lines of the keys of each file, as in lua51.Chunk.
type keyLines map[string]map[string]int

// key returns "file:line" of exactly that dotted key, and "" if no file has it. The script comes before its modules.
func (all keyLines) key(file, key string) string {
	for _, name := range append([]string{file}, slices.Sorted(maps.Keys(all))...) {
		if line := all[name][key]; line > 0 {
			return fmt.Sprintf("%s:%d", name, line)
		}
	}
	return ""
}

// where returns "file:line" of a dotted key, or the file alone if the line is not known. A key that file does not
// have may be in a module. A table may have been given its place in the policy elsewhere: only the last parts of
// the key are with it then.
func (f *finder) where(file, key string) string {
	for found := true; found; _, key, found = strings.Cut(key, ".") {
		if at := f.keys.key(file, key); at != "" {
			return at
		}
	}
	return file
}

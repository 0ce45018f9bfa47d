package bindings

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// suiteCuts has a line for what is cut from the files of the suite: "file:from-to reason", or "file reason" for a
// file that does not run at all.
//
//go:embed testdata/luasuite.txt
var suiteCuts string

// suitePrelude defines the functions that the suite uses and scripts of flashlua do not have.
const suitePrelude = `
print = function() end
collectgarbage = function() return 0 end
gcinfo = function() return 0, 0 end
io = { write = function() end }
os = { clock = function() return 0 end, setlocale = function() return nil end }
load = function(f)
	local text = ""
	for piece in f do if piece == "" then break end text = text .. piece end
	return loadstring(text)
end
`

type suiteCut struct {
	from, to int
	reason   string
}

// TestLuaSuite runs the test suite of Lua 5.1, and that of gopher-lua, on a host of ours. Both lie in gopher-lua's
// module; testdata/luasuite.txt lists what is cut from them.
func TestLuaSuite(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/yuin/gopher-lua").Output()
	if err != nil {
		t.Fatal(err)
	}
	module := strings.TrimSpace(string(out))
	cuts := parseCuts(t)
	for _, dir := range []string{"_lua5.1-tests", "_glua-tests"} {
		files, err := filepath.Glob(filepath.Join(module, dir, "*.lua"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", filepath.Join(module, dir), err)
		}
		for _, path := range files {
			name := dir + "/" + filepath.Base(path)
			own := cuts[name]
			delete(cuts, name)
			if len(own) == 1 && own[0].from == 0 {
				continue
			}
			t.Run(name, func(t *testing.T) { runSuiteFile(t, path, own) })
		}
	}
	for name := range cuts {
		t.Errorf("testdata/luasuite.txt cuts %s; want a file of the suite", name)
	}
}

func parseCuts(t *testing.T) map[string][]suiteCut {
	cuts := map[string][]suiteCut{}
	for line := range strings.Lines(suiteCuts) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		where, reason, ok := strings.Cut(line, " ")
		name, lines, some := strings.Cut(where, ":")
		var c suiteCut
		if some {
			first, last, _ := strings.Cut(lines, "-")
			var err, err2 error
			c.from, err = strconv.Atoi(first)
			c.to, err2 = strconv.Atoi(last)
			ok = ok && err == nil && err2 == nil && c.from > 0 && c.from <= c.to
		}
		if c.reason = strings.TrimSpace(reason); !ok || c.reason == "" {
			t.Fatalf("testdata/luasuite.txt: %q; want a file, lines and a reason", line)
		}
		cuts[name] = append(cuts[name], c)
	}
	return cuts
}

func runSuiteFile(t *testing.T, path string, cuts []suiteCut) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	for _, c := range cuts {
		if c.to > len(lines) {
			t.Fatalf("cut %d-%d; want lines up to %d", c.from, c.to, len(lines))
		}
		for i := c.from; i <= c.to; i++ {
			lines[i-1] = ""
		}
	}
	h := newHost(sourceNamed("suite.lua", ""), Options{})
	globals := h.State.L.Get(lua.GlobalsIndex).(*lua.LTable)
	globals.Metatable = lua.LNil // the suite uses undeclared globals
	globals.RawSetString("debug", h.L.NewTable())
	globals.RawGetString("debug").(*lua.LTable).RawSetString("getinfo", h.Function("getinfo", 0, func(c *vm.Args) ([]lua.LValue, error) {
		info, where := c.L.NewTable(), strings.Split(strings.Trim(c.L.Where(1), ": "), ":")
		if line, err := strconv.Atoi(where[len(where)-1]); err == nil {
			info.RawSetString("currentline", lua.LNumber(line))
		}
		return vm.Ret(info)
	}))
	globals.RawSetString("loadstring", h.Function("loadstring", 0, func(c *vm.Args) ([]lua.LValue, error) {
		chunk, err := lua51.Compile(c.StrOr(2, "name", "=string"), []byte(lua51.Text(c, 1, "text")))
		if err != nil {
			return []lua.LValue{lua.LNil, lua.LString(err.Error())}, nil
		}
		return vm.Ret(c.L.NewFunctionFromProto(chunk.Proto))
	}))
	for _, source := range []string{suitePrelude, strings.Join(lines, "\n")} {
		if err := runSuiteSource(t.Context(), h, filepath.Base(path), source); err != nil {
			t.Errorf("%s: %v\n%s", path, err, classify.Facts(err).Detail)
		}
	}
}

func runSuiteSource(ctx context.Context, h *host, name, source string) error {
	chunk, err := lua51.Compile(name, []byte(source))
	if err != nil {
		return err
	}
	_, err = h.Call(ctx, h.State.L.NewFunctionFromProto(chunk.Proto))
	return err
}

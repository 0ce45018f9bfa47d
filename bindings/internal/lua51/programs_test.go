package lua51

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// quiet hides the messages of errors, which differ from those of Lua 5.1.
const quiet = `
local pcall, coroutine = pcall, coroutine
local function hide(ok, ...) if ok then return ok, ... end return ok end
do
	local pcall0, resume = pcall, coroutine.resume
	pcall = function(...) return hide(pcall0(...)) end
	coroutine = setmetatable({ resume = function(...) return hide(resume(...)) end }, { __index = coroutine })
end
`

// TestPrograms runs the programs of testdata/programs.lua here and in Debian's lua5.1.
func TestPrograms(t *testing.T) {
	raw, err := os.ReadFile("testdata/programs.lua")
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for i := range 50 {
		items = append(items, strconv.Itoa(i+1))
	}
	programs := strings.Split(strings.ReplaceAll(string(raw), "ITEMS", strings.Join(items, ",")), "--##\n")[1:]
	for i := range programs {
		programs[i] = quiet + programs[i]
	}
	want := reference(t, lua51Path(t), programs)
	for i, p := range programs {
		if got := ours(t, p); got != want[i] {
			t.Errorf("%s\nhere   %s\nlua5.1 %s", strings.TrimPrefix(p, quiet), got, want[i])
		}
	}
}

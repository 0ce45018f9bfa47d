package lua51

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
)

// TestDifferential runs small random programs here and in Debian's lua5.1, and holds their results equal. The
// generator avoids what differs on purpose, which docs/policies.md lists.
func TestDifferential(t *testing.T) {
	lua51 := lua51Path(t)
	count, seed := 10_000, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("FLASHLUA_SOAK")); err == nil {
		count, seed = 300*n, rand.Uint64()
	}
	if n, err := strconv.Atoi(os.Getenv(onlyPrograms)); err == nil {
		count, seed = n, 1
	}
	t.Logf("%d programs, seed %d", count, seed)
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	const batch = 1000
	bad := 0
	for done := 0; done < count; done += batch {
		var programs []string
		for range batch {
			programs = append(programs, g.program())
		}
		want := reference(t, lua51, programs)
		for i, p := range programs {
			if got := ours(t, p); got != want[i] {
				if bad++; bad <= 5 {
					t.Errorf("%s\nhere   %s\nlua5.1 %s", p, got, want[i])
				}
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d differ", bad, count)
	}
}

// onlyPrograms is the variable for the number of programs in TestDifferentialFinds.
const onlyPrograms = "FLASHLUA_PROGRAMS"

// lua51Path returns the path of Debian's lua5.1. A test is skipped without it.
func lua51Path(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("lua5.1")
	if err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") != "" {
			t.Fatal(err)
		}
		t.Skip("LEFT OUT: no lua5.1 on this machine")
	}
	return path
}

const (
	prelude = `local buf = {}
local function ser(v)
	local t = type(v)
	if v ~= v then return "nan" end
	if v == 0 then return "0" end -- the sign of 0, and of what is divided by 0, is a listed difference
	if v == 1 / 0 or v == -1 / 0 then return "inf" end
	if t == "number" then return string.format("%.14g", v) end
	if t == "string" then return string.format("%q", v) end
	if t == "boolean" or t == "nil" then return tostring(v) end
	return "<" .. t .. ">"
end
local function id(...) return ... end
local function hide(ok, ...) if ok then return ok, ... end return ok end
local function try(f, ...) return hide(pcall(f, ...)) end -- without the message of an error
local function str(v) return v ~= v and "nan" or v == 0 and "0" or (v == 1 / 0 or v == -1 / 0) and "inf" or v end
local function out(...)
	for i = 1, select("#", ...) do buf[#buf + 1] = ser((select(i, ...))) end
	buf[#buf + 1] = ";"
end
local ok = pcall(function()
`
	postlude = `
end)
return table.concat(buf, " ") .. (ok and "" or " FAILED")`
)

func ours(t *testing.T, program string) string {
	ctx, cancel := clock.WithTimeout(t.Context(), clock.Real{}, time.Hour, context.DeadlineExceeded)
	defer cancel()
	got, err := evalIn(ctx, newState(), prelude+program+postlude)
	if err != nil {
		return "ERROR " + err.Error()
	}
	return strings.ReplaceAll(got, "\n", "\\n")
}

// reference runs the programs in one process of lua5.1.
func reference(t *testing.T, lua51 string, programs []string) []string {
	var script bytes.Buffer
	script.WriteString("local programs = {\n")
	for _, p := range programs {
		fmt.Fprintf(&script, "%s,\n", quoted(prelude+p+postlude))
	}
	script.WriteString(`}
for _, p in ipairs(programs) do
	local f, err = loadstring(p)
	local ok, result = pcall(f or error, err)
	io.write((tostring(result):gsub("\n", "\\n")), "\n")
end`)
	cmd := exec.CommandContext(t.Context(), lua51, "-")
	cmd.Stdin = &script
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("lua5.1: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) != len(programs) {
		t.Fatalf("lua5.1 answered %d of %d", len(lines), len(programs))
	}
	return lines
}

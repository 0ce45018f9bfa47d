package lua51

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDifferentialFinds takes out one repair after the other, and holds that TestDifferential finds each fault. It
// compiles the package as often, so that only the soak runs it.
func TestDifferentialFinds(t *testing.T) {
	if os.Getenv("FLASHLUA_SOAK") == "" {
		t.Skip("only in the soak: FLASHLUA_SOAK is not set")
	}
	lua51Path(t)
	for _, fault := range []struct{ file, repair, without string }{
		{"assignment.go", "case *ast.FuncCallExpr: // one name takes one value of it\n\t\tvalue.AdjustRet = false", "case *ast.FuncCallExpr:"},
		{"assignment.go", "case *ast.Comma3Expr:\n\t\tvalue.AdjustRet = false", "case *ast.Comma3Expr:"},
		{"assignment.go", "case *ast.LogicalOpExpr:\n\t\treturn spillAssignment(x)", "case *ast.LogicalOpExpr:"},
		{"assignment.go", "ok && isConstant(get.Object)", "ok && isConstant(get.Object) && false"},
		{"assignment.go", "len(x.Lhs) > 1 || len(x.Rhs) > 1", "false"},
		{"loop.go", "!breaksToGotos(body)", "true"},
		{"loop.go", "func toNumberCall(e ast.Expr, name string) ast.Expr {", "func toNumberCall(e ast.Expr, name string) ast.Expr {\n\tif true {\n\t\treturn e\n\t}"},
		{"prototype.go", "if level >= 0 {", "if false {"},
		{"prototype.go", "return opcode(lua.OP_NOP)", "return inst"},
		{"prototype.go", "return inst + 1<<9", "return inst"},
		{"rewrite.go", "if !known {", "if !known || true {"},
		{"rewrite.go", "if f.Key != nil {\n\t\t\t\ttruncateToOne(f.Value)", "if false {\n\t\t\t\ttruncateToOne(f.Value)"},
		{"rewrite.go", "if f, ok := parseNumber(x.Value); ok {", "if f, ok := parseNumber(x.Value); ok && false {"},
		{"coroutines.go", "if !vm.MayYield(L) {", "if false {"},
		{"coroutines.go", "lib.RawSetString(\"running\",", "use(c.luaRunning) //"},
		{"arithmetic.go", "f := ownMetamethod(c, event); f != lua.LNil", "f := ownMetamethod(c, event); f != lua.LNil && false"},
		{"tables.go", "lib.RawSetString(\"insert\",", "use(insert) //"},
		{"tables.go", "lib.RawSetString(\"remove\",", "use(remove) //"},
		{"tables.go", "lib.RawSetString(\"maxn\",", "use(maxn) //"},
		{"tables.go", "t.RawGet(lua.LNumber(i))\n\t\ttext", "t.RawGetInt(i)\n\t\ttext"},
		{"tables.go", "append(all, t.RawGet(lua.LNumber(i)))", "append(all, t.RawGetInt(i))"},
		{"strings.go", "\"char\": strChar,", ""},
		{"strings.go", "\"sub\": strSub,", ""},
		{"base.go", "s.L.SetGlobal(\"select\",", "use(luaSelect) //"},
		{"base.go", "s.L.SetGlobal(\"rawset\",", "use(rawSet) //"},
		{"numbers.go", "lib.RawSetString(\"modf\",", "use(modf) //"},
		{"numbers.go", "n, ok := parseNumber(string(t))", "n, ok := parseNumber(string(t))\n\t\t\t\tcontinue"},
		{"readonly.go", "if !ok {\n\t\tL.RaiseError(\"invalid key", "if !ok && false {\n\t\tL.RaiseError(\"invalid key"},
		{"../vm/protect.go", "ok && level > 0", "ok && false"},
	} {
		t.Run(fault.file+": "+fault.repair, func(t *testing.T) {
			path, err := filepath.Abs(fault.file)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(raw), fault.repair); n != 1 {
				t.Fatalf("%s has %q %d times; want 1", fault.file, fault.repair, n)
			}
			dir := t.TempDir()
			text := strings.Replace(string(raw), fault.repair, fault.without, 1)
			if strings.Contains(fault.without, "use(") {
				text += "\nfunc use(any) {}\n"
			}
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "source.go")}})
			if err != nil {
				t.Fatal(err)
			}
			for name, b := range map[string][]byte{"source.go": []byte(text), "overlay.json": overlay} {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", "test", "-trimpath", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-run", "TestDifferential$", ".")
			cmd.Env = append(os.Environ(), onlyPrograms+"=4000", "CGO_ENABLED=0") // what make build has compiled is used again
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), " differ") {
				t.Errorf("TestDifferential without it: %v, %s; want programs that differ", err, out)
			}
			if at := strings.LastIndex(string(out), "_test.go"); at >= 0 {
				t.Log(strings.TrimSpace(strings.SplitN(string(out)[at:], "\n", 2)[0]))
			}
		})
	}
}

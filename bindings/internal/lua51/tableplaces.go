package lua51

import (
	"fmt"
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// tableName is the global that code which CompileTables compiled calls with each table that it makes.
const tableName = "(table)"

// maxPlaces bounds how many tables have a place: those are kept.
const maxPlaces = 200_000

// TablePlaces are the places in which the tables of a state were written. The state's goroutine owns them.
type TablePlaces struct {
	at map[*lua.LTable]tablePlace
}

type tablePlace struct {
	file string
	line int
}

// RecordTables returns the places of the tables that code which CompileTables compiled will make in a state.
func RecordTables(s *vm.State) *TablePlaces {
	p := &TablePlaces{map[*lua.LTable]tablePlace{}}
	s.L.SetGlobal(tableName, s.L.NewFunction(func(L *lua.LState) int {
		if len(p.at) < maxPlaces {
			p.at[L.CheckTable(1)] = tablePlace{L.CheckString(3), L.CheckInt(2)}
		}
		L.SetTop(1)
		return 1
	}))
	return p
}

// Of returns the place of a table, "file:line", and "" if it is not known.
func (p *TablePlaces) Of(t *lua.LTable) string {
	if at, ok := p.at[t]; ok {
		return fmt.Sprintf("%s:%d", at.file, at.line)
	}
	return ""
}

// RepeatedKey is a key that a table constructor has a second time, so that its first value is lost. Plain data.
type RepeatedKey struct {
	Key         string
	Line, First int // of both
}

// CompileTables is Compile for a state of RecordTables.
func CompileTables(name string, source []byte) (Chunk, error) { return compile(name, source, true) }

// recordedTable returns a call that records the place of a table and returns the table. It records the keys that the
// table has twice.
func (r *rewriter) recordedTable(x *ast.TableExpr) ast.Expr {
	lines := map[string]int{}
	for _, f := range x.Fields {
		key, ok := f.Key.(*ast.StringExpr)
		if !ok {
			continue
		}
		if first := lines[key.Value]; first > 0 {
			r.repeated = append(r.repeated, RepeatedKey{key.Value, f.Value.Line(), first})
		}
		lines[key.Value] = f.Value.Line()
	}
	function, line, file := &ast.IdentExpr{Value: tableName}, &ast.NumberExpr{Value: strconv.Itoa(x.Line())}, &ast.StringExpr{Value: r.file}
	call := &ast.FuncCallExpr{Func: function, Args: []ast.Expr{x, line, file}, AdjustRet: true}
	for _, node := range []ast.PositionHolder{function, line, file, call} {
		copyPos(node, x)
	}
	return call
}

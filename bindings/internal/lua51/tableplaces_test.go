package lua51

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// tablePrograms return a text. Their tables have every form of a constructor.
var tablePrograms = []string{
	`local t = { 1, 2, n = 3, { 4, m = { 5 } } } return t[1] .. t[2] .. t.n .. t[3][1] .. t[3].m[1]`,
	`local function f() return 1, 2, 3 end local t = { f(), f() } return #t .. ({ f() })[3]`,
	`local function f(x) return x.a, 7 end local a, b = f{ a = 6 } return a .. b`,
	`local o = { v = 1 } function o:m(t) return self.v + t[1] end return "" .. o:m{ 2 } .. #{ ... }`,
	`local all = {} for i = 1, 60 do all[i] = { i = i, f = function() return { i } end } end return all[60].i .. all[59].f()[1]`,
	`return #{ ITEMS } .. ({ ITEMS, n = 1, x = { ITEMS } }).x[120]`,
	`return #{ TABLES } .. ({ TABLES })[120][1]`,
	`local t = setmetatable({}, { __index = function(_, k) return k .. "!" end }) return t.x .. tostring(next({}))`,
	`local a, b, c = {}, { 1 }, ({ 2 })[1] return #a .. #b .. c`,
	`local t = { { { { { { { { 1 } } } } } } } } while not t.x do t = t[1] if #t == 1 and type(t[1]) == "number" then t.x = 1 end end return t[1] .. ""`,
}

// TestCompileTables holds that recording the places of tables changes nothing else.
func TestCompileTables(t *testing.T) {
	var items, tables []string
	for i := range 120 {
		items, tables = append(items, fmt.Sprint(i)), append(tables, fmt.Sprintf("{ %d }", i))
	}
	for _, source := range tablePrograms {
		source = strings.NewReplacer("ITEMS", strings.Join(items, ","), "TABLES", strings.Join(tables, ",")).Replace(source)
		want, err := eval(t, source)
		if err != nil {
			t.Fatal(err)
		}
		s := newState()
		RecordTables(s)
		c, err := CompileTables("test.lua", []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("with recorded tables, %.80s = %v, %v; want %s", source, got, err, want)
		}
	}
}

func TestTablePlaces(t *testing.T) {
	s := newState()
	places := RecordTables(s)
	c, err := CompileTables("lab.lua", []byte("local a = {\n}\nlocal function f()\n\treturn { x = 1,\n\t\tx = 2 }\nend\nreturn a, f(), table.pack\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"lab.lua:1", "lab.lua:4"} {
		if at := places.Of(got[i].(*lua.LTable)); at != want {
			t.Errorf("Of(table %d) = %q; want %q", i+1, at, want)
		}
	}
	if at := places.Of(s.L.NewTable()); at != "" {
		t.Errorf("Of(table of Go) = %q; want nothing", at)
	}
	if want := (RepeatedKey{"x", 5, 4}); len(c.Repeated) != 1 || c.Repeated[0] != want {
		t.Errorf("Repeated = %v; want %v", c.Repeated, want)
	}
}

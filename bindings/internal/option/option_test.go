package option

import (
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		v    any
		want any
		err  string
	}{
		{String, "x", "x", ""},
		{String, 1.0, nil, "must be a string, not a number"},
		{String, true, nil, "must be a string, not a boolean"},
		{String, Other("function"), nil, "must be a string, not a function"},
		{Number, 0.5, 0.5, ""},
		{Number, "0.5", nil, "must be a number, not a string"},
		{Integer, 3.0, 3, ""},
		{Integer, 0.0, 0, ""},
		{Integer, 1.5, nil, "must be a whole number from 0 up"},
		{Integer, -1.0, nil, "must be a whole number from 0 up"},
		{Integer, "3", nil, "must be a whole number from 0 up"},
		{Boolean, false, false, ""},
		{Boolean, "false", nil, "must be true or false, not a string"},
		{Duration, "90s", 90 * time.Second, ""},
		{Duration, 90.0, nil, "not a number"},
		{Duration, "90", nil, `must be a duration with its unit, "90s" or "5m", not "90"`},
		{Duration, "0s", nil, `not "0s"`},
		{Duration, "-1s", nil, `not "-1s"`},
		{Duration, "721h", nil, "must be at most 720h0m0s"},
		{Size, "8G", int64(8 << 30), ""},
		{Size, 512.0, int64(512), ""},
		{Size, 0.0, nil, "must be a number of bytes from 1 up"},
		{Size, "8X", nil, "must be a number of bytes from 1 up"},
		{Size, true, nil, "must be a number of bytes from 1 up"},
		{PowerState, "keep", engine.PowerKeep, ""},
		{PowerState, "up", nil, `must be "off", "on", "keep" or "cycle", not "up"`},
		{Class, "fatal", classify.Fatal, ""},
		{Class, "none", nil, `must be "retry" or "fatal", not "none"`},
		{Prompts, "=> ", "=> ", ""},
		{Prompts, Other("table"), Other("table"), ""},
		{Prompts, 1.0, nil, "must be a text, or a list of texts, not a number"},
		{Texts, Other("table"), Other("table"), ""},
		{Values, Other("table"), Other("table"), ""},
		{Texts, "x", nil, "must be a table, not a string"},
		{Aborts, true, nil, `must be a table, { ["text"] = "what it means" }, not a boolean`},
		{Memory, Other("table"), Other("table"), ""},
		{Memory, "1M", nil, `must be { address, size }, as in { 0x42000000, "256M" }, not a string`},
		{Func, Other("function"), Other("function"), ""},
		{Func, "x", nil, "must be a function, not a string"},
		{Any, true, true, ""},
	} {
		got, err := tt.kind.Parse(tt.v)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s.Parse(%#v) = %#v, %v; want %#v, %q", tt.kind, tt.v, got, err, tt.want, tt.err)
		}
	}
}

func TestDeclare(t *testing.T) {
	defer func(before []Function) { declared = before }(declared)
	type options struct {
		Timeout time.Duration `lua:"timeout"`
		Retries *int          `lua:"retries"`
		Max     Bytes         `lua:"max_size,required"`
		Line    any           `lua:"line,function"`
	}
	s := Declare[options](2, "lab:run", "lab.exec")
	all := Declared()
	if len(all) < 2 || all[0].Name != "lab.exec" || all[1].Method() != "run" || all[1].Arg != 2 {
		t.Fatalf("Declared() = %v; want lab.exec, lab:run", all)
	}
	want := []Option{{"timeout", Duration, false}, {"retries", Integer, false}, {"max_size", Size, true}, {"line", Func, false}}
	for i, o := range want {
		if s.Options[i] != o {
			t.Errorf("option %d = %v; want %v", i, s.Options[i], o)
		}
	}
	var o options
	s.Assign(&o, 0, time.Minute)
	s.Assign(&o, 1, 0)
	s.Assign(&o, 2, int64(5))
	s.Assign(&o, 3, Other("function"))
	if o.Timeout != time.Minute || o.Retries == nil || *o.Retries != 0 || o.Max != 5 || o.Line != Other("function") {
		t.Errorf("Assign gave %+v", o)
	}
}

func TestDeclareRefuses(t *testing.T) {
	defer func(before []Function) { declared = before }(declared)
	refuses := func(what string, f func()) {
		defer func() {
			if recover() == nil {
				t.Errorf("Declare of %s does not panic", what)
			}
		}()
		f()
	}
	refuses("a field without a tag", func() { Declare[struct{ X string }](1, "lab.a") })
	refuses("a field without a kind", func() {
		Declare[struct {
			X chan int `lua:"x"`
		}](1, "lab.b")
	})
	Declare[struct{}](1, "lab.c")
	refuses("a function twice", func() { Declare[struct{}](1, "lab.c") })
}

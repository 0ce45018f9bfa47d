package luaoption

import (
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/lua51"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

type openOptions struct {
	Name    string            `lua:"name,required"`
	Timeout time.Duration     `lua:"timeout"`
	Texts   map[string]string `lua:"texts"`
	Values  option.ValueTexts `lua:"values"`
	Aborts  console.Watch     `lua:"aborts"`
}

var openSet = option.Declare[openOptions](1, "lab.open")

// read calls a function with options, written as Lua, and returns those that it read.
func read(t *testing.T, options string) (o openOptions, err error) {
	t.Helper()
	s := vm.New()
	lua51.Open(s)
	s.L.SetGlobal("open", s.Function("lab.open", 0, func(c *vm.Args) ([]lua.LValue, error) {
		Read(c, openSet, &o)
		return nil, nil
	}))
	c, err := lua51.Compile("test.lua", []byte("open("+options+")"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
	return o, err
}

func TestRead(t *testing.T) {
	o, err := read(t, `{ name = "x", timeout = "90s", texts = { a = 1 }, values = { a = 1, b = true }, aborts = { ["DDR failed"] = "no memory" } }`)
	if err != nil {
		t.Fatal(err)
	}
	if o.Name != "x" || o.Timeout != 90*time.Second || o.Texts["a"] != "1" || o.Values["a"] != "1" || o.Values["b"] != "true" || len(o.Aborts.Add) != 1 || o.Aborts.Add[0].Message != "no memory" {
		t.Errorf("Read = %+v; want the options of the call", o)
	}
}

func TestReadRefuses(t *testing.T) {
	for options, want := range map[string]string{
		``:                                     "test.lua:1: lab.open: option name is required",
		`1`:                                    "argument 1 must be a table of options, not a number",
		`{ name = "x", texts = { a = true } }`: "option texts must have names and texts",
		`{ name = 1 }`:                         "option name must be a string, not a number",
		`{ name = "x", timeout = 90 }`:         "option timeout must be a duration with its unit",
		`{ name = "x", tiemout = "90s" }`:      "unknown option tiemout; did you mean timeout?",
		`{ name = "x", texts = { 1 } }`:        "option texts must have names and texts",
		`{ name = "x", aborts = { "text" } }`:  "option aborts must have texts as keys",
		`{ name = "x", aborts = { text = false }}`: `option aborts cannot switch off "text"`,
		`{ name = "x", aborts = { text = true } }`: `option aborts must say what "text" means`,
	} {
		_, err := read(t, options)
		if err == nil || !strings.Contains(err.Error(), want) || classify.Facts(err).Kind != classify.ScriptArgument {
			t.Errorf("Read(%s) = %v, kind %s; want %s", options, err, classify.Facts(err).Kind, want)
		}
	}
}

// TestReadBeforeAnError holds that the options before a wrong one are read.
func TestReadBeforeAnError(t *testing.T) {
	if o, err := read(t, `{ name = "x", timeout = 90 }`); err == nil || o.Name != "x" {
		t.Errorf("Read = %+v, %v; want the name and an error", o, err)
	}
}

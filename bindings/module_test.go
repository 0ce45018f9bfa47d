package bindings

import (
	"context"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestModuleNames(t *testing.T) {
	f := func(context.Context, []any) ([]any, error) { return nil, nil }
	for _, tt := range []struct {
		module string
		m      Module
		want   string
	}{
		{"rack", Module{"slot": f}, ""},
		{"_rack2", Module{"_slot2": f}, ""},
		{"rack", nil, ""},
		{"", Module{"slot": f}, `module "": the name is not a Lua identifier`},
		{"my-rack", Module{"slot": f}, `module "my-rack": the name is not a Lua identifier`},
		{"räck", Module{"slot": f}, `module "räck": the name is not a Lua identifier`},
		{"end", Module{"slot": f}, `module "end": the name is not a Lua identifier`},
		{"goto", Module{"slot": f}, `module "goto": the name is not a Lua identifier`},
		{"flash", Module{"slot": f}, `module "flash": the name is taken`},
		{"string", Module{"slot": f}, `module "string": the name is taken`},
		{"print", Module{"slot": f}, `module "print": the name is taken`},
		{"_G", Module{"slot": f}, `module "_G": the name is taken`},
		{"rack", Module{"slot": nil}, `module "rack": function "slot" is nil`},
		{"rack", Module{"": f}, `module "rack": the name of function "" is not a Lua identifier`},
		{"rack", Module{"a.b": f}, `module "rack": the name of function "a.b" is not a Lua identifier`},
	} {
		o := Options{Modules: map[string]Module{tt.module: tt.m}}
		_, err := LoadText("board.lua", board+"return board", o)
		_, cerr := Check("sim", o)
		for what, err := range map[string]error{"LoadText": err, "Check": cerr} {
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want) || classify.Facts(err).Kind != classify.Usage) {
				t.Errorf("%s with module %q = %v; want %q, of kind usage", what, tt.module, err, tt.want)
			}
		}
	}
}

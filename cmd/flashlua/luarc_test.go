package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestMergeLuarc(t *testing.T) {
	library := func(text string) (list []string) {
		var has struct {
			Library []string `json:"workspace.library"`
		}
		if err := json.Unmarshal([]byte(text), &has); err != nil {
			t.Errorf("%s is no JSON: %v", text, err)
		}
		return has.Library
	}
	for old, want := range map[string][]string{
		"":                          {stubDir},
		"{}":                        {stubDir},
		"{ \n}":                     {stubDir},
		`{"a":1}`:                   {stubDir},
		"{\n\t\"a\": {\"b\": 1}\n}": {stubDir},
		`{"workspace.library": [], "diagnostics.disable": []}`:     {stubDir},
		"{\"workspace.library\" :\n[ \"x\", \"y\" ], \"a\": true}": {stubDir, "x", "y"},
		`{"workspace.library": [".flashlua"]}`:                     {stubDir},
		`{"runtime.version": "LuaJIT"}`:                            {stubDir},
	} {
		got, err := mergeLuarc([]byte(old))
		if err != nil || !slices.Equal(library(string(got)), want) {
			t.Errorf("mergeLuarc(%s) = %s, %v; want the library %q", old, got, err, want)
		}
		if again, err := mergeLuarc(got); err != nil || string(again) != string(got) {
			t.Errorf("mergeLuarc(%s) = %s, %v; want it unchanged", got, again, err)
		}
		for _, kept := range []string{`"a":1`, "\t\"a\": {\"b\": 1}\n}", `"LuaJIT"`, `"a": true`} {
			if strings.Contains(old, kept) && !strings.Contains(string(got), kept) {
				t.Errorf("mergeLuarc(%s) = %s; want %s kept", old, got, kept)
			}
		}
	}
	for old, want := range map[string]string{
		"// mine\n{}":                         "comments",
		"[]":                                  "not a JSON object",
		"null":                                "not a JSON object",
		`{"workspace.library": "x"}`:          "workspace.library is not a list",
		`{"workspace": {"library": []}}`:      `it has "workspace" in another form`,
		`{"Lua.workspace.library": []}`:       `it has "Lua.workspace.library" in another form`,
		`{"Lua": {"runtime": {}}}`:            `it has "Lua" in another form`,
		`{"diagnostics.disable": {"a": "b"}}`: "diagnostics.disable is not a list",
	} {
		if got, err := mergeLuarc([]byte(old)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("mergeLuarc(%s) = %s, %v; want %s", old, got, err, want)
		}
	}
}

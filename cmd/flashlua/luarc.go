package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// luarcName is the name of lua-language-server's settings. It reads those in the folder that the editor opened.
const luarcName = ".luarc.json"

// luarcSettings are the settings for flashlua's scripts. Each policy assigns fields of one class, which the server
// would report as duplicates.
var luarcSettings = []struct{ key, value string }{
	{"runtime.version", `"Lua 5.1"`},
	{"runtime.builtin", `{ "io": "disable", "os": "disable", "debug": "disable" }`},
	{"workspace.library", `["` + stubDir + `"]`},
	{"workspace.checkThirdParty", `false`},
	{"diagnostics.disable", `["duplicate-set-field"]`},
}

// luarcLines returns the settings as members of a JSON object.
func luarcLines(separator string) string {
	var all []string
	for _, s := range luarcSettings {
		all = append(all, fmt.Sprintf("%q: %s", s.key, s.value))
	}
	return strings.Join(all, separator)
}

// mergeLuarc returns the settings with flashlua's in addition. Settings that are there already keep their values,
// and the rest of the text its form; lists get another element. Settings that name the stub are complete.
func mergeLuarc(old []byte) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		return []byte("{\n  " + luarcLines(",\n  ") + "\n}\n"), nil
	}
	if bytes.Contains(old, []byte(`"`+stubDir+`"`)) {
		return old, nil
	}
	var has map[string]json.RawMessage
	if err := json.Unmarshal(old, &has); err != nil || has == nil {
		return nil, errors.New("it is not a JSON object, or has comments")
	}
	merged := string(old)
	var lines []string
	for _, s := range luarcSettings {
		list := strings.HasPrefix(s.value, "[")
		section, _, _ := strings.Cut(s.key, ".")
		for _, other := range []string{"Lua", "Lua." + s.key, section} {
			if has[other] != nil {
				return nil, fmt.Errorf("it has %q in another form than %q", other, s.key)
			}
		}
		switch given := has[s.key]; {
		case given == nil:
			lines = append(lines, fmt.Sprintf("%q: %s", s.key, s.value))
		case list && !bytes.Contains(given, []byte(strings.Trim(s.value, "[]"))):
			at := regexp.MustCompile(regexp.QuoteMeta(`"`+s.key+`"`) + `\s*:\s*\[\s*`).FindStringIndex(merged)
			if at == nil {
				return nil, fmt.Errorf("%s is not a list", s.key)
			}
			separator := ", "
			if strings.HasPrefix(merged[at[1]:], "]") {
				separator = ""
			}
			merged = merged[:at[1]] + strings.Trim(s.value, "[]") + separator + merged[at[1]:]
		}
	}
	if len(lines) > 0 {
		before, after, _ := strings.Cut(merged, "{")
		separator := ","
		if len(has) == 0 {
			separator = ""
		}
		if !strings.HasPrefix(after, "\n") {
			separator += "\n"
		}
		merged = before + "{\n  " + strings.Join(lines, ",\n  ") + separator + after
	}
	if !json.Valid([]byte(merged)) {
		return nil, errors.New("it has a key twice, or in an unusual form")
	}
	return []byte(merged), nil
}

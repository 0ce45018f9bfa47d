package modules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

func init() { register("json", func(c Config) map[string]vm.Builtin { return jsonFunctions(c.Data) }) }

func jsonFunctions(files DataFiles) map[string]vm.Builtin {
	return map[string]vm.Builtin{
		"encode": func(c *vm.Args) ([]lua.LValue, error) {
			v, err := goValue(c, c.Any(1, "value"))
			if err == nil && !isText(v) {
				err = fmt.Errorf("a text in it is not UTF-8, and JSON has no other")
			}
			raw := []byte(nil)
			if err == nil {
				raw, err = json.Marshal(v)
			}
			if err != nil { // NaN, an infinity
				c.Fail("%v", err)
			}
			return vm.Ret(lua.LString(raw))
		},
		"decode": func(c *vm.Args) ([]lua.LValue, error) {
			return decodeJSON(c, "the text", c.Str(1, "text"))
		},
		"load": func(c *vm.Args) ([]lua.LValue, error) {
			path := c.Str(1, "path")
			return decodeJSON(c, path, readData(c, files, path))
		},
	}
}

// decodeJSON returns the value of a text in JSON. what stands for the text in errors.
func decodeJSON(c *vm.Args, what, text string) ([]lua.LValue, error) {
	if n := strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{"); n > maxValues { // an upper bound of its values
		return nil, classify.New(classify.ScriptLimit, "%s: %s has more than %d values in it", c.Name, what, maxValues)
	}
	c.Watchdog().Work(0, len(text))
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, classify.Wrap(err, classify.ScriptArgument, "%s: %s is not JSON", c.Name, what)
	}
	value, err := luaValue(c.State, v)
	if err != nil {
		return nil, classify.Wrap(err, classify.ScriptLimit, "%s", c.Name)
	}
	return vm.Ret(value)
}

// isText reports whether all strings in a value are UTF-8.
func isText(v any) bool {
	switch v := v.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		return !slices.ContainsFunc(v, func(x any) bool { return !isText(x) })
	case map[string]any:
		for k, x := range v {
			if !utf8.ValidString(k) || !isText(x) {
				return false
			}
		}
	}
	return true
}

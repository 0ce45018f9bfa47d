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

func init() { register("json", func(Config) map[string]vm.Builtin { return jsonFunctions() }) }

func jsonFunctions() map[string]vm.Builtin {
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
			text := c.Str(1, "text")
			if n := strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{"); n > maxValues { // an upper bound of its values
				return nil, classify.New(classify.ScriptLimit, "%s: the text has more than %d values in it", c.Name, maxValues)
			}
			c.Watchdog().Work(0, len(text))
			var v any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				return nil, classify.Wrap(err, classify.ScriptArgument, "%s: the text is not JSON", c.Name)
			}
			value, err := luaValue(c.State, v)
			if err != nil {
				return nil, classify.Wrap(err, classify.ScriptLimit, "%s", c.Name)
			}
			return vm.Ret(value)
		},
	}
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

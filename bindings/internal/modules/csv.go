package modules

import (
	"encoding/csv"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

func init() {
	register("csv", func(c Config) map[string]vm.Builtin {
		return map[string]vm.Builtin{"load": func(args *vm.Args) ([]lua.LValue, error) { return loadCSV(args, c.Data) }}
	})
}

type csvOptions struct {
	Separator string `lua:"separator"`
}

var csvLoadOptions = option.Declare[csvOptions](2, "csv.load")

// loadCSV is csv.load(path, [options]). It returns a list with a table for each row after the first, which has the
// names of the columns.
func loadCSV(c *vm.Args, files DataFiles) ([]lua.LValue, error) {
	path, o := c.Str(1, "path"), csvOptions{Separator: ","}
	luaoption.Read(c, csvLoadOptions, &o)
	separator, size := utf8.DecodeRuneInString(o.Separator)
	if size == 0 || size != len(o.Separator) || separator == utf8.RuneError || strings.ContainsRune("\"\r\n", separator) {
		c.Fail("option separator must be one character, not %q", o.Separator)
	}
	text := readData(c, files, path)
	c.Watchdog().Work(0, len(text))
	if n := strings.Count(text, o.Separator) + strings.Count(text, "\n") + 1; n > maxValues { // an upper bound of its values
		return nil, classify.New(classify.ScriptLimit, "%s: %s has more than %d values in it", c.Name, path, maxValues)
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator
	rows, err := r.ReadAll()
	if err != nil {
		return nil, classify.Wrap(err, classify.ScriptArgument, "%s: %s cannot be read", c.Name, path)
	}
	if len(rows) == 0 {
		c.Fail("%s has no first row with the names of the columns", path)
	}
	names := columns(c, path, rows[0])
	list := []any{}
	for _, row := range rows[1:] {
		values := map[string]any{}
		for i, v := range row {
			values[names[i]] = v
		}
		list = append(list, values)
	}
	value, err := luaValue(c.State, list)
	if err != nil {
		return nil, classify.Wrap(err, classify.ScriptLimit, "%s", c.Name)
	}
	return vm.Ret(value)
}

// columns returns the names of the columns. Each must be there once.
func columns(c *vm.Args, path string, row []string) []string {
	var names []string
	for i, text := range row {
		name := strings.TrimSpace(text)
		if name == "" {
			c.Fail("%s: column %d has no name in the first row", path, i+1)
		}
		if slices.Contains(names, name) {
			c.Fail("%s: two columns have the name %s", path, name)
		}
		names = append(names, name)
	}
	return names
}

// readData returns the content of a data file of the script, without the byte order mark of a Windows program.
func readData(c *vm.Args, files DataFiles, path string) string {
	text, err := files.Read(path)
	if wrong := (*fs.PathError)(nil); errors.As(err, &wrong) {
		err = wrong.Err // its operation, such as "statat", means nothing to the author of a script
	}
	if err != nil {
		c.Fail("%q: %v", path, err)
	}
	return strings.TrimPrefix(string(text), "\ufeff")
}

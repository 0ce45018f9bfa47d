package policy

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine"
)

var fileName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func readFiles(s *section) map[string]engine.File {
	files := map[string]engine.File{}
	for _, name := range s.names() {
		if !fileName.MatchString(name) {
			s.fail(name, "is not a name: it becomes a part of U-Boot variables")
			continue
		}
		const forms = `must be { "file", address }`
		t, isTable := s.t.RawGetString(name).(*lua.LTable)
		if !isTable { // "file", for { "file" }
			t = newTable()
			t.RawSetInt(1, s.t.RawGetString(name))
		}
		path, ok := t.RawGetInt(1).(lua.LString)
		if !ok || path == "" || t.Len() > 2 {
			s.fail(name, forms)
			continue
		}
		f := engine.File{Path: string(path), NoAddress: t.Len() == 1}
		shown := []any{f.Path}
		if !f.NoAddress {
			if err := readAddress(&f, t.RawGetInt(2)); err != nil {
				s.fail(name, "%v", err)
				continue
			}
			shown = append(shown, any(f.Address))
			if f.Variable != "" {
				shown[1] = "${" + f.Variable + "}"
			}
		}
		s.record(name, shown)
		sub := &section{decoder: s.decoder, path: s.path + name + ".", t: t}
		if f.Append = sub.optional("append"); f.Append == f.Path {
			sub.fail("append", "is the file itself")
		}
		f.UImage = sub.uimage(f)
		sub.rejectUnusedNames()
		if !s.mistaken(s.path + name) {
			files[name] = f
		}
	}
	s.rejectForeignVariables(files)
	return files
}

// ubootVariable matches the value of one variable of U-Boot, and nothing else.
var ubootVariable = regexp.MustCompile(`^\$\{(\w+)\}$`)

// readAddress sets the address of a file: a number, or a text with a number that begins with 0x, or the value of a
// variable.
func readAddress(f *engine.File, v lua.LValue) error {
	const forms = `a number, 0x82000000, or the value of one U-Boot variable, "${loadaddr}"`
	switch v := v.(type) {
	case lua.LNumber:
		if v >= 0 && float64(v) == math.Trunc(float64(v)) && float64(v) < 1<<64 {
			f.Address = uint64(v)
			return nil
		}
		return fmt.Errorf("has the address %v: it must be %s", v, forms)
	case lua.LString:
		if m := ubootVariable.FindStringSubmatch(string(v)); m != nil {
			f.Variable = m[1]
			return nil
		}
		if digits, ok := strings.CutPrefix(string(v), "0x"); ok {
			var err error
			if f.Address, err = strconv.ParseUint(digits, 16, 64); err == nil {
				return nil
			}
		}
		return fmt.Errorf("has the address %q: it must be %s", string(v), forms)
	}
	return fmt.Errorf(`must be { "file", address }, whose address is %s`, forms)
}

// rejectForeignVariables records files at a variable that flashlua sets for another file.
func (s *section) rejectForeignVariables(files map[string]engine.File) {
	for name, f := range files {
		of, ok := strings.CutSuffix(f.Variable, "_addr")
		if !ok {
			of, ok = strings.CutSuffix(f.Variable, "_size")
		}
		if _, isFile := files[of]; ok && isFile && of != name {
			s.fail(name, "is at ${%s}, which flashlua sets for files.%s: give it an address of its own", f.Variable, of)
		}
	}
}

package policy

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

const stubFile = "../../../scripts/meta/flashlua.lua"

// keyTypes are the types in the stub of the keys that are not read with one of option's kinds.
var keyTypes = map[string]string{
	"args.NAME.type":    `"string"|"number"|"boolean"|"duration"`,
	"args.NAME.default": "string|number|boolean",
	"args.NAME.one_of":  "(string|number)[]",
	"variants":          "table<string, flashlua.policy>",
	"files.NAME":        "flashlua.file_options",
	"uboot.env.NAME":    "string",
	"method":            `"linux"|"uboot"`,

	"files.NAME.append":             "string",
	"files.NAME.uimage.arch":        "string",
	"files.NAME.uimage.type":        "string",
	"files.NAME.uimage.compression": "string",
	"files.NAME.uimage.load":        "integer",
	"files.NAME.uimage.entry":       "integer",
	"files.NAME.uimage.name":        "string",
	"targets.NAME":                  "string|flashlua.target_options",

	"power_after.success": "power_state",
	"power_after.failure": "power_state",
	"power_after.cancel":  "power_state",

	"flash":    "fun(s: flashlua.session, job: flashlua.job)",
	"target":   "fun(s: flashlua.session, job: flashlua.job, at: { uboot?: flashlua.uboot, shell?: flashlua.shell }): string",
	"check":    "fun(s: flashlua.session, report: flashlua.verdict)",
	"classify": `fun(err: flashlua.error, next: fun(err: flashlua.error): "retry"|"fatal"): "retry"|"fatal"`,
	"backoff":  "fun(n: integer, err: flashlua.error, next: fun(n: integer, err: flashlua.error): duration): duration",
}

// listFields are the fields without a name of the tables that have them.
var listFields = map[string][]field{
	"files.NAME": {{"[1]", "string", "name of the file"}, {"[2]", "integer|string", "address"}},
}

// readKinds returns the kinds of the keys that the decoder reads.
func readKinds() map[string]option.Kind {
	state := vm.New()
	d := newDecoder(Reader{State: state, Where: func(string, string) string { return "" }}, "")
	top := &section{decoder: d, t: state.L.NewTable()}
	for _, name := range []string{"targets", "args", "outputs", "consoles"} { // whose names a policy chooses
		one, all := state.L.NewTable(), state.L.NewTable()
		all.RawSetString("NAME", one)
		top.t.RawSetString(name, all)
	}
	readPolicy(top, "board", nil)
	kinds := map[string]option.Kind{}
	for _, k := range d.keys {
		kinds[k.Name] = k.Kind
	}
	return kinds
}

// tableRows returns the cells of the rows of a document's tables, from a heading on.
func tableRows(t *testing.T, path, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, tables, ok := strings.Cut(string(text), heading)
	if !ok {
		t.Fatalf("%s has no %q", path, heading)
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*) \|$`).FindAllStringSubmatch(tables, -1) {
		row := strings.Split(strings.ReplaceAll(row[1], `\|`, "\x00"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(strings.ReplaceAll(row[i], "\x00", "|"))
		}
		rows = append(rows, row)
	}
	return rows
}

// class is a class of the stub. Plain data.
type class struct {
	name, doc string
	fields    []field
}

// field is a field of a class. Plain data.
type field struct{ name, kind, doc string } // name ends with "?" if the field may be nil

// String returns the class as the stub declares it. A link of the document becomes its text.
func (c class) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---@class flashlua.%s %s\n", c.name, c.doc)
	for _, f := range c.fields {
		for _, line := range wrap(regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(f.doc, "$1"), 112) {
			b.WriteString("---" + line + "\n")
		}
		fmt.Fprintf(&b, "---@field %s %s\n", f.name, f.kind)
	}
	return b.String() + "\n"
}

// wrap breaks a text into lines of at most that many bytes.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// holdPart holds the part of the stub between "begin of NAME" and "end of NAME" to be want. UPDATE=1 writes it.
func holdPart(t *testing.T, name, want string) {
	t.Helper()
	raw, err := os.ReadFile(stubFile)
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`(?s)^(.*-- begin of ` + name + `:[^\n]*\n)(.*?)(-- end of ` + name + `\n.*)$`).FindStringSubmatch(string(raw))
	switch {
	case parts == nil:
		t.Fatalf("%s has no part %q", stubFile, name)
	case parts[2] == want:
	case os.Getenv("UPDATE") != "":
		if err := os.WriteFile(stubFile, []byte(parts[1]+want+parts[3]), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: %s differs at %s; UPDATE=1 go test -run %s ./bindings/internal/policy writes it", stubFile, name, difference(parts[2], want), t.Name())
	}
}

// difference returns the first line that differs, as it is and as wanted.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range w {
		if i >= len(g) || g[i] != w[i] {
			return fmt.Sprintf("line %d of it: %q; want %q", i+1, strings.Join(g[min(i, len(g)):min(i+1, len(g))], ""), w[i])
		}
	}
	return "its end"
}

// keyClasses are the classes of a policy's tables.
type keyClasses struct {
	all []*class
	at  map[string]*class // by the dotted key of the table; "" is the policy
}

// add adds the key at path, and the tables that contain it.
func (k *keyClasses) add(path []string, kind, doc string) {
	at := ""
	for i, name := range path[:len(path)-1] {
		sub := strings.TrimPrefix(at+"."+name, ".")
		if k.at[sub] == nil {
			k.at[sub] = &class{className(path[:i+1]), "the table `" + sub + "` of a policy", slices.Clone(listFields[sub])}
			if name == "NAME" || path[i+1] != "NAME" {
				k.all = append(k.all, k.at[sub])
			}
		}
		if name != "NAME" {
			of := "flashlua." + className(path[:i+1])
			if name == "uimage" {
				of = "boolean|" + of
			}
			if path[i+1] == "NAME" {
				of = "table<string, " + nameType(path, path[:i+2], kind) + ">"
			}
			k.at[at].add(field{name: name + "?", kind: of})
		}
		at = sub
	}
	if last := path[len(path)-1]; last != "NAME" {
		k.at[at].add(field{last + "?", kind, doc})
		return
	}
	parent := k.at[strings.Join(path[:len(path)-2], ".")]
	for i := range parent.fields { // the meaning of the table is that of its names
		if parent.fields[i].name == path[len(path)-2]+"?" {
			parent.fields[i].doc = doc
		}
	}
}

// add adds a field, unless the class has it.
func (c *class) add(f field) {
	if !slices.ContainsFunc(c.fields, func(x field) bool { return x.name == f.name }) {
		c.fields = append(c.fields, f)
	}
}

// TestStubHasEveryKey holds the stub's classes of a policy's tables to the decoder's keys, with the defaults and
// the meanings of docs/boards.md. UPDATE=1 writes them. The type of a key that is read in its own way is in keyTypes.
func TestStubHasEveryKey(t *testing.T) {
	kinds, used := readKinds(), map[string]bool{}
	top := &class{name: "policy", doc: "the table that a board's script returns"}
	classes := keyClasses{[]*class{top}, map[string]*class{"": top}}
	// The keys of consoles.NAME are those of console, which the document describes once.
	top.add(field{"consoles?", "table<string, flashlua.console_options>", "other consoles of the board by name, with the keys of `console`"})
	for _, row := range tableRows(t, "../../../docs/boards.md", "## The keys") {
		if len(row) != 4 || !strings.HasPrefix(row[0], "`") {
			continue
		}
		key, doc := strings.Trim(row[0], "`"), row[3]
		kind := keyTypes[key]
		if used[key] = kind != ""; kind == "" {
			kind = string(kinds[key])
		}
		if kind == "" || kind == string(option.Any) {
			t.Errorf("keyTypes in bindings/internal/policy/stub_test.go has no type for %s, which docs/boards.md describes; add it", key)
		}
		if row[2] != "" {
			doc += "; default: " + row[2]
		}
		classes.add(strings.Split(key, "."), kind, doc)
	}
	for key := range keyTypes {
		if !used[key] {
			t.Errorf("keyTypes has a type for %s, which docs/boards.md does not describe; remove it", key)
		}
	}
	var all strings.Builder
	for _, c := range classes.all {
		all.WriteString(c.String())
	}
	holdPart(t, "the policy keys", all.String())
}

// nameType returns the type of the values of a table whose names a policy chooses: path is that of one, key the
// first key in it, of that kind.
func nameType(key, path []string, kind string) string {
	if len(path) == len(key) {
		return kind
	}
	if known := keyTypes[strings.Join(path, ".")]; known != "" {
		return known
	}
	return "flashlua." + className(path)
}

// className returns the name of the class of a table. That of "targets.NAME" is target_options.
func className(path []string) string {
	last := path[len(path)-1]
	if last == "NAME" {
		last = strings.TrimSuffix(path[len(path)-2], "s")
	}
	if last == "arg" {
		last = "argument"
	}
	return last + "_options"
}

// TestStubHasTheVerdict holds the stub's classes of the verdict to the JSON form of engine.Report, with the meanings
// of docs/outputs.md. UPDATE=1 writes them.
func TestStubHasTheVerdict(t *testing.T) {
	docs := verdictDocs(t)
	var classes []string
	names := map[reflect.Type]string{} // classes of the structs
	var declare func(path string, of reflect.Type)
	declare = func(path string, of reflect.Type) {
		c := class{name: names[of], doc: "result of a flash; docs/outputs.md describes it"}
		if path != "" {
			c.doc = "the field `" + path + "` of a verdict"
		}
		var below []func()
		for i := range of.NumField() {
			name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			full := strings.TrimPrefix(path+"."+name, ".")
			f := field{name, "", strings.TrimSuffix(docs[full], ", see below")}
			f.kind = verdictType(of.Field(i).Type, func(table reflect.Type) string {
				if names[table] == "" {
					names[table] = "verdict_" + strings.ReplaceAll(full, ".", "_")
					below = append(below, func() { declare(full, table) })
				}
				return names[table]
			})
			if strings.HasPrefix(options, "omit") {
				f.name += "?"
			}
			c.fields = append(c.fields, f)
		}
		classes = append(classes, c.String())
		for _, b := range below {
			b()
		}
	}
	names[reflect.TypeFor[engine.Report]()] = "verdict"
	declare("", reflect.TypeFor[engine.Report]())
	holdPart(t, "the verdict", strings.Join(classes, ""))
}

// verdictDocs returns the meanings of the verdict's fields, by their dotted names.
func verdictDocs(t *testing.T) map[string]string {
	t.Helper()
	docs, of := map[string]string{}, ""
	for _, row := range tableRows(t, "../../../docs/outputs.md", "## The verdict") {
		switch {
		case len(row) != 2 || row[0] == "type": // the tables of the events follow
			return docs
		case strings.HasPrefix(row[0], "field"):
			_, of, _ = strings.Cut(strings.TrimSuffix(row[0], "`"), "`")
		default:
			for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[0], -1) {
				docs[strings.TrimPrefix(of+"."+name[1], ".")] = row[1]
			}
		}
	}
	return docs
}

// verdictType returns the stub's type of a Go type, as package modules makes it a value of Lua.
func verdictType(x reflect.Type, className func(reflect.Type) string) string {
	switch x.Kind() {
	case reflect.Pointer:
		return verdictType(x.Elem(), className)
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Slice:
		return verdictType(x.Elem(), className) + "[]"
	case reflect.Struct:
		return "flashlua." + className(x)
	}
	return "any"
}

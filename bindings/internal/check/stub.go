package check

import (
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/flashlua/flashlua/scripts"
)

// stub is what the LuaCATS stub declares.
type stub struct {
	classes   map[string]*class
	functions map[string][]*signature // "serial.open", "shell:run"; an overload follows its function
	modules   map[string]bool         // names before a function's dot
	aliases   map[string]string       // types by their names
}

// class is a type of flashlua's objects, or of tables that scripts write.
type class struct {
	name   string
	fields map[string]string // types by name
	names  []string          // of fields and methods, in the order of the stub
	items  string            // type of the fields that have no name of their own; "" if there are none
}

var (
	stubClass    = lazyRegexp(`^---@class (?:\(exact\) )?flashlua\.([\w.]+)(?:\s*:\s*flashlua\.([\w.]+))?`)
	stubTag      = lazyRegexp(`^---@(field|param|return|overload|alias) (.*)`)
	stubTable    = lazyRegexp(`^(local )?(\w+) = \{\}`)
	stubFunction = lazyRegexp(`^function (\w+)([.:])(\w+)\(`)
)

// readStub reads the LuaCATS stub.
var readStub = sync.OnceValue(func() *stub {
	r := stubReader{stub: &stub{map[string]*class{}, map[string][]*signature{}, map[string]bool{}, map[string]string{}}, tables: map[string]string{}}
	for line := range strings.Lines(scripts.Stub) {
		r.line(strings.TrimSpace(line))
	}
	libraries, _ := fs.Glob(scripts.FS, "lib/*.lua")
	for _, path := range libraries {
		r.library(path)
	}
	return r.stub
})

// library reads the annotations of a library that comes with flashlua. Its table, M, has the class of its name.
func (r *stubReader) library(path string) {
	text, err := fs.ReadFile(scripts.FS, path)
	if err != nil {
		return
	}
	name := strings.ReplaceAll(strings.TrimSuffix(path, ".lua"), "/", ".")
	r.classes[name], r.tables["M"] = &class{name: name, fields: map[string]string{}}, name
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "---@") || strings.HasPrefix(line, "function M.") {
			r.line(strings.TrimSpace(line))
		}
	}
}

// stubReader reads a stub line by line.
type stubReader struct {
	*stub
	class  *class            // the last one
	tables map[string]string // class by the local name that its methods are declared with
	main   signature         // of the function that is being read
	others []*signature      // its overloads
}

func (r *stubReader) line(line string) {
	if m := stubClass().FindStringSubmatch(line); m != nil {
		r.class = &class{name: m[1], fields: map[string]string{}}
		if base := r.classes[m[2]]; base != nil {
			r.class.extend(base)
		}
		r.classes[m[1]] = r.class
	} else if m := stubTag().FindStringSubmatch(line); m != nil {
		r.tag(m[1], m[2])
	} else if m := stubTable().FindStringSubmatch(line); m != nil && m[1] != "" && r.class != nil {
		r.tables[m[2]] = r.class.name
	} else if m := stubFunction().FindStringSubmatch(line); m != nil {
		r.function(m[1], m[2], m[3])
	}
}

func (c *class) extend(base *class) {
	for _, name := range base.names {
		c.names, c.fields[name] = append(c.names, name), base.fields[name]
	}
	c.items = base.items
}

func (r *stubReader) tag(tag, text string) {
	switch tag {
	case "field":
		name, rest, _ := strings.Cut(text, " ")
		typ, _ := cutType(rest)
		if strings.HasPrefix(name, "[") {
			r.class.items = typ
			return
		}
		name = strings.TrimSuffix(name, "?")
		r.class.names, r.class.fields[name] = append(r.class.names, name), typ
	case "param":
		name, rest, _ := strings.Cut(text, " ")
		typ, _ := cutType(rest)
		r.main.add(name, typ)
	case "return":
		r.main.results = append(r.main.results, resultTypes(text)...)
	case "overload":
		if f := functionType(text); f != nil {
			r.others = append(r.others, f)
		}
	case "alias":
		name, rest, _ := strings.Cut(text, " ")
		r.aliases[name], _ = cutType(rest)
	}
}

// function ends the declaration of table.name or table:name. An overload's parameter that says only "function" has the
// type of the function's parameter of that name.
func (r *stubReader) function(table, sep, name string) {
	f, others := r.main, r.others
	r.main, r.others = signature{}, nil
	if c := r.classes[r.tables[table]]; c != nil && strings.HasPrefix(c.name, "lib.") && len(f.params)+len(f.results) == 0 {
		return // without annotations
	}
	f.name, f.method = table+sep+name, sep == ":"
	if c := r.classes[r.tables[table]]; c != nil {
		f.name = c.name + sep + name
		if !slices.Contains(c.names, name) {
			c.names = append(c.names, name)
		}
	} else {
		r.modules[table] = true
	}
	all := []*signature{&f}
	for _, o := range others {
		o.name, o.method = f.name, f.method
		if o.method && len(o.params) > 0 && o.params[0].name == "self" {
			o.params = o.params[1:]
		}
		o.complete(f)
		all = append(all, o)
	}
	r.functions[f.name] = all
}

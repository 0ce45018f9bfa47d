package check

import (
	"iter"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/bindings/internal/option"
)

// signature is the declaration of a function of flashlua, or of a function that it calls.
type signature struct {
	name     string // "serial.open", "shell:run"
	method   bool
	params   []param // without the object of a method
	variadic bool
	results  []string // types
}

// param is a parameter of a signature.
type param struct {
	name, typ string
	optional  bool
}

// short returns the name as messages have it: "run" of a method, "serial.open" of a module's function.
func (f *signature) short() string {
	if object, member, ok := strings.Cut(f.name, ":"); ok {
		return member
	} else if readStub().modules[strings.SplitN(object, ".", 2)[0]] {
		return f.name
	}
	return f.name[strings.LastIndexByte(f.name, '.')+1:]
}

// usage returns a call with the names of the parameters.
func (f *signature) usage() string {
	var names []string
	for _, p := range f.params {
		names = append(names, p.name)
	}
	return f.short() + "(" + strings.Join(names, ", ") + ")"
}

// object returns the type of a method's object.
func (f *signature) object() string {
	object, _, _ := strings.Cut(f.name, ":")
	return object
}

// generic reports whether a call returns what a function among its arguments returned.
func (f *signature) generic() bool { return len(f.results) > 0 && generic.MatchString(f.results[0]) }

// required returns how many arguments a call needs.
func (f *signature) required() (n int) {
	for i, p := range f.params {
		if !p.optional {
			n = i + 1
		}
	}
	return n
}

func (f *signature) add(name, typ string) {
	if name == "..." {
		f.variadic = true
		return
	}
	orNil := strings.HasSuffix(typ, "?") && !strings.HasPrefix(typ, "fun(") || strings.HasSuffix(typ, "|nil") // a "?" after fun() is of its result
	f.params = append(f.params, param{strings.TrimSuffix(name, "?"), typ, strings.HasSuffix(name, "?") || typ == "any" || orNil})
}

// complete takes over what an overload leaves open from its function.
func (f *signature) complete(from signature) {
	for i, p := range f.params {
		for _, q := range from.params {
			if q.name == p.name && p.typ == "function" {
				f.params[i].typ, f.results = q.typ, from.results
			}
		}
	}
}

// topLevel yields the bytes of a type that are outside quotes and brackets, with their indexes.
func topLevel(text string) iter.Seq2[int, byte] {
	return func(yield func(int, byte) bool) {
		depth, quoted := 0, false
		for i := range len(text) {
			switch b := text[i]; {
			case b == '"':
				quoted = !quoted
			case quoted:
			case strings.IndexByte("(<{[", b) >= 0:
				depth++
			case strings.IndexByte(")>}]", b) >= 0:
				depth--
			case depth == 0 && !yield(i, b):
				return
			}
		}
	}
}

// cutType returns the type at the beginning of a text, and the rest.
func cutType(text string) (typ, rest string) {
	for i, b := range topLevel(text) {
		switch {
		case b == ',' && !strings.HasPrefix(text, "fun("):
			return text[:i], text[i:]
		case b == ' ' && !strings.HasSuffix(text[:i], ":") && !(strings.HasSuffix(text[:i], ",") && strings.HasPrefix(text, "fun(")):
			return text[:i], strings.TrimSpace(text[i:])
		}
	}
	return text, ""
}

// resultTypes returns the types in "string output, integer code".
func resultTypes(text string) (all []string) {
	for text != "" {
		typ, rest := cutType(text)
		all = append(all, typ)
		_, text, _ = strings.Cut(rest, ",")
		text = strings.TrimSpace(text)
	}
	return all
}

// generic matches the name of a type that is that of an argument, "T", or nil.
var generic = regexp.MustCompile(`^[A-Z]\??$`)

// aliasOf returns the type that a name in the stub stands for. Kinds of options are types of their own.
func aliasOf(name string) (string, bool) {
	if isKind(option.Kind(name)) {
		return "", false
	}
	typ, ok := readStub().aliases[name]
	return typ, ok
}

// alternatives returns the types in "string|string[]", without the mark of a type that may be nil.
func alternatives(typ string) (all []string) {
	begin := 0
	for i, b := range topLevel(typ) {
		switch b {
		case ':':
			return []string{typ} // the results of a function
		case '|':
			all, begin = append(all, typ[begin:i]), i+1
		}
	}
	all = append(all, typ[begin:])
	if alias, ok := aliasOf(typ); ok {
		return alternatives(alias)
	}
	if len(all) == 1 && strings.HasSuffix(typ, "?") {
		return append(alternatives(strings.TrimSuffix(typ, "?")), "nil")
	}
	return all
}

// functionType returns the signature in "fun(a: string, b?: integer): string", nil if the type is another one.
func functionType(typ string) *signature {
	if !strings.HasPrefix(typ, "fun(") {
		return nil
	}
	end, depth := 0, 0
	for i := range len(typ) {
		if typ[i] == '(' {
			depth++
		} else if typ[i] == ')' {
			if depth--; depth == 0 {
				end = i
				break
			}
		}
	}
	f := &signature{}
	if end == 0 {
		return nil
	}
	for inside := strings.TrimSpace(typ[4:end]); inside != ""; {
		name, rest, _ := strings.Cut(inside, ":")
		if strings.Contains(name, ",") { // a parameter without a type
			name, rest, _ = strings.Cut(inside, ",")
			f.add(strings.TrimSpace(name), "any")
			inside = strings.TrimSpace(rest)
			continue
		}
		t, rest := cutParameter(strings.TrimSpace(rest))
		f.add(strings.TrimSpace(name), t)
		inside = rest
	}
	if results, ok := strings.CutPrefix(strings.TrimSpace(typ[end+1:]), ":"); ok {
		f.results = resultTypes(strings.TrimSpace(results))
	}
	return f
}

// cutParameter returns the type of a parameter, and the parameters after it.
func cutParameter(text string) (typ, rest string) {
	depth := 0
	for i := range len(text) {
		switch b := text[i]; {
		case strings.IndexByte("(<{[", b) >= 0:
			depth++
		case strings.IndexByte(")>}]", b) >= 0:
			depth--
		case b == ',' && depth == 0:
			return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
		}
	}
	return strings.TrimSpace(text), ""
}

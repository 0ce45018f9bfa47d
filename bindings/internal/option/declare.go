package option

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// Bytes is the type of a field that holds a size.
type Bytes int64

// kinds are the kinds of the fields whose Go type says it. A field of another type has its kind in its tag.
var kinds = map[reflect.Type]Kind{
	reflect.TypeFor[string]():            String,
	reflect.TypeFor[*string]():           String, // nil where it was not given
	reflect.TypeFor[int]():               Integer,
	reflect.TypeFor[*int]():              Integer, // nil where it was not given
	reflect.TypeFor[bool]():              Boolean,
	reflect.TypeFor[time.Duration]():     Duration,
	reflect.TypeFor[Bytes]():             Size,
	reflect.TypeFor[engine.PowerState](): PowerState,
	reflect.TypeFor[engine.LoadWay]():    LoadWay,
	reflect.TypeFor[classify.Class]():    Class,
	reflect.TypeFor[map[string]string](): Texts,
	reflect.TypeFor[ValueTexts]():        Values,
	reflect.TypeFor[console.Watch]():     Aborts,
}

// ValueTexts is the type of a field that holds names and their values, as texts.
type ValueTexts map[string]string

// Set is the options of one or more functions, which are read into a T.
type Set[T any] struct {
	Arg     int // position of the table in a call, from 1
	Options []Option
}

// Declare declares that functions take the options of struct T in argument arg. Each field of T is an option:
//
//	OffTime time.Duration  `lua:"off_time,pause"`
//	Line    *lua.LFunction `lua:"line,function"`
//	Image   string         `lua:"image,required"`
//
// The tag holds its name, its kind where the Go type does not say it, and "required". It must be called while
// packages are initialized, and panics if T is no such struct.
func Declare[T any](arg int, functions ...string) *Set[T] {
	s := &Set[T]{Arg: arg}
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		s.Options = append(s.Options, ofField(t.Field(i)))
	}
	DeclareKeys(arg, s.Options, functions...)
	return s
}

func ofField(f reflect.StructField) Option {
	words := strings.Split(f.Tag.Get("lua"), ",")
	o := Option{Name: words[0], Kind: kinds[f.Type]}
	for _, w := range words[1:] {
		if w == "required" {
			o.Required = true
		} else {
			o.Kind = Kind(w)
		}
	}
	if o.Name == "" || o.Kind == "" {
		panic(fmt.Sprintf("field %s of type %v has no option's name or kind in its tag", f.Name, f.Type))
	}
	return o
}

// Assign sets the field of the option with index i to a value: one that Kind.Parse returned, or one of the
// field's type.
func (s *Set[T]) Assign(to *T, i int, value any) {
	field, v := reflect.ValueOf(to).Elem().Field(i), reflect.ValueOf(value)
	if field.Kind() == reflect.Pointer && v.Kind() != reflect.Pointer {
		p := reflect.New(field.Type().Elem())
		p.Elem().Set(v)
		v = p
	}
	if !v.Type().AssignableTo(field.Type()) {
		v = v.Convert(field.Type())
	}
	field.Set(v)
}

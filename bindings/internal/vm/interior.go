package vm

import (
	"fmt"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Fields of gopher-lua's values that have no accessor. They are found by name and type when the program starts, so
// that a version of gopher-lua that changed them panics instead of being misread.

// interior is the offset of a field of type F in a struct S.
type interior[S, F any] uintptr

func (i interior[S, F]) of(s *S) F { return *i.at(s) }

func (i interior[S, F]) at(s *S) *F { return (*F)(unsafe.Add(unsafe.Pointer(s), uintptr(i))) }

// interiorOf finds a field of S by name.
func interiorOf[S, F any](name string) interior[S, F] {
	return interior[S, F](field(reflect.TypeFor[S](), name, reflect.TypeFor[F]()).Offset)
}

// field finds a field of a type; a nil want accepts any type of it.
func field(in reflect.Type, name string, want reflect.Type) reflect.StructField {
	f, ok := in.FieldByName(name)
	if !ok || want != nil && f.Type != want {
		panic(fmt.Sprintf("%s has no field %s of type %v: this version of gopher-lua is not supported", in, name, want))
	}
	return f
}

var (
	tableArray  = interiorOf[lua.LTable, []lua.LValue]("array")
	tableDict   = interiorOf[lua.LTable, map[lua.LValue]lua.LValue]("dict")
	tableNames  = interiorOf[lua.LTable, map[string]lua.LValue]("strdict")
	tableKeys   = interiorOf[lua.LTable, []lua.LValue]("keys")
	tablePlaces = interiorOf[lua.LTable, map[lua.LValue]int]("k2i")

	threadReg = field(reflect.TypeFor[lua.LState](), "reg", nil)
	regArray  = field(threadReg.Type.Elem(), "array", reflect.TypeFor[[]lua.LValue]())
)

// registers returns those of a thread, unused ones too.
func registers(th *lua.LState) []lua.LValue {
	reg := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(th), threadReg.Offset))
	array := *(*[]lua.LValue)(unsafe.Add(reg, regArray.Offset))
	return array[:cap(array)]
}

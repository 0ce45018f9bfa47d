package bindings

import (
	"fmt"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// The fields of gopher-lua's values that have no accessor and are needed to measure them. They are looked up by name and
// type, so that another version of gopher-lua that has changed them fails at the start instead of being misread.

// interior is the offset of a field of type F in a struct S.
type interior[S, F any] uintptr

func (i interior[S, F]) of(s *S) F { return *(*F)(unsafe.Add(unsafe.Pointer(s), uintptr(i))) }

// interiorOf finds a field of S by name.
func interiorOf[S, F any](name string) interior[S, F] {
	return interior[S, F](field(reflect.TypeFor[S](), name, reflect.TypeFor[F]()).Offset)
}

// field finds a field of a type. A nil want is any type.
func field(in reflect.Type, name string, want reflect.Type) reflect.StructField {
	f, ok := in.FieldByName(name)
	if !ok || want != nil && f.Type != want {
		panic(fmt.Sprintf("%s has no field %s of type %v: this flashlua does not know this gopher-lua", in, name, want))
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

// registers are those of a thread, used and unused ones.
func registers(th *lua.LState) []lua.LValue {
	reg := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(th), threadReg.Offset))
	array := *(*[]lua.LValue)(unsafe.Add(reg, regArray.Offset))
	return array[:cap(array)]
}

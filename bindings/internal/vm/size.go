package vm

import (
	"reflect"
	"slices"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// SizeValue is the size of a value in a list or a register: a Go interface.
const SizeValue = 16

// Sizes in bytes of gopher-lua's objects, rounded to what Go's heap uses for them.
const (
	sizeText     = 16       // the header of a string in an interface
	sizeNumber   = 8        // a number in an interface
	sizeTable    = 96       // without contents
	sizeNamed    = 1000     // maps of a table with a name: between 500 and 2,500 in fact
	sizeName     = 112      // a name in a table: in the map of values, in the list of keys and in the map of their places
	sizeFunction = 80       // without upvalues
	sizeUpvalue  = 64       // with the pointer to it
	sizeUserData = 64       // without its value
	sizeError    = 176      // without its texts
	sizeThread   = 20 << 10 // a coroutine without registers: mostly its call stack
)

// seen are the objects that a measurement has counted.
type seen map[unsafe.Pointer]struct{}

// sizing measures what can be reached in a Lua state. Everything counts once.
type sizing struct {
	bytes int
	seen  seen
	open  []lua.LValue // counted as found, content still to be counted
	errs  []error      // likewise
}

// size returns how many bytes the state holds. It stops at MaxSize.
func (s *State) size(met seen) int {
	m := sizing{seen: met}
	m.value(s.L)
	for _, th := range slices.Concat(s.threads.free, s.threads.busy) {
		m.value(th)
	}
	m.value(s.L.G.Registry)
	m.value(s.L.G.Global)
	m.value(s.ErrorMeta)
	for m.bytes <= MaxSize && (len(m.open) > 0 || len(m.errs) > 0) {
		if n := len(m.open) - 1; n >= 0 {
			v := m.open[n]
			m.open = m.open[:n]
			m.into(v)
			continue
		}
		n := len(m.errs) - 1
		err := m.errs[n]
		m.errs = m.errs[:n]
		m.err(err)
	}
	return m.bytes
}

// first reports whether an object is found for the first time.
func (m *sizing) first(p unsafe.Pointer) bool {
	n := len(m.seen)
	m.seen[p] = struct{}{}
	return len(m.seen) > n
}

// value counts a reference to a value. Its content is counted later.
func (m *sizing) value(v lua.LValue) {
	switch v := v.(type) {
	case lua.LNumber:
		m.bytes += sizeNumber
	case lua.LString:
		m.text(string(v))
	case *lua.LTable:
		m.later(v, unsafe.Pointer(v))
	case *lua.LFunction:
		m.later(v, unsafe.Pointer(v))
	case *lua.LUserData:
		m.later(v, unsafe.Pointer(v))
	case *lua.LState:
		m.later(v, unsafe.Pointer(v))
	}
}

func (m *sizing) later(v lua.LValue, p unsafe.Pointer) {
	if p != nil && m.first(p) {
		m.open = append(m.open, v)
	}
}

func (m *sizing) text(s string) {
	if s != "" && m.first(unsafe.Pointer(unsafe.StringData(s))) {
		m.bytes += sizeText + len(s)
	}
}

func (m *sizing) into(v lua.LValue) {
	switch v := v.(type) {
	case *lua.LTable:
		m.table(v)
	case *lua.LFunction:
		m.bytes += sizeFunction + len(v.Upvalues)*sizeUpvalue
		m.value(v.Env)
		for _, up := range v.Upvalues {
			if up != nil && m.first(unsafe.Pointer(up)) {
				m.value(up.Value())
			}
		}
	case *lua.LUserData:
		m.bytes += sizeUserData
		m.value(v.Metatable)
		if err, ok := v.Value.(error); ok {
			m.errs = append(m.errs, err)
		}
	case *lua.LState:
		m.bytes += sizeThread
		m.values(registers(v))
	}
}

func (m *sizing) table(t *lua.LTable) {
	m.bytes += sizeTable
	m.value(t.Metatable)
	m.values(tableArray.of(t))
	keys := tableKeys.of(t) // those of removed values too
	if len(keys) > 0 {
		m.bytes += sizeNamed
	}
	m.bytes += len(keys) * sizeName
	for _, k := range keys {
		if m.bytes > MaxSize {
			return
		}
		m.value(k)
	}
	for _, v := range tableNames.of(t) {
		m.value(v)
	}
	for _, v := range tableDict.of(t) {
		m.value(v)
	}
}

func (m *sizing) values(all []lua.LValue) {
	m.bytes += cap(all) * SizeValue
	for _, v := range all {
		if m.bytes > MaxSize {
			return
		}
		if v != nil {
			m.value(v)
		}
	}
}

// err counts an error and its content.
func (m *sizing) err(err error) {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && !m.first(v.UnsafePointer()) {
		return
	}
	switch e := err.(type) {
	case *classify.Error:
		m.bytes += sizeError
		for _, s := range []string{e.Msg, e.Hint, e.Detail, e.Console} {
			m.text(s)
		}
		m.errs = append(m.errs, e.Secondary...)
	case *RaisedValue:
		m.text(e.Text)
		m.value(e.Value)
	default:
		m.bytes += SizeValue
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			m.errs = append(m.errs, inner)
		}
	case interface{ Unwrap() []error }:
		m.errs = append(m.errs, e.Unwrap()...)
	}
}

// ThreadSize returns the size of a coroutine in bytes.
func ThreadSize(th *lua.LState) int { return sizeThread + len(registers(th))*SizeValue }

// Size returns how many bytes the state holds, as the watchdog measures it.
func (s *State) Size() int { return s.size(seen{}) }

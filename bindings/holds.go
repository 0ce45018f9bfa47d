package bindings

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// Sizes in bytes of what gopher-lua makes, rounded to what Go's heap uses for it.
const (
	sizeValue    = 16       // an interface
	sizeText     = 16       // the header of a string in an interface
	sizeNumber   = 8        // a number in an interface
	sizeTable    = 96       // without contents
	sizeNamed    = 1000     // maps of a table with a name: between 500 and 2,500, which nothing tells apart
	sizeName     = 112      // a name in a table: in the map of values, in the list of keys and in the map of their places
	sizeFunction = 80       // without upvalues
	sizeUpvalue  = 64       // with the pointer to it
	sizeUserData = 64       // without its value
	sizeError    = 176      // without its texts
	sizeThread   = 20 << 10 // a coroutine without registers: mostly its call stack
)

// seen is what a measure has met.
type seen map[unsafe.Pointer]struct{}

// holding measures what is reachable in a Lua state. Everything counts once.
type holding struct {
	bytes int
	seen  seen
	open  []lua.LValue // found, and not yet looked into
	errs  []error
}

// holds is how many bytes the state holds. It stops once that is more than a script may.
func (h *host) holds(met seen) int {
	m := holding{seen: met}
	m.value(h.L)
	for _, th := range h.freeThreads {
		m.value(th)
	}
	for _, th := range h.busy {
		m.value(th)
	}
	m.value(h.L.G.Registry)
	m.value(h.L.G.Global)
	m.value(h.errorMeta)
	for _, v := range h.modules.loaded {
		m.value(v)
	}
	for m.bytes <= maxHeld && (len(m.open) > 0 || len(m.errs) > 0) {
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

// first reports whether something is met for the first time.
func (m *holding) first(p unsafe.Pointer) bool {
	n := len(m.seen)
	m.seen[p] = struct{}{}
	return len(m.seen) > n
}

// value counts a value that something refers to. What is in it is looked at later.
func (m *holding) value(v lua.LValue) {
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

func (m *holding) later(v lua.LValue, p unsafe.Pointer) {
	if p != nil && m.first(p) {
		m.open = append(m.open, v)
	}
}

func (m *holding) text(s string) {
	if s != "" && m.first(unsafe.Pointer(unsafe.StringData(s))) {
		m.bytes += sizeText + len(s)
	}
}

func (m *holding) into(v lua.LValue) {
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

func (m *holding) table(t *lua.LTable) {
	m.bytes += sizeTable
	m.value(t.Metatable)
	m.values(tableArray.of(t))
	keys := tableKeys.of(t) // also those of values that are gone
	if len(keys) > 0 {
		m.bytes += sizeNamed
	}
	m.bytes += len(keys) * sizeName
	for _, k := range keys {
		if m.bytes > maxHeld {
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

func (m *holding) values(all []lua.LValue) {
	m.bytes += cap(all) * sizeValue
	for _, v := range all {
		if m.bytes > maxHeld {
			return
		}
		if v != nil {
			m.value(v)
		}
	}
}

// err counts an error, and what is in it.
func (m *holding) err(err error) {
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
	case *raisedValue:
		m.text(e.text)
		m.value(e.value)
	default:
		m.bytes += sizeValue
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

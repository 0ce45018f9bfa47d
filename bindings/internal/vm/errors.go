package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/classify"
)

// A Go error is user data in Lua. What a script raises itself is one of three, which a pcall must give back
// unchanged: an error object, a plain value, or a text. Only a text can also be a fault of the code, such as
// "attempt to call a nil value". The state therefore remembers the last text that error() raised and the last
// fault that was caught.
type raisedTexts struct {
	raised *string // by error or assert
	fault  *string
}

// isFault reports whether a text that was caught was not raised by the script itself.
func (r *raisedTexts) isFault(text string) bool { return r.raised == nil || *r.raised != text }

// isAgain reports whether a text that a script raises is the last fault.
func (r *raisedTexts) isAgain(text string) bool { return r.fault != nil && *r.fault == text }

// newFault makes the error of a fault and remembers it.
func (r *raisedTexts) newFault(text, trace string) *classify.Error {
	r.fault = &text
	kind := classify.ScriptFault
	if strings.Contains(text, "stack overflow") || strings.Contains(text, "registry overflow") {
		kind = classify.ScriptLimit
	}
	return &classify.Error{Kind: kind, Msg: text, Detail: trace}
}

// RaisedValue is a plain value that a script raised. It has no kind.
type RaisedValue struct {
	Text  string // the value for people
	Value lua.LValue
}

func (r *RaisedValue) Error() string { return r.Text }

// ErrorType names the value for people.
func (r *RaisedValue) ErrorType() string { return "Lua " + r.Value.Type().String() }

// NewRaisedValue returns the error of a plain value that a script raised.
func NewRaisedValue(v lua.LValue) *RaisedValue {
	text := ""
	switch x := v.(type) {
	case lua.LString:
		text = string(x)
	case *lua.LTable:
		text = "a table was raised"
		if m := x.RawGetString("message"); m != lua.LNil {
			text += ": " + m.String()
		}
	default:
		text = fmt.Sprintf("a %s was raised: %s", v.Type(), v)
	}
	return &RaisedValue{text, v}
}

// GoError returns the Go error in an error object, nil if v is not one.
func GoError(v lua.LValue) error {
	if ud, ok := v.(*lua.LUserData); ok {
		err, _ := ud.Value.(error)
		return err
	}
	return nil
}

// ErrorValue returns the error object of err.
func (s *State) ErrorValue(err error) lua.LValue {
	if err == nil {
		return lua.LNil
	}
	ud := s.L.NewUserData()
	ud.Value, ud.Metatable = err, s.ErrorMeta
	return ud
}

// Raise raises an error object.
func (s *State) Raise(L *lua.LState, err error) { L.Error(s.ErrorValue(err), 1) }

// fromLua returns the Go error in what PCall caught, nil if there is none.
func fromLua(err error) error {
	var api *lua.ApiError
	if errors.As(err, &api) {
		return GoError(api.Object)
	}
	return nil
}

// toGo makes a Go error of what PCall caught: the same error if it is an error object, a fault of the Lua code, or
// what the script raised.
func (s *State) toGo(err error) error {
	if e := fromLua(err); e != nil {
		return e
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return classify.Wrap(err, classify.ScriptFault, "Lua")
	}
	trace := strings.TrimSpace(api.StackTrace)
	text, isText := api.Object.(lua.LString)
	if api.Type == lua.ApiErrorPanic { // in the interpreter itself
		return s.Poison(&classify.Error{Kind: classify.Internal, Msg: "panic in the Lua interpreter: " + string(text), Detail: trace})
	}
	if isText && s.raised.isFault(string(text)) {
		return s.raised.newFault(string(text), trace)
	}
	own := &classify.Error{Cause: NewRaisedValue(api.Object), Detail: trace}
	if s.RaisedHint != nil {
		own.Hint = s.RaisedHint()
	}
	return own
}

// toLua returns a caught error as the script knows it: what was raised if that was a plain value, the text of a
// fault, else the error object.
func (s *State) toLua(err error) lua.LValue {
	if e, ok := err.(*classify.Error); ok {
		if r, ok := e.Cause.(*RaisedValue); ok {
			return r.Value
		}
		if e.Kind == classify.ScriptFault && e.Cause == nil {
			return lua.LString(e.Msg)
		}
	}
	return s.ErrorValue(err)
}

// IsUncatchable reports whether no script may catch an error: a panic, the end of the context, a limit that broke.
func (s *State) IsUncatchable(ctx context.Context, err error) bool {
	return s.bug != nil || context.Cause(ctx) != nil || classify.Find(err, classify.ScriptLimit) != nil
}

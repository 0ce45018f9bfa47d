package luaoption

import (
	"cmp"
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/console"
)

// Aborts reads the texts on a console that mean failure, with their messages: { ["DDR init failed"] = "the
// memory does not come up", reset = false }. A text is no pattern; false disables a built-in abort.
func Aborts(v lua.LValue) (w console.Watch, err error) {
	if v == lua.LNil {
		return w, nil
	}
	if _, err := option.Aborts.Parse(goValue(v)); err != nil {
		return w, err
	}
	t, _ := vm.TableIn(v)
	t.ForEach(func(k, v lua.LValue) {
		text, isText := k.(lua.LString)
		says, isOn := v.(lua.LString)
		switch {
		case !isText || text == "":
			err = fmt.Errorf(`must have texts as keys, { ["text"] = "what it means" }, not %s`, k)
		case isOn:
			w.Add = append(w.Add, console.Abort{Pattern: console.Text(string(text)), Kind: classify.ConsoleAbort, Message: string(says)})
		case v == lua.LFalse && slices.Contains(console.AbortNames, string(text)):
			w.Disable = append(w.Disable, string(text))
		case v == lua.LFalse:
			err = fmt.Errorf("cannot switch off %q%s", string(text), suggest.Name(string(text), console.AbortNames))
		default:
			err = fmt.Errorf("must say what %q means, a string, or false", string(text))
		}
	})
	slices.SortFunc(w.Add, func(a, b console.Abort) int { // a table has no order
		return cmp.Compare(a.Pattern.String(), b.Pattern.String())
	})
	return w, err
}

package modules

import (
	"context"
	"fmt"
	"runtime/debug"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/classify"
)

// Functions are a Lua module of the embedder, by their names. bindings.Module describes their arguments
// and results.
type Functions = map[string]func(ctx context.Context, args []any) ([]any, error)

// wrapModule makes builtins of an embedder's functions.
func wrapModule(m Functions) map[string]vm.Builtin {
	all := map[string]vm.Builtin{}
	for name, f := range m {
		all[name] = func(c *vm.Args) ([]lua.LValue, error) {
			var in []any
			for i, v := range c.Rest(1) {
				x, err := goValue(c, v)
				if err != nil {
					c.Fail("argument %d: %v", i+1, err)
				}
				in = append(in, x)
			}
			out, err := callEmbedder(c, f, in)
			if err != nil {
				return nil, err
			}
			results := make([]lua.LValue, len(out))
			for i, x := range out {
				if results[i], err = luaValue(c.State, x); err != nil {
					return nil, embedderBug(c, fmt.Sprintf("%s: result %d: %v", c.Name, i+1, err), "")
				}
			}
			return results, nil
		}
	}
	return all
}

// callEmbedder calls an embedder's function. A panic in it is an error.
func callEmbedder(c *vm.Args, f func(context.Context, []any) ([]any, error), in []any) (out []any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = embedderBug(c, fmt.Sprintf("panic in %s: %v", c.Name, v), string(debug.Stack()))
		}
	}()
	return f(c.Ctx, in)
}

// embedderBug returns the error of a bug in an embedder's function. The script cannot catch it, nor go on.
func embedderBug(c *vm.Args, msg, detail string) error {
	return c.State.Poison(&classify.Error{
		Kind: classify.Internal, Msg: msg, Detail: detail,
		Hint: "the function belongs to the program that embeds flashlua; report this to its authors",
	})
}

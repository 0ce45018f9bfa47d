package modules

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

func init() {
	register("image", func(c Config) map[string]vm.Builtin { return imageModule{c.Phase}.functions() }, "open")
}

// imageModule is the Lua module image.
type imageModule struct{ phase *Phase }

func (m imageModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"open": m.openImage}
}

type imageOptions struct {
	SHA256 string `lua:"sha256"`
}

var imageOpenOptions = option.Declare[imageOptions](2, "image.open")

// openImage is image.open(path, [options]).
func (m imageModule) openImage(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	path := c.Str(1, "path")
	var o imageOptions
	luaoption.Read(c, imageOpenOptions, &o)
	im, err := p.Image(c.Ctx, path, o.SHA256)
	if err != nil {
		return nil, err
	}
	v := newObject(c.State, "image", nil, map[string]lua.LValue{"path": lua.LString(im.Path()), "size": lua.LNumber(im.Size()), "sha256": lua.LString(im.SHA256())})
	v.Value = im
	return vm.Ret(v)
}

package bindings

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/option"
)

func init() { register("image", (*host).imageModule) }

func (h *host) imageModule() map[string]builtin { return map[string]builtin{"open": h.openImage} }

type imageOptions struct {
	SHA256 string `lua:"sha256"`
}

var imageOpenOptions = option.Declare[imageOptions](2, "image.open")

// openImage is image.open(path, [options]).
func (h *host) openImage(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	path := c.str(1, "path")
	var o imageOptions
	readOptions(c, imageOpenOptions, &o)
	im, err := p.Image(c.ctx, path, o.SHA256)
	if err != nil {
		return nil, err
	}
	v := h.object("image", nil, map[string]lua.LValue{"path": lua.LString(im.Path()), "size": lua.LNumber(im.Size()), "sha256": lua.LString(im.SHA256())})
	v.Value = im
	return ret(v)
}

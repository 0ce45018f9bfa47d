package bindings

import (
	lua "github.com/yuin/gopher-lua"
)

func init() { register("image", (*host).imageModule) }

func (h *host) imageModule() map[string]builtin { return map[string]builtin{"open": h.openImage} }

// openImage is image.open(path, { sha256 }).
func (h *host) openImage(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	path := c.str(1, "path")
	o := c.options(2)
	sum := o.text("sha256")
	o.rejectUnknown()
	im, err := p.Image(c.ctx, path, sum)
	if err != nil {
		return nil, err
	}
	v := h.object("image", nil, map[string]lua.LValue{"path": lua.LString(im.Path()), "size": lua.LNumber(im.Size()), "sha256": lua.LString(im.SHA256())})
	v.Value = im
	return ret(v)
}

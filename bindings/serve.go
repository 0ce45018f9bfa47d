package bindings

import (
	"net"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/engine/image"
	"github.com/flashlua/flashlua/engine/serve"
)

func init() { register("serve", (*host).serveModule) }

func (h *host) serveModule() map[string]builtin { return map[string]builtin{"http": h.serveHTTP} }

// serveHTTP is serve.http({ listen }), a server whose offer(content, host) gives the URL of a text or an image, as a board
// at which the station is called host asks for it.
func (h *host) serveHTTP(c *args) ([]lua.LValue, error) {
	p, err := h.requireProgram(c)
	if err != nil {
		return nil, err
	}
	o := c.options(1)
	listen := o.text("listen")
	o.rejectUnknown()
	srv, err := p.Serve(c.ctx, net.JoinHostPort(listen, "0"))
	if err != nil {
		return nil, err
	}
	offer := func(c *args) ([]lua.LValue, error) {
		content := serve.Content{Name: "file"}
		switch v := c.any(1, "content").(type) {
		case lua.LString:
			content = serve.Text("file", string(v))
		case *lua.LUserData:
			im, ok := v.Value.(*image.Image)
			if !ok {
				c.fail("argument 1, the content, must be a text or an image, not %s", v)
			}
			content.Size, content.ReaderAt = im.Size(), im
		default:
			c.fail("argument 1, the content, must be a text or an image, not a %s", v.Type())
		}
		path, _ := srv.Offer(serve.Offer{Content: content})
		return ret(lua.LString("http://" + net.JoinHostPort(c.str(2, "host"), srv.Port()) + path))
	}
	return ret(h.object("server", map[string]builtin{"offer": offer}, map[string]lua.LValue{"port": lua.LString(srv.Port())}))
}

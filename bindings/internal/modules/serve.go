package modules

import (
	"net"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
	"github.com/flashlua/flashlua/engine"
)

func init() {
	register("serve", func(c Config) map[string]vm.Builtin { return serveModule{c.Phase}.functions() }, "http")
}

// serveModule is the Lua module serve.
type serveModule struct{ phase *Phase }

func (m serveModule) functions() map[string]vm.Builtin {
	return map[string]vm.Builtin{"http": m.serveHTTP}
}

type serveOptions struct {
	Listen string `lua:"listen"`
}

var serveHTTPOptions = option.Declare[serveOptions](1, "serve.http")

// serveHTTP is serve.http([options]). The server's offer(content, host) returns the URL of a text or an image;
// host is the station's address as the board sees it.
func (m serveModule) serveHTTP(c *vm.Args) ([]lua.LValue, error) {
	p, err := m.phase.requireProgram(c)
	if err != nil {
		return nil, err
	}
	var o serveOptions
	luaoption.Read(c, serveHTTPOptions, &o)
	srv, err := p.Serve(c.Ctx, net.JoinHostPort(o.Listen, "0"))
	if err != nil {
		return nil, err
	}
	offer := func(c *vm.Args) ([]lua.LValue, error) {
		var path string
		switch v := c.Any(1, "content").(type) {
		case lua.LString:
			path = srv.OfferText(string(v))
		case *lua.LUserData:
			im, ok := v.Value.(engine.Image)
			if !ok {
				c.Fail("argument 1, the content, must be a text or an image, not %s", v)
			}
			path = srv.OfferImage(im)
		default:
			c.Fail("argument 1, the content, must be a text or an image, not a %s", v.Type())
		}
		return vm.Ret(lua.LString("http://" + net.JoinHostPort(c.Str(2, "host"), srv.Port()) + path))
	}
	return vm.Ret(newObject(c.State, "server", map[string]vm.Builtin{"offer": offer}, map[string]lua.LValue{"port": lua.LString(srv.Port())}))
}

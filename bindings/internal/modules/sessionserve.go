package modules

import (
	"net/netip"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/luaoption"
	"github.com/flashlua/flashlua/bindings/internal/option"
	"github.com/flashlua/flashlua/bindings/internal/vm"
)

type sessionServeOptions struct {
	Board string `lua:"board"` // the board's address
}

var sessionServeFile = option.Declare[sessionServeOptions](2, "session:serve")

// serve is s:serve(name, [options]).
func (x *session) serve(c *vm.Args) ([]lua.LValue, error) {
	name := c.Str(1, "name of a file")
	x.requireFiles(c, []string{name})
	var o sessionServeOptions
	luaoption.Read(c, sessionServeFile, &o)
	if _, err := netip.ParseAddr(o.Board); o.Board != "" && err != nil {
		c.Fail("option board must be the board's IP address, not %q", o.Board)
	}
	f, err := x.s.Serve(c.Ctx, name, o.Board)
	if err != nil {
		return nil, err
	}
	at := &vm.ReadOnly{
		Kind: "served_file", Names: []string{"url", "size", "tftp_server", "tftp_path"}, Values: x.L.NewTable(),
		Absent: "net.tftp_server is false in the policy",
	}
	at.Values.RawSetString("url", lua.LString(f.URL))
	at.Values.RawSetString("size", lua.LNumber(f.Size))
	if f.TFTPServer != "" {
		at.Values.RawSetString("tftp_server", lua.LString(f.TFTPServer))
		at.Values.RawSetString("tftp_path", lua.LString(f.TFTPPath))
	}
	return vm.Ret(x.Record(at))
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/google/goterm/term"
	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) simCommand() *cli.Command {
	return &cli.Command{
		Name: "sim", Usage: "serve a simulated board to any tool", ArgsUsage: "[SCRIPT]",
		Description: "Serves a simulated board that behaves as the policy SCRIPT describes (default: sim), until it is interrupted. It is the\n" +
			"board of --port sim:, with its console on a pseudo terminal or a TCP port and its power switch on HTTP.\n\n" +
			"  flashlua sim boards/mine.lua --listen tcp:127.0.0.1:4001 --set dhcp=1,dir=/tmp/mine\n\n" +
			"Settings: with each, the simulated board\n\n" + simSettingsHelp(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "serve the console at `SPEC`, pty or tcp:HOST:PORT", Value: "pty"},
			&cli.StringFlag{Name: "power", Usage: "serve the power switch at `HOST:PORT`", Value: "127.0.0.1:0"},
			variantFlag(),
			&cli.StringFlag{Name: "set", Usage: "faults and other settings, `NAME=VALUE,…`, as in --port sim:NAME=VALUE,…"},
		},
		OnUsageError: onUsageError,
		Action:       env.sim,
	}
}

// simSettingsHelp lists the settings of the simulated board, one per line.
func simSettingsHelp() string {
	var lines []string
	for _, s := range simulate.Settings() {
		lines = append(lines, fmt.Sprintf("  %-18s %s", s.Name+"="+s.Value, s.Does))
	}
	return strings.Join(lines, "\n")
}

// sim runs the command sim.
func (env Env) sim(c *cli.Context) error {
	script := c.Args().First()
	if c.NArg() > 1 {
		return usageErrorFor("sim", "unexpected argument %q", c.Args().Get(1))
	}
	if script == "" {
		script = "sim"
	}
	inv, end := env.begin(clock.Real{})
	defer end()
	if err := checkVariant(c); err != nil {
		return err
	}
	p, err := bindings.Load(script, bindings.Options{Variant: c.String("variant")})
	if err != nil {
		return err
	}
	b, err := simulate.New(p, c.String("set"))
	if err != nil {
		return err
	}
	defer b.Close()
	port, err := serveConsole(inv.Context, b, c.String("listen"))
	if err != nil {
		return err
	}
	l, err := listen(inv.Context, c.String("power"))
	if err != nil {
		return classify.Wrap(err, classify.Usage, "--power %s cannot be served", c.String("power"))
	}
	go http.Serve(l, powerSwitch{b})
	defer l.Close()
	fmt.Fprintf(env.Stdout, "a simulated board %s, off, until Ctrl-C:\n  flashlua run %s --image FILE --port %s --power 'http://%s/{}'\n", visible.Line(p.Name), visible.Line(script), port, l.Addr())
	for _, file := range b.Files() {
		fmt.Fprintf(env.Stdout, "  medium: %s\n", file)
	}
	<-inv.Done()
	return nil
}

// powerSwitch serves the power of the board over HTTP, as a relay with a web server does.
type powerSwitch struct{ *simulate.Board }

func (s powerSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/on":
		s.On(r.Context())
	case "/off":
		s.Off(r.Context())
	default:
		http.NotFound(w, r)
	}
}

// serveConsole serves the board's serial line until ctx ends, and returns the port specification to open.
func serveConsole(ctx context.Context, b *simulate.Board, spec string) (port string, err error) {
	if spec == "pty" {
		pty, err := term.OpenPTY()
		if err != nil {
			return "", classify.Wrap(err, classify.Config, "cannot create a pseudo terminal")
		}
		name, err := pty.PTSName()
		if err != nil {
			return "", classify.Wrap(err, classify.Config, "cannot create a pseudo terminal")
		}
		var raw term.Termios // the slave stays open: without one, reads of the master fail
		if raw, err = term.Attr(pty.Slave); err == nil {
			raw.Raw()
			err = raw.Set(pty.Slave)
		}
		go func() {
			defer pty.Slave.Close()
			proxy(ctx, b, pty.Master)
		}()
		return "serial:" + name, err
	}
	address, ok := strings.CutPrefix(spec, "tcp:")
	if !ok {
		return "", usageErrorFor("sim", "--listen %s: use pty or tcp:HOST:PORT", spec)
	}
	l, err := listen(ctx, address)
	if err != nil {
		return "", classify.Wrap(err, classify.Usage, "--listen %s cannot be served", spec)
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			proxy(ctx, b, conn)
		}
	}()
	return "tcp:" + l.Addr().String(), nil
}

// listen listens on HOST:PORT. Unlike net.Listen it refuses an empty host, which would listen on every interface.
func listen(ctx context.Context, address string) (net.Listener, error) {
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%q is not HOST:PORT", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// proxy copies between the board's serial line and a client until either ends.
func proxy(ctx context.Context, b *simulate.Board, far io.ReadWriteCloser) {
	near, err := b.Open()
	if err != nil {
		far.Close()
		return
	}
	end := func() {
		near.Close()
		far.Close()
	}
	defer context.AfterFunc(ctx, end)()
	go func() {
		io.Copy(far, near)
		end()
	}()
	io.Copy(near, far)
	end()
}

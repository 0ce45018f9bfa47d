package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine/transport"
)

func (env Env) portsCommand() *cli.Command {
	return &cli.Command{
		Name: "ports", Usage: "list the serial ports of this machine and the programs that use them",
		Description: "No port is opened. The first line of a port is what --port takes, with the stable name if the adapter has one.\n\n" +
			"  flashlua ports\n  flashlua ports --json",
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		OnUsageError: onUsageError,
		Action:       env.listPorts,
	}
}

func (env Env) listPorts(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageErrorFor("ports", "unexpected argument %q", c.Args().First())
	}
	ports := env.Ports()
	if c.Bool("json") {
		return printJSON(env.Stdout, listed(ports))
	}
	if len(ports) == 0 {
		fmt.Fprintln(env.Stdout, "no serial port on this machine")
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, p := range ports {
		fmt.Fprintln(w, transport.WithScheme(p.Name))
		for _, fact := range [][2]string{
			{"device", p.Device},
			{"driver", p.Driver},
			{"usb", p.USB},
			{"serial", p.Serial},
			{"maker", p.Manufacturer},
			{"product", p.Product},
			{"used by", p.Holder},
		} {
			if fact[1] != "" && fact[1] != p.Name {
				fmt.Fprintf(w, "  %s\t%s\n", fact[0], fact[1])
			}
		}
	}
	return stdoutError(w.Flush())
}

// listedPort is a port with what --port takes.
type listedPort struct {
	Port string `json:"port"`
	transport.PortInfo
}

func listed(ports []transport.PortInfo) []listedPort {
	all := []listedPort{}
	for _, p := range ports {
		all = append(all, listedPort{transport.WithScheme(p.Name), p})
	}
	return all
}

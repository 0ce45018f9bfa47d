package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

func (env Env) portsCommand() *cli.Command {
	return &cli.Command{
		Name: "ports", Usage: "list the serial ports of this machine and the programs that use them",
		Description: "No port is opened. The first line of a port is its specification for --port, with the stable name if the adapter has one.\n\n" +
			"  flashlua ports",
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
		return printJSON(env.Stdout, ports)
	}
	if len(ports) == 0 {
		fmt.Fprintln(env.Stdout, "no serial port on this machine")
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	for _, p := range ports {
		fmt.Fprintf(w, "serial:%s\n", p.Name)
		for _, fact := range [][2]string{
			{"device", p.Device},
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

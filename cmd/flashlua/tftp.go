package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

func (env Env) tftpCommand() *cli.Command {
	return &cli.Command{
		Name: "tftp", Usage: "serve the TFTP port for the runs of all users of this machine",
		Description: "Boards request files at port 69. This command opens the port and forwards each request to the run that has the file,\n" +
			"until it is interrupted, so that the runs need neither root nor a capability. If a run serves the port, the command\n" +
			"takes its place when the run ends.\n\n" +
			"  sudo flashlua tftp\n" +
			"  sudo flashlua tftp --listen 192.168.1.10 --group lab",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "serve the port at `ADDRESS` of this machine; default: all addresses"},
			&cli.StringFlag{Name: "group", Usage: "only for the runs of members of the group `NAME`, of root and of this user; default: all users"},
		},
		OnUsageError: onUsageError,
		Action:       env.tftp,
	}
}

// tftp runs the command tftp.
func (env Env) tftp(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageErrorFor("tftp", "unexpected argument %q", c.Args().First())
	}
	inv, end := env.begin(clock.Real{})
	defer end()
	port := engine.TFTPPort{Listen: c.String("listen"), Group: c.String("group"), Log: func(line string) {
		fmt.Fprintln(env.Stdout, visible.Line(line))
	}}
	err := port.Serve(inv)
	if inv.Err() != nil {
		return exitCode(engine.RefusedReport(err).Exit)
	}
	return err
}

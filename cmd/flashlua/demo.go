package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// demoSize is the size of the image in bytes: large enough that the write is visible, small enough to finish soon.
const demoSize = 24 << 20

func (env Env) demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "flash a simulated board that has two faults", HideHelpCommand: true,
		Description: "Creates an image and flashes it to a simulated board. DHCP fails once, and the medium stores one byte wrongly once.\n\n  flashlua demo",
		Action:      env.demo, OnUsageError: onUsageError,
	}
}

// demo runs the command demo: it prints a flashlua run command line, runs it, and prints commands to try next.
func (env Env) demo(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageErrorFor("demo", "unexpected argument %q", c.Args().First())
	}
	inv, end := env.begin(clock.Real{})
	defer end()
	dir, err := os.MkdirTemp("", "flashlua-demo-*")
	if err != nil {
		return classify.Wrap(err, classify.Config, "cannot create a directory for the demo's image")
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "image.raw")
	content := make([]byte, demoSize)
	var seed [32]byte
	copy(seed[:], "flashlua demo")
	rand.NewChaCha8(seed).Read(content)
	if err := os.WriteFile(image, content, 0o644); err != nil {
		return classify.Wrap(err, classify.Config, "cannot write the demo's image")
	}
	args := []string{"flashlua", "run", "sim", "--image", image, "--port", "sim:dhcp=1,block=1,seed=1"}
	fmt.Fprintf(env.Stderr, "A simulated board: DHCP fails once, and its medium stores one byte wrong once.\n\n$ %s\n", strings.Join(args, " "))
	env = env.withoutVariables()
	env.Args = args
	inv.stderr.flush(inv.clk)
	if code := env.run(); code != 0 {
		return exitCode(code)
	}
	fmt.Fprint(env.Stdout, demoNext)
	return nil
}

const demoNext = `
What to try next:
  flashlua run sim --image FILE --port sim:               your own image, a board without faults
  flashlua run sim --image FILE --port sim:reset=write    a board that resets itself in the middle
  flashlua boards                                         the boards that come with flashlua
  flashlua sim                                            the simulated board behind a terminal, for any tool
`

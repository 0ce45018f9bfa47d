package simboard

import (
	"context"
	"slices"
	"strings"
)

// boardCommands are commands of U-Boot for hardware that differs from board to board. A simulated board has those
// that its configuration names, and they succeed. Source: U-Boot, the folder cmd.
var boardCommands = strings.Fields(`adc axi bmode cache clk cp cpu dcache dfu ethsw extension fastboot fatload load ext4load fdt fpga fru fuse
	gpio hash hvc i2c icache iotrace itest led mac md misc mm mtd mtest mux mw nand net nm nvme nvedit otp phy pinmux pmic pwm qfw read
	regulator remoteproc rproc rtc sata scsi setexpr smc sound sspi tpm ubi usbboot w1 wdt zynq zynqmp zynqrsa`)

// usedCommands are what a board has because a command of its configuration uses it.
type usedCommands struct {
	names     []string // of boardCommands
	variables []string // that hold scripts, for run
}

// parseUsedCommands reads lines for U-Boot's shell. It skips those that are no valid syntax.
func parseUsedCommands(lines ...string) (n usedCommands) {
	for _, line := range lines {
		if list, err := parseHush(line); err == nil {
			n.add(list)
		}
	}
	return n
}

func (n *usedCommands) add(list []*pipeline) {
	for _, p := range list {
		if b := p.block; b != nil {
			for _, inner := range slices.Concat(b.conds, b.then) {
				n.add(inner)
			}
			n.add(b.other)
			continue
		}
		if len(p.words) == 0 {
			continue
		}
		name := p.words[0].plain()
		if bare, _, _ := strings.Cut(name, "."); slices.Contains(boardCommands, bare) { // mw.l
			n.names = append(n.names, name)
		}
		if c, ok := findCommand(name); ok && c == "run" {
			for _, w := range p.words[1:] {
				n.variables = append(n.variables, w.plain())
			}
		}
	}
}

// findCommand returns the command that a name, or the beginning of one, stands for: U-Boot takes a beginning that
// only one command has.
func findCommand(name string) (string, bool) {
	name, _, _ = strings.Cut(name, ".") // cp.b
	if _, ok := commands[name]; ok {
		return name, true
	}
	return findByPrefix(name, func(yield func(string) bool) {
		for c := range commands {
			if !yield(c) {
				return
			}
		}
	})
}

// findByPrefix returns the only one of names that begins with prefix.
func findByPrefix(prefix string, names func(func(string) bool)) (found string, ok bool) {
	for name := range names {
		if prefix != "" && strings.HasPrefix(name, prefix) {
			if ok {
				return "", false
			}
			found, ok = name, true
		}
	}
	return found, ok
}

// bus returns a command that looks for devices, and finds none that was not there.
func bus(subcommands ...string) func(*bootloader, context.Context, []string) (int, error) {
	return func(u *bootloader, _ context.Context, args []string) (int, error) {
		if len(args) < 2 || !slices.Contains(subcommands, args[1]) {
			return u.usage(args[0])
		}
		return 0, nil
	}
}

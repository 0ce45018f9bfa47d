package simboard

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is a command of U-Boot. Its exit code is 0 or 1; an error ends the bootloader, or the line.
type command struct {
	run  func(u *bootloader, ctx context.Context, args []string) (int, error)
	help string
	once bool // an empty line does not repeat it
}

// commands is filled by init because help lists it.
var commands map[string]command

func init() {
	commands = map[string]command{
		"bind":     {truth(0), "Bind a device to a driver", false},
		"boot":     {bootCmd, "boot default, i.e., run 'bootcmd'", false},
		"booti":    {booti, "boot Linux kernel 'Image' format from memory", false},
		"bootm":    {bootm, "boot application image from memory", false},
		"bootz":    {bootz, "boot Linux zImage image from memory", false},
		"bootp":    {dhcp, "boot image via network using BOOTP/TFTP protocol", false},
		"bdinfo":   {bdinfo, "print Board Info structure", false},
		"blkcache": {blkcache, "block cache diagnostics and control", false},
		"cmp":      {cmp, "memory compare", false},
		"cp":       {cp, "memory copy", false},
		"crc32":    {sumCmd("crc32", "crc32"), "checksum calculation", false},
		"dhcp":     {dhcp, "boot image via network using DHCP/TFTP protocol", false},
		"dm":       {bus("tree", "uclass", "devres", "drivers", "compat", "static"), "Driver model low level access", false},
		"echo":     {echo, "echo args to console", false},
		"env":      {envCmd, "environment handling commands", false},
		"erase":    {eraseCmd, "erase FLASH memory", true},
		"exit":     {truth(0), "exit script", false},
		"false":    {truth(1), "do nothing, unsuccessfully", false},
		"flinfo":   {flinfo, "print FLASH memory information", false},
		"hash":     {hashCmd, "compute hash message digest", false},
		"help":     {help, "print command description/usage", false},
		"itest":    {itest, "return true/false on integer compare", false},
		"loadx":    {loadSerial, "load binary file over serial line (xmodem mode)", false},
		"loady":    {loadSerial, "load binary file over serial line (ymodem mode)", false},
		"md":       {md, "memory display", false},
		"md5sum":   {sumCmd("md5", "md5sum"), "compute MD5 message digest", false},
		"mdio":     {bus("list", "read", "write", "rx", "wx"), "MDIO utility commands", false},
		"mii":      {bus("device", "info", "read", "write", "dump", "modify"), "MII utility commands", false},
		"mmc":      {mmc, "MMC sub system", true},
		"mw":       {mw, "memory write (fill)", false},
		"mtd":      {mtd, "MTD utils", false},
		"nand":     {nand, "NAND sub-system", false},
		"nvme":     {blockCommand("nvme"), "NVM Express sub-system", false},
		"part":     {partCmd, "disk partition related commands", false},
		"pci":      {pci, "list and access PCI Configuration Space", false},
		"ping":     {ping, "send ICMP ECHO_REQUEST to network host", false},
		"printenv": {printenv, "print environment variables", false},
		"protect":  {protect, "enable or disable FLASH write protection", false},
		"reset":    {reset, "Perform RESET of the CPU", true},
		"run":      {run, "run commands in an environment variable", false},
		"sata":     {blockCommand("sata"), "SATA sub system", false},
		"saveenv":  {saveenv, "save environment variables to persistent storage", true},
		"setenv":   {setenv, "set environment variables", true},
		"scsi":     {blockCommand("scsi"), "SCSI sub-system", false},
		"setexpr":  {setexpr, "set environment variable as the result of eval expression", false},
		"sf":       {sf, "SPI flash sub-system", false},
		"sha1sum":  {sumCmd("sha1", "sha1sum"), "compute SHA1 message digest", false},
		"sleep":    {sleep, "delay execution for some time", false},
		"test":     {testCmd, "minimal test like /bin/sh", false},
		"tftpboot": {tftpboot, "load file via network using TFTP protocol", false},
		"true":     {truth(0), "do nothing, successfully", false},
		"ums":      {ums, "Use the UMS [USB Mass Storage]", false},
		"unbind":   {truth(0), "Unbind a device from a driver", false},
		"unlz4":    {unlz4, "lz4 uncompress a memory region", false},
		"unzip":    {unzip, "unzip a memory region", false},
		"usb":      {usb, "USB sub-system", false},
		"version":  {version, "print monitor, compiler and linker version", false},
		"virtio":   {blockCommand("virtio"), "virtio block devices sub-system", false},
		"wget":     {wget, "boot image via network using HTTP protocol", false},
		"zboot":    {zboot, "Boot bzImage", false},
	}
}

var ownName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// command runs a command, or sets a variable of the shell.
func (u *bootloader) command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if name, value, is := strings.Cut(args[0], "="); is && u.hasHush() && len(args) == 1 && ownName.MatchString(name) {
		u.own[name] = value
		u.status = 0
		return nil
	}
	name, ok := findCommand(args[0])
	c := commands[name]
	if !ok && slices.Contains(u.b.used.names, args[0]) {
		u.status = 0
		return nil
	}
	ok = ok && (name != "echo" || u.b.cfg.Shell != ShellBare) && !slices.Contains(u.b.cfg.Lacks, name)
	u.once = u.once || c.once
	if !ok {
		u.printf("Unknown command '%s' - try 'help'\n", args[0])
		u.status = 1
		return nil
	}
	status, err := c.run(u, ctx, args)
	u.status = status
	return err
}

// usb has storage devices if a medium is one; otherwise there is no controller.
func usb(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("usb")
	}
	n := 0
	for u.device("usb", n) != nil {
		n++
	}
	switch args[1] {
	case "start", "reset":
		u.printf("%s USB...\n", map[string]string{"start": "starting", "reset": "resetting"}[args[1]])
		if n == 0 {
			u.printf("No working controllers found\n")
			return 0, nil
		}
		u.printf("Bus xhci_pci: Register 8001040 NbrPorts 8\nStarting the controller\nUSB XHCI 1.00\n")
		u.printf("scanning bus xhci_pci for devices... %d USB Device(s) found\n       scanning usb for storage devices... %d Storage Device(s) found\n", n+1, n)
		u.usbStarted = true
		return 0, nil
	case "stop":
		u.printf("stopping USB..\n")
		u.usbStarted = false
		return 0, nil
	}
	if !u.usbStarted {
		u.printf("USB is stopped. Please issue 'usb start' first.\n")
		return 1, nil
	}
	if args[1] == "storage" || args[1] == "info" || args[1] == "tree" {
		u.listDevices("usb")
		return 0, nil
	}
	return u.blockCommon("usb", args)
}

// pci lists an empty bus, or looks for devices on it.
func pci(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		u.printf("Scanning PCI devices on bus 0\nBusDevFun  VendorId   DeviceId   Device Class       Sub-Class\n")
	}
	return 0, nil
}

// usage prints that a command was called wrongly.
func (u *bootloader) usage(name string) (int, error) {
	name, _ = findCommand(name)
	u.printf("%s - %s\n\nUsage:\n%s - %s\n", name, commands[name].help, name, commands[name].help)
	return 1, nil
}

// number reads a number from a variable, or returns a default.
func (u *bootloader) number(name string, otherwise int) int {
	if v, ok := u.env[name]; ok {
		return number(v, 10)
	}
	return otherwise
}

func number(text string, base int) int {
	n, _ := strconv.ParseInt(strings.TrimPrefix(text, "0x"), base, 64)
	return int(n)
}

// hexAddress reads a number as U-Boot's commands take it: hexadecimal.
func hexAddress(text string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return n, err == nil
}

func truth(status int) func(*bootloader, context.Context, []string) (int, error) {
	return func(*bootloader, context.Context, []string) (int, error) { return status, nil }
}

func echo(u *bootloader, _ context.Context, args []string) (int, error) {
	end := "\n"
	if len(args) > 1 && args[1] == "-n" {
		end, args = "", args[1:]
	}
	text := strings.Join(args[1:], " ")
	if strings.Contains(text, `\c`) {
		text, end = strings.ReplaceAll(text, `\c`, ""), ""
	}
	u.printf("%s%s", text, end)
	return 0, nil
}

func version(u *bootloader, _ context.Context, _ []string) (int, error) {
	u.printf("U-Boot 2023.01 (simulated by flashlua)\n\ngcc and GNU ld have no part in it\n")
	return 0, nil
}

func help(u *bootloader, _ context.Context, args []string) (int, error) {
	has := func(name string) bool { return commands[name].help != "" && !slices.Contains(u.b.cfg.Lacks, name) }
	if len(args) < 2 {
		for _, name := range slices.Sorted(maps.Keys(commands)) {
			if has(name) {
				u.printf("%-10s- %s\n", name, commands[name].help)
			}
		}
		return 0, nil
	}
	for _, name := range args[1:] {
		if !has(name) {
			u.printf("Unknown command '%s' - try 'help' without arguments for list of all known commands\n", name)
			return 1, nil
		}
		u.usage(name)
	}
	return 1, nil // as the real one
}

func sleep(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("sleep")
	}
	seconds, _ := strconv.ParseFloat(args[1], 64)
	return 0, u.until(ctx, func(ctx context.Context) error {
		return u.b.cfg.Clock.Sleep(ctx, time.Duration(seconds*float64(time.Second)))
	})
}

func reset(u *bootloader, _ context.Context, _ []string) (int, error) {
	u.printf("resetting ...\n")
	return 0, errReset
}

// testCmd has the tests of boot scripts: strings, numbers and -n, -z, with ! before them, -a and -o between them.
func testCmd(_ *bootloader, _ context.Context, args []string) (int, error) {
	if tests(args[1:]) {
		return 0, nil
	}
	return 1, nil
}

func tests(a []string) bool {
	for i, w := range a {
		if w == "-o" {
			return tests(a[:i]) || tests(a[i+1:])
		}
	}
	for i, w := range a {
		if w == "-a" {
			return tests(a[:i]) && tests(a[i+1:])
		}
	}
	switch {
	case len(a) > 0 && a[0] == "!":
		return !tests(a[1:])
	case len(a) == 1:
		return a[0] != ""
	case len(a) == 2 && a[0] == "-n":
		return a[1] != ""
	case len(a) == 2 && a[0] == "-z":
		return a[1] == ""
	case len(a) != 3:
		return false
	}
	x, y := number(a[0], 10), number(a[2], 10)
	return map[string]bool{
		"=": a[0] == a[2], "==": a[0] == a[2], "!=": a[0] != a[2], "<": a[0] < a[2], ">": a[0] > a[2],
		"-eq": x == y, "-ne": x != y, "-lt": x < y, "-le": x <= y, "-gt": x > y, "-ge": x >= y,
	}[a[1]]
}

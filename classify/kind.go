package classify

import (
	"slices"
	"strings"
)

// Kind names what went wrong, general first: "net.dhcp.timeout" is a "net.dhcp", which is a "net".
// Its values are constants: safe for concurrent use.
type Kind string

// The kinds that Go itself raises. The table below gives each its default class.
const (
	Internal            Kind = "internal"
	Usage               Kind = "usage"
	Config              Kind = "config"
	ConfigPolicy        Kind = "config.policy"
	ConfigPlan          Kind = "config.plan"
	ScriptSyntax        Kind = "script.syntax"
	ScriptFault         Kind = "script.fault"
	ScriptArgument      Kind = "script.argument"
	ScriptResult        Kind = "script.result"
	ScriptLimit         Kind = "script.limit"
	ScriptPhase         Kind = "script.phase"
	ScriptGrant         Kind = "script.grant"
	ScriptStale         Kind = "script.stale"
	RunInterrupted      Kind = "run.interrupted"
	DeadlineTotal       Kind = "deadline.total"
	DeadlineAttempt     Kind = "deadline.attempt"
	DeadlineStep        Kind = "deadline.step"
	Cancelled           Kind = "cancelled"
	Unknown             Kind = "unknown"
	ImageMissing        Kind = "image.missing"
	ImageEmpty          Kind = "image.empty"
	ImageFormat         Kind = "image.format"
	ImageDecode         Kind = "image.decode"
	ImageTooLarge       Kind = "image.too-large"
	ImageMismatch       Kind = "image.mismatch"
	ImageChanged        Kind = "image.changed"
	ImageRead           Kind = "image.read"
	ImageFetch          Kind = "image.fetch"
	TargetUnsafe        Kind = "target.unsafe"
	TargetMissing       Kind = "target.missing"
	FlashUnverified     Kind = "flash.unverified"
	WriteFailed         Kind = "write.failed"
	VerifyMismatch      Kind = "verify.mismatch"
	VerifyRead          Kind = "verify.read"
	Power               Kind = "power"
	PowerConnect        Kind = "power.connect"
	PowerCommand        Kind = "power.command"
	TransportOpen       Kind = "transport.open"
	TransportBusy       Kind = "transport.busy"
	TransportLine       Kind = "transport.line"
	TransportLost       Kind = "transport.lost"
	TransportWrite      Kind = "transport.write"
	ConsoleTimeout      Kind = "console.timeout"
	ConsoleAbort        Kind = "console.abort"
	ConsoleStall        Kind = "console.stall"
	ConsoleText         Kind = "console.text"
	ConsoleOverflow     Kind = "console.overflow"
	ConsoleEcho         Kind = "console.echo"
	ConsoleGarbled      Kind = "console.garbled"
	ConsoleGap          Kind = "console.gap"
	ConsoleBusy         Kind = "console.busy"
	BoardPanic          Kind = "board.panic"
	BoardReset          Kind = "board.reset"
	BoardOff            Kind = "board.off"
	UBootAutoboot       Kind = "uboot.autoboot"
	UBootAutobootDenied Kind = "uboot.autoboot.denied"
	UBootExit           Kind = "uboot.exit"
	UBootSync           Kind = "uboot.sync"
	UBootBoot           Kind = "uboot.boot"
	ShellLogin          Kind = "shell.login"
	ShellLoginDenied    Kind = "shell.login.denied"
	ShellExit           Kind = "shell.exit"
	ShellSync           Kind = "shell.sync"
	NetLink             Kind = "net.link"
	NetDHCP             Kind = "net.dhcp"
	NetDHCPTimeout      Kind = "net.dhcp.timeout"
	NetTFTP             Kind = "net.tftp"
	NetTFTPTimeout      Kind = "net.tftp.timeout"
	NetTFTPMissing      Kind = "net.tftp.missing"
	NetHTTP             Kind = "net.http"
	NetHTTPCut          Kind = "net.http.cut"
)

// Known reports whether k is a kind of the table, or a family of such kinds.
func Known(k Kind) bool {
	if _, ok := table[k]; ok {
		return true
	}
	for known := range table {
		if known.Is(k) {
			return true
		}
	}
	return false
}

// Kinds are the kinds of the table, sorted.
func Kinds() []string {
	var all []string
	for k := range table {
		all = append(all, string(k))
	}
	slices.Sort(all)
	return all
}

// entry is one row of the table: whether a kind is worth another attempt by default, what it means, and what to do.
type entry struct {
	class   Class
	summary string
	advice  string
}

// table gives kinds their meaning and default class. A kind that is not listed inherits from its family.
var table = map[Kind]entry{
	Internal: {Fatal, "a bug in flashlua", "Report it with the detail that is printed."},

	Usage:        {Fatal, "the command line was wrong", "Read the hint; `flashlua help` shows each command with an example."},
	Config:       {Fatal, "the configuration cannot work", "Read the causes: they name the setting."},
	ConfigPolicy: {Fatal, "the board policy is not valid", "Mend the line that is named; `flashlua check` finds more of the kind."},
	ConfigPlan:   {Fatal, "the plan cannot work", "The plan says what does not fit, and the hint which limit to change."},

	"script":       {Fatal, "the Lua code failed", "`flashlua check` finds most of these before a board is touched."},
	ScriptSyntax:   {Fatal, "the script is not Lua", "Mend the line that is named."},
	ScriptFault:    {Fatal, "the Lua code has a fault", "Mend the line that is named: a nil was indexed or called, or a name is not declared."},
	ScriptArgument: {Fatal, "the script called a function with wrong arguments", "Mend the call on the line that is named; docs/policies.md has every function."},
	ScriptResult:   {Fatal, "the script returned something unusable", "Return what the message asks for."},
	ScriptLimit:    {Fatal, "the script broke a limit", "Look for a loop, a table or a text that grows without end; docs/security.md has the limits."},
	ScriptPhase:    {Fatal, "the script touches hardware where it may not", "Do it in a function that flashlua calls later: flash in a policy, the program's own function."},
	ScriptStale:    {Fatal, "the script used a session, a prompt or a shell that has ended", "Use the prompt or the shell that the session returned last; the message names the line that ended this one."},
	ScriptGrant:    {Fatal, "the script uses a command or file of the station that was not allowed", "Allow it with the flag that the hint names, `--allow-exec`, `--allow-read` or `--allow-write`, if you trust the script with it."},

	"run":          {Fatal, "the run was ended from outside", "Nothing to mend: somebody ended the run."},
	RunInterrupted: {Fatal, "the run was interrupted", "Nothing to mend: the board was left as power_after.cancel says."},
	DeadlineTotal:  {Fatal, "the run's total time was used up", "Raise limits.total or `--timeout`, or look at what took the time in the events."},
	Cancelled:      {Fatal, "operation cancelled", "Look at what else failed at the same time."},

	"image":       {Fatal, "the image cannot be used", "Look at the file that is named."},
	ImageMissing:  {Fatal, "the image or file is not there", "Name a file that is there; boot files are looked for in files_dir or `--files`."},
	ImageEmpty:    {Fatal, "the image is empty", "Build the image again."},
	ImageFormat:   {Fatal, "the image is in a format that cannot be written", "Unpack it, or pack it as gzip, xz or zstd."},
	ImageChanged:  {Fatal, "the image changed while it was in use", "Do not write to an image while it is flashed."},
	ImageDecode:   {Fatal, "the image is damaged", "Fetch or build the file again: it is cut short or has wrong bytes."},
	ImageTooLarge: {Fatal, "the image is larger than it may be", "Raise `--max-size`, or use a cache on a larger disk; an image that grows without end is damaged or hostile."},
	ImageMismatch: {Fatal, "the image is not the one that was expected", "Compare the file with the digest that you expect: one of them is another version."},
	ImageRead:     {Fatal, "the image cannot be read", "Check the rights and the disk of the station."},
	ImageFetch:    {Retry, "the image cannot be downloaded", "Check the address and the station's way to it."},

	"target":        {Fatal, "the target cannot be written", "Check targets in the policy against the board."},
	TargetUnsafe:    {Fatal, "the target must not be overwritten", "Unmount it, choose another target, or a larger medium."},
	TargetMissing:   {Fatal, "the board does not have the target", "Check targets in the policy against /sys/class/block on the board."},
	"flash":         {Fatal, "the flash did not end as it must", "Write with write(job), which verifies."},
	FlashUnverified: {Fatal, "the flash ended without proof", "Write with write(job) in flash; what a script returns does not count."},

	"deadline":      {Retry, "a deadline passed", "Raise the limit that is named if the board needs longer."},
	DeadlineStep:    {Retry, "a step took too long", "Raise the timeout option of the step."},
	DeadlineAttempt: {Retry, "an attempt took too long", "Raise limits.attempt."},

	Power:        {Retry, "board power could not be switched", "Try the power driver by hand."},
	PowerConnect: {Retry, "the power controller cannot be reached", "Check the address of the power controller and the way to it."},
	PowerCommand: {Retry, "the power controller refused", "Run the command by hand, and look at what it prints."},

	"transport":    {Retry, "the connection to the console failed", "Try `flashlua console` on the same port."},
	TransportOpen:  {Retry, "the console port cannot be opened", "Check the port's name: `flashlua ports` lists serial ports."},
	TransportBusy:  {Retry, "the console port is used by another program", "End the program that is named, or use another port."},
	TransportLine:  {Fatal, "the console server does not set the line as asked", "Use telnet: if the server sets the line itself, or set it to what the server allows."},
	TransportLost:  {Retry, "the connection to the console was lost", "Check adapter, cable and console server; raise console.reopen if it comes back later."},
	TransportWrite: {Retry, "the console port takes no bytes", "Switch flow control off, or connect what should take the bytes."},

	"console":       {Retry, "the dialogue with the board failed", "Look at the console lines, and at the transcript."},
	ConsoleTimeout:  {Retry, "the board did not answer in time", "Raise the timeout if the board needs longer; else look at what it printed last."},
	ConsoleAbort:    {Retry, "the board printed a failure", "The console line that matched says why; console.aborts in the policy has the text."},
	ConsoleStall:    {Retry, "the board fell silent", "Look at what it printed last; raise stall if it is silent for a reason."},
	ConsoleText:     {Fatal, "the text cannot be typed on a console", "Put large or odd content into a file: put(path, text), or fetch it."},
	ConsoleOverflow: {Fatal, "the output is larger than a result may be", "Let the board select: pipe the output through grep, head or tail."},
	ConsoleEcho:     {Retry, "the board does not echo what is typed", "Set console.chunk and console.delay for a slow board; check cable, ground and baud rate; console.echo = false if it never echoes."},
	ConsoleGarbled:  {Retry, "the end of a command arrived garbled", "Check cable, ground, baud rate and flow control; see what prints on the console meanwhile."},
	ConsoleGap:      {Retry, "the console was away while a command ran", "Look after the adapter and its power."},
	ConsoleBusy:     {Fatal, "the console is in use by a command that still runs", "Run the second command after the first one has ended."},

	"board":             {Retry, "the board failed", "The console lines before it say why."},
	BoardPanic:          {Retry, "the board's kernel panicked", "Check that kernel, device tree and boot arguments belong together."},
	BoardReset:          {Retry, "the board reset itself", "Look for a watchdog, a brown-out or a crash."},
	BoardOff:            {Retry, "the board shut itself down", "Look for what did it: a command of the policy, the temperature, a battery. If it is meant, set console.aborts = { off = false }."},
	"uboot":             {Retry, "U-Boot failed", "Look at the console lines."},
	UBootAutoboot:       {Retry, "autoboot could not be stopped", "Check power, uboot.autoboot, uboot.keys and uboot.prompt against the console lines."},
	UBootAutobootDenied: {Fatal, "U-Boot refused the password", "Check uboot.password."},
	UBootExit:           {Retry, "a U-Boot command failed", "Run the command by hand: `flashlua console --at uboot`."},
	UBootSync:           {Retry, "U-Boot's prompt did not answer", "Check uboot.prompt, and that nothing prints all the time."},
	UBootBoot:           {Retry, "U-Boot could not start the kernel", "Check the addresses in files and boot, and that the files are of this board."},
	"shell":             {Retry, "the Linux shell failed", "Look at the console lines."},
	ShellLogin:          {Retry, "the board did not reach a login", "Check linux.login and linux.prompt against the console lines; raise linux.timeout for a slow boot."},
	ShellLoginDenied:    {Fatal, "the board refused the login", "Check linux.user and linux.password."},
	ShellExit:           {Retry, "a shell command failed", "Run the command by hand: `flashlua console --at linux`."},
	ShellSync:           {Retry, "the shell did not answer", "Check linux.prompt, and that nothing prints all the time."},

	"net":          {Retry, "the network failed", "Check the cable, the switch and the address of the station."},
	NetLink:        {Retry, "no network interface has a link", "Check the cable, and that this Linux has a driver for the network."},
	NetDHCP:        {Retry, "DHCP failed", "Check cable and DHCP server, or set net.address, uboot.network or linux.network."},
	NetDHCPTimeout: {Retry, "no DHCP server answered", "Check the cable, and that a DHCP server serves the board's network; or set net.address."},
	NetTFTP:        {Retry, "a TFTP transfer failed", "Look at the console lines; check net.tftp and the firewall of the station."},
	NetTFTPTimeout: {Retry, "the TFTP server did not answer", "Check net.tftp and the firewall: the board's requests to port 69 do not arrive, or the answers do not."},
	NetTFTPMissing: {Fatal, "the TFTP server does not have the file", "Another TFTP server answered: check net.tftp."},
	NetHTTP:        {Retry, "an HTTP transfer failed", "Check net.http and the firewall of the station, and that the board has wget or curl."},
	NetHTTPCut:     {Retry, "an HTTP transfer was cut off", "Check the network; it is tried again."},

	"write":        {Retry, "writing failed", "Look at the console lines: the board's own tools say why."},
	WriteFailed:    {Retry, "the board could not write the image", "Look at the console lines: dd says why. A medium that fails again and again is worn or not seated well."},
	"verify":       {Retry, "verification failed", "Look at the message: the medium was read, and differs, or could not be read."},
	VerifyMismatch: {Retry, "the medium does not hold the image", "It is written again. If it differs again, the medium or its power supply is bad, or something on the board writes to it."},
	VerifyRead:     {Retry, "the medium could not be read back", "The board must read past its cache: direct reads by dd, or /proc/sys/vm/drop_caches."},

	Unknown: {Retry, "a failure that flashlua does not know", "If a script raised it, raise errors.fatal(…) or errors.retryable(…) instead; else report it, with the stack that the events have."},
}

// Is reports whether k is family or lies below it: "net.dhcp" is a "net", "network" is not.
func (k Kind) Is(family Kind) bool {
	rest, ok := strings.CutPrefix(string(k), string(family))
	return ok && family != "" && (rest == "" || rest[0] == '.')
}

// Class is the default class of k: its own, else that of the nearest family that has one.
func (k Kind) Class() Class { return k.lookup().class }

// Summary says in a few words what k stands for, "" for a kind outside the table.
func (k Kind) Summary() string { return k.lookup().summary }

// Advice says what whoever meets k can do, "" for a kind outside the table.
func (k Kind) Advice() string { return k.lookup().advice }

func (k Kind) lookup() entry {
	for k != "" {
		if e, ok := table[k]; ok {
			return e
		}
		k = k[:max(strings.LastIndexByte(string(k), '.'), 0)]
	}
	return entry{}
}

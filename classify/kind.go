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
	Internal: {Fatal, "a bug in flashlua", "Report it with the printed detail."},

	Usage:        {Fatal, "the command line was wrong", "Read the hint; `flashlua help` shows each command with an example."},
	Config:       {Fatal, "the configuration cannot work", "Read the causes: they name the setting."},
	ConfigPolicy: {Fatal, "the board policy is not valid", "Fix the reported line; `flashlua check` finds similar mistakes."},
	ConfigPlan:   {Fatal, "the plan cannot work", "Read the plan and the hint: they say what does not fit and which limit to change."},

	"script":       {Fatal, "the Lua code failed", "`flashlua check` finds most of these before a board is touched."},
	ScriptSyntax:   {Fatal, "the script is not Lua", "Fix the reported line."},
	ScriptFault:    {Fatal, "the Lua code has a fault", "Fix the reported line: nil was indexed or called, or a name is not declared."},
	ScriptArgument: {Fatal, "the script called a function with wrong arguments", "Fix the call on the reported line; docs/policies.md lists all functions."},
	ScriptResult:   {Fatal, "the script returned an invalid value", "Return a value that the message describes."},
	ScriptLimit:    {Fatal, "the script exceeded a limit", "Look for a loop, or for a table or string that grows without end; docs/security.md lists the limits."},
	ScriptPhase:    {Fatal, "the script uses hardware where it may not", "Use hardware only in the policy's flash function or in the program's function."},
	ScriptStale:    {Fatal, "the script used a session, a prompt or a shell that has ended", "Use the newest one; the message names the line that ended this one."},
	ScriptGrant:    {Fatal, "the script uses a command or file of the station without permission", "If you trust the script, allow it with the flag in the hint."},

	"run":          {Fatal, "the run was ended from outside", "Nothing to fix: the run was ended from outside."},
	RunInterrupted: {Fatal, "the run was interrupted", "Nothing to fix: the power of the board is as power_after.cancel says."},
	DeadlineTotal:  {Fatal, "the run's total time was used up", "Raise limits.total or `--timeout`, or find the slow step in the events."},
	Cancelled:      {Fatal, "operation cancelled", "Look at what else failed at the same time."},

	"image":       {Fatal, "the image cannot be used", "Check the file that the message names."},
	ImageMissing:  {Fatal, "the image or file is not there", "Check the path; boot files are searched in files_dir or `--files`."},
	ImageEmpty:    {Fatal, "the image is empty", "Build the image again."},
	ImageFormat:   {Fatal, "the image is in a format that cannot be written", "Decompress it, or compress it with gzip, xz or zstd."},
	ImageChanged:  {Fatal, "the image changed while it was in use", "Do not modify an image while it is flashed."},
	ImageDecode:   {Fatal, "the image is damaged", "Download or build the file again: it is truncated or corrupt."},
	ImageTooLarge: {Fatal, "the image is larger than allowed", "Raise `--max-size`, or use a cache on a larger disk; the image can also be damaged."},
	ImageMismatch: {Fatal, "the image is not the one that was expected", "Compare the file with the expected digest: one of them is another version."},
	ImageRead:     {Fatal, "the image cannot be read", "Check the permissions and the disk of the station."},
	ImageFetch:    {Retry, "the image cannot be downloaded", "Check the address and the station's network."},

	"target":        {Fatal, "the target cannot be written", "Check targets in the policy against the board."},
	TargetUnsafe:    {Fatal, "the target must not be overwritten", "Unmount it, or use another target or a larger medium."},
	TargetMissing:   {Fatal, "the board does not have the target", "Check targets in the policy against /sys/class/block on the board."},
	"flash":         {Fatal, "the flash did not end correctly", "Write with write(job), which verifies the medium."},
	FlashUnverified: {Fatal, "the flash ended without a receipt", "Call write(job) in flash; the return value of a script does not count."},

	"deadline":      {Retry, "a deadline passed", "Raise the limit in the message if the board needs longer."},
	DeadlineStep:    {Retry, "a step took too long", "Raise the timeout option of the step."},
	DeadlineAttempt: {Retry, "an attempt took too long", "Raise limits.attempt."},

	Power:        {Retry, "board power could not be switched", "Run the power driver manually."},
	PowerConnect: {Retry, "the power controller cannot be reached", "Check the address of the power controller and the network."},
	PowerCommand: {Retry, "the power controller refused", "Run the command manually and read its output."},

	"transport":    {Retry, "the connection to the console failed", "Try `flashlua console` on the same port."},
	TransportOpen:  {Retry, "the console port cannot be opened", "Check the port's name: `flashlua ports` lists serial ports."},
	TransportBusy:  {Retry, "the console port is used by another program", "End the program that the message names, or use another port."},
	TransportLine:  {Fatal, "the console server refuses the line settings", "Use telnet: if the server sets the line itself, or a setting that the server allows."},
	TransportLost:  {Retry, "the connection to the console was lost", "Check adapter, cable and console server; raise console.reopen if it returns later."},
	TransportWrite: {Retry, "the console port does not accept data", "Disable flow control, or connect the device."},

	"console":       {Retry, "the dialogue with the board failed", "Read the console lines and the transcript."},
	ConsoleTimeout:  {Retry, "the board did not answer in time", "Raise the timeout if the board needs longer; otherwise read its last output."},
	ConsoleAbort:    {Retry, "the board printed a failure", "Read the console line that matched; console.aborts in the policy defines the text."},
	ConsoleStall:    {Retry, "the board fell silent", "Read its last output; raise stall if the silence is expected."},
	ConsoleText:     {Fatal, "the text cannot be sent on a console", "Write the content to a file with put(path, text), or download it on the board."},
	ConsoleOverflow: {Fatal, "the output is larger than allowed", "Filter it on the board with grep, head or tail."},
	ConsoleEcho:     {Retry, "the board does not echo its input", "Check cable and baud rate; set console.chunk and console.delay, or console.echo = false."},
	ConsoleGarbled:  {Retry, "the end of a command arrived garbled", "Check cable, ground, baud rate and flow control; look for other output on the console."},
	ConsoleGap:      {Retry, "the console was disconnected while a command ran", "Check the adapter and its power."},
	ConsoleBusy:     {Fatal, "the console is in use by a running command", "Run the second command after the first one has ended."},

	"board":             {Retry, "the board failed", "Read the console lines before the failure."},
	BoardPanic:          {Retry, "the board's kernel panicked", "Check that kernel, device tree and boot arguments match."},
	BoardReset:          {Retry, "the board reset itself", "Look for a watchdog, a brown-out or a crash."},
	BoardOff:            {Retry, "the board shut itself down", "Find the cause: a command, the temperature, a battery. If intended, set console.aborts = { off = false }."},
	"uboot":             {Retry, "U-Boot failed", "Read the console lines."},
	UBootAutoboot:       {Retry, "autoboot could not be stopped", "Check power, uboot.autoboot, uboot.keys and uboot.prompt against the console lines."},
	UBootAutobootDenied: {Fatal, "U-Boot refused the password", "Check uboot.password."},
	UBootExit:           {Retry, "a U-Boot command failed", "Run the command manually: `flashlua console --at uboot`."},
	UBootSync:           {Retry, "U-Boot's prompt did not answer", "Check uboot.prompt; look for continuous output on the console."},
	UBootBoot:           {Retry, "U-Boot could not start the kernel", "Check the addresses in files and boot, and that the files are for this board."},
	"shell":             {Retry, "the Linux shell failed", "Read the console lines."},
	ShellLogin:          {Retry, "the board did not reach a login", "Check linux.login and linux.prompt against the console lines; raise linux.timeout for a slow boot."},
	ShellLoginDenied:    {Fatal, "the board refused the login", "Check linux.user and linux.password."},
	ShellExit:           {Retry, "a shell command failed", "Run the command manually: `flashlua console --at linux`."},
	ShellSync:           {Retry, "the shell did not answer", "Check linux.prompt; look for continuous output on the console."},

	"net":          {Retry, "the network failed", "Check the cable, the switch and the address of the station."},
	NetLink:        {Retry, "no network interface has a link", "Check the cable, and that this Linux has a driver for the network."},
	NetDHCP:        {Retry, "DHCP failed", "Check cable and DHCP server, or set net.address, uboot.network or linux.network."},
	NetDHCPTimeout: {Retry, "no DHCP server answered", "Check the cable, and that a DHCP server serves the board's network; or set net.address."},
	NetTFTP:        {Retry, "a TFTP transfer failed", "Read the console lines; check net.tftp and the firewall of the station."},
	NetTFTPTimeout: {Retry, "the TFTP server did not answer", "Check net.tftp and the firewall: requests to port 69 or the answers are lost."},
	NetTFTPMissing: {Fatal, "the TFTP server does not have the file", "Another TFTP server answered: check net.tftp."},
	NetHTTP:        {Retry, "an HTTP transfer failed", "Check net.http and the firewall of the station, and that the board has wget or curl."},
	NetHTTPCut:     {Retry, "an HTTP transfer was cut off", "Check the network; the transfer is retried."},

	"write":        {Retry, "writing failed", "Read the console lines: they contain the error of the board's tools."},
	WriteFailed:    {Retry, "the board could not write the image", "Read the console lines for dd's error. If it repeats, the medium is worn or has bad contact."},
	"verify":       {Retry, "verification failed", "Read the message: the medium differs, or could not be read."},
	VerifyMismatch: {Retry, "the medium does not hold the image", "It is rewritten. If that fails, check the medium and its power, and what else writes to it."},
	VerifyRead:     {Retry, "the medium could not be read back", "The board must read past its cache: direct reads with dd, or /proc/sys/vm/drop_caches."},

	Unknown: {Retry, "a failure that flashlua cannot classify", "In a script, raise errors.fatal(…) or errors.retryable(…); otherwise report it with its stack."},
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

package classify

import (
	"slices"
	"strings"
)

// Kind names what went wrong, general first: "net.dhcp.timeout" is a "net.dhcp", which is a "net".
// Its values are constants: safe for concurrent use.
type Kind string

// The kinds of errors of Go code. Scripts may use others.
const (
	Internal            Kind = "internal"
	Usage               Kind = "usage"
	Config              Kind = "config"
	ConfigPolicy        Kind = "config.policy"
	ConfigLab           Kind = "config.lab"
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
	RunCancelled        Kind = "run.cancelled"
	DeadlineTotal       Kind = "deadline.total"
	CheckFailed         Kind = "check.failed"
	DeadlineAttempt     Kind = "deadline.attempt"
	DeadlineCheck       Kind = "deadline.check"
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
	ImageUnavailable    Kind = "image.fetch.unavailable"
	StationHeld         Kind = "station.held"
	StationLock         Kind = "station.lock"
	StationPort         Kind = "station.port"
	OutputOpen          Kind = "output.open"
	OutputWrite         Kind = "output.write"
	TargetUnsafe        Kind = "target.unsafe"
	TargetMissing       Kind = "target.missing"
	FlashUnverified     Kind = "flash.unverified"
	FlashSkipped        Kind = "flash.skipped"
	WriteFailed         Kind = "write.failed"
	VerifyMismatch      Kind = "verify.mismatch"
	VerifyRead          Kind = "verify.read"
	Power               Kind = "power"
	PowerConnect        Kind = "power.connect"
	PowerUnavailable    Kind = "power.connect.unavailable"
	PowerCommand        Kind = "power.command"
	HostStart           Kind = "host.start"
	HostTimeout         Kind = "host.timeout"
	HostOverflow        Kind = "host.overflow"
	HostExit            Kind = "host.exit"
	HostDevice          Kind = "host.device"
	HostRefused         Kind = "host.refused"
	TransportOpen       Kind = "transport.open"
	TransportAway       Kind = "transport.open.unavailable"
	TransportBusy       Kind = "transport.busy"
	TransportLine       Kind = "transport.line"
	TransportReady      Kind = "transport.ready"
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
	UBootShell          Kind = "uboot.shell"
	UBootBoot           Kind = "uboot.boot"
	UBootCommand        Kind = "uboot.command"
	UBootRAM            Kind = "uboot.ram"
	LoadSerial          Kind = "load.serial"
	LoadMedia           Kind = "load.media"
	LabgridPlace        Kind = "labgrid.place"
	LabgridHeld         Kind = "labgrid.held"
	LabgridAway         Kind = "labgrid.away"
	LabgridLost         Kind = "labgrid.lost"
	RemoteConnect       Kind = "remote.connect"
	RemoteUnavailable   Kind = "remote.connect.unavailable"
	RemoteStart         Kind = "remote.start"
	RemoteLost          Kind = "remote.lost"
	ShellLogin          Kind = "shell.login"
	ShellLoginDenied    Kind = "shell.login.denied"
	ShellExit           Kind = "shell.exit"
	ShellSync           Kind = "shell.sync"
	NetLink             Kind = "net.link"
	NetDHCP             Kind = "net.dhcp"
	NetDHCPTimeout      Kind = "net.dhcp.timeout"
	NetTFTP             Kind = "net.tftp"
	NetTFTPTimeout      Kind = "net.tftp.timeout"
	NetTFTPCut          Kind = "net.tftp.cut"
	NetTFTPMissing      Kind = "net.tftp.missing"
	NetHTTP             Kind = "net.http"
	NetHTTPCut          Kind = "net.http.cut"
)

// Known reports whether k is in the table of kinds, or a family of a kind that is.
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

// Kinds returns all kinds of the table, sorted.
func Kinds() []string {
	var all []string
	for k := range table {
		all = append(all, string(k))
	}
	slices.Sort(all)
	return all
}

// entry is one row of the table of kinds.
type entry struct {
	class   Class  // by default
	summary string // what the kind means
	advice  string // what the user can do
}

// table holds the default class and the meaning of each kind. A kind that is not listed has those of its family.
var table = map[Kind]entry{
	Internal: {Fatal, "a bug in flashlua", "Report it with the printed detail."},

	Usage:        {Fatal, "the command line was wrong", "Read the hint; `flashlua help` shows each command with an example."},
	Config:       {Fatal, "the configuration cannot work", "Read the causes: they name the setting."},
	ConfigPolicy: {Fatal, "the board policy is not valid", "Fix the reported line; `flashlua check` finds more faults of this kind."},
	ConfigLab:    {Fatal, "the lab file, or one of its stations, is not valid", "Fix the reported line; `flashlua lab check` lists every fault of a lab file."},
	ConfigPlan:   {Fatal, "the plan cannot work", "The message says what does not fit; the hint says which limit to change."},

	"script":       {Fatal, "the Lua code failed", "`flashlua check` finds most of these before a board is touched."},
	ScriptSyntax:   {Fatal, "the script is not valid Lua", "Fix the reported line."},
	ScriptFault:    {Fatal, "the Lua code has a fault", "Fix the reported line: it indexes or calls nil, or uses a name that is not declared."},
	ScriptArgument: {Fatal, "the script called a function with wrong arguments", "Fix the call on the reported line; docs/policies.md lists all functions."},
	ScriptResult:   {Fatal, "the script returned something unusable", "Return what the message asks for."},
	ScriptLimit:    {Fatal, "the script broke a limit", "Look for an endless loop, or a table or text that keeps growing; docs/security.md lists the limits."},
	ScriptPhase:    {Fatal, "the script uses hardware where it must not", "Use hardware only in the flash function of a policy, or in the program's function."},
	ScriptStale:    {Fatal, "the script used a session, a prompt or a shell that has ended", "Use the newest one; the message names the line that ended this one."},
	ScriptGrant:    {Fatal, "the script uses a command or file that is not allowed", "If you trust the script, allow it with the flag in the hint."},

	"run":          {Fatal, "the run was ended from outside", "There is nothing to fix: the run was ended on purpose."},
	RunInterrupted: {Fatal, "the run was interrupted", "There is nothing to fix: the board was left as power_after.cancel says."},
	RunCancelled:   {Fatal, "the run was cancelled", "There is nothing to fix: the program that embeds flashlua cancelled the run."},
	DeadlineTotal:  {Fatal, "the run's total time was used up", "Raise limits.total or `--timeout`, or look in the events for what took the time."},
	Cancelled:      {Fatal, "operation cancelled", "Look at what else failed at the same time."},

	"image":          {Fatal, "the image cannot be used", "Check the file in the message."},
	ImageMissing:     {Fatal, "the image or file does not exist", "Check the path; boot files are searched in files_dir or `--files`."},
	ImageEmpty:       {Fatal, "the image is empty", "Build the image again."},
	ImageFormat:      {Fatal, "the format of the image is not supported", "Decompress it, or compress it with gzip, xz or zstd."},
	ImageChanged:     {Fatal, "the image changed while it was in use", "Do not write to an image while it is flashed."},
	ImageDecode:      {Fatal, "the image is damaged", "Download or build the file again: it is truncated or corrupt."},
	ImageTooLarge:    {Fatal, "the image is larger than allowed", "Raise `--max-size`, or use a cache on a larger disk; the image can also be damaged."},
	ImageMismatch:    {Fatal, "the image is not the one that was expected", "Compare the file with the expected digest: one of them belongs to another version."},
	ImageRead:        {Fatal, "the image cannot be read", "Check the permissions of the file, and the disk of the station."},
	ImageFetch:       {Retry, "the image cannot be downloaded", "Check the address and the station's network connection."},
	ImageUnavailable: {Retry, "the image server is not available now", "Try again later; check that the server runs, and the station's network connection."},

	"target":        {Fatal, "the target cannot be written", "Check targets in the policy against the board."},
	TargetUnsafe:    {Fatal, "the target must not be overwritten", "Unmount it, choose another target, or use a larger medium."},
	TargetMissing:   {Fatal, "the board does not have the target", "Compare targets in the policy with /sys/class/block in Linux, or with the devices that U-Boot lists."},
	"flash":         {Fatal, "the flash did not complete", "Write with write(job), which verifies."},
	FlashSkipped:    {Fatal, "the flash of a program was not started", "Flash the board again after the failures before it are fixed."},
	FlashUnverified: {Fatal, "the flash ended without proof", "Write with write(job) in flash; the return value of a script proves nothing."},

	"deadline":      {Retry, "a deadline passed", "Raise the limit in the message if the board needs more time."},
	DeadlineStep:    {Retry, "a step took too long", "Raise the timeout option of the step."},
	CheckFailed:     {Fatal, "the policy's check of the new system failed", "The image is on the medium: look at the new system, or at check in the policy."},
	DeadlineAttempt: {Retry, "an attempt took too long", "Raise limits.attempt."},
	DeadlineCheck:   {Retry, "the policy's check took too long", "Raise limits.check, or look why the new system is slow."},

	"station":   {Fatal, "the station cannot do what the run needs", "Read the message: it names the part of the station."},
	StationHeld: {Fatal, "the station is held by another job", "Wait for it with `--wait 30m`; the message names the holder."},
	StationLock: {Fatal, "the folder of the locks cannot be used", "Repair the folder in the message, or name another one in FLASHLUA_LOCKS."},
	StationPort: {Fatal, "a network port of the station is in use", "Wait until the process in the hint ends, or listen on another address."},

	"output":    {Fatal, "an output file cannot be written", "Check the path and the space on its disk."},
	OutputOpen:  {Fatal, "an output file cannot be opened", "Check the path and its permissions: nothing was touched."},
	OutputWrite: {Fatal, "an output of the run, such as the verdict, could not be written", "Check the disk of the file in the message, and read the result on the standard output."},

	Power:            {Retry, "board power could not be switched", "Run the power driver's command by hand."},
	PowerConnect:     {Retry, "the power controller cannot be reached", "Check the address of the power controller and the network to it."},
	PowerUnavailable: {Retry, "the power controller is not available now", "Try again later; check that the controller runs, and the network to it."},
	PowerCommand:     {Retry, "the power controller refused", "Run the command by hand and read its output."},

	"host":       {Retry, "a command of the station failed", "Run the command by hand."},
	HostStart:    {Fatal, "a command of the station cannot be started", "Install the program, or write its whole path."},
	HostTimeout:  {Retry, "a command of the station took too long", "Raise the timeout option of host.run, or run the command by hand."},
	HostOverflow: {Fatal, "a command of the station has too much output", "Filter the output, or write it to a file."},
	HostExit:     {Retry, "a program that writes boards from the station failed", "Read its last line in the message, and run it by hand."},
	HostDevice:   {Retry, "no device answers the station", "Check cable and address, and that the board waits in fastboot or DFU."},
	HostRefused:  {Retry, "a device in fastboot refused a command", "Compare the names of its partitions, and what its U-Boot is built with."},

	"transport":    {Retry, "the connection to the console failed", "Try `flashlua console` on the same port."},
	TransportOpen:  {Retry, "the console port cannot be opened", "Check the port's name: `flashlua ports` lists the serial ports."},
	TransportAway:  {Retry, "the console server is not available now", "Try again later; check that the server runs, and the network to it."},
	TransportBusy:  {Retry, "the console port is used by another process", "Stop the process in the message, or use another port."},
	TransportLine:  {Fatal, "the console server refuses the line settings", "Use telnet: if the server sets the line itself, or settings that it allows."},
	TransportReady: {Retry, "the console did not announce itself", "Check console.ready against what the console prints when it connects."},
	TransportLost:  {Retry, "the connection to the console was lost", "Check adapter, cable and console server; raise console.reopen if the port returns later."},
	TransportWrite: {Retry, "the console port accepts no bytes", "Switch flow control off, or connect the device that should receive the bytes."},

	"console":       {Retry, "the dialogue with the board failed", "Read the console lines and the transcript."},
	ConsoleTimeout:  {Retry, "the board did not answer in time", "Raise the timeout if the board needs more time; otherwise read what it printed last."},
	ConsoleAbort:    {Retry, "the board printed a failure", "Read the console line that matched; console.aborts in the policy has the pattern."},
	ConsoleStall:    {Retry, "the board stopped printing", "Read what it printed last; raise stall if the silence is expected."},
	ConsoleText:     {Fatal, "the text cannot be typed on a console", "Put large or binary content into a file with put(path, text), or download it."},
	ConsoleOverflow: {Fatal, "the output is larger than a result may be", "Filter on the board: pipe the output through grep, head or tail."},
	ConsoleEcho:     {Retry, "the board does not echo what is typed", "Check the cable and baud rate; set console.chunk and delay, or console.echo = false."},
	ConsoleGarbled:  {Retry, "the end marker of a command was garbled", "Check cable, baud rate and flow control; look for other output on the console."},
	ConsoleGap:      {Retry, "the console was disconnected while a command ran", "Check the adapter and its power."},
	ConsoleBusy:     {Fatal, "the console is in use by a command that still runs", "Start the second command after the first one has ended."},

	"board":             {Retry, "the board failed", "Read the console lines before it."},
	BoardPanic:          {Retry, "the board's kernel panicked", "Check that the kernel, the device tree and the boot arguments fit together."},
	BoardReset:          {Retry, "the board reset itself", "Check for a watchdog, a brown-out or a crash."},
	BoardOff:            {Retry, "the board shut itself down", "Find the cause: a command, the temperature, a battery. If intended, set console.aborts = { off = false }."},
	"uboot":             {Retry, "U-Boot failed", "Read the console lines."},
	UBootAutoboot:       {Retry, "autoboot could not be stopped", "Check power, uboot.autoboot, uboot.keys and uboot.prompt against the console lines."},
	UBootAutobootDenied: {Fatal, "U-Boot refused the password", "Check uboot.password."},
	UBootExit:           {Retry, "a U-Boot command failed", "Run the command by hand: `flashlua console --at uboot`."},
	UBootSync:           {Retry, "U-Boot's prompt did not answer", "Check uboot.prompt, and that nothing prints continuously."},
	UBootCommand:        {Fatal, "U-Boot lacks a command that the flash needs", "The message names the command. Write by a Linux in RAM, or build a U-Boot that has it."},
	LoadSerial:          {Retry, "a load over the serial console failed", "Read the console lines; check the cable, and load at a lower baud rate."},
	LoadMedia:           {Fatal, "U-Boot cannot load the file from a medium of the board, or the file differs from the station's", "Copy the station's file to the medium, and compare the device with what U-Boot lists."},
	UBootRAM:            {Fatal, "the board's free RAM is too small, or not known", "Set uboot.ram = { address, size } in the policy to RAM that nothing else uses."},
	UBootShell:          {Fatal, "U-Boot lacks the commands of its usual shell", "Set uboot.shell = \"simple\" in the policy."},
	UBootBoot:           {Retry, "U-Boot could not start the kernel", "Check the addresses in files and boot, and that the files belong to this board."},
	"shell":             {Retry, "the Linux shell failed", "Read the console lines."},
	ShellLogin:          {Retry, "the board did not reach a login", "Check linux.login and linux.prompt against the console lines; raise linux.timeout for a slow boot."},
	ShellLoginDenied:    {Fatal, "the board refused the login", "Check linux.user and linux.password."},
	ShellExit:           {Retry, "a shell command failed", "Run the command by hand: `flashlua console --at linux`."},
	ShellSync:           {Retry, "the shell did not answer", "Check linux.prompt, and that nothing prints continuously."},

	"labgrid":    {Fatal, "the labgrid place cannot be used", "Read the message; `labgrid-client -p PLACE show` shows the place."},
	LabgridPlace: {Fatal, "the labgrid place does not exist or does not fit", "The hint lists similar names, or says what the place lacks."},
	LabgridHeld:  {Fatal, "the labgrid place is in use", "Try again later, or wait with `--wait 30m`; the message names the holder."},
	LabgridAway:  {Fatal, "the labgrid coordinator or an exporter does not answer", "Check that it runs, and LG_COORDINATOR; nothing was touched, unless the message is about the release."},
	LabgridLost:  {Fatal, "the labgrid place was released by someone else during the run", "Ask the new holder; the board was left as it is."},

	"remote":          {Fatal, "the run on another host failed", "Read the message; nothing was touched, unless the connection was lost."},
	RemoteConnect:     {Fatal, "ssh cannot connect to the host of --on", "Connect by hand with `ssh HOST true`: what helps there helps here."},
	RemoteUnavailable: {Retry, "the host of --on is not available now", "Try again later; check that the host runs, and the network to it."},
	RemoteStart:       {Fatal, "flashlua cannot be started on the host of --on", "Make ~/.cache/flashlua there writable, or name a flashlua for its architecture with `--on-binary`."},
	RemoteLost:        {Fatal, "the connection to the host of --on was lost during the run", "The run there ends by itself and sets the power; then verify the medium, or flash again."},

	"net":          {Retry, "the network failed", "Check the cable, the switch and the address of the station."},
	NetLink:        {Retry, "no network interface has a link", "Check the cable, and that this Linux has a driver for the network."},
	NetDHCP:        {Retry, "DHCP failed", "Check cable and DHCP server, or set net.address, uboot.network or linux.network."},
	NetDHCPTimeout: {Retry, "no DHCP server answered", "Check the cable, and that a DHCP server serves the board's network; or set net.address."},
	NetTFTP:        {Retry, "a TFTP transfer failed", "Read the console lines; check net.tftp and the firewall of the station."},
	NetTFTPTimeout: {Retry, "the TFTP server did not answer", "Check net.tftp and the firewall: requests to port 69, or the answers, are lost."},
	NetTFTPCut:     {Retry, "a TFTP transfer stopped in the middle of the file", "Check the cable and the switch, or set net.tftp_window = 1: blocks are lost."},
	NetTFTPMissing: {Fatal, "the TFTP server does not have the file", "Another TFTP server answered: check net.tftp."},
	NetHTTP:        {Retry, "an HTTP transfer failed", "Check net.http and the firewall of the station, and that the board has wget or curl."},
	NetHTTPCut:     {Retry, "an HTTP transfer was cut off", "Check the network. The transfer is retried."},

	"write":        {Retry, "writing failed", "Read the console lines: they show the error of the board's own tools."},
	WriteFailed:    {Retry, "the board could not write the image", "Read the error of dd on the console. If it repeats, the medium is worn or badly seated."},
	"verify":       {Retry, "verification failed", "The message says whether the medium differs or could not be read."},
	VerifyMismatch: {Retry, "the medium does not hold the image", "In `run` it is written again. If it differs again, check the medium and its power."},
	VerifyRead:     {Retry, "the medium could not be read back", "Read the console lines. Linux must bypass its cache: it needs direct reads in dd, or /proc/sys/vm/drop_caches."},

	Unknown: {Retry, "an error that flashlua does not know", "In a script, raise errors.fatal(…) or errors.retryable(…); otherwise report it with its stack."},
}

// temporary are the kinds of failures that pass without a change of the command line, the policy or the image. A run
// that ends by one of them before it touched anything can be repeated later.
var temporary = map[Kind]bool{
	ImageUnavailable: true, PowerUnavailable: true, StationHeld: true, StationPort: true,
	RemoteUnavailable: true, TransportAway: true, TransportBusy: true, LabgridHeld: true, LabgridAway: true,
}

// Is reports whether k is family or a kind of that family: "net.dhcp" is a "net", "network" is not.
func (k Kind) Is(family Kind) bool {
	rest, ok := strings.CutPrefix(string(k), string(family))
	return ok && family != "" && (rest == "" || rest[0] == '.')
}

// Class returns the default class of k: its own, or that of the nearest family in the table.
func (k Kind) Class() Class { return k.lookup().class }

// Summary returns the meaning of k in a few words, "" for a kind outside of the table.
func (k Kind) Summary() string { return k.lookup().summary }

// Advice returns what the user can do about k, "" for a kind outside of the table.
func (k Kind) Advice() string { return k.lookup().advice }

// Temporary reports whether k, or the family of k, is a kind of failure that passes without a change of the command
// line, the policy or the image: a busy console port, a server that is down.
func (k Kind) Temporary() bool {
	for ; k != ""; k = k.family() {
		if temporary[k] {
			return true
		}
	}
	return false
}

func (k Kind) lookup() entry {
	for ; k != ""; k = k.family() {
		if e, ok := table[k]; ok {
			return e
		}
	}
	return entry{}
}

// family returns the kind that k is a special case of, "" if there is none.
func (k Kind) family() Kind { return k[:max(strings.LastIndexByte(string(k), '.'), 0)] }

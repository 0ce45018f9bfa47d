package classify

import "strings"

// Kind names what went wrong, general first: "net.dhcp.timeout" is a "net.dhcp", which is a "net".
type Kind string

// The kinds that Go itself raises. The table below gives each its default class.
const (
	Internal       Kind = "internal"
	Usage          Kind = "usage"
	Config         Kind = "config"
	ConfigPolicy   Kind = "config.policy"
	ConfigPlan     Kind = "config.plan"
	ScriptSyntax   Kind = "script.syntax"
	ScriptFault    Kind = "script.fault"
	ScriptArgument Kind = "script.argument"
	ScriptResult   Kind = "script.result"
	ScriptLimit    Kind = "script.limit"
	ScriptPhase    Kind = "script.phase"
	ScriptGrant    Kind = "script.grant"
	Interrupted    Kind = "run.interrupted"
	DeadlineTotal  Kind = "deadline.total"
	DeadlineTry    Kind = "deadline.attempt"
	DeadlineStep   Kind = "deadline.step"
	Cancelled      Kind = "cancelled"
	Unknown        Kind = "unknown"
	ImageMissing   Kind = "image.missing"
	ImageEmpty     Kind = "image.empty"
	ImageFormat    Kind = "image.format"
	ImageDecode    Kind = "image.decode"
	ImageMismatch  Kind = "image.mismatch"
	ImageChanged   Kind = "image.changed"
	ImageRead      Kind = "image.read"
	ImageFetch     Kind = "image.fetch"
	TargetUnsafe   Kind = "target.unsafe"
	TargetMissing  Kind = "target.missing"
	FlashUnproven  Kind = "flash.unverified"
	FlashWrite     Kind = "write.failed"
	VerifyMismatch Kind = "verify.mismatch"
	VerifyRead     Kind = "verify.read"
	Power          Kind = "power"
	PowerConnect   Kind = "power.connect"
	PowerCommand   Kind = "power.command"
	TransportOpen  Kind = "transport.open"
	TransportBusy  Kind = "transport.busy"
	TransportLine  Kind = "transport.line"
	TransportLost  Kind = "transport.lost"
	TransportWrite Kind = "transport.write"
	ConsoleTimeout Kind = "console.timeout"
	ConsoleAbort   Kind = "console.abort"
	ConsoleStall   Kind = "console.stall"
	ConsoleText    Kind = "console.text"
	ConsoleLong    Kind = "console.overflow"
	ConsoleEcho    Kind = "console.echo"
	ConsoleGarbled Kind = "console.garbled"
	ConsoleGap     Kind = "console.gap"
	ConsoleBusy    Kind = "console.busy"
	BoardPanic     Kind = "board.panic"
	BoardReset     Kind = "board.reset"
	UBootSilent    Kind = "uboot.autoboot"
	UBootDenied    Kind = "uboot.autoboot.denied"
	UBootExit      Kind = "uboot.exit"
	UBootSync      Kind = "uboot.sync"
	UBootBoot      Kind = "uboot.boot"
	ShellLogin     Kind = "shell.login"
	ShellDenied    Kind = "shell.login.denied"
	ShellExit      Kind = "shell.exit"
	ShellSync      Kind = "shell.sync"
	NetLink        Kind = "net.link"
	NetDHCP        Kind = "net.dhcp"
	NetDHCPTimeout Kind = "net.dhcp.timeout"
	NetTFTP        Kind = "net.tftp"
	NetTFTPTimeout Kind = "net.tftp.timeout"
	NetTFTPMissing Kind = "net.tftp.missing"
	NetHTTP        Kind = "net.http"
	NetHTTPCut     Kind = "net.http.cut"
)

// entry is one row of the table: what a kind means and whether it is worth another attempt by default.
type entry struct {
	class Class
	means string
}

// table gives kinds their meaning and default class. A kind that is not listed inherits from its family.
var table = map[Kind]entry{
	Internal: {NonRetryable, "a bug in flashlua"},

	Usage:        {NonRetryable, "the command line was wrong"},
	Config:       {NonRetryable, "the configuration cannot work"},
	ConfigPolicy: {NonRetryable, "the board policy is not valid"},
	ConfigPlan:   {NonRetryable, "the plan cannot work"},

	"script":       {NonRetryable, "the Lua code failed"},
	ScriptSyntax:   {NonRetryable, "the script is not Lua"},
	ScriptFault:    {NonRetryable, "the Lua code has a fault"},
	ScriptArgument: {NonRetryable, "the script called a function with wrong arguments"},
	ScriptResult:   {NonRetryable, "the script returned something unusable"},
	ScriptLimit:    {NonRetryable, "the script broke a limit"},
	ScriptPhase:    {NonRetryable, "the script touches hardware where it may not"},
	ScriptGrant:    {NonRetryable, "the script runs a command of the station that was not allowed"},

	"run":         {NonRetryable, "the run was ended from outside"},
	Interrupted:   {NonRetryable, "the run was interrupted"},
	DeadlineTotal: {NonRetryable, "the run's total time was used up"},
	Cancelled:     {NonRetryable, "operation cancelled"},

	"image":       {NonRetryable, "the image cannot be used"},
	ImageMissing:  {NonRetryable, "the image or file is not there"},
	ImageEmpty:    {NonRetryable, "the image is empty"},
	ImageFormat:   {NonRetryable, "the image is in a format that cannot be written"},
	ImageChanged:  {NonRetryable, "the image changed while it was in use"},
	ImageDecode:   {NonRetryable, "the image is damaged"},
	ImageMismatch: {NonRetryable, "the image is not the one that was expected"},
	ImageRead:     {NonRetryable, "the image cannot be read"},
	ImageFetch:    {Retryable, "the image cannot be downloaded"},

	"target":      {NonRetryable, "the target cannot be written"},
	TargetUnsafe:  {NonRetryable, "the target must not be overwritten"},
	TargetMissing: {NonRetryable, "the board does not have the target"},
	"flash":       {NonRetryable, "the flash did not end as it must"},
	FlashUnproven: {NonRetryable, "the flash ended without proof"},

	"deadline":   {Retryable, "a deadline passed"},
	DeadlineStep: {Retryable, "a step took too long"},
	DeadlineTry:  {Retryable, "an attempt took too long"},

	Power:        {Retryable, "board power could not be switched"},
	PowerConnect: {Retryable, "the power controller cannot be reached"},
	PowerCommand: {Retryable, "the power controller refused"},

	"transport":    {Retryable, "the connection to the console failed"},
	TransportOpen:  {Retryable, "the console port cannot be opened"},
	TransportBusy:  {Retryable, "the console port is used by another program"},
	TransportLine:  {NonRetryable, "the console server does not set the line as asked"},
	TransportLost:  {Retryable, "the connection to the console was lost"},
	TransportWrite: {Retryable, "the console port takes no bytes"},

	"console":      {Retryable, "the dialogue with the board failed"},
	ConsoleTimeout: {Retryable, "the board did not answer in time"},
	ConsoleAbort:   {Retryable, "the board printed a failure"},
	ConsoleStall:   {Retryable, "the board fell silent"},
	ConsoleText:    {NonRetryable, "the text cannot be typed on a console"},
	ConsoleLong:    {NonRetryable, "the output is larger than a result may be"},
	ConsoleEcho:    {Retryable, "the board does not echo what is typed"},
	ConsoleGarbled: {Retryable, "the end of a command arrived garbled"},
	ConsoleGap:     {Retryable, "the console was away while a command ran"},
	ConsoleBusy:    {NonRetryable, "the console is in use by a command that still runs"},

	"board":     {Retryable, "the board failed"},
	BoardPanic:  {Retryable, "the board's kernel panicked"},
	BoardReset:  {Retryable, "the board reset itself"},
	"uboot":     {Retryable, "U-Boot failed"},
	UBootSilent: {Retryable, "autoboot could not be stopped"},
	UBootDenied: {NonRetryable, "U-Boot refused the password"},
	UBootExit:   {Retryable, "a U-Boot command failed"},
	UBootSync:   {Retryable, "U-Boot's prompt did not answer"},
	UBootBoot:   {Retryable, "U-Boot could not start the kernel"},
	"shell":     {Retryable, "the Linux shell failed"},
	ShellLogin:  {Retryable, "the board did not reach a login"},
	ShellDenied: {NonRetryable, "the board refused the login"},
	ShellExit:   {Retryable, "a shell command failed"},
	ShellSync:   {Retryable, "the shell did not answer"},

	"net":          {Retryable, "the network failed"},
	NetLink:        {Retryable, "no network interface has a link"},
	NetDHCP:        {Retryable, "DHCP failed"},
	NetDHCPTimeout: {Retryable, "no DHCP server answered"},
	NetTFTP:        {Retryable, "a TFTP transfer failed"},
	NetTFTPTimeout: {Retryable, "the TFTP server did not answer"},
	NetTFTPMissing: {NonRetryable, "the TFTP server does not have the file"},
	NetHTTP:        {Retryable, "an HTTP transfer failed"},
	NetHTTPCut:     {Retryable, "an HTTP transfer was cut off"},

	"write":        {Retryable, "writing failed"},
	FlashWrite:     {Retryable, "the board could not write the image"},
	"verify":       {Retryable, "verification failed"},
	VerifyMismatch: {Retryable, "the medium does not hold the image"},
	VerifyRead:     {Retryable, "the medium could not be read back"},

	Unknown: {Retryable, "a failure that flashlua does not know"},
}

// Is reports whether k is family or lies below it: "net.dhcp" is a "net", "network" is not.
func (k Kind) Is(family Kind) bool {
	rest, ok := strings.CutPrefix(string(k), string(family))
	return ok && family != "" && (rest == "" || rest[0] == '.')
}

// Class is the default class of k: its own, else that of the nearest family that has one.
func (k Kind) Class() Class { return k.lookup().class }

// Means says in a few words what k stands for, "" for a kind outside the table.
func (k Kind) Means() string { return k.lookup().means }

func (k Kind) lookup() entry {
	for k != "" {
		if e, ok := table[k]; ok {
			return e
		}
		k = k[:max(strings.LastIndexByte(string(k), '.'), 0)]
	}
	return entry{}
}

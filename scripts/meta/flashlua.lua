---@meta _
-- The globals and objects of flashlua's scripts, for editors that read LuaCATS annotations. docs/policies.md
-- describes them.

---@alias duration string a number with its unit: "90s", "5m", "1h30m"
---@alias pause string a duration that may be "0s"
---@alias size string|integer bytes, or a number with K, M, G or T after it: "8G"
---@alias memory { [1]: integer|string, [2]: size } a range of RAM: address and size, { 0x42000000, "256M" }
---@alias power_state "on"|"off"|"keep"|"cycle"
---@alias station_way "tftp"|"http"|"serial"
---@alias load_way "tftp"|"http"|"serial"|string a partition of the board as U-Boot's load takes it: "usb 0:1"

--------------------------------------------------------------------------------------------------------------- policies

-- begin of the policy keys: UPDATE=1 go test -run TestStubHasEveryKey ./bindings/internal/policy writes them
---@class flashlua.policy the table that a board's script returns
---other consoles of the board by name, with the keys of `console`
---@field consoles? table<string, flashlua.console_options>
---version of the policy format; a flashlua that does not know the version refuses the policy; default: `1`
---@field api? integer
---name of the board; default: the file's name
---@field name? string
---description in one line; default: `""`
---@field description? string
---where the policy was tested; empty: never on hardware; default: `""`
---@field tested? string
---variants of the board by name, each a table with the keys that differ
---@field variants? table<string, flashlua.policy>
---`{ "file", address }`: a file that U-Boot loads, and its address in RAM: a number, `0x82000000`, or a variable
---of the board's U-Boot, `"${loadaddr}"`. `boot` can use `${NAME_addr}` and `${NAME_size}`. Files that are loaded
---together must not overlap in RAM. With a `flash` of its own, a policy can leave out the address, `NAME =
---"file"`: other boot loaders find the file by `s:serve`
---@field files? table<string, flashlua.file_options>
---directory of `files`, relative to the policy; `--files` overrides it, and `--file NAME=PATH` a single file;
---default: `""`
---@field files_dir? string
---what writes the images: `"linux"`, a Linux that U-Boot loads into RAM, or `"uboot"`, U-Boot's own commands,
---which need neither `files` nor `boot`. It chooses the sequence of a policy without a `flash`; with one, it says
---which of the two `flash` uses; default: without a `flash`: `"linux"`
---@field method? "linux"|"uboot"
---U-Boot command that starts Linux; required with `method = "linux"` unless the policy has its own `flash`;
---default: `""`
---@field boot? string
---kernel command line; empty keeps U-Boot's own; default: `""`
---@field bootargs? string
---target that is used without `--target`; not needed with a single target; default: `""`
---@field default_target? string
---a medium that can be written: its block device, `"/dev/…"`, or a table with the keys below. Character devices,
---`/dev/mtd0` or `/dev/ubi0_0`, are refused
---@field targets? table<string, string|flashlua.target_options>
---@field args? table<string, flashlua.argument_options>
---@field outputs? table<string, flashlua.output_options>
---@field console? flashlua.console_options
---@field uboot? flashlua.uboot_options
---@field linux? flashlua.linux_options
---@field net? flashlua.net_options
---@field limits? flashlua.limits_options
---@field power? flashlua.power_options
---@field power_after? flashlua.power_after_options
---`function(s, job)`: the steps of an attempt, see policies.md; default: `lib.uboot_busybox`, or
---`lib.uboot_writer` with `method = "uboot"`
---@field flash? fun(s: flashlua.session, job: flashlua.job)
---`function(s, job, at)`: chooses the target in each attempt, see policies.md
---@field target? fun(s: flashlua.session, job: flashlua.job, at: { uboot?: flashlua.uboot, shell?: flashlua.shell }): string
---`function(s, report)`: tests the new system after the flash, see policies.md
---@field check? fun(s: flashlua.session, report: flashlua.verdict)
---`function(err, next)`: whether an error is retried, see policies.md
---@field classify? fun(err: flashlua.error, next: fun(err: flashlua.error): "retry"|"fatal"): "retry"|"fatal"
---`function(n, err, next)`: wait before the next attempt, see policies.md
---@field backoff? fun(n: integer, err: flashlua.error, next: fun(n: integer, err: flashlua.error): duration): duration

---@class flashlua.file_options the table `files.NAME` of a policy
---name of the file
---@field [1] string
---address
---@field [2] integer|string
---file that the station appends to the file, such as a device tree, see below
---@field append? string
---@field uimage? boolean|flashlua.uimage_options

---@class flashlua.uimage_options the table `files.NAME.uimage` of a policy
---architecture in the header of a uImage; without it `"arm"`. `uimage = true` takes all its keys as they are
---without a value
---@field arch? string
---type in the header: `"kernel"` without it, or `"ramdisk"`, `"kernel_noload"`, `"standalone"`, `"firmware"`,
---`"filesystem"`
---@field type? string
---how the file itself is compressed: `"none"` without it, or `"gzip"`, `"bzip2"`, `"lzma"`, `"lzo"`, `"lz4"`,
---`"zstd"`
---@field compression? string
---address to which U-Boot moves the content; without it that of the file, of a ramdisk 0: it stays where it is
---@field load? integer
---address where the kernel begins; without it that of `load`
---@field entry? integer
---name in the header, at most 32 bytes; without it that of the file
---@field name? string

---@class flashlua.target_options the table `targets.NAME` of a policy
---device in Linux, `"/dev/…"`. A target has `path` or `sysfs` for a Linux in RAM, `uboot` for U-Boot, or one of
---the first two and `uboot`; default: `""`
---@field path? string
---address of the controller in sysfs, `"4fb0000"`; it does not depend on the order of discovery
---@field sysfs? string
---name of the medium in U-Boot, `"mmc 0"`; empty: U-Boot cannot write it; default: `""`
---@field uboot? string
---label of a partition; empty selects the whole medium; default: `""`
---@field part? string
---where the image begins in the medium or the partition, `"512K"` or a number of bytes. Only U-Boot takes it:
---Linux writes from the beginning; default: `0`
---@field offset? size
---where the image's bytes are on a NAND chip: `"skip-bad"` leaves out bad blocks, as U-Boot and most boot ROMs do.
---A NAND chip, `uboot = "nand 0"`, needs it; no other medium takes it; default: `""`
---@field layout? string
---make an eMMC boot partition writable during the write; default: `false`
---@field clear_force_ro? boolean

---@class flashlua.argument_options the table `args.NAME` of a policy
---`"string"`, `"number"`, `"boolean"` or `"duration"`; default: `"string"`
---@field type? "string"|"number"|"boolean"|"duration"
---refuse a run without this argument, before the board is touched; default: `false`
---@field required? boolean
---value without `--arg`; none: nil
---@field default? string|number|boolean
---list of the values that are allowed; none: all
---@field one_of? (string|number)[]
---one line for `flashlua boards show`; default: `""`
---@field help? string

---@class flashlua.output_options the table `outputs.NAME` of a policy
---a run without this output is not refused; default: `false`
---@field optional? boolean
---its state after the run: `"off"`, `"on"` or `"keep"`; default: `"off"`
---@field after? string
---one line for `flashlua boards show`, and for the error if it is not connected; default: `""`
---@field help? string

---@class flashlua.console_options the table `console` of a policy
---speed of a `serial:` or `rfc2217:` port, in bits per second; default: `115200`
---@field baud? integer
---data bits, parity, stop bits; default: `"8N1"`
---@field framing? string
---flow control: `"none"`, `"rtscts"` or `"xonxoff"`; default: `"none"`
---@field flow? string
---bytes that are sent at a time; 0 sends whole lines; default: `0`
---@field chunk? integer
---pause after each chunk, for a board that reads slowly; the plan says what it costs; default: `"0s"`
---@field delay? pause
---the board echoes its input. flashlua compares the echo; on a difference it clears the line and types it again;
---default: `true`
---@field echo? boolean
---output of the port when it is connected to the board. flashlua waits for it, at most 1 minute, before it
---switches the board on. Needed for a port that is open before it is connected, such as `exec:` with a slow ssh;
---empty: a port is connected once it is open; default: `""`
---@field ready? string
---how long flashlua waits for a lost port to return; default: `"10s"`
---@field reopen? duration
---console output that ends the current step of the flash with an error, see policies.md
---@field aborts? table<string, string|false>

---@class flashlua.uboot_options the table `uboot` of a policy
---end of the prompt; a list, `{ "=> ", "vendor# " }`, if several versions of U-Boot are in use; default: `"=> "`
---@field prompt? string|string[]
---output that announces that autoboot can be stopped. Empty: `keys` are sent from power-on, for a silent console;
---default: `"Hit any key to stop autoboot"`
---@field autoboot? string
---text that stops autoboot. For a word and Enter, write `"stop\n"`. Empty, with `autoboot` empty and no password:
---flashlua sends nothing and waits for the prompt; default: `" "`
---@field keys? string
---interval at which `keys` are sent until the prompt appears; default: `"200ms"`
---@field every? duration
---sent with Enter each time U-Boot asks for it, at most 3 times. With `keys = ""`, flashlua also sends it as soon
---as the text of `uboot.autoboot` appears, or from power-on if that is empty. Masked in all records; default: `""`
---@field password? string
---bytes that are sent to U-Boot at a time; default: that of `console.chunk`
---@field chunk? integer
---pause after each of these chunks: many boards read slowly in U-Boot alone; default: that of `console.delay`
---@field delay? pause
---a variable that is set at each new prompt, `{ fdt_high = "0xffffffff" }`
---@field env? table<string, string>
---command at each new prompt, or a list of commands; each must succeed
---@field setup? string|string[]
---command before DHCP, for a network card that U-Boot does not find by itself: `usb start`, `virtio scan`. Of
---several, `pci enum; usb start`, each must succeed; `usb stop || true` may fail; default: `""`
---@field network? string
---`{ address, size }`: RAM that nothing else uses, `{ 0x42000000, "256M" }`, through which U-Boot writes images;
---default: found by `bdinfo`
---@field ram? memory
---shell of U-Boot: `"hush"`, or `"simple"` for a U-Boot without it; default: `"hush"`
---@field shell? string
---longest time from power-on to the prompt; default: `"1m0s"`
---@field timeout? duration
---longest input line that U-Boot accepts, in bytes; default: `480`
---@field line_limit? integer

---@class flashlua.linux_options the table `linux` of a policy
---output that asks for the user; default: `"login:"`
---@field login? string
---user; default: `"root"`
---@field user? string
---sent when Linux asks for it; masked in all records; default: `""`
---@field password? string
---end of the shell's prompt; a list as for `uboot.prompt`; default: `"# "`
---@field prompt? string|string[]
---bytes that are sent to Linux at a time; default: that of `console.chunk`
---@field chunk? integer
---pause after each of these chunks; default: that of `console.delay`
---@field delay? pause
---command that configures the network; empty uses DHCP on every interface. In Debian's initramfs: `"ipconfig -t 20
---all"`; default: `""`
---@field network? string
---longest time from the start of the kernel to the shell; default: `"3m0s"`
---@field timeout? duration
---longest input line that the shell accepts, in bytes; default: `1000`
---@field line_limit? integer

---@class flashlua.net_options the table `net` of a policy
---address of the station's HTTP server as the board sees it; empty: the address in `net.listen`, or detected;
---default: `""`
---@field http? string
---IPv4 address of the TFTP server as the board sees it; empty: the same; default: `""`
---@field tftp? string
---serves files and images by TFTP, which needs port 69; `false` for a board that loads by HTTP; default: `true`
---@field tftp_server? boolean
---blocks that the TFTP server sends before the board acknowledges, 1 to 16; 0: 4 at first, 12 after a file that
---arrived without loss, 1 after a loss; default: `0`
---@field tftp_window? integer
---address that the station's servers listen on; empty: all addresses; default: `""`
---@field listen? string
---address of the board, `"192.168.1.5/24"`, if there is no DHCP server; default: `""`
---@field address? string
---router of the board, with `net.address`; empty: none; default: `""`
---@field gateway? string

---@class flashlua.limits_options the table `limits` of a policy
---attempts after the first; default: `3`
---@field retries? integer
---time for all attempts; default: `"1h0m0s"`
---@field total? duration
---time for one attempt. A value of the policy that does not fit in `limits.total` is refused. The default is
---shortened to fit, and any value is shortened to fit `--timeout`; default: `"30m0s"`
---@field attempt? duration
---time for `check`; shortened to fit `limits.total`; default: `"5m0s"`
---@field check? duration
---random spread of the wait between attempts, 0 to 1; default: `0`
---@field jitter? number

---@class flashlua.power_options the table `power` of a policy
---how long a power cycle leaves the board off; default: `"2s"`
---@field off_time? pause

---@class flashlua.power_after_options the table `power_after` of a policy
---power of the board after success: `"off"`, `"on"`, `"keep"`, or `"cycle"`: off and on again, which boots the new
---image. It follows the policy's `check`; default: `"off"`
---@field success? power_state
---the same after a failure; default: `"off"`
---@field failure? power_state
---the same after a cancelled run; default: `"off"`
---@field cancel? power_state

-- end of the policy keys

---@class flashlua.lab the table that a lab file returns; docs/lab.md describes it
---@field stations table<string, flashlua.station> boards by name, with what connects them
---@field defaults? table<string, string|number|boolean> values of flags of `flashlua run STATION`

-- begin of the station: UPDATE=1 go test -run TestStubHasEveryField ./bindings/internal/labfile writes it
---@class flashlua.station a board of a lab, and what connects it
---path of the policy, or the name of a board that comes with flashlua; required
---@field board string
---console, as `--port` takes it, see Ports
---@field port? string
---power driver, as `--power` takes it, see Power; a simulated board has none
---@field power? string
---place of a labgrid coordinator, which provides the console and the power, instead of `port`
---@field labgrid? string
---drivers of the policy's outputs, as `--output` takes them
---@field outputs? table<string, string>
---ports of the policy's other consoles, as `--console` takes them
---@field consoles? table<string, string>
---directory of the policy's boot files
---@field files? string
---medium to write
---@field target? string
---variant of the policy
---@field variant? string
---values of the policy's arguments; `env:NAME` and `file:PATH` are secrets
---@field args? table<string, string|number|boolean>
---policy keys, dotted, that replace the policy's own; the value of a password may be `env:NAME` or `file:PATH`
---@field set? table<string, string|number|boolean>
---the station is chosen by them
---@field tags? string[]
---text for people, which `run` prints
---@field note? string
---why the station must not be used: `run` and `verify` end with exit 2 and print it
---@field off? string

-- end of the station

---@class flashlua.job
---@field target? string name of the target in the policy; nil until the policy's target function has chosen it
---@field size integer size of the image in bytes
---@field sha256 string digest of the image, hexadecimal
---@field attempt integer counts from 1
---@field verify_only boolean true if nothing may be written
---@field args table<string, any> values of the policy's arguments; a duration is a string

---@class flashlua.session one attempt
---@field attempt integer counts from 1
---@field last_error? flashlua.error error of the previous attempt
---@field board string
---@field power flashlua.power
---@field outputs table<string, flashlua.output> those that the policy declares; one that is optional and not connected is nil
---@field consoles table<string, flashlua.console> other consoles that the policy declares; they have no close
---@field console flashlua.console for a boot loader that is no U-Boot; it has no close
local session = {}

---@class flashlua.step_options
---@field retries? integer tries after the first, without a power cycle
---@field timeout? duration time for each try
---@field destroys? string name of a target, such as job.target, that the step's own commands can write
---@field aborts? table<string, string|false> console output that ends the step, and its error message; false disables crash, emergency, off, panic or reset

---@generic T
---@param name string
---@param options flashlua.step_options
---@param f fun(): T?
---@return T
---@overload fun(self: flashlua.session, name: string, f: function): any
function session:step(name, options, f) end

---@class flashlua.served_file where the board finds a file of the policy on the station, until the run ends
---@field url string for HTTP
---@field tftp_server string IPv4 address; absent with net.tftp_server = false
---@field tftp_path string on that server; absent with net.tftp_server = false
---@field size integer in bytes

---@param name string of the policy's files
---@param options? { board?: string } board: its IP address, if neither net.http and net.tftp nor net.listen are set
---@return flashlua.served_file
function session:serve(name, options) end

---@return flashlua.uboot
function session:uboot() end

---@return flashlua.shell
function session:shell() end

---@param text any
function session:log(text) end

---@class flashlua.at results of the earlier steps of a sequence
---@field uboot flashlua.uboot after the step `uboot`
---@field shell flashlua.shell after the step `linux`

---@class flashlua.sequence require("lib.uboot_busybox").sequence() returns one
---@field flash fun(s: flashlua.session, job: flashlua.job) the flash function for a policy
---@field run fun(s: flashlua.session, job?: flashlua.job, last?: string): flashlua.at runs the steps up to and including last
local sequence = {}

---@class flashlua.sequence_step_options
---@field name string
---@field run fun(s: flashlua.session, job: flashlua.job, at: flashlua.at)
---@field retries? integer tries after the first, without a power cycle
---@field timeout? duration time for each try
---@field destroys? boolean the step's own commands can write the medium
---@field aborts? table<string, string|false> as in flashlua.step_options

---Replaces the function of a step. Its name, options and position do not change.
---@param name string
---@param f fun(s: flashlua.session, job: flashlua.job, at: flashlua.at)
function sequence:replace(name, f) end

---Calls f(next, s, job, at) instead of the function of a step; next() calls that function.
---@param name string
---@param f fun(next: function, s: flashlua.session, job: flashlua.job, at: flashlua.at)
function sequence:wrap(name, f) end

---Adds a step before the step `name`.
---@param name string
---@param step flashlua.sequence_step_options
function sequence:before(name, step) end

---Adds a step after the step `name`.
---@param name string
---@param step flashlua.sequence_step_options
function sequence:after(name, step) end

---@param name string
function sequence:remove(name) end

---Returns a step, to change its options.
---@param name string
---@return flashlua.sequence_step_options
function sequence:step(name) end

-- begin of the verdict: UPDATE=1 go test -run TestStubHasTheVerdict ./bindings/internal/policy writes it
---@class flashlua.verdict result of a flash; docs/outputs.md describes it
---`verified`; `failed`; `skipped`: a flash of a program that was not started; `planned`: the plan of a dry run can
---work; `done`: a program succeeded; `reached`: `Engine.Interactive` of the Go library succeeded
---@field result string
---`flash`, `verify`, `dry-run`, `program` or `write`; `console` for `Engine.Interactive`. If a command line is
---refused, the mode that its command would have had
---@field mode string
---exit code
---@field exit integer
---`true` if `exit` is 75: nothing was touched, and the same command may succeed later
---@field retry? boolean
---class of the failure: `retry` or `fatal`
---@field class? string
---rule that decided the class: `internal`, `limit`, `run-cancelled`, `policy`, `fatal`, `retry`, `cancelled`,
---`unknown`, or that of a rule of a Go program that embeds flashlua
---@field rule? string
---kind of the failure; errors.md lists all kinds
---@field kind? string
---the failure in one line
---@field error? string
---the failure and its causes, outermost first
---@field chain? string[]
---what to do
---@field hint? string
---why there was no further attempt, if neither the class nor the number of attempts was the reason
---@field stopped? string
---step in which it failed
---@field step? string
---number of the last attempt, from 1; 0 if none began, so nothing was touched. 1 for a program or a `flashlua
---write` that began
---@field attempt integer
---all attempts, see below; empty for a program and for `flashlua write`, which do not retry
---@field attempts flashlua.verdict_attempts[]
---failures in addition to the main one: clean-up, power
---@field secondary? string[]
---last lines of the console
---@field console? string[]
---details for developers, for example the stack of a bug
---@field detail? string
---what may be wrong although the run goes on: a partition table for sectors of another size
---@field warnings? string[]
---version of this format: 1. A version adds fields, and changes or removes none
---@field schema integer
---26 letters and digits at random that name the run, also in each event, in the transcript and in the results. The
---flashes of a program have the program's
---@field run_id string
---version of flashlua, and the commit that it was built from, if that is known
---@field version string
---version of flashlua, and the commit that it was built from, if that is known
---@field commit? string
---machine that ran flashlua
---@field host? string
---when the run began, after `waited_ns`, and when it ended
---@field started? string
---when the run began, after `waited_ns`, and when it ended
---@field ended? string
---number of a flash in its program, from 1; only in `runs`, and in what `flash.run` returns
---@field run? integer
---name of the policy, or of the program
---@field board string
---values of the policy's arguments, by name; secrets are masked
---@field args? any
---variant of the policy that was chosen; left out if none was
---@field variant? string
---name of the station
---@field station? string
---place of a coordinator that the run had
---@field place? string
---console port
---@field port? string
---power driver; of a command only the name (the error of a command that fails has all its words), of an address
---neither password nor query
---@field power? string
---script of the policy or the program: `path`, and `sha256` of its text. A board that comes with flashlua is
---`boards/NAME.lua`
---@field script? flashlua.verdict_script
---of a program: its arguments
---@field argv? string[]
---digest of the policy: of its script, the modules and data files that it reads when it is loaded, and the value
---of each key but passwords
---@field policy_sha256? string
---`path`, and `size` and `sha256` after the image was decompressed
---@field image flashlua.verdict_image
---the target
---@field target flashlua.verdict_target
---with `--part`, or if a policy wrote more than one target: `label` (empty without `--part`), `image` and `target`
---of each
---@field parts? flashlua.verdict_parts[]
---the policy's `check`, see below; only if the policy has one
---@field check? flashlua.verdict_check
---duration of the run, without `waited_ns`
---@field duration_ns integer
---how long the run waited for a board that another job held
---@field waited_ns? integer
---the board was simulated
---@field simulated boolean
---output that was not read in time
---@field lost? flashlua.verdict_lost[]
---of a program: the flashes
---@field runs? flashlua.verdict[]
---of a program: what its function returned, as JSON
---@field returned? any

---@class flashlua.verdict_attempts the field `attempts` of a verdict
---@field attempt integer
---@field error? string
---@field kind? string
---@field class? string
---@field rule? string
---@field step? string
---@field duration_ns integer
---@field wait? string

---@class flashlua.verdict_script the field `script` of a verdict
---@field path string
---@field sha256 string

---@class flashlua.verdict_image the field `image` of a verdict
---@field path string
---@field size? integer
---@field sha256? string

---@class flashlua.verdict_target the field `target` of a verdict
---name of the target in the policy; missing until the policy has chosen it
---@field name? string
---its device during the run
---@field device? string
---where on it, or in its partition, the image begins, in bytes; absent for 0
---@field offset? integer
---`untouched`, `partial`, `written` (completely, without a receipt), `verified` or `unknown`
---@field state string
---when this run last wrote to the disk of the target
---@field last_write? string
---when the read-back began that proves the content; later than `last_write`
---@field read_back? string
---what wrote it last: `shell`, a Linux of the board; `uboot`, U-Boot's own commands; `station`, `flashlua write`;
---`script`, something else that a `verify` read back
---@field writer? string
---how the content that was read back was compared: `sha256`, `sha1`, `md5`, `crc32` of each part, or `bytes`
---@field digest? string
---number of ranges (runs of blocks of the image) that read back wrong at first and were written again
---@field rewritten? integer

---@class flashlua.verdict_parts the field `parts` of a verdict
---@field label string
---@field image flashlua.verdict_image
---@field target flashlua.verdict_target

---@class flashlua.verdict_check the field `check` of a verdict
---`passed`, `failed` or `skipped`
---@field result string
---why it was skipped
---@field reason? string
---the failure
---@field error? string
---the failure
---@field kind? string
---how long it took
---@field duration_ns integer

---@class flashlua.verdict_lost the field `lost` of a verdict
---@field output string
---@field lines integer
---@field bytes? integer

-- end of the verdict
-------------------------------------------------------------------------------------------------------------- libraries

---@class flashlua.lib_grub require("lib.grub")
---@field flash fun(options?: flashlua.grub_options): fun(s: flashlua.session, job: flashlua.job) flash for a policy
---@field boot fun(s: flashlua.session, options?: flashlua.grub_options): flashlua.shell
---@field stop fun(s: flashlua.session, options?: flashlua.grub_options): flashlua.grub

---@class flashlua.grub_options
---@field menu? string announces the menu
---@field keys? string open the command line
---@field prompt? string
---@field user? string
---@field password? string masked in all records
---@field network? string gets an address
---@field protocol? "http"|"tftp"
---@field kernel? string name in files of the policy
---@field initrd? string|false name in files of the policy
---@field args? string kernel command line
---@field timeout? duration from power-on to the menu or the prompt

---@class flashlua.grub
local grub = {}

---@param line string
---@param timeout? duration
---@return string output
function grub:run(line, timeout) end

---@return string address
function grub:dhcp() end

---@param name string of the policy's files
---@return string name in GRUB
function grub:file(name) end

function grub:load() end

---@return flashlua.shell
function grub:boot() end

---@class flashlua.lib_host require("lib.host")
---@field fastboot fun(arguments: (string|number)[], options?: flashlua.program_options): string
---@field dfu_util fun(arguments: (string|number)[], options?: flashlua.program_options): string
---@field uuu fun(arguments: (string|number)[], options?: flashlua.program_options): string

---@class flashlua.program_options
---@field timeout? duration default: "5m"
---@field program? string name or path of the program

---@class flashlua.lib_barebox require("lib.barebox")
---@field flash fun(options?: flashlua.barebox_options): fun(s: flashlua.session, job: flashlua.job) flash for a policy
---@field boot fun(s: flashlua.session, options?: flashlua.barebox_options): flashlua.shell
---@field stop fun(s: flashlua.session, options?: flashlua.barebox_options): flashlua.barebox

---@class flashlua.barebox_options
---@field autoboot? string announces that autoboot can be stopped
---@field keys? string stop autoboot
---@field prompt? string end of the prompt
---@field network? string command that gets an address
---@field interface? string
---@field kernel? string name in files of the policy
---@field initrd? string|false name in files of the policy
---@field dtb? string|false name in files of the policy
---@field args? string added to the kernel command line
---@field timeout? duration from power-on to the prompt

---@class flashlua.barebox
local barebox = {}

---@param cmd string
---@param timeout? duration
---@return string output
function barebox:run(cmd, timeout) end

---@return string address
function barebox:dhcp() end

---@param name string of the policy's files
---@return string path in barebox
function barebox:file(name) end

function barebox:load() end

---@return flashlua.shell
function barebox:boot() end

--------------------------------------------------------------------------------------------------------------- objects

---@class flashlua.command_options
---@field timeout? duration
---@field stall? duration longest time without output
---@field line? fun(line: string) called with each line when it arrives

---@class flashlua.write_options
---@field target? string name of a target of the policy; default: job.target
---@field image? string file, relative to files_dir, or web address; default: the operator's image

---@class flashlua.uboot_write_options
---@field target? string name of a target of the policy; default: job.target
---@field image? string file, relative to files_dir, or web address; default: the operator's image
---@field by? station_way how U-Boot gets the image; "tftp" by default, or "http" with net.tftp_server = false
---@field baud? integer speed of the console meanwhile, with by = "serial"; the console's own by default

---@class flashlua.uboot
local uboot_object = {}

---@param command string
---@param options? flashlua.command_options
---@return string output
function uboot_object:run(command, options) end

---@param command string
---@param options? flashlua.command_options
---@return string output, integer code
function uboot_object:exec(command, options) end

---Runs a command that ends by Ctrl-C, calls the function meanwhile, and returns what it returned.
---@param command string
---@param run fun(): any
---@param options? { ready?: string, timeout?: duration }
---@return any
function uboot_object:hold(command, run, options) end

---@param variable string
---@return string? value
function uboot_object:env(variable) end

---@param variable string
---@param value string
function uboot_object:setenv(variable, value) end

---@return string address
function uboot_object:dhcp() end

---@class flashlua.load_options
---@field by? load_way default: "tftp", or "http" with net.tftp_server = false
---@field baud? integer speed of the console while the files are loaded by "serial"; default: its own

---@param files? string|string[]|table in a policy: names of its files; in a program: the server
---@param name? flashlua.load_options|string in a policy: how to load; in a program: name of the file on the server
---@param address? integer in a program
---@param size? integer in a program: in bytes
function uboot_object:load(files, name, address, size) end

---@param command? string default: the policy's boot
---@return flashlua.shell shell in a policy; nil in a program
function uboot_object:boot(command) end

---@class flashlua.ums_options
---@field usb? string where the disk appears on the station, as the kernel names it: "1-1.2"
---@field serial? string serial number of the board's USB device
---@field controller? integer number of the board's USB controller; default: 0
---@field timeout? duration for the disk to appear; default: "30s"
---@field target? string name of a target of the policy; default: job.target
---@field image? string file, relative to files_dir, or web address; default: the operator's image

---Has U-Boot expose a medium as a USB disk, which the station writes and verifies. Only in a policy.
---@param medium? string in U-Boot: "mmc 0"; default: uboot of the target
---@param options? flashlua.ums_options
function uboot_object:ums(medium, options) end

---Writes with U-Boot's own commands, and reads back.
---@param job? flashlua.job only in a policy
---@param options? flashlua.uboot_write_options
function uboot_object:write(job, options) end

---Reads back what anything wrote.
---@param job? flashlua.job only in a policy
---@param options? flashlua.write_options
function uboot_object:verify(job, options) end

---@class flashlua.shell
local shell_object = {}

---@param command string
---@param options? flashlua.command_options
---@return string output
function shell_object:run(command, options) end

---@param command string
---@param options? flashlua.command_options
---@return string output, integer code
function shell_object:exec(command, options) end

---@param path string on the board
---@param content string at most 256 KiB
function shell_object:put(path, content) end

---@return string address
function shell_object:network() end

---@param job? flashlua.job only in a policy
---@param options? flashlua.write_options
function shell_object:write(job, options) end

---Reads back what anything wrote.
---@param job? flashlua.job only in a policy
---@param options? flashlua.write_options
function shell_object:verify(job, options) end

---@class flashlua.power
local power_object = {}
function power_object:on() end
function power_object:off() end
function power_object:cycle() end

---@class flashlua.output
local output_object = {}
function output_object:on() end
function output_object:off() end

---@param duration duration how long it is on
function output_object:pulse(duration) end

---@class flashlua.console
local console_object = {}

---@param text string sent unchanged
function console_object:send(text) end

---@param text string sent with Enter
function console_object:line(text) end

---@param text string sent with Enter, masked in all records
function console_object:secret(text) end

---@param text string|string[]
---@param options? { regexp?: boolean, timeout?: duration, stall?: duration } default: a minute
---@return string text received
---@return integer index of the text in the list
---@return string before what came before it
---@return string[] captures what the groups matched; only with regexp
function console_object:expect(text, options) end

---@param options { quiet: duration, timeout: duration }
function console_object:drain(options) end

---@return string lines the last lines
function console_object:tail() end

function console_object:close() end

---@class flashlua.image
---@field path string
---@field size integer in bytes
---@field sha256 string hexadecimal

---@class flashlua.server
---@field port string
local server_object = {}

---@param content string|flashlua.image
---@param host string address of the station as the board sees it
---@return string url
function server_object:offer(content, host) end

---@class flashlua.error
---@field kind string for example "net.dhcp.timeout"
---@field class "retry"|"fatal"|"none"
---@field step string
---@field attempt integer
---@field try? integer of the step, counts from 1; nil if the error is that of an attempt
---@field history flashlua.error[] errors of the run before this one, the oldest first
---@field message string
---@field hint string
---@field target string state of the medium
---@field cause? flashlua.error
local error_object = {}

---@param kind string
---@return boolean
function error_object:is(kind) end

---@param kind string
---@return flashlua.error?
function error_object:find(kind) end

---@return flashlua.error[] outermost first
function error_object:chain() end

---@return flashlua.error[]
function error_object:leaves() end

---@param pattern? string a Lua pattern
---@return string? match in the last console lines; these lines without a pattern
function error_object:console(pattern) end

---@param message string
---@return flashlua.error
function error_object:wrap(message) end

--------------------------------------------------------------------------------------------------------------- modules

errors = {}

---@param message string
---@param cause? any
---@return flashlua.error
function errors.retryable(message, cause) end

---@param message string
---@param cause? any
---@return flashlua.error
function errors.fatal(message, cause) end

---@param fields { kind?: string, message?: string, class?: "retry"|"fatal", hint?: string, cause?: any }
---@return flashlua.error
function errors.new(fields) end

---@param ... any
---@return flashlua.error
function errors.join(...) end

---@param err any
---@return "retry"|"fatal" class, string rule
function errors.classify(err) end

---@param err any
---@param kind string
---@return boolean
function errors.is(err, kind) end

---@param err any
---@param kind string
---@return flashlua.error?
function errors.find(err, kind) end

---@param err any
---@return flashlua.error[]
function errors.leaves(err) end

---@param err any
---@return flashlua.error[]
function errors.chain(err) end

log = {}

---@param ... any
function log.info(...) end

---@param ... any
function log.warn(...) end

time = {}

---@return number seconds since 1970
function time.now() end

---@param duration duration
function time.sleep(duration) end

---@param duration duration
---@return number
function time.seconds(duration) end

json = {}

---@param value any
---@return string
function json.encode(value) end

---@param text string
---@return any
function json.decode(text) end

---@param path string beside the script, or below its folder
---@return any
function json.load(path) end

csv = {}

---@param path string beside the script, or below its folder
---@param options? { separator?: string }
---@return table<string, string>[] rows by the names in the first row
function csv.load(path, options) end

host = {}

---Connects to a device that waits in fastboot over the network.
---@param address string "udp:192.168.1.5" or "tcp:192.168.1.5", with :PORT if it is not 5554
---@param options? { timeout?: duration } of each answer; "2m" by default
---@return flashlua.fastboot
function host.fastboot(address, options) end

---@class flashlua.fastboot
local fastboot_object = {}

---@param variable string
---@return string? value
function fastboot_object:getvar(variable) end

---@param partition string
---@param image flashlua.job|string|flashlua.image in a policy the job or a file; in a program an image
function fastboot_object:flash(partition, image) end

---@param partition string
---@return string answer
function fastboot_object:erase(partition) end

---@param command string
---@return string answer
function fastboot_object:oem(command) end

---@return string answer
function fastboot_object:reboot() end

---@return string answer
function fastboot_object:continue() end

---@param command string[]|string the executable and its arguments; a string with { shell = true }
---@param options? { timeout?: duration, shell?: boolean } a minute by default
---@return string output, integer code
function host.run(command, options) end

flash = {}

---@param board flashlua.policy|string a policy, the name of a built-in board, or a file
---@param job { image?: string, parts?: table<string, string>, port: string, power?: string, consoles?: table<string, string>, outputs?: table<string, string>, target?: string, files?: string, file?: table<string, string>, sha256?: string, max_size?: size, format?: string, no_bmap?: boolean, strict?: boolean, timeout?: duration, retries?: integer, variant?: string, set?: table<string, string>, args?: table<string, string|number|boolean> }
---@return flashlua.verdict
function flash.run(board, job) end

---Flashes several boards at once. Each entry is a list of a board, the name of a built-in one or a file, and a job as
---that of `flash.run`. A flash that fails does not raise an error.
---@param flashes table[]
---@param options? { parallel?: integer, canary?: integer, stop_after?: integer }
---@return table[] verdicts in the order of the entries
---@return integer failed how many are not verified
function flash.all(flashes, options) end

---If `to` is a file, it must be allowed with `--allow-write`.
---@param job { image: string, to: string, sha256?: string, max_size?: size, format?: string, no_bmap?: boolean, strict?: boolean }
---@return flashlua.verdict
function flash.device(job) end

---@generic T
---@param f fun(try: integer): T?
---@param options? { retries?: integer }
---@return T
function flash.retry(f, options) end

serial = {}

---@param port string a console port, as for --port
---@param options? flashlua.console_options
---@return flashlua.console
function serial.open(port, options) end

uboot = {}

---@param console flashlua.console
---@param options? flashlua.uboot_options
---@return flashlua.uboot
function uboot.stop(console, options) end

shell = {}

---@param console flashlua.console
---@param options? flashlua.linux_options
---@return flashlua.shell
function shell.login(console, options) end

---@param word string|number
---@return string
function shell.quote(word) end

power = {}

---@param driver string a power driver, as for --power
---@param options? { off_time?: pause, success?: power_state, failure?: power_state, cancel?: power_state }
---@return flashlua.power
function power.open(driver, options) end

image = {}

---@param path string a file that the program can read, or a web address
---@param options? { sha256?: string }
---@return flashlua.image
function image.open(path, options) end

serve = {}

---@param options? { listen?: string }
---@return flashlua.server
function serve.http(options) end

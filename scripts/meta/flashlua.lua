---@meta
-- The globals and objects of flashlua's scripts, for editors that read LuaCATS annotations. docs/policies.md
-- describes them.

---@alias duration string a number with its unit: "90s", "5m", "1h30m"
---@alias pause string a duration that may be "0s"
---@alias size string|integer bytes, or a number with K, M, G or T after it: "8G"
---@alias power_state "on"|"off"|"keep"

--------------------------------------------------------------------------------------------------------------- policies

---@class flashlua.policy the table that a board's script returns; docs/boards.md lists all keys
---@field flash? fun(s: flashlua.session, job: flashlua.job)
---@field check? fun(s: flashlua.session, report: table) tests the new system after the flash; it cannot write
---@field classify? fun(err: flashlua.error, next: fun(err: flashlua.error): "retry"|"fatal"): "retry"|"fatal"
---@field backoff? fun(n: integer, err: flashlua.error, next: fun(n: integer, err: flashlua.error): duration): duration
---@field console? flashlua.console_options
---@field uboot? flashlua.uboot_options
---@field linux? flashlua.linux_options
---@field args? table<string, flashlua.argument_options> the arguments that --arg sets, by name

---@class flashlua.argument_options
---@field type? "string"|"number"|"boolean"|"duration" the default is "string"
---@field required? boolean a run without it is refused
---@field default? string|number|boolean
---@field one_of? (string|number)[] the values that it may have
---@field help? string

---@class flashlua.console_options
---@field baud? integer
---@field framing? string "8N1"
---@field flow? string "none", "rtscts" or "xonxoff"
---@field chunk? integer bytes sent at a time; 0 sends whole lines
---@field delay? pause pause after each chunk
---@field echo? boolean the board echoes its input
---@field ready? string output of the port when it is connected to the board; empty: it is connected once it is open
---@field reopen? duration how long flashlua waits for a lost port to return
---@field aborts? table<string, string|false> as in flashlua.step_options

---@class flashlua.uboot_options
---@field prompt? string|string[] end of the prompt
---@field autoboot? string output that announces that autoboot can be stopped
---@field keys? string text that stops autoboot
---@field every? duration interval between two keys
---@field password? string sent when asked for; masked in all records
---@field network? string command before DHCP
---@field shell? string "hush", or "simple" for a U-Boot without hush
---@field timeout? duration longest time from power-on to the prompt
---@field line_limit? integer longest input line, in bytes
---@field chunk? integer bytes sent at a time, instead of the console's
---@field delay? pause pause after each chunk, instead of the console's

---@class flashlua.linux_options
---@field login? string output that asks for the user
---@field user? string
---@field password? string sent when asked for; masked in all records
---@field prompt? string|string[] end of the shell's prompt
---@field network? string command that configures the network
---@field timeout? duration longest time from the start of the kernel to the shell
---@field line_limit? integer longest input line, in bytes
---@field chunk? integer bytes sent at a time, instead of the console's
---@field delay? pause pause after each chunk, instead of the console's

---@class flashlua.job
---@field target string name of the target in the policy
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
---@field console flashlua.console for a boot loader that is no U-Boot; it has no close
local session = {}

---@class flashlua.step_options
---@field retries? integer tries after the first, without a power cycle
---@field timeout? duration time for each try
---@field destroys? string job.target if the step's own commands can write the medium
---@field aborts? table<string, string|false> console output that ends the step, and its error message; false disables crash, emergency, off, panic or reset

---@generic T
---@param name string
---@param options flashlua.step_options
---@param f fun(): T
---@return T
---@overload fun(self: flashlua.session, name: string, f: function): any
function session:step(name, options, f) end

---@return flashlua.uboot
function session:uboot() end

---@return flashlua.shell
function session:shell() end

---@param text any
function session:log(text) end

---@class flashlua.sequence require("lib.uboot_busybox").sequence() returns one
---@field flash fun(s: flashlua.session, job: flashlua.job) the flash function for a policy
---@field run fun(s: flashlua.session, job: flashlua.job, last?: string): table
local sequence = {}

---@class flashlua.sequence_step_options
---@field name string
---@field run fun(s: flashlua.session, job: flashlua.job, at: table)
---@field retries? integer tries after the first, without a power cycle
---@field timeout? duration time for each try
---@field destroys? boolean the step's own commands can write the medium
---@field aborts? table<string, string|false> as in flashlua.step_options

---@param name string
---@param f fun(s: flashlua.session, job: flashlua.job, at: table)
function sequence:replace(name, f) end

---@param name string
---@param f fun(next: function, s: flashlua.session, job: flashlua.job, at: table)
function sequence:wrap(name, f) end

---@param name string
---@param step flashlua.sequence_step_options
function sequence:before(name, step) end

---@param name string
---@param step flashlua.sequence_step_options
function sequence:after(name, step) end

---@param name string
function sequence:remove(name) end

---@param name string
---@return flashlua.sequence_step_options
function sequence:step(name) end

--------------------------------------------------------------------------------------------------------------- objects

---@class flashlua.command_options
---@field timeout? duration
---@field stall? duration longest time without output
---@field line? fun(line: string) called with each line when it arrives

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

---@param variable string
---@return string? value
function uboot_object:env(variable) end

---@param variable string
---@param value string
function uboot_object:setenv(variable, value) end

---@return string address
function uboot_object:dhcp() end

---@param files? string|string[]|table in a policy: names of its files; in a program: the server
---@param name? string in a program: name of the file on the server
---@param address? integer in a program
---@param size? integer in a program: in bytes
function uboot_object:load(files, name, address, size) end

---@param command? string default: the policy's boot
---@return flashlua.shell? shell in a policy
function uboot_object:boot(command) end

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

---@param job flashlua.job only in a policy
function shell_object:write(job) end

---@class flashlua.power
local power_object = {}
function power_object:on() end
function power_object:off() end
function power_object:cycle() end

---@class flashlua.console
local console_object = {}

---@param text string sent unchanged
function console_object:send(text) end

---@param text string sent with Enter
function console_object:line(text) end

---@param text string sent with Enter, masked in all records
function console_object:secret(text) end

---@param text string|string[]
---@param options? { timeout?: duration, stall?: duration } default: a minute
---@return string text received, integer index of the text in the list, string before what came before it
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

---@param d duration
function time.sleep(d) end

---@param d duration
---@return number
function time.seconds(d) end

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

flash = {}

---@param board flashlua.policy|string a policy, the name of a built-in board, or a file
---@param job { image?: string, parts?: table<string, string>, port: string, power?: string, target?: string, files?: string, sha256?: string, max_size?: size, format?: string, no_bmap?: boolean, strict?: boolean, timeout?: duration, retries?: integer, set?: table<string, string>, args?: table<string, string|number|boolean> }
---@return table verdict
function flash.run(board, job) end

---If `to` is a file, it must be allowed with `--allow-write`.
---@param job { image: string, to: string, sha256?: string, max_size?: size, format?: string, no_bmap?: boolean, strict?: boolean }
---@return table verdict
function flash.device(job) end

---@generic T
---@param f fun(try: integer): T
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

---@param word string
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

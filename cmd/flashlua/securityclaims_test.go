package main

import "strings"

// files is the station on which the proofs run.
var files = map[string]string{
	"prog/do.lua": `return function(args)
	local what, x, y = unpack(args)
	x = x and x:gsub("^@", "")
	local board = { name = "b", targets = { disk = "/dev/vda" }, boot = "run bootcmd" }
	if what == "read" then
		image.open(x)
	elseif what == "write" then
		flash.device { image = "prog/in.raw", to = x }
	elseif what == "sim" then
		flash.run(board, { image = "prog/in.raw", port = "sim:size=1,dir=" .. x })
	elseif what == "boot" then
		board.files = { kernel = { x, 1 } }
		flash.run(board, { image = "prog/in.raw", port = "sim:size=1" })
	elseif what == "board" then
		flash.run(x, { image = "prog/in.raw", port = "sim:size=1" })
	elseif what == "open" then
		serial.open(x)
	elseif what == "power" then
		power.open(x, { off_time = "1ms" }):cycle()
	elseif what == "late" then
		flash.run(board, { image = "prog/in.raw", port = "sim:size=1" })
		image.open(x)
	elseif what == "depth" then
		local function f(n) if n > 0 then return f(n - 1) + 1 end return 0 end
		f(tonumber(x))
	elseif what == "pcalls" then
		local function f(n) if n > 0 then assert(pcall(f, n - 1)) end end
		f(tonumber(x))
	elseif what == "coroutines" then
		for i = 1, tonumber(x) do coroutine.create(print) end
	elseif what == "nested" then
		local function f(n) if n > 0 then coroutine.wrap(f)(n - 1) end end
		f(tonumber(x))
	elseif what == "string" then
		assert(#("x"):rep(tonumber(x)) > 0)
	elseif what == "unpack" then
		assert(select("#", unpack({}, 1, tonumber(x))) > 0)
	elseif what == "index" then
		local t = {}
		t[tonumber(x)] = 1
		assert(t[tonumber(x)] == 1)
	elseif what == "call" then
		local f = _G
		for name in x:gmatch("%w+") do f = f[name] end
		f()
	end
end`,
	"prog/in.raw": "image", "prog/sub/in.raw": "image", "prog/kernel": "kernel", "prog/board.lua": policyText, "prog/mapped.raw": "image",
	"out/x.raw": "image", "out/kernel": "kernel", "out/board.lua": policyText, "out/mapped.raw": "image", "out/mapped.bmap": "no map",
	"load.lua":   `serial.open("tcp:127.0.0.1:1") return function() end`,
	"asks.lua":   `return { targets = { disk = "/dev/vda" }, boot = "x", flash = function() image.open("prog/in.raw") end }`,
	"runs.lua":   `return { targets = { disk = "/dev/vda" }, boot = "x", flash = function() serial.open("exec:touch ran") end }`,
	"image.lua":  `return { targets = { disk = "/dev/vda" }, boot = "x", image = "out/x.raw" }`,
	"public.lua": `return { targets = { disk = "/dev/vda" }, boot = "run bootcmd", files = { kernel = { "out/kernel", 1 }, passwd = { "/etc/passwd", 2 } } }`,
	"large.lua":  "return function() end --" + strings.Repeat("x", 256<<10),
	"full.lua":   "return function() end --" + strings.Repeat("x", 256<<10-len("return function() end --")),
}

const policyText = `return { targets = { disk = "/dev/vda" }, boot = "run bootcmd" }`

// do is a run of the program, with flags before --.
func do(flags, args string, exit int, says string) proof {
	return proof{"run prog/do.lua -q " + flags + " -- " + args, exit, says}
}

// claims are the sentences of docs/security.md in their order.
var claims = []claim{
	{says: "Policies and programs are code that you trust to write your boards.", not: advice},
	{says: "The sandbox is there to stop accidents, and to keep a script that went wrong from taking the station with it.", by: []string{"TestHostileScripts"}},
	{says: "**It is no defence against somebody who wants to do harm**: it runs in the same process, and whoever can flash a board can put anything on it.", not: noLimit},
	{says: "Hard isolation is a container or a user of its own.", not: advice},
	{says: "`cmd/flashlua/securityclaims_test.go` names the proof of each sentence and each row of this page, and a test runs it.", by: []string{"TestSecurityIsProved"}},

	{
		says: "There is no `io`, `os`, `dofile` or `loadfile`, and no debug library.", by: []string{"TestSandbox"},
		runs: []proof{
			do("", "call io.open", 2, "undeclared global"), do("", "call os.remove", 2, "undeclared global"), do("", "call dofile", 2, "undeclared global"),
			do("", "call loadfile", 2, "undeclared global"), do("", "call debug.getinfo", 2, "undeclared global"),
		},
	},
	{
		says: "`require` reads regular files of at most 256 KiB in the folder of the script, and what comes with flashlua; no `..`, no absolute path, no link that leads out.",
		by:   []string{"TestRequire"},
	},
	{
		says: "A policy names its boot files by any path, and flashlua only reads them: any file that the user may read can be one.",
		runs: []proof{{"run public.lua --image prog/in.raw --port sim:size=1 -q", 0, ""}, {"run asks.lua --image prog/in.raw --port sim:size=1", 3, "script.phase"}},
	},
	{says: "They are offered by TFTP while the board is flashed.", by: []string{"tftp.txtar", "TestLoad"}},
	{
		says: "The image is the operator's: no key of a policy names one.",
		runs: []proof{{"run image.lua --image prog/in.raw --port sim:size=1", 2, "image is not a policy key"}, {"run prog/board.lua --port sim:size=1", 2, "--image is missing"}},
	},
	{
		says: "A program reads a file if an argument names it, if it lies in a folder that an argument names, if it lies in the folder of the script, or if `--allow-read` or `--allow-write` allows it.",
		by:   []string{"access.txtar", "TestAccess"},
		runs: []proof{
			do("", "read @out/x.raw", 2, grant), do("", "read out/x.raw", 0, ""), do("", "read @out/x.raw out", 0, ""), do("", "read @prog/sub/in.raw", 0, ""),
			do("--allow-read out", "read @out/x.raw", 0, ""), do("--allow-write out/x.raw", "read @out/x.raw", 0, ""), do("--allow-read prog", "read @out/x.raw", 2, grant),
			do("", "read @/etc/shadow", 2, grant), do("", "read @/etc/hostname", 2, grant),
		},
	},
	{
		says: "That is so for images, the block maps beside them, boot files and the policies that it names.",
		by:   []string{"access.txtar", "TestProgramWithoutAccess"},
		runs: []proof{
			do("", "read @out/x.raw", 2, grant), do("", "read @prog/mapped.raw", 2, grant), do("", "boot @../out/kernel", 2, grant), do("", "boot @/etc/passwd", 2, grant), do("", "boot @kernel", 0, ""),
			do("", "board @../out/board.lua", 2, grant), do("", "board @board.lua", 0, ""),
		},
	},
	{says: "The block map beside an image that is named itself may be read with it.", runs: []proof{do("", "read out/mapped.raw", 2, "the block map is damaged"), do("--allow-read out/mapped.raw", "read @out/mapped.raw", 2, "the block map is damaged")}},
	{says: "An image may come from the web or by the standard input.", runs: []proof{do("", "read WEB/x.raw", 0, ""), do("", "read -", 0, "")}},
	{
		says: "A program writes a file only if `--allow-write` allows it.", by: []string{"access.txtar"},
		runs: []proof{
			do("", "write out/x.raw", 2, grant), do("", "write @prog/in2.raw", 2, grant), do("--allow-read out", "write out/new", 2, grant), do("--allow-write out/new", "write @out/new", 0, ""),
		},
	},
	{
		says: "That is so for `flash.device` and for the media of a simulated board, `sim:dir=DIR`.",
		runs: []proof{do("", "write out/x.raw", 2, grant), do("", "sim media", 2, grant), do("", "sim prog", 2, grant), do("--allow-write media", "sim media", 0, "")},
	},
	{
		says: "It writes a block device without a flag, but none that is in use or not removable.", by: []string{"TestProgramWritesABlockDevice", "TestLocalRefusals", "programs.txtar"},
	},
	{
		says: "What counts is where a file is: no link, no `..` and no name in `/proc` or `/dev/fd` leads past that.", by: []string{"TestRealPath", "TestAccessFollowsTheDescriptor"},
		runs: []proof{
			do("", "read @prog/link.raw", 2, grant), do("", "read @prog/../out/x.raw", 2, grant), do("", "read @/proc/self/root/etc/hostname", 2, grant), do("", "read @/proc/self/cwd/out/x.raw", 2, grant),
			do("", "read @/dev/fd/0", 2, grant), do("--allow-write prog", "write prog/link.raw", 2, grant), do("", "read @prog/dir/x.raw", 2, grant),
		},
	},
	{
		says: "A program connects to a socket, `unix:` or `qmp:`, if an argument names it, or if `--allow-write` allows it.", by: []string{"TestAccess", "access.txtar"},
		runs: []proof{
			do("", "open @unix:out/sock", 2, grant), do("", "open unix:out/sock", 2, "transport.open"), do("--allow-write out", "open @unix:out/sock", 2, "transport.open"),
			do("", "power @qmp:out/sock", 2, grant), do("", "power qmp:out/sock", 2, "power.connect"),
		},
	},
	{
		says: "Every other port and power driver that is no command is open to it: serial ports, network addresses and HTTP.",
		runs: []proof{do("", "open @tcp:127.0.0.1:1", 2, "transport.open"), do("", "open @serial:out/x.raw", 2, "out/x.raw is not a serial port"), do("", "power WEB/{}", 0, "")},
	},
	{
		says: "A program runs a command of the station, `exec:` or `command:`, only if `--allow-exec` allows it.", by: []string{"programs.txtar"},
		runs: []proof{do("", "open exec:cat", 2, grant), do("--allow-exec cat", "open exec:cat", 0, ""), do("", "power command:true", 2, grant), do("--allow-exec true", "power command:true~{}", 0, "")},
	},
	{
		says: "The name of the command's program is enough only where a shell would run nothing else.",
		runs: []proof{do("--allow-exec true", "power command:true;touch${IFS}ran", 2, grant), do("--allow-exec true~{};true", "power command:true~{};true", 0, ""), do("--allow-exec true", "power command:true~{};true", 2, grant)},
	},
	{says: "A policy runs none: the commands on the command line are the operator's.", runs: []proof{{"run runs.lua --image prog/in.raw --port sim:size=1", 3, "script.phase"}, {"run prog/board.lua --image prog/in.raw --port exec:false --power command:true~{} --dry-run", 0, "planned: "}}},
	{
		says: "What is not allowed is refused with `script.grant` and names the flag.",
		runs: []proof{do("", "read @out/x.raw", 2, "--allow-read "), do("", "write new", 2, "--allow-write "), do("", "open @unix:out/sock", 2, "--allow-write "), do("", "open exec:cat", 2, "--allow-exec ")},
	},
	{says: "It ends with exit 2 if nothing was touched.", runs: []proof{do("", "sim media", 2, grant), do("", "late @out/x.raw", 3, "script.grant")}},
	{
		says: "Nothing is touched while a script loads: `check`, `boards show` and the plan load a script and touch no port, no power, no server.",
		by:   []string{"TestDryRunTouchesNothing"}, runs: []proof{{"run load.lua", 2, "script.phase"}, {"boards show load.lua", 2, "script.phase"}},
	},
	{says: "No code at run time: there is no `load`.", runs: []proof{do("", "call load", 2, "undeclared global"), do("", "call loadstring", 2, "undeclared global")}},
	{
		says: "No way round the clean-up: consoles are closed, servers ended and the power set as `power_after` says by Go, also when a script hangs.",
		by:   []string{"TestCleanUpTriesEverything", "TestPowerAfter", "TestHostileScripts"},
	},
	{says: "A policy that does not return within 2 s of its end is left behind, and the board is switched off.", by: []string{"TestPolicyThatDoesNotReturn"}},
	{
		says: "A program that embeds flashlua allows files with `engine.ProgramJob.Access`, of which the zero value allows none, and commands with `bindings.Options.Allow`.",
		by:   []string{"TestProgramWithoutAccess", "TestStubIsTrue"},
	},

	{says: "flashlua removes and replaces files that a flag names and files that it made.", by: []string{"TestFilesAreTouchedInKnownPlaces"}},
	{says: "The cache removes and replaces files only in `flashlua-images-1`, its own folder, and there only files with names that it makes.", by: []string{"TestCacheLeavesTheRest", "cache.txtar"}},
	{says: "A folder of that name that is a link, or that another user put there, is refused.", by: []string{"TestCacheFolderOfAnother", "cache.txtar"}},
	{says: "`--out DIR` removes the `verdict.json`, `events.jsonl`, `transcript.log` and `transcript.log.1` of an earlier run.", by: []string{"artefacts.txtar", "TestForeignKnowsArtefacts"}},
	{says: "If one of them was not made by flashlua, the run is refused and none is removed.", by: []string{"artefacts.txtar"}},
	{says: "A transcript that is put aside replaces `FILE.1` only if that is a transcript.", by: []string{"TestARotatedTranscriptReplacesNoOtherFile"}},
	{says: "A simulated board writes only `NAME.img` in its `dir`, a regular file.", by: []string{"TestMediaAreRegularFiles"}},
	{says: "A program needs `--allow-write` for that folder.", by: []string{"access.txtar"}},
	{says: "The folder that a killed run left in `--tftp-dir` is removed by the next run of the same user.", by: []string{"TestMake", "TestKilledLeavesNoFolder"}},
	{says: "No output is written over a file that the command line names, or over a Lua script.", by: []string{"artefacts.txtar", "programs.txtar"}},

	{says: "A script that breaks one ends with `script.limit`: fatal, by rule `limit`, which no `pcall` and no policy overrides.", by: []string{"TestHostileScripts", "TestWhatScriptsRaise"}},
	{says: "source of a script or module | 256 KiB", runs: []proof{{"run large.lua", 2, "script.limit"}, {"run full.lua -q", 0, ""}}},
	{says: "Limits count what the script itself does and holds.", by: []string{"TestHostileScripts", "TestManyBoards", "TestMemoryOfOthers"}},
	{says: "They do not depend on the speed of the station, on its load, or on what else the process does: another board, or the program that embeds flashlua.", by: []string{"TestManyBoards", "TestMemoryOfOthers"}},
	{says: "A step is an instruction of the virtual machine, or as much work of a library function or of an instruction on a long text or list: copying 16 bytes, a step of a pattern, a comparison of a sort.", by: []string{"TestStepsAreTheScripts", "TestInstructionsCountTheirOperands"}},
	{says: "200 million steps take some seconds of a CPU.", not: "how long that is depends on the CPU"},
	{says: "Memory is what is reachable from the script.", by: []string{"TestMeasure", "TestPartsDoNotHoldTheWhole"}},
	{says: "It is measured when the process has allocated enough for the limit to be possibly reached; a script that holds more than 96 MiB ends, and one that holds less than 64 MiB does not.", by: []string{"TestHostileScripts"}},
	{says: "expressions and blocks inside each other | 1,000", by: []string{"TestSyntaxLimits", "TestDocumentedLimits"}},
	{says: "different names, texts and numbers in one function | 8,192", by: []string{"TestSyntaxLimits", "TestDocumentedLimits"}},
	{says: "loading a script, its modules included | 200 million steps", by: []string{"TestHostileScripts", "TestDocumentedLimits"}},
	{says: "work without a call to a module or an object of flashlua, also in `classify` and `backoff` | 200 million steps", by: []string{"TestStepsAreCountedBetweenCalls", "TestDocumentedLimits"}},
	{says: "memory that a script holds | 64 MiB", by: []string{"TestHostileScripts"}},
	{says: "Waits have limits of their own, for what does not answer: reading the files of a script 10 min, a `classify` or `backoff` that waits 10 min.", by: []string{"TestDocumentedLimits"}},
	{says: "`flashlua check` keeps to the limits of loading.", by: []string{"TestSyntaxLimits"}},
	{says: "a string that one call makes | 16 MiB", runs: []proof{do("", "string 16777216", 0, ""), do("", "string 16777217", 2, "script.limit")}},
	{says: "steps of a pattern in one call | 20 million", by: []string{"TestHostileScripts"}},
	{says: "calls inside each other | 200", runs: []proof{do("", "depth 190", 0, ""), do("", "depth 200", 2, "stack overflow")}},
	{says: "`pcall` inside each other, coroutines inside each other | 100", runs: []proof{do("", "pcalls 99", 0, ""), do("", "pcalls 101", 2, "script.limit"), do("", "nested 99", 0, ""), do("", "nested 101", 2, "script.limit")}},
	{says: "coroutines made | 10,000", runs: []proof{do("", "coroutines 10000", 0, ""), do("", "coroutines 10001", 2, "script.limit")}},
	{says: "results of one call, as of `unpack` | 8,000", runs: []proof{do("", "unpack 8000", 0, ""), do("", "unpack 8001", 2, "")}},
	{says: "index of a table's list part | 1,048,576; beyond it is a name", runs: []proof{do("", "index 1048576", 0, ""), do("", "index 67108863", 0, "")}},
	{says: "output of a command | 16 MiB", by: []string{"TestLargeResults", "TestOutput"}},

	{says: "`uboot.password`, `linux.password` and what `con:secret` types are secrets.", by: []string{"TestSecretsAreInNoReport", "TestSendSecret", "secrets.txtar"}},
	{
		says: "In the transcript, on the terminal, in events, errors and the verdict, and in what a script prints, stars stand for every whole secret, wherever it stands: with the password `root`, also for the user in the prompt `root@board`.",
		by:   []string{"TestMask", "TestSecretsAreMasked", "TestSecretsAreInNoReport", "secrets.txtar"},
	},
	{
		says: "A part of a secret is masked only in the echo of its own typing, which ends with the line: also where characters of it are lost, where a kernel line is in the middle of it, and where a reset cuts it off.",
		by:   []string{"TestEchoOfASecret", "TestLateEchoes", "TestSecretsAreMasked"},
	},
	{says: "A secret of one or two characters is masked in its echo alone, because it is a part of too many words.", by: []string{"TestMask", "TestEchoOfASecret", "secrets.txtar"}},
	{says: "Of a secret with line ends each line is one.", by: []string{"TestMask", "TestEchoOfASecret"}},
	{says: "What was shown before `con:secret` typed it stays.", by: []string{"secrets.txtar"}},
	{says: "Names are not masked: kinds, boards, targets and files.", not: noLimit},
	{says: "Of a script that fails while it loads flashlua knows no secrets.", not: noLimit},
	{says: "`flashlua boards show` masks the values of the two keys and no others.", by: []string{"TestAPasswordIsNotShown", "secrets.txtar"}},
	{says: "`flashlua console` shows on the terminal what the board prints, as it is.", not: noLimit},
	{says: "Users and passwords in web addresses are masked in events, errors and the verdict.", by: []string{"TestAPasswordIsNotShown", "TestRedact", "secrets.txtar"}},
	{says: "Give secrets with `--set`, and know that other users of the station may see the command line.", not: advice},
}

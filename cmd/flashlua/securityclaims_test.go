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
	elseif what == "further" then
		board.targets.other = "/dev/vdb"
		board.default_target = "disk"
		function board.flash(s, job)
			s.power:cycle()
			local sh = s:uboot():boot()
			sh:write(job)
			sh:write(job, { target = "other", image = x })
		end
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
	"prog/in.raw": "imag\x00", "prog/sub/in.raw": "imag\x00", "prog/kernel": "kernel", "prog/board.lua": policyText, "prog/mapped.raw": "imag\x00",
	"out/x.raw": "imag\x00", "out/kernel": "kernel", "out/board.lua": policyText, "out/mapped.raw": "imag\x00", "out/mapped.bmap": "no map",
	"load.lua":  `serial.open("tcp:127.0.0.1:1") return function() end`,
	"asks.lua":  `return { targets = { disk = "/dev/vda" }, boot = "x", flash = function() image.open("prog/in.raw") end }`,
	"runs.lua":  `return { targets = { disk = "/dev/vda" }, boot = "x", flash = function() serial.open("exec:touch ran") end }`,
	"image.lua": `return { targets = { disk = "/dev/vda" }, boot = "x", image = "out/x.raw" }`,
	"further.lua": `return { targets = { disk = "/dev/vda", other = "/dev/vdb" }, default_target = "disk", boot = "run bootcmd", args = { only = { type = "boolean" } },
	flash = function(s, job)
		s.power:cycle()
		local sh = s:uboot():boot()
		if not job.args.only then sh:write(job) end
		sh:write(job, { target = "other", image = "out/x.raw" })
	end }`,
	"public.lua": `return { targets = { disk = "/dev/vda" }, boot = "run bootcmd", files = { kernel = { "out/kernel", 1 }, passwd = { "/etc/passwd", 0x100000 } } }`,
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
	{says: "The sandbox prevents accidents, and protects the station from a faulty script.", by: []string{"TestHostileScripts"}},
	{says: "**It does not defend against an attacker**: a script runs in the process of flashlua, and can put anything on a board.", not: noLimit},
	{says: "For isolation, run flashlua in a container or as a separate user.", not: advice},
	{says: "`cmd/flashlua/securityclaims_test.go` lists a proof for each sentence and each row of this page, and a test runs the proofs.", by: []string{"TestSecurityIsProved"}},

	{
		says: "There is no `io`, `os`, `dofile` or `loadfile`, and no debug library.", by: []string{"TestSandbox"},
		runs: []proof{
			do("", "call io.open", 2, "undeclared global"), do("", "call os.remove", 2, "undeclared global"), do("", "call dofile", 2, "undeclared global"),
			do("", "call loadfile", 2, "undeclared global"), do("", "call debug.getinfo", 2, "undeclared global"),
		},
	},
	{
		says: "`require` reads regular files of at most 256 KiB in the directory of the script, and the files that come with flashlua.",
		by:   []string{"TestRequire"},
	},
	{says: "It refuses `..`, absolute paths, and links that lead out of the directory.", by: []string{"TestRequire"}},
	{
		says: "Any file that the user can read can be a boot file of a policy; flashlua only reads it.",
		runs: []proof{{"run public.lua --image prog/in.raw --port sim:size=1 -q", 0, ""}, {"run asks.lua --image prog/in.raw --port sim:size=1", 3, "script.phase"}},
	},
	{says: "Boot files are served by TFTP while the board is flashed.", by: []string{"tftp.txtar", "TestLoad"}},
	{says: "The processes that share the TFTP port can belong to different users.", by: []string{"TestSwitchboardOtherUser"}},
	{
		says: "No process can serve another user's board: it cannot take over a token, and not the address of a board that another user flashes.",
		by:   []string{"TestSwitchboardOtherUser", "TestRoutesOfUsers"},
	},
	{says: "A process that has the name of the port's socket, but not the port, is refused.", by: []string{"TestSwitchboardImpostor"}},
	{says: "`flashlua tftp --group NAME` admits only the members of a group, root and its own user.", by: []string{"TestSwitchboardOtherUser"}},
	{says: "A file that a policy passes to `s:serve` is also served by HTTP, at a path that cannot be guessed.", by: []string{"served.txtar"}},
	{
		says: "The operator names the image: no key of a policy does.",
		runs: []proof{{"run image.lua --image prog/in.raw --port sim:size=1", 2, "image is not a policy key"}, {"run prog/board.lua --port sim:size=1", 2, "--image is required"}},
	},
	{
		says: "A policy's `sh:write` can name further images, and the run succeeds only if the operator's image was written, too.",
		by:   []string{"choose.txtar"},
		runs: []proof{
			{"run further.lua --image prog/in.raw --port sim:size=1 -q", 0, ""},
			{"run further.lua --image prog/in.raw --port sim:size=1 --arg only=true", 3, "flash.unverified"},
			do("", "further @sub/in.raw", 0, ""), do("", "further @../out/x.raw", 3, "script.grant"), do("--allow-read out", "further @../out/x.raw", 0, ""),
		},
	},
	{
		says: "A program can read files and directories that an argument names, the directory of the script, and what `--allow-read` or `--allow-write` allows.",
		by:   []string{"access.txtar", "TestAccess"},
		runs: []proof{
			do("", "read @out/x.raw", 2, grant), do("", "read out/x.raw", 0, ""), do("", "read @out/x.raw out", 0, ""), do("", "read @prog/sub/in.raw", 0, ""),
			do("--allow-read out", "read @out/x.raw", 0, ""), do("--allow-write out/x.raw", "read @out/x.raw", 0, ""), do("--allow-read prog", "read @out/x.raw", 2, grant),
			do("", "read @/etc/shadow", 2, grant), do("", "read @/etc/hostname", 2, grant),
		},
	},
	{
		says: "This applies to images, their block maps, boot files, and the policies that the program names.",
		by:   []string{"access.txtar", "TestProgramWithoutAccess"},
		runs: []proof{
			do("", "read @out/x.raw", 2, grant), do("", "read @prog/mapped.raw", 2, grant), do("", "boot @../out/kernel", 2, grant), do("", "boot @/etc/passwd", 2, grant), do("", "boot @kernel", 0, ""),
			do("", "board @../out/board.lua", 2, grant), do("", "board @board.lua", 0, ""),
		},
	},
	{says: "If an image is allowed by its own name, its block map is allowed too.", runs: []proof{do("", "read out/mapped.raw", 2, "the block map is damaged"), do("--allow-read out/mapped.raw", "read @out/mapped.raw", 2, "the block map is damaged")}},
	{says: "An image can come from a web address or from the standard input.", runs: []proof{do("", "read WEB/x.raw", 0, ""), do("", "read -", 0, "")}},
	{
		says: "A program can write a file only if `--allow-write` allows it.", by: []string{"access.txtar"},
		runs: []proof{
			do("", "write out/x.raw", 2, grant), do("", "write @prog/in2.raw", 2, grant), do("--allow-read out", "write out/new", 2, grant), do("--allow-write out/new", "write @out/new", 0, ""),
		},
	},
	{
		says: "This applies to `flash.device` and to the media of a simulated board, `sim:dir=DIR`.",
		runs: []proof{do("", "write out/x.raw", 2, grant), do("", "sim media", 2, grant), do("", "sim prog", 2, grant), do("--allow-write media", "sim media", 0, "")},
	},
	{
		says: "A block device needs no flag, but one that is in use or not removable is refused.", by: []string{"TestProgramWritesABlockDevice", "TestTargetsRefused", "programs.txtar"},
	},
	{
		says: "A policy can write a disk that is connected by USB, with `ub:ums`: one that appeared after U-Boot exposed a medium, that has the size of the medium and is not in use.",
		by:   []string{"TestUMSRefuses", "TestUMSBlockDevice", "TestTargetsRefused"},
	},
	{
		says: "The real location of a file decides: links, `..`, and names in `/proc` or `/dev/fd` are resolved first.", by: []string{"TestRealPath", "TestAccessFollowsTheDescriptor"},
		runs: []proof{
			do("", "read @prog/link.raw", 2, grant), do("", "read @prog/../out/x.raw", 2, grant), do("", "read @/proc/self/root/etc/hostname", 2, grant), do("", "read @/proc/self/cwd/out/x.raw", 2, grant),
			do("", "read @/dev/fd/0", 2, grant), do("--allow-write prog", "write prog/link.raw", 2, grant), do("", "read @prog/dir/x.raw", 2, grant),
		},
	},
	{
		says: "A program can connect to a socket, `unix:` or `qmp:`, if an argument names it, or if `--allow-write` allows it.", by: []string{"TestAccess", "access.txtar"},
		runs: []proof{
			do("", "open @unix:out/sock", 2, grant), do("", "open unix:out/sock", 2, "transport.open"), do("--allow-write out", "open @unix:out/sock", 2, "transport.open"),
			do("", "power @qmp:out/sock", 2, grant), do("", "power qmp:out/sock", 2, "power.connect"),
		},
	},
	{
		says: "It needs no flag for a serial port, a network address or an HTTP power driver.",
		runs: []proof{do("", "open @tcp:127.0.0.1:1", 75, "transport.open.unavailable"), do("", "open @serial:out/x.raw", 2, "out/x.raw is not a serial port"), do("", "power WEB/{}", 0, "")},
	},
	{says: "A script can connect to a board in fastboot at any network address, with `host.fastboot`, without a flag.", by: []string{"TestFastboot"}},
	{
		says: "A script can run a command of the station, with `host.run`, and a program with `exec:` or `command:`, only if `--allow-exec` allows it.", by: []string{"programs.txtar", "host.txtar"},
		runs: []proof{do("", "open exec:cat -", 2, grant), do("--allow-exec cat", "open exec:cat -", 0, ""), do("", "power command:true", 2, grant), do("--allow-exec true", "power command:true~{}", 0, "")},
	},
	{
		says: "`--allow-exec NAME` allows a command that runs only that executable; any other command must be named in full.",
		runs: []proof{do("--allow-exec true", "power command:true;touch${IFS}ran", 2, grant), do("--allow-exec true~{};true", "power command:true~{};true", 0, ""), do("--allow-exec true", "power command:true~{};true", 2, grant)},
	},
	{says: "The operator's own `--port`, `--power` and `--output` need no flag.", by: []string{"outputs.txtar"}, runs: []proof{{"run runs.lua --image prog/in.raw --port sim:size=1", 3, "script.phase"}, {"run prog/board.lua --image prog/in.raw --port exec:false --power command:true~{} --dry-run", 0, "planned: "}}},
	{says: "A [lab file](lab.md) is the operator's own: the commands of its ports, power drivers and outputs need no flag.", by: []string{"lab.txtar"}},
	{says: "`flashlua run STATION` runs them; `flashlua lab` and `flashlua check` run none.", by: []string{"lab.txtar"}},
	{says: "The lab file itself runs in the sandbox of the scripts, and touches nothing while it is loaded.", by: []string{"labfaults.txtar"}},
	{says: "Name a station only in a folder whose `lab.lua` you trust.", not: advice},
	{
		says: "What is not allowed is refused with `script.grant`, and the hint names the flag.",
		runs: []proof{do("", "read @out/x.raw", 2, "--allow-read "), do("", "write new", 2, "--allow-write "), do("", "open @unix:out/sock", 2, "--allow-write "), do("", "open exec:cat -", 2, "--allow-exec ")},
	},
	{says: "The exit code is 2 if nothing was touched.", runs: []proof{do("", "sim media", 2, grant), do("", "late @out/x.raw", 3, "script.grant")}},
	{
		says: "Loading a script touches nothing: `check`, `boards show` and the plan use no port, no power driver and no server.",
		by:   []string{"TestDryRunTouchesNothing"}, runs: []proof{{"run load.lua", 2, "script.phase"}, {"boards show load.lua", 2, "script.phase"}},
	},
	{says: "There is no `load`: a script cannot compile code at run time.", runs: []proof{do("", "call load", 2, "undeclared global"), do("", "call loadstring", 2, "undeclared global")}},
	{
		says: "A script cannot bypass the clean-up: Go code closes consoles, stops servers and sets the power as `power_after` says, also when a script hangs.",
		by:   []string{"TestCleanUpTriesEverything", "TestPowerAfter", "TestHostileScripts"},
	},
	{says: "A policy that does not return within 2 s after cancellation is abandoned, and the board is switched off.", by: []string{"TestPolicyThatDoesNotReturn"}},
	{
		says: "A Go program that embeds flashlua allows files with `engine.ProgramJob.Access` and commands with `bindings.Options.Allow`.",
		by:   []string{"TestProgramWithoutAccess", "TestStubIsTrue"},
	},
	{says: "The zero value of `Access` allows no file.", by: []string{"TestProgramWithoutAccess"}},

	{says: "flashlua removes and replaces only files that a flag names and files that it made.", by: []string{"TestFilesAreTouchedInKnownPlaces"}},
	{says: "The cache removes and replaces files only in its own directory `flashlua-images-1`, and there only files with names that it makes.", by: []string{"TestCacheLeavesTheRest", "cache.txtar"}},
	{says: "If that directory is a link, or another user made it, it is refused.", by: []string{"TestCacheFolderOfAnother", "cache.txtar"}},
	{says: "`--out DIR` removes the `verdict.json`, `events.jsonl`, `transcript.log` and `transcript.log.1` of an earlier run.", by: []string{"artefacts.txtar", "TestForeignKnowsArtefacts"}},
	{says: "If flashlua did not make one of them, the run is refused and none is removed.", by: []string{"artefacts.txtar"}},
	{says: "A rotated transcript replaces `FILE.1` only if that is a transcript.", by: []string{"TestARotatedTranscriptReplacesNoOtherFile"}},
	{says: "A simulated board writes only `NAME.img` in its `dir`, a regular file.", by: []string{"TestMediaAreRegularFiles"}},
	{says: "A program needs `--allow-write` for that directory.", by: []string{"access.txtar"}},
	{says: "The next run of the same user removes the directory that a killed run left in `--tftp-dir`.", by: []string{"TestMake", "TestKilledLeavesNoFolder"}},
	{says: "flashlua refuses to write an output over a file that the command line names, or over a Lua script.", by: []string{"artefacts.txtar", "programs.txtar"}},

	{says: "A script that exceeds a limit ends with `script.limit`: fatal, by rule `limit`.", by: []string{"TestHostileScripts", "TestWhatScriptsRaise"}},
	{says: "No `pcall` and no policy overrides this rule.", by: []string{"TestHostileScripts", "TestWhatScriptsRaise"}},
	{says: "source of a script or module | 256 KiB", runs: []proof{{"run large.lua", 2, "script.limit"}, {"run full.lua -q", 0, ""}}},
	{says: "Limits count the work and the memory of the script itself.", by: []string{"TestHostileScripts", "TestManyBoards", "TestMemoryOfOthers"}},
	{says: "They do not depend on the speed and load of the station, or on other work in the process, such as another board.", by: []string{"TestManyBoards", "TestMemoryOfOthers"}},
	{says: "A step is one instruction of the virtual machine.", by: []string{"TestStepsAreTheScripts", "TestInstructionsCountTheirOperands"}},
	{says: "Work on long strings and lists counts as more steps: copying 16 bytes, one step of a pattern, and one comparison of a sort are a step each.", by: []string{"TestStepsAreTheScripts", "TestInstructionsCountTheirOperands"}},
	{says: "200 million steps take a few seconds of CPU time.", not: "how long that is depends on the CPU"},
	{says: "The memory of a script is what is reachable from it.", by: []string{"TestMeasure", "TestPartsDoNotHoldTheWhole"}},
	{says: "It is measured only after the process has allocated as much as the script is still allowed to hold, or half of what it holds if that is more.", by: []string{"TestHostileScripts"}},
	{says: "So a script that holds less than 64 MiB continues; a script that holds more than 96 MiB ends; between these, it ends when it is measured next.", by: []string{"TestHostileScripts"}},
	{says: "file of `json.load` and `csv.load` | 4 MiB", by: []string{"TestDataFiles"}},
	{says: "nested expressions and blocks | 1,000", by: []string{"TestSyntaxLimits", "TestDocumentedLimits"}},
	{says: "different names, strings and numbers in one function | 8,192", by: []string{"TestSyntaxLimits", "TestDocumentedLimits"}},
	{says: "loading a script and its modules | 200 million steps", by: []string{"TestHostileScripts", "TestDocumentedLimits"}},
	{says: "work between two calls of flashlua's modules and objects, also in `classify` and `backoff` | 200 million steps", by: []string{"TestStepsAreCountedBetweenCalls", "TestDocumentedLimits"}},
	{says: "memory that a script holds | 64 MiB, measured as above", by: []string{"TestHostileScripts"}},
	{says: "Waits have time limits: 10 min for reading the files of a script, and 10 min for one call of `classify` or `backoff`.", by: []string{"TestDocumentedLimits"}},
	{says: "`flashlua check` applies the limits of loading.", by: []string{"TestSyntaxLimits"}},
	{says: "a string that one call returns | 16 MiB", runs: []proof{do("", "string 16777216", 0, ""), do("", "string 16777217", 2, "script.limit")}},
	{says: "steps of a pattern in one call | 20 million", by: []string{"TestHostileScripts"}},
	{says: "nested calls | 200", runs: []proof{do("", "depth 190", 0, ""), do("", "depth 200", 2, "stack overflow")}},
	{says: "nested `pcall`, nested coroutines | 100", runs: []proof{do("", "pcalls 99", 0, ""), do("", "pcalls 101", 2, "script.limit"), do("", "nested 99", 0, ""), do("", "nested 101", 2, "script.limit")}},
	{says: "coroutines | 10,000", runs: []proof{do("", "coroutines 10000", 0, ""), do("", "coroutines 10001", 2, "script.limit")}},
	{says: "results of one call, for example of `unpack` | 8,000", runs: []proof{do("", "unpack 8000", 0, ""), do("", "unpack 8001", 2, "")}},
	{says: "index in the list part of a table | 1,048,576; larger indexes are stored as keys", runs: []proof{do("", "index 1048576", 0, ""), do("", "index 67108863", 0, "")}},
	{says: "output of a command | 16 MiB", by: []string{"TestLargeResults", "TestOutput"}},

	{
		says: "Secrets are `uboot.password`, `linux.password`, what `con:secret` sends, and the values of `--arg NAME=env:…` and `--arg NAME=file:…`.",
		by:   []string{"TestSecretsAreInNoReport", "TestSendSecret", "secrets.txtar", "args.txtar"},
	},
	{
		says: "They cannot see the secret of `--set uboot.password=env:NAME`, an environment variable, or `--set uboot.password=file:PATH`, a file.",
		by:   []string{"secrets.txtar"},
	},
	{
		says: "flashlua replaces every complete secret with stars in the transcript, on the terminal, in events, errors and the verdict, and in what a script prints.",
		by:   []string{"TestMask", "TestSecretsAreMasked", "TestSecretsAreInNoReport", "secrets.txtar"},
	},
	{says: "It does so wherever the text occurs: with the password `root`, the user in the prompt `root@board` is masked too.", by: []string{"TestMask", "TestSecretsAreMasked", "TestSecretsAreInNoReport", "secrets.txtar"}},
	{
		says: "A part of a secret is masked only in the echo of its own line.",
		by:   []string{"TestEchoOfASecret", "TestLateEchoes", "TestSecretsAreMasked"},
	},
	{says: "This includes an echo with lost characters, with a kernel line in the middle, or cut off by a reset.", by: []string{"TestEchoOfASecret", "TestLateEchoes", "TestSecretsAreMasked"}},
	{says: "A secret of one or two characters is masked only in its echo, because it is part of too many words.", by: []string{"TestMask", "TestEchoOfASecret", "secrets.txtar"}},
	{says: "If a secret has several lines, each line is a secret.", by: []string{"TestMask", "TestEchoOfASecret"}},
	{says: "Output that was shown before `con:secret` sent a secret is not masked.", by: []string{"secrets.txtar"}},
	{says: "Names of kinds, boards, targets and files are not masked.", not: noLimit},
	{says: "If a script fails while it loads, its secrets are unknown and not masked.", not: noLimit},
	{says: "`flashlua boards show` masks only the values of the two password keys.", by: []string{"TestAPasswordIsNotShown", "secrets.txtar"}},
	{says: "`flashlua console` shows the board's output on the terminal unmasked.", not: noLimit},
	{says: "Users and passwords in web addresses are masked in events, errors and the verdict.", by: []string{"TestAPasswordIsNotShown", "TestRedact", "secrets.txtar"}},
	{says: "`--set` keeps a secret out of the policy, but other users of the station can see the command line.", not: advice},
	{
		says: "A user and a password in the address of `--image`, `--part` or `--power` stay off the command line if the value is in the flag's [variable](cli.md#variables), such as `FLASHLUA_POWER`.",
		by:   []string{"TestEveryFlagHasAVariable", "variables.txtar"},
	},
	{says: "The commands that flashlua starts inherit the environment.", not: noLimit},
	{
		says: "`flashlua env` masks users and passwords in web addresses, and the values of names that end with `password`, `secret`, `token` or `key`.",
		by:   []string{"env.txtar"},
	},
}

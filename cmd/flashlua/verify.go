package main

import "github.com/urfave/cli/v2"

func (env Env) verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare a board's medium with an image without writing", ArgsUsage: "SCRIPT|STATION",
		Description: "Boots the board as for flashing, and reads the medium back instead of writing it.\n" + scriptText() + stationText +
			"  flashlua verify boards/mine.lua --image disk.raw --port tcp:ser1:4001 --power none\n" +
			"  flashlua verify bench-7 --image disk.raw\n\n" +
			"Exit codes are those of run; 3 with verify.mismatch if the content of the medium differs from the image.",
		Flags:        jobFlags("`FILE` to compare with: raw, .gz, .xz, .zst, .bz2, .lz4 or .simg"),
		OnUsageError: onUsageError,
		BashComplete: env.completeScripts,
		Action:       env.runOrVerify,
	}
}

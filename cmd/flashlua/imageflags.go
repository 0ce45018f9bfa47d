package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/engine"
)

// The flags that say how an image file is read, for run, verify and write.

func sha256Flag() cli.Flag {
	return &cli.StringFlag{Name: "sha256", Usage: "refuse an image whose digest is not `VALUE`: hex, sha512:HEX, or a list of checksums"}
}

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Usage: "`NAME` of the image file's format, one of " + strings.Join(engine.Formats(), ", ") + "; raw writes the bytes as they are", DefaultText: "auto"}
}

func noBmapFlag() cli.Flag {
	return &cli.BoolFlag{DisableDefaultText: true, Name: "no-bmap", Usage: "ignore a block map next to the image"}
}

func strictFlag() cli.Flag {
	return &cli.BoolFlag{DisableDefaultText: true, Name: "strict", Usage: "refuse what is only a warning otherwise: a partition table for other sectors"}
}

package main

import (
	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// maxSizeFlag returns the flag --max-size of the commands that open an image.
func maxSizeFlag() cli.Flag {
	return &cli.StringFlag{Name: "max-size", Usage: "refuse an image larger than `SIZE` bytes after decompression, as in 8G"}
}

// maxSizeOf returns the value of --max-size in bytes, 0 without the flag.
func maxSizeOf(c *cli.Context) (int64, error) {
	if !c.IsSet("max-size") {
		return 0, nil
	}
	text := c.String("max-size")
	n, ok := engine.ParseSize(text)
	if !ok || n == 0 {
		return 0, classify.WithHint(classify.New(classify.Usage, "--max-size %q is not a size", text), "write bytes, or a number with K, M, G or T after it: 8G")
	}
	return n, nil
}

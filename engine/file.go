package engine

import (
	"context"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/uboot"
)

// File is a file that a boot loader loads into RAM. Plain data: safe for concurrent use while nothing changes it.
type File struct {
	Path     string
	Address  uint64 // in RAM, unless Variable or NoAddress is set
	Variable string // name of a variable of U-Boot whose value is the address
	// NoAddress is set for a file that U-Boot cannot load: Session.Serve serves it to other boot loaders.
	NoAddress bool

	Append string  // file that follows it, a device tree for example; "" is none
	UImage *UImage // header that is put before both; nil is none
}

// checkLoadable returns an error if U-Boot cannot load one of the files of a board.
func checkLoadable(board string, files []bootFile) error {
	for _, f := range files {
		if f.NoAddress {
			return classify.WithHint(classify.New(classify.ConfigPolicy, "files.%s of board %s has no address in RAM: U-Boot cannot load it", f.name, board),
				"write files.%s = { %q, address }; other boot loaders find it by s:serve(%[1]q)", f.name, f.Path)
		}
	}
	return nil
}

// readAddresses sets the addresses of the files that are at the value of a variable. It asks U-Boot for each
// variable once.
func readAddresses(ctx context.Context, ub *uboot.UBoot, files []bootFile) error {
	known := map[string]uint64{}
	for i := range files {
		f := &files[i]
		if f.Variable == "" {
			continue
		}
		address, ok := known[f.Variable]
		if !ok {
			value, err := ub.Env(ctx, f.Variable)
			if err != nil {
				return err
			}
			if address, err = parseAddress(f.name, f.Variable, value); err != nil {
				return classify.MarkFatal(err)
			}
			known[f.Variable] = address
		}
		f.Address = address
	}
	return nil
}

// parseAddress returns the address that is the value of a variable, for a file with that name in the policy. U-Boot
// reads numbers as hexadecimal, with or without 0x.
func parseAddress(file, variable, value string) (uint64, error) {
	const hint = `set it, uboot.env = { %s = "0x82000000" }, or give files.%s its address as a number`
	if value == "" {
		return 0, classify.WithHint(classify.New(classify.ConfigPolicy, "files.%s is at ${%s}, which is not set in the board's U-Boot", file, variable), hint, variable, file)
	}
	digits := strings.TrimPrefix(strings.ToLower(value), "0x")
	address, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, classify.WithHint(classify.New(classify.ConfigPolicy, "files.%s is at ${%s}, which the board's U-Boot has as %q: that is not a hexadecimal address", file, variable, value), hint, variable, file)
	}
	return address, nil
}

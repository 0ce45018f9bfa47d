package ubootmedia

import (
	"context"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/engine/console"
)

// norSector is an erase block of a parallel NOR chip.
type norSector struct {
	first, end int64 // addresses
	locked     bool
}

// norBank is a parallel NOR chip, or several side by side.
type norBank []norSector

func (b norBank) first() int64 { return b[0].first }
func (b norBank) end() int64   { return b[len(b)-1].end }

// largest returns the size of the largest erase block. Chips have smaller ones at one end, whose sizes add up to it.
func (b norBank) largest() (n int64) {
	for _, s := range b {
		n = max(n, s.end-s.first)
	}
	return n
}

// locked returns the first erase block in a range that is write protected, or nil.
func (b norBank) locked(first, end int64) *norSector {
	for i, s := range b {
		if s.locked && s.first < end && s.end > first {
			return &b[i]
		}
	}
	return nil
}

// bankSize matches the size of a bank. Source: U-Boot, flash_print_info in drivers/mtd/cfi_flash.c.
var bankSize = regexp.MustCompile(`Size: (\d+) (kB|MB) in \d+ Sectors`)

// norBanks returns the banks that flinfo prints, by their numbers from 0 on. A bank without a chip is nil.
func norBanks(ctx context.Context, p Prompt) ([]norBank, console.Result, error) {
	res, err := p.Exec(ctx, console.Command{Text: "flinfo"})
	if err != nil {
		return nil, res, err
	}
	var all []norBank
	for _, text := range strings.Split(res.Output, "Bank # ")[1:] {
		all = append(all, parseBank(text))
	}
	return all, res, nil
}

func parseBank(text string) (b norBank) {
	size := bankSize.FindStringSubmatch(text)
	_, list, ok := strings.Cut(text, "Sector Start Addresses:")
	if size == nil || !ok {
		return nil
	}
	for _, word := range strings.Fields(list) {
		address, ok := parseHex(word)
		switch {
		case len(word) >= 8 && ok:
			b = append(b, norSector{first: address})
		case strings.Trim(word, "()") == "RO" && len(b) > 0:
			b[len(b)-1].locked = true
		}
	}
	for i := range b {
		if b[i].end = b[0].first + printedSize(size[1], size[2]); i+1 < len(b) {
			b[i].end = b[i+1].first
		}
	}
	return b
}

package flash

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"regexp"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// ubootDigest is how a U-Boot hashes its RAM.
type ubootDigest struct {
	name    string // sha256
	command string // to which the address and the length are added, in hexadecimal
	needs   string // the command that U-Boot must have
	new     func() hash.Hash
}

// crc is in almost every U-Boot.
var crc = ubootDigest{"crc32", "crc32", "crc32", func() hash.Hash { return crc32.NewIEEE() }}

// ubootDigests are those that a U-Boot may have, the best first.
var ubootDigests = []ubootDigest{
	{"sha256", "hash sha256", "hash", sha256.New},
	{"sha1", "sha1sum", "sha1sum", sha1.New},
	{"sha1", "hash sha1", "hash", sha1.New},
	crc,
}

// command returns a command that must end within the default time.
func command(text string) console.Command { return console.Command{Text: text} }

// hashStall is the longest silence of a board that hashes: it prints the digest at the end.
const hashStall = batchTime * 50

// hashed matches the digest of a range of RAM. Source: U-Boot, common/hash.c.
var hashed = regexp.MustCompile(`for ([0-9a-f]+) \.\.\. ([0-9a-f]+) ==> ([0-9a-f]+)`)

// findDigest returns the best digest of a U-Boot. A U-Boot may have the command, and lack the algorithm.
func (d *UBootFlasher) findDigest(ctx context.Context, b *ubootBoard) (ubootDigest, error) {
	for _, x := range ubootDigests {
		if !b.commands[x.needs] {
			continue
		}
		if x.name == crc.name {
			break
		}
		res, err := d.Prompt.Exec(ctx, command(fmt.Sprintf("%s %x 40", x.command, b.check)))
		if err != nil {
			return x, err
		}
		if m := hashed.FindStringSubmatch(res.Output); res.Code == 0 && m != nil && len(m[3]) == 2*x.new().Size() {
			return x, nil
		}
	}
	if !b.commands["crc32"] {
		return crc, ubootmedia.NoCommand("crc32")
	}
	return crc, nil
}

// hash returns the digests of parts of RAM, in hex. It takes as many of them per line as U-Boot accepts.
func (d *UBootFlasher) hash(ctx context.Context, x ubootDigest, parts ...span) (sums []string, err error) {
	for len(parts) > 0 {
		line, n := "", 0
		for _, p := range parts {
			cmd := fmt.Sprintf("%s %x %x", x.command, p.from, p.to-p.from)
			if n > 0 && len(line)+1+len(cmd) > d.Line-lineFrame {
				break
			}
			if n > 0 {
				line += ";"
			}
			line += cmd
			n++
		}
		some, err := d.hashLine(ctx, x, line, parts[:n])
		if err != nil {
			return nil, err
		}
		sums, parts = append(sums, some...), parts[n:]
	}
	return sums, nil
}

// lineFrame is more than what the console adds to a command.
const lineFrame = 80

// hashLine runs a line of hashes. It repeats a line whose output is damaged.
func (d *UBootFlasher) hashLine(ctx context.Context, x ubootDigest, line string, parts []span) ([]string, error) {
	var res console.Result
	var err error
	for range queryRetries {
		res, err = d.Prompt.Exec(ctx, console.Command{Text: line, What: "the hash of the board's RAM", Stall: hashStall})
		if err != nil {
			return nil, err
		}
		var sums []string
		for i, m := range hashed.FindAllStringSubmatch(res.Output, -1) {
			if i < len(parts) && hexNumber(m[1]) == parts[i].from && hexNumber(m[2]) == parts[i].to-1 && len(m[3]) == 2*x.new().Size() {
				sums = append(sums, m[3])
			}
		}
		if len(sums) == len(parts) && res.Code == 0 {
			return sums, nil
		}
		if ubootmedia.IsUnknownCommand(res) {
			return nil, ubootmedia.NoCommand(x.needs)
		}
	}
	return nil, classify.WithConsole(classify.New(classify.ConsoleGarbled, "U-Boot's answer to `%s` is damaged, %d times in a row", line, queryRetries), res.Output)
}

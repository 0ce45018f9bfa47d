package uboot

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// crcResult matches the result of crc32. Source: U-Boot, hash_show in common/hash.c.
var crcResult = regexp.MustCompile(`==> ([0-9a-f]{8})\b`)

const (
	crcRate  = 1 << 20 // bytes a second that every U-Boot exceeds
	crcTries = 2       // the output may be damaged
)

// CheckRAM compares the CRC-32 of size bytes of RAM with that of content, after a load named what. The error of a
// difference has the given kind.
func (u *UBoot) CheckRAM(ctx context.Context, content io.ReaderAt, size int64, address uint64, what string, kind classify.Kind) error {
	if size == 0 {
		return nil
	}
	sum := crc32.NewIEEE()
	if _, err := io.CopyN(sum, io.NewSectionReader(content, 0, size), size); err != nil {
		return classify.Wrap(err, classify.ImageRead, "%s: the station's file cannot be read", what)
	}
	cmd := console.Command{Text: fmt.Sprintf("crc32 %#x %#x", address, size), Timeout: commandTimeout + time.Duration(size/crcRate)*time.Second}
	for range crcTries {
		res, err := u.Exec(ctx, cmd)
		if err != nil {
			return err
		}
		if ubootmedia.IsUnknownCommand(res) {
			return classify.WithHint(u.Fail(classify.New(classify.UBootCommand, "this U-Boot has no command crc32, so %s cannot be checked", what)),
				"build a U-Boot with CONFIG_CMD_CRC32, or load the file by TFTP")
		}
		m := crcResult.FindStringSubmatch(res.Output)
		if m == nil {
			continue
		}
		if got, _ := strconv.ParseUint(m[1], 16, 32); uint32(got) == sum.Sum32() {
			return nil
		}
		return u.Fail(classify.New(kind, "%s: RAM has the CRC-32 %s, the station's file has %08x", what, m[1], sum.Sum32()))
	}
	return u.Fail(classify.New(kind, "%s: U-Boot did not print the CRC-32 of RAM", what))
}

package ubootmedia

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// ubiVolume is a volume of a UBI on a flash chip. It implements Medium. U-Boot writes a volume from its begin, and
// removes what else was in it.
type ubiVolume struct {
	chip
	part, volume string
}

func openUBI(p Prompt, m []string, o Options) (Medium, error) {
	err := checkOptions(m[0], o, false)
	if err == nil && o.Offset != 0 {
		err = classify.WithHint(classify.New(classify.ConfigPolicy, "%s has no offset", m[0]), "remove offset: U-Boot writes a UBI volume as a whole")
	}
	return &ubiVolume{chip{p, o, m[0]}, m[1], m[2]}, err
}

// ubiField matches a fact of a volume. Source: U-Boot, ubi_dump_vol_info in drivers/mtd/ubi/debug.c.
var ubiField = regexp.MustCompile(`(?m)\b(reserved_pebs|usable_leb_size|vol_id|corrupted|name)[ \t]+(\S+)\s*$`)

// Select implements Medium. U-Boot makes a UBI of a chip that is empty.
func (u *ubiVolume) Select(ctx context.Context, _ uint64) (Geometry, error) {
	res, err := u.run(ctx, "ubi part "+u.part)
	if err != nil {
		return Geometry{}, err
	}
	switch {
	case IsUnknownCommand(res):
		return Geometry{}, NoCommand("ubi")
	case res.Code != 0:
		return Geometry{}, classify.WithHint(u.failed(classify.TargetMissing, res, "U-Boot cannot use %s as UBI", u.part),
			"compare it with the output of `mtd list` at U-Boot's prompt; to make a UBI, write one as an image to the chip")
	}
	if res, err = u.run(ctx, "ubi info l"); err != nil {
		return Geometry{}, err
	}
	facts, ok := parseVolumes(res.Output)[u.volume]
	if !ok {
		return Geometry{}, classify.WithHint(u.failed(classify.TargetMissing, res, "the UBI has no volume %s", u.volume),
			"compare it with the output of `ubi list` at U-Boot's prompt; `ubi create %s SIZE` makes it", u.volume)
	}
	return Geometry{Size: facts["reserved_pebs"] * facts["usable_leb_size"], Sector: 1, Unit: 1, Whole: true, Disk: u.name}, nil
}

// parseVolumes returns the numbers that ubi info prints of each volume, by the volume's name.
func parseVolumes(text string) map[string]map[string]int64 {
	all := map[string]map[string]int64{}
	var facts map[string]int64
	for _, m := range ubiField.FindAllStringSubmatch(strings.ReplaceAll(text, "\r", ""), -1) {
		switch m[1] {
		case "vol_id":
			facts = map[string]int64{}
		case "name":
			all[m[2]] = facts
		default:
			if facts != nil {
				facts[m[1]], _ = strconv.ParseInt(m[2], 10, 64)
			}
		}
	}
	return all
}

// Read implements Medium. Off is 0: U-Boot reads a volume from its begin.
func (u *ubiVolume) Read(ctx context.Context, ram uint64, off, n int64) error {
	return u.transfer(ctx, "read", classify.VerifyRead, ram, off, n)
}

// Write implements Medium. Off is 0.
func (u *ubiVolume) Write(ctx context.Context, ram uint64, off, n int64) error {
	return u.transfer(ctx, "write", classify.WriteFailed, ram, off, n)
}

func (u *ubiVolume) transfer(ctx context.Context, verb string, kind classify.Kind, ram uint64, off, n int64) error {
	if off != 0 {
		return classify.New(kind, "%s: U-Boot cannot %s a UBI volume from byte %d on", u.name, verb, off)
	}
	res, err := u.run(ctx, fmt.Sprintf("ubi %s %x %s %x", verb, ram, u.volume, n))
	if err == nil && (res.Code != 0 || strings.Contains(res.Output, "corrupted volume")) {
		err = u.failed(kind, res, "U-Boot cannot %s %d bytes", verb, n)
	}
	return err
}

package simboard

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
)

const sector = 512

// mmc works on the media that are cards, by their number: mmcblk0 is device 0.
func mmc(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("mmc")
	}
	switch args[1] {
	case "list":
		for _, m := range u.b.media {
			if n, ok := m.card(); ok {
				u.printf("%s: %d\n", busName(m), n)
			}
		}
		return 0, nil
	case "dev":
		if len(args) > 2 {
			u.mmc = number(args[2], 10)
		}
		if u.card() == nil {
			return u.noCard()
		}
		u.printf("switch to partitions #0, OK\nmmc%d is current device\n", u.mmc)
		return 0, nil
	case "info", "rescan", "part":
		m := u.card()
		if m == nil {
			return u.noCard()
		}
		if args[1] == "info" {
			u.printf("Device: %s\nBus Width: 8-bit\nCapacity: %.1f MiB\n", busName(m), float64(m.size)/(1<<20))
		}
		return 0, nil
	case "read", "write":
		return u.mmcCopy(args)
	}
	return u.usage("mmc")
}

func (u *bootloader) mmcCopy(args []string) (int, error) {
	m := u.card()
	if m == nil {
		return u.noCard()
	}
	if len(args) != 5 {
		return u.usage("mmc")
	}
	addr, ok1 := hexAddress(args[2])
	from, ok2 := hexAddress(args[3])
	count, ok3 := hexAddress(args[4])
	if !ok1 || !ok2 || !ok3 {
		return u.usage("mmc")
	}
	u.printf("\nMMC %s: dev # %d, block # %d, count %d ... ", args[1], u.mmc, from, count)
	done := uint64(0)
	if within(from, count, uint64(m.size/sector)) && count <= maxPages*pageSize/sector {
		p := make([]byte, count*sector)
		var err error
		if args[1] == "write" {
			_, err = m.f.WriteAt(u.ram.read(addr, len(p)), int64(from*sector))
		} else if _, err = m.f.ReadAt(p, int64(from*sector)); err == nil {
			err = u.ram.write(addr, p)
		}
		if err == nil {
			done = count
		}
	}
	verb := map[string]string{"read": "read", "write": "written"}[args[1]]
	if done != count {
		u.printf("%d blocks %s: ERROR\n", done, verb)
		return 1, nil
	}
	u.printf("%d blocks %s: OK\n", done, verb)
	return 0, nil
}

// within reports whether n from an offset on lie below a limit; their sum may overflow.
func within(from, n, limit uint64) bool { return n <= limit && from <= limit-n }

// card is the current device, nil if there is none.
func (u *bootloader) card() *medium {
	for _, m := range u.b.media {
		if n, ok := m.card(); ok && n == u.mmc {
			return m
		}
	}
	return nil
}

func (u *bootloader) noCard() (int, error) {
	u.printf("MMC Device %d not found\nno mmc device at slot %d\n", u.mmc, u.mmc)
	return 1, nil
}

func (m *medium) card() (int, bool) {
	text, ok := strings.CutPrefix(m.Name, "mmcblk")
	n, err := strconv.Atoi(text)
	return n, ok && err == nil
}

func busName(m *medium) string {
	if address, kind, ok := strings.Cut(m.Bus, "."); ok {
		return kind + "@" + address
	}
	return "mmc@" + hex.EncodeToString([]byte(m.Name[len(m.Name)-1:]))
}

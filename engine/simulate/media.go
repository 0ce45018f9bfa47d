package simulate

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/internal/simboard"
)

var (
	device = regexp.MustCompile(`^/dev/([A-Za-z0-9_-]+)$`)
	// The names of U-Boot's devices. The matches of block are the interface and the number.
	block = regexp.MustCompile(`^(mmc|virtio|nvme|scsi|sata|usb|ide) (\d+)`)
	nor   = regexp.MustCompile(`^nor (?:0x)?([0-9a-fA-F]+)`)
)

// mediaList collects the media of a board.
type mediaList struct {
	all   []simboard.Medium
	taken map[string]bool
}

// add adds a medium unless its name is taken.
func (l *mediaList) add(m simboard.Medium) {
	if !l.taken[m.Name] {
		l.all = append(l.all, m)
	}
	l.taken[m.Name] = true
}

// has reports whether a device of U-Boot has its medium.
func (l *mediaList) has(iface string, n int) bool {
	return slices.ContainsFunc(l.all, func(m simboard.Medium) bool { return m.Interface == iface && m.Number == n })
}

// free returns a name for a device of U-Boot: its own, or the next one that no other medium has.
func (l *mediaList) free(iface string, n int) string {
	for l.taken[simboard.DiskName(iface, n)] {
		n++
	}
	return simboard.DiskName(iface, n)
}

// addMedia adds the block devices and the parallel NOR flash that a policy's targets lead to: those with a path in
// Linux first, because their names are given.
func addMedia(cfg *simboard.Config, p *engine.Policy) error {
	l := &mediaList{taken: map[string]bool{}}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(p.Targets)), func(name string) bool { return p.Targets[name].Check() != nil }) // the plan refuses it
	for _, name := range names {
		t := p.Targets[name]
		if m := nor.FindStringSubmatch(t.UBoot); m != nil && cfg.NOR == 0 {
			cfg.NOR, _ = strconv.ParseUint(m[1], 16, 64)
		}
		m := device.FindStringSubmatch(t.Path)
		switch {
		case t.Sysfs != "" || t.Path == "" && t.UBoot != "":
		case m == nil:
			return classify.WithHint(classify.New(classify.Config, "target %s: a simulated board has no %s", name, t.Path),
				"it has devices like /dev/vda, and media at an address in sysfs: set one with --set targets.%s=/dev/vda", name)
		default:
			iface, number := ubootDevice(t)
			l.add(simboard.Medium{Name: m[1], Interface: iface, Number: number})
		}
	}
	for _, name := range names {
		t := p.Targets[name]
		if t.Sysfs == "" {
			continue
		}
		if iface, number := ubootDevice(t); iface != "" {
			l.add(simboard.Medium{Name: l.free(iface, number), Bus: t.Sysfs + ".mmc", Interface: iface, Number: number})
		} else {
			l.add(simboard.Medium{Name: l.free("mmc", 0), Bus: t.Sysfs + ".mmc"})
		}
	}
	for _, name := range names {
		if iface, number := ubootDevice(p.Targets[name]); iface != "" && !l.has(iface, number) {
			l.add(simboard.Medium{Name: l.free(iface, number), Interface: iface, Number: number})
		}
	}
	cfg.Media = l.all
	return nil
}

// ubootDevice returns the interface and the number of a target's device in U-Boot, "" and 0 if it is no block device.
func ubootDevice(t engine.Target) (iface string, number int) {
	m := block.FindStringSubmatch(t.UBoot)
	if m == nil {
		return "", 0
	}
	number, _ = strconv.Atoi(m[2])
	return m[1], number
}

package simboard

import (
	"slices"
	"strings"
)

const (
	nandSize  = 64 << 20
	nandErase = 128 << 10
	nandPage  = 2 << 10
)

// withBootPartitions returns the media of a configuration, and the two hardware partitions for a bootloader of each
// eMMC. Linux does not have those that the configuration does not name.
func withBootPartitions(cfg Config) (all []*medium) {
	for _, m := range cfg.Media {
		if m.Interface == "" && strings.HasPrefix(m.Name, "sd") {
			m.Interface, m.Number = cfg.SD, diskNumber(m.Name)
		}
		_, part, _ := strings.Cut(m.Name, "boot")
		all = append(all, &medium{Medium: m, size: cfg.Size, part: map[string]int{"0": 1, "1": 2}[part]})
	}
	for _, m := range slices.Clone(all) {
		if iface, n := m.uboot(); iface == "mmc" && m.part == 0 {
			for i, suffix := range []string{"boot0", "boot1"} {
				name := m.Name + suffix
				if !slices.ContainsFunc(all, func(m *medium) bool { return m.Name == name }) {
					all = append(all, &medium{Medium: Medium{Name: name, Interface: iface, Number: n}, size: bootSize, part: i + 1, hidden: true})
				}
			}
		}
	}
	return all
}

// diskNumber returns 0 for sda.
func diskNumber(name string) int {
	if m := diskName.FindStringSubmatch(name); m != nil && m[2] != "" {
		return int(m[2][0] - 'a')
	}
	return 0
}

// addChips adds the flash chips.
func (b *Board) addChips() {
	b.spi = &chip{b: b, name: "sf0", size: spiSize, erase: spiErase, initial: spiContent}
	b.nor = &chip{b: b, name: "nor0", erase: norErase, initial: erased}
	if b.cfg.NOR != 0 {
		b.nor.size = norSize
	}
	b.nand = &chip{b: b, name: "nand0", size: nandSize, erase: nandErase, initial: erased, bad: map[int64]bool{}}
	for _, block := range b.cfg.Bad {
		b.nand.bad[block] = true
	}
	b.chips = []*chip{b.spi, b.nor, b.nand}
}

// disks are the media in one life of the board.
func (b *Board) disks() (all []*disk) {
	for _, m := range b.media {
		all = append(all, &disk{medium: m, b: b, wrong: -1})
	}
	return all
}

package simboard

import (
	"fmt"
	"regexp"
	"strconv"
)

// diskName matches the names of Linux: vda, sdb, mmcblk0, mmcblk0boot1, nvme0n1.
var diskName = regexp.MustCompile(`^(?:(vd|sd)([a-z])|mmcblk(\d+)(?:boot([01]))?|nvme(\d+)n1)$`)

// uboot returns the interface and the number that U-Boot has for a medium: vda is virtio 0, mmcblk0 mmc 0, nvme0n1
// nvme 0, sda scsi 0. They are "" and 0 if U-Boot has no driver for it.
func (m *medium) uboot() (iface string, n int) {
	parts := diskName.FindStringSubmatch(m.Name)
	switch {
	case m.Interface != "":
		return m.Interface, m.Number
	case parts == nil:
		return "", 0
	case parts[3] != "":
		n, _ = strconv.Atoi(parts[3])
		return "mmc", n
	case parts[5] != "":
		n, _ = strconv.Atoi(parts[5])
		return "nvme", n
	}
	return map[string]string{"vd": "virtio", "sd": "scsi"}[parts[1]], int(parts[2][0] - 'a')
}

// DiskName returns the name that Linux usually has for a block device of U-Boot, such as mmcblk0 for "mmc" 0, "" if
// there is none.
func DiskName(iface string, n int) string {
	switch {
	case iface == "mmc":
		return fmt.Sprintf("mmcblk%d", n)
	case iface == "nvme":
		return fmt.Sprintf("nvme%dn1", n)
	case n < 0 || n > 25:
		return ""
	case iface == "virtio":
		return "vd" + string(rune('a'+n))
	case iface == "scsi", iface == "usb", iface == "sata", iface == "ide":
		return "sd" + string(rune('a'+n))
	}
	return ""
}

// sizeText prints a size as U-Boot does. Source: U-Boot, print_size in lib/display_options.c.
func sizeText(n int64) string {
	units := []string{"Bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for i < len(units)-1 && n>>(10*(i+1)) > 0 {
		i++
	}
	unit := int64(1) << (10 * i)
	tenths := (n%unit*10 + unit/2) / unit
	whole := n / unit
	if tenths >= 10 {
		tenths, whole = tenths-10, whole+1
	}
	if tenths == 0 {
		return fmt.Sprintf("%d %s", whole, units[i])
	}
	return fmt.Sprintf("%d.%d %s", whole, tenths, units[i])
}

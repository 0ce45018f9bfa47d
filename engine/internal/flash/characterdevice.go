package flash

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/flashlua/flashlua/classify"
)

// characterDevices are names in /dev of character devices, each with what to do instead. $1 is
// what the expression captures. Source: Linux, Documentation/admin-guide/devices.txt, and the drivers.
var characterDevices = []struct{ name, hint string }{
	{`mtd(\d+)(?:ro)?`, "NOR flash also has a block device: name /dev/mtdblock$1. " +
		"NAND flash has bad blocks, which nandwrite and ubiformat know: flash it by their commands, without flashlua's write"},
	{`mtd/.*`, "NOR flash also has a block device, /dev/mtdblock0. " +
		"NAND flash has bad blocks, which nandwrite and ubiformat know: flash it by their commands, without flashlua's write"},
	{`ubi\d+(?:_\d+)?|ubi_ctrl`, "a UBI volume is written as a whole, by ubiupdatevol: flash it by its command, without flashlua's write"},
	{`(mmcblk\d+)rpmb`, "RPMB takes authenticated records only: name /dev/$1, or its boot partitions /dev/${1}boot0 and /dev/${1}boot1"},
	{`nvme(\d+)`, "this is the controller: name its namespace, /dev/nvme${1}n1"},
	{`ng(\d+n\d+)`, "this is for commands: name the disk, /dev/nvme$1"},
	{`(?:sg|bsg/|ch|n?st)\d.*`, "this is for commands: name the disk, /dev/sda"},
	{`null|zero|full|u?random|k?mem|port|kmsg|console|ptmx|tty.*|pts/.*|vcs.*|hwrng|rtc\d*|watchdog\d*|fb\d+|fuse|kvm|rfkill|` +
		`i2c-\d+|spidev\d.*|gpiochip\d+|uio\d+|video\d+|media\d+|hidraw\d+|input/.*|snd/.*|dri/.*|bus/.*|vfio/.*|raw/.*|` +
		`loop-control|mapper/control|btrfs-control|net/tun|tpm.*|mei\d*|uinput|usbmon\d+|vhost-.*|stdin|stdout|stderr|fd/\d+`, ""},
}

// characterDevice returns the expressions, which few runs need.
var characterDevice = sync.OnceValue(func() (all []*regexp.Regexp) {
	for _, d := range characterDevices {
		all = append(all, regexp.MustCompile(`^(?:`+d.name+`)$`))
	}
	return all
})

// CheckDevice returns an error for a target whose path certainly is a character device on every Linux.
func (t Target) CheckDevice() error {
	if _, is := characterHint(t.Path); is {
		return errNotBlock(t, t.Path)
	}
	return nil
}

// errNotBlock returns the error of a target whose device is no block device.
func errNotBlock(t Target, device string) error {
	hint, _ := characterHint(device)
	return classify.WithHint(classify.New(classify.TargetUnsafe, "target %s: %s is not a block device", t.Name, t), "%s", hint)
}

// characterHint reports whether device, a path, is that of a character device, and returns what to do instead. For
// other paths it returns what to do if there is no block device.
func characterHint(device string) (hint string, is bool) {
	hint = "lsblk, or ls /sys/class/block, lists the block devices"
	name, inDev := strings.CutPrefix(path.Clean(device), "/dev/")
	if !inDev {
		return hint, false
	}
	for i, re := range characterDevice() {
		m := re.FindStringSubmatchIndex(name)
		if m == nil {
			continue
		}
		if own := characterDevices[i].hint; own != "" {
			hint = string(re.ExpandString(nil, own, name, m))
		}
		return hint, true
	}
	return hint, false
}

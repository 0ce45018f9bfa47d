package uboot

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// mediaName is the name of a partition with a file system, as U-Boot's load takes it: "usb 0:1".
var mediaName = regexp.MustCompile(`^(usb|mmc|virtio|nvme|scsi|sata|ide) (\d+(?:\.\d+)?(?::\d+)?)$`)

// IsMediaName reports whether LoadMedia takes device.
func IsMediaName(device string) bool { return mediaName.MatchString(device) }

// bytesRead matches U-Boot's report of a load from a file system.
var bytesRead = regexp.MustCompile(`(?m)^(\d+) bytes read\b`)

// LoadMedia loads the file at path of a file system to an address in RAM, and compares size bytes of the RAM with
// content: the file must be a copy of it. device is the partition, as "usb 0:1". U-Boot looks for new devices if there
// is none of that name.
func (u *UBoot) LoadMedia(ctx context.Context, device, path string, content io.ReaderAt, size int64, address uint64) error {
	m := mediaName.FindStringSubmatch(device)
	if m == nil {
		return classify.WithHint(classify.New(classify.ConfigPolicy, "%q is not a partition that U-Boot loads files from", device),
			`name it as U-Boot's load does: "usb 0:1", "mmc 1:2"`)
	}
	file, err := u.quoteFile(path)
	if err != nil {
		return err
	}
	// The limit keeps a longer file from what lies after this one in RAM.
	cmd := console.Command{Text: fmt.Sprintf("load %s %#x %s %#x", device, address, file, size), Stall: loadStall}
	res, err := u.Exec(ctx, cmd)
	if err == nil && res.Code != 0 && !ubootmedia.IsUnknownCommand(res) {
		if _, err = u.Exec(ctx, console.Command{Text: ubootmedia.Scan(m[1]), Stall: loadStall}); err == nil {
			res, err = u.Exec(ctx, cmd)
		}
	}
	switch {
	case err != nil:
		return classify.Wrap(err, "", "cannot load %s from %s", path, device)
	case ubootmedia.IsUnknownCommand(res):
		return classify.WithHint(u.Fail(classify.New(classify.UBootCommand, "this U-Boot has no command load")), "build a U-Boot with CONFIG_CMD_FS_GENERIC, or load the file another way")
	case res.Code != 0:
		return classify.WithHint(classify.WithConsole(classify.New(classify.LoadMedia, "U-Boot cannot load %s from %s", path, device), res.Output),
			"compare it with the output of `ls %s` at U-Boot's prompt; the file must have the name of the station's file, and lie at the top", device)
	}
	if m := bytesRead.FindStringSubmatch(res.Output); m != nil && m[1] != strconv.FormatInt(size, 10) {
		return classify.WithHint(u.Fail(classify.New(classify.LoadMedia, "%s on %s has %s bytes, the station's file has %d", path, device, m[1], size)),
			"copy the station's file to the medium")
	}
	err = u.CheckRAM(ctx, content, size, address, fmt.Sprintf("the load of %s from %s", path, strings.TrimSpace(device)), classify.LoadMedia)
	if classify.Find(err, classify.LoadMedia) != nil {
		err = classify.WithHint(err, "copy the station's file to the medium")
	}
	return err
}

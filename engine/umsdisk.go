package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/usbdisk"
	"github.com/flashlua/flashlua/engine/transport"
)

// umsGone is the time in which a disk disappears from the station after U-Boot has ended.
const umsGone = 10 * time.Second

const umsIdentify = "name where it appears, { usb = \"1-1.2\" }, or its serial number, { serial = \"…\" }"

// lock keeps other runs of the station from looking for a disk that nothing identifies at the same time: either
// could take the other's.
func (x *exposure) lock() (release func(), err error) {
	if !x.choice.IsZero() || x.session.run.Simulated {
		return func() {}, nil
	}
	release, err = transport.AcquireUSBDisk()
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.TargetUnsafe, "the disk of %s cannot be distinguished from another: another board exposes one, too", x.medium), "%s", umsIdentify)
	}
	return release, nil
}

// waitAbsent returns the disks that are there before U-Boot exposes one. None of them may be what is looked for.
func (x *exposure) waitAbsent(ctx context.Context) (before []usbdisk.Disk, err error) {
	r := x.session.run
	for until := r.Clock.Now().Add(umsGone); ; {
		if before, err = r.USBDisks(); err != nil {
			return nil, classify.Wrap(err, classify.Internal, "cannot list the disks of the station")
		}
		found := x.candidates(before)
		switch {
		case len(found) == 0:
			return before, nil
		case r.Clock.Now().Before(until): // an earlier attempt may have exposed it
			if err := r.Clock.Sleep(ctx, umsPoll); err != nil {
				return nil, err
			}
			continue
		case x.choice.IsZero():
			err = classify.New(classify.TargetUnsafe, "the disk of %s cannot be distinguished from another board's: %s is there already", x.medium, found[0])
		default:
			err = classify.New(classify.TargetUnsafe, "there is a disk %s before U-Boot exposes %s: %s", x.choice, x.medium, found[0])
		}
		return nil, classify.WithHint(err, "%s", umsIdentify)
	}
}

// candidates returns the disks that can be the one that is looked for.
func (x *exposure) candidates(all []usbdisk.Disk) []usbdisk.Disk {
	found := x.choice.Of(all)
	if x.choice.IsZero() {
		found = slices.DeleteFunc(found, func(d usbdisk.Disk) bool { return !d.Gadget() })
	}
	return found
}

// find waits until the disk is there, with the partitions of the media, and can be opened.
func (x *exposure) find(ctx context.Context, before []usbdisk.Disk, media []*medium) (usbdisk.Disk, error) {
	r := x.session.run
	for until := r.Clock.Now().Add(x.timeout); ; {
		all, err := r.USBDisks()
		if err != nil {
			return usbdisk.Disk{}, classify.Wrap(err, classify.Internal, "cannot list the disks of the station")
		}
		late := !r.Clock.Now().Before(until)
		switch found := x.candidates(all); {
		case len(found) > 1:
			return usbdisk.Disk{}, classify.WithHint(classify.New(classify.TargetUnsafe, "the disk %s is ambiguous: %s", x.choice, listed(found)), "%s", umsIdentify)
		case len(found) == 1 && found[0].Size != x.size:
			return usbdisk.Disk{}, classify.WithHint(classify.New(classify.TargetUnsafe, "%s is not what U-Boot exposes: it has %d bytes, and %s has %d", found[0], found[0].Size, x.medium, x.size),
				"check the option usb or serial: it is that of another board or disk")
		case len(found) == 1:
			if missing := notReady(found[0], media); missing == nil || late {
				return found[0], missing
			}
		case late:
			return usbdisk.Disk{}, x.noDisk(before, all)
		}
		if err := x.held.Wait(ctx, umsPoll); err != nil {
			return usbdisk.Disk{}, err
		}
	}
}

// notReady returns the error of a disk that lacks a partition, or that the station cannot open yet. The device
// manager sets the permissions of a device some time after it appears.
func notReady(d usbdisk.Disk, media []*medium) error {
	for _, m := range media {
		device, ok := partitionOf(d, m.target)
		if !ok {
			return classify.WithHint(classify.New(classify.TargetMissing, "target %s: %s has no partition %s, or more than one", m.target.Name, d, m.target.Part),
				"lsblk -o NAME,PARTLABEL lists the partitions of a disk")
		}
		switch err := unix.Access(device, unix.R_OK|unix.W_OK); {
		case err == nil:
		case err == unix.ENOENT:
			return classify.WithHint(classify.New(classify.TargetMissing, "%s has no device file %s", d, device), "in a container, /dev must be that of the station")
		default:
			return classify.WithHint(classify.Wrap(err, classify.TargetUnsafe, "cannot write %s", d), "be root, or in the group that owns it, often disk")
		}
	}
	return nil
}

// noDisk returns the error of a disk that did not appear.
func (x *exposure) noDisk(before, all []usbdisk.Disk) error {
	err := classify.MarkRetry(classify.New(classify.TargetMissing, "U-Boot exposes %s, and no disk %s appeared within %s", x.medium, x.choice, x.timeout))
	fresh := slices.DeleteFunc(slices.Clone(all), func(d usbdisk.Disk) bool { return slices.ContainsFunc(before, d.Same) })
	switch {
	case len(fresh) > 0:
		return classify.WithHint(err, "others appeared: %s", listed(fresh))
	case len(all) > 0:
		return classify.WithHint(err, "check the cable between the board's USB device port and the station, which has only %s", listed(all))
	}
	return classify.WithHint(err, "check the cable between the board's USB device port and the station, which has no USB disk")
}

// waitGone waits until the disk is gone. If nothing identifies it, it must go: it was another board's otherwise.
func (x *exposure) waitGone(ctx context.Context, d usbdisk.Disk) error {
	r := x.session.run
	for until := r.Clock.Now().Add(umsGone); r.Clock.Now().Before(until); {
		all, err := r.USBDisks()
		if err == nil && !slices.ContainsFunc(all, d.Same) {
			return nil
		}
		if err := r.Clock.Sleep(ctx, umsPoll); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("U-Boot has taken %s back, and %s is still there", x.medium, d)
	if !x.choice.IsZero() {
		x.session.Note("warning: " + text)
		return nil
	}
	return classify.WithHint(classify.New(classify.TargetUnsafe, "%s: it was not the board's, and has been written", text), "%s", umsIdentify)
}

func listed(all []usbdisk.Disk) string {
	var texts []string
	for _, d := range all {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, "; ")
}

package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
	"github.com/flashlua/flashlua/engine/internal/usbdisk"
	"github.com/flashlua/flashlua/engine/uboot"
)

// UMSOptions choose what Session.UMS writes, and how the station finds the disk. Plain data: safe for concurrent
// use.
type UMSOptions struct {
	WriteOptions
	Medium     string        // in U-Boot, "mmc 0"; "" is that of the target
	USB        string        // where the disk appears, as the kernel names it: "1-1.2"
	Serial     string        // serial number of the USB device
	Controller int           // the number of the board's USB controller
	Timeout    time.Duration // for the disk to appear; 0 is DefaultUMSTimeout
}

// DefaultUMSTimeout is the time in which a disk appears that U-Boot exposes.
const DefaultUMSTimeout = 30 * time.Second

const (
	umsStart = 30 * time.Second // for the command to begin: U-Boot looks for the medium
	umsPoll  = 250 * time.Millisecond
)

// umsReady matches what the command prints when it has found the medium, and the number of its sectors of 512
// bytes. Source: U-Boot, ums_init in cmd/usb_mass_storage.c; before 2015.04 "disk start sector: 0x0, count:
// 0x748000".
var umsReady = console.Regexp(`UMS: .*\bcount:? 0x([0-9a-f]+)[^0-9a-f]`)

// UMS has U-Boot expose a medium to the station as a USB disk, writes the images of the job to it on the station,
// reads them back and records the receipts. Then it takes the medium back. It writes only to a disk that is
// certainly the board's.
func (s *Session) UMS(ctx context.Context, ub *uboot.UBoot, o UMSOptions) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if err := s.errIfChecking("ums"); err != nil {
		return err
	}
	choice := usbdisk.Choice{USB: o.USB, Serial: o.Serial}
	if err := choice.Check(); err != nil {
		return err
	}
	media, images, err := s.mediaToWrite(ctx, ub, o.WriteOptions)
	var name string
	if err == nil {
		name, err = umsMedium(media[0].target, o.Medium) // all are on one target
	}
	if s.write.note(o.WriteOptions, err); err != nil {
		return err
	}
	if err := images.waitReady(ctx); err != nil { // so that the board need not wait
		return err
	}
	x := &exposure{session: s, ub: ub, choice: choice, medium: name, controller: o.Controller, timeout: cmp.Or(o.Timeout, DefaultUMSTimeout)}
	return x.with(ctx, media, func(all []*writing) error {
		s.write.replace(all)
		ws := &writes{ledger: &s.run.ledger, all: all, earlier: s.write.all}
		for _, w := range all {
			w.onWrite = func() { ws.changing(w.medium) }
			if err := s.writeOne(ctx, ws, w); err != nil {
				return err
			}
		}
		return ws.prove(ctx, func(ctx context.Context, w *writing) error { return s.verify(ctx, ws, w, !s.VerifyOnly()) })
	})
}

// umsMedium returns the name of the medium of target t for the command ums. asked is that in the call, ""
// for that of the target.
func umsMedium(t flash.Target, asked string) (string, error) {
	asked = cmp.Or(asked, t.UBoot)
	name, ok := ubootmedia.BlockName(asked)
	own, _ := ubootmedia.BlockName(t.UBoot)
	switch {
	case asked == "":
		return "", classify.WithHint(classify.New(classify.ConfigPolicy, "ums: U-Boot has no name for target %s", t.Name),
			"name the medium, ub:ums(\"mmc 0\"), or set uboot = \"mmc 0\" in the policy's target")
	case !ok:
		return "", classify.WithHint(classify.New(classify.ConfigPolicy, "ums: %q is no disk in U-Boot", asked),
			"it must be a disk, such as \"mmc 0\": ums cannot expose flash chips")
	case t.UBoot != "" && own != name:
		return "", classify.WithHint(classify.New(classify.ConfigPolicy, "ums: the images go to target %s, which is %s in U-Boot, not %s", t.Name, t.UBoot, asked),
			"leave out the medium, or choose the target by the option target or by --target")
	case t.Offset != 0:
		return "", classify.WithHint(classify.New(classify.ConfigPolicy, "ums: target %s begins at byte %d of %s", t.Name, t.Offset, t.UBoot),
			"by ums the station writes whole disks and partitions: write this target by ub:write")
	}
	return name, nil
}

// exposure is a medium that U-Boot exposes to the station.
type exposure struct {
	session    *Session
	ub         *uboot.UBoot
	choice     usbdisk.Choice
	medium     string // "mmc 0"
	controller int
	timeout    time.Duration
	size       int64 // bytes, as U-Boot prints it
	held       *uboot.Held
}

// with exposes the medium, calls f with writers of media on it, and takes it back.
func (x *exposure) with(ctx context.Context, media []*medium, f func(all []*writing) error) error {
	s := x.session
	disk, err := x.appear(ctx, media)
	if err != nil {
		return err
	}
	s.Note(fmt.Sprintf("U-Boot exposes %s, which is %s", x.medium, disk))
	all, closeAll, err := x.open(disk, media)
	if err == nil {
		err = f(all)
	}
	err = x.held.End(ctx, err)
	closeAll() // only now: a program of the station that mounts new disks would have changed it
	if err == nil {
		err = x.waitGone(ctx, disk)
	}
	if err != nil {
		for _, m := range media {
			s.run.ledger.void(m)
		}
	}
	return err
}

// appear has U-Boot expose the medium, and returns its disk. After an error the medium is not exposed.
func (x *exposure) appear(ctx context.Context, media []*medium) (usbdisk.Disk, error) {
	release, err := x.lock()
	if err != nil {
		return usbdisk.Disk{}, err
	}
	defer release()
	before, err := x.waitAbsent(ctx)
	if err == nil {
		err = x.begin(ctx)
	}
	if err != nil {
		return usbdisk.Disk{}, err
	}
	disk, err := x.find(ctx, before, media)
	if err != nil {
		err = x.held.End(ctx, err)
	}
	return disk, err
}

// begin has U-Boot expose the medium.
func (x *exposure) begin(ctx context.Context) error {
	held, groups, err := x.ub.Hold(ctx, "ums "+strconv.Itoa(x.controller)+" "+x.medium, &umsReady, umsStart)
	if err != nil {
		return classify.WithHint(classify.Wrap(err, "", "U-Boot does not expose %s", x.medium),
			"it must have the command ums and a USB device controller; compare medium and controller with what `mmc list` and `help ums` print at its prompt")
	}
	x.held = held
	sectors, err := strconv.ParseInt(groups[0], 16, 64)
	x.size = sectors * 512
	return err
}

// open opens the media on a disk for writing. The caller calls closeAll, also after an error.
func (x *exposure) open(disk usbdisk.Disk, media []*medium) (all []*writing, closeAll func(), err error) {
	r := x.session.run
	var writers []*exposedWriter
	closeAll = func() {
		for _, w := range writers {
			w.close()
		}
	}
	for _, m := range media {
		w, target := &writing{medium: m, by: byStation}, m.target
		device, _ := partitionOf(disk, target) // find has found it
		local := flash.BlockTarget{
			Path: device, Target: &target, Progress: r.events.progress, BeforeWrite: func() { w.onWrite() },
			Refused: "a program of the station mounts new disks, or has this one open: end it, or have it leave disks alone that a U-Boot exposes",
		}
		if disk.Simulated {
			local.Size, local.OpenFile = disk.Size, func(string) (f *os.File, err error) { return disk.Open() }
		}
		d, err := local.Open(m.from.String())
		if err != nil {
			return nil, closeAll, err
		}
		writer := &exposedWriter{exposure: x, medium: m, device: d}
		writers = append(writers, writer)
		if writer.Writer, err = d.NewWriter(m.image()); err != nil {
			return nil, closeAll, err
		}
		w.Writer, w.at = writer, flash.Medium{Target: target, Device: device, Extents: x.extents(d)}
		r.ledger.resolved(m, device, w.at.Extents)
		if err := r.checkSectors(m.image(), device, d.DiskSector(), r.job.Strict); err != nil {
			return nil, closeAll, err
		}
		all = append(all, w)
	}
	return all, closeAll, nil
}

// extents returns where a device of the station lies on the board's medium, as flash.UBootFlasher names it.
func (x *exposure) extents(d *flash.BlockDevice) []flash.Extent {
	on := flash.Extent{Disk: "U-Boot's " + x.medium, Length: x.size}
	if at := d.Extents(); len(at) > 0 && at[0].First > 0 {
		on.First, on.Length = at[0].First, at[0].Length
	}
	return []flash.Extent{on}
}

package qemu

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/enginetest"
	"github.com/flashlua/flashlua/testdata/gpt"
)

// TestTargets finds and refuses media on a real board.
func TestTargets(t *testing.T) {
	r := inLinux(t, 1000)
	gpt.Write(t, r.Disk, partitions...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		sh, err := s.Shell(ctx)
		if err != nil {
			return err
		}
		if _, err := sh.Run(ctx, console.Command{Text: "blockdev --rereadpt /dev/vda"}); err != nil {
			return err
		}
		if _, err := sh.Network(ctx); err != nil {
			return err
		}
		d := enginetest.NewResolver(l, sh, p.Net.HTTP)
		defer d.Close()
		sizes := map[string]int64{"/dev/vda": usualDisk, "/dev/vda2": partitions[1].Size, "/dev/node": partitions[1].Size}
		found := map[string]enginetest.Resolved{} // by the target
		for _, tt := range []struct {
			before string
			target engine.Target
			size   int64
			kind   classify.Kind
			text   string // what the error says, or the device that is found
		}{
			{"true", engine.Target{Path: "/dev/vda"}, sizes["/dev/vda"], "", "/dev/vda"},
			{"true", engine.Target{Path: "/dev/vda"}, sizes["/dev/vda"] + 1, classify.TargetUnsafe, fmt.Sprintf("/dev/vda has %d bytes", usualDisk)},
			{"true", engine.Target{Sysfs: "4010000000.pcie"}, 1, "", "/dev/vda"},
			{"true", engine.Target{Sysfs: "4fb0000"}, 1, classify.TargetMissing, "the disk at 4fb0000 is not on the board"},
			{"true", engine.Target{Path: "/dev/vdb"}, 1, classify.TargetMissing, "/dev/vdb is not on the board"},
			{"true", engine.Target{Path: "/tmp"}, 1, classify.TargetUnsafe, "not a block device"},
			{"touch /dev/file", engine.Target{Path: "/dev/file"}, 1, classify.TargetUnsafe, "not a block device"},
			{"ln -s /dev/vda /dev/link", engine.Target{Path: "/dev/link"}, 1, "", "/dev/vda"},
			{"true", engine.Target{Path: "/dev/link", Part: "rootfs"}, sizes["/dev/vda2"], "", "/dev/vda2"},
			{"true", engine.Target{Path: "/dev/vda2"}, sizes["/dev/vda2"], "", "/dev/vda2"},
			{"mknod /dev/node b $(sed 's/:/ /' /sys/class/block/vda2/dev)", engine.Target{Path: "/dev/node"}, sizes["/dev/vda2"], "", "/dev/node"},
			{"true", engine.Target{Path: "/dev/vda", Part: "boot"}, partitions[0].Size + 1, classify.TargetUnsafe, "partition boot of /dev/vda has 524288 bytes, the image has 524289"},
			{"true", engine.Target{Path: "/dev/vda", Part: "over"}, 1 << 20, "", "/dev/vda5"},
			{"true", engine.Target{Path: "/dev/vda", Part: "inner"}, 1 << 20, "", "/dev/vda6"},
			{"true", engine.Target{Path: "/dev/vda3"}, 1 << 20, "", "/dev/vda3"},
			{"true", engine.Target{Path: "/dev/vda4"}, 1 << 20, "", "/dev/vda4"},
			{"mkswap /dev/vda5 && swapon /dev/vda5", engine.Target{Path: "/dev/vda2"}, 1, classify.TargetUnsafe, "/dev/vda5 is swap"}, // they overlap
			{"swapoff /dev/vda5", engine.Target{Path: "/dev/vda2"}, 1, "", "/dev/vda2"},
			{"true", engine.Target{Path: "/dev/vda", Part: "root"}, 1, classify.TargetMissing, "partition root of /dev/vda is not on the board"},
			{"true", engine.Target{Path: "/dev/vda", Part: "twin"}, 1, classify.TargetUnsafe, "partition twin of /dev/vda is ambiguous, it is /dev/vda3 and /dev/vda4"},
			{"mkswap /dev/vda && swapon /dev/vda", engine.Target{Path: "/dev/link"}, 1, classify.TargetUnsafe, "/dev/vda is swap"},
			{"swapoff /dev/vda && blockdev --setro /dev/vda", engine.Target{Path: "/dev/vda"}, 1, classify.TargetUnsafe, "read-only"},
		} {
			if _, err := sh.Run(ctx, console.Command{Text: tt.before}); err != nil {
				t.Errorf("Run(%s) = %v; want nil\n%s", tt.before, err, classify.Facts(err).Console)
			}
			tt.target.Name = "disk"
			m, err := d.Resolve(ctx, tt.target, tt.size)
			if m.Device() != "" {
				found[tt.target.String()] = m
			}
			size, sector := m.Size()
			switch f := classify.Facts(err); {
			case tt.kind == "" && (err != nil || m.Device() != tt.text || sizes[m.Device()] != 0 && size != sizes[m.Device()] || sector != 512):
				t.Errorf("Resolve(%s) = %+v, %v; want %s of %d bytes", tt.target, m, err, tt.text, tt.size)
			case tt.kind != "" && (f.Kind != tt.kind || !strings.Contains(err.Error(), tt.text)):
				t.Errorf("Resolve(%s) = %+v, %v of kind %s; want %q of %s", tt.target, m, err, f.Kind, tt.text, tt.kind)
			}
		}
		for _, tt := range []struct {
			a, b string
			same int64 // bytes that both have
		}{
			{"/dev/vda", "/dev/link", usualDisk},
			{"/dev/vda", "partition rootfs of /dev/link", partitions[1].Size},
			{"/dev/vda2", "/dev/node", partitions[1].Size},
			{"/dev/node", "partition over of /dev/vda", 1536},
			{"partition inner of /dev/vda", "/dev/vda2", partitions[5].Size},
			{"partition inner of /dev/vda", "partition over of /dev/vda", 0},
			{"/dev/vda3", "/dev/vda4", 0}, // adjacent
		} {
			err := enginetest.Apart(found[tt.a], found[tt.b])
			if f := classify.Facts(err); (tt.same == 0) != (err == nil) || err != nil && f.Kind != classify.TargetUnsafe {
				t.Errorf("Apart(%s, %s) = %v of kind %s; want %d bytes that both have\n%+v\n%+v", tt.a, tt.b, err, f.Kind, tt.same, found[tt.a], found[tt.b])
			}
		}
		return nil
	})
}

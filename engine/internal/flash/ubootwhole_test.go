package flash

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// fakeUBI is a U-Boot with a UBI that has one volume. U-Boot's sandbox judges its output, in package ubootmedia.
type fakeUBI struct {
	*fakeUBoot
	volume []byte
	flips  int // writes that leave a wrong byte
}

const ubiVolumeSize = 48 << 20

func (u *fakeUBI) Exec(ctx context.Context, cmd console.Command) (console.Result, error) {
	w := strings.Fields(cmd.Text)
	if w[0] != "ubi" {
		return u.fakeUBoot.Exec(ctx, cmd)
	}
	switch w[1] {
	case "info":
		return console.Result{Output: fmt.Sprintf("Volume information dump:\n\tvol_id          0\n\treserved_pebs   %d\n\tusable_leb_size 65536\n\tname            root", ubiVolumeSize/65536)}, nil
	case "read", "write":
		ram := u.mem(u.at(w, 2), u.at(w, 4))
		if w[1] == "read" {
			copy(ram, u.volume)
			break
		}
		u.volume = bytes.Clone(ram)
		if u.flips > 0 {
			u.flips--
			u.volume[len(ram)/2] ^= 1
		}
	}
	return console.Result{}, nil
}

// TestUBootWritesWhole writes a medium that U-Boot writes from its begin in one piece.
func TestUBootWritesWhole(t *testing.T) {
	for _, tt := range []struct {
		size, flips int
		ram         int64
		rewritten   bool
		want        classify.Kind
	}{
		{size: 1},
		{size: 3*mib + 77},
		{size: 3*mib + 77, flips: 1, rewritten: true},
		{size: mib, flips: 9, want: classify.VerifyMismatch},
		{size: maxBuffer + 3, ram: 160 * mib},
		{size: 10 * mib, ram: 16 * mib, want: classify.UBootRAM},
	} {
		u := &fakeUBI{newFakeUBoot(""), nil, tt.flips}
		d := u.flasher()
		d.Prompt = u
		if tt.ram > 0 {
			u.ram, d.RAM = make([]byte, tt.ram), RAM{fakeRAM, tt.ram}
		}
		m, err := d.Resolve(t.Context(), Target{Name: "root", UBoot: "ubi nor0:root"}, false)
		if err != nil || m.Size != ubiVolumeSize {
			t.Fatalf("Resolve = %+v, %v; want a medium of %d bytes", m, err, ubiVolumeSize)
		}
		data := random(tt.size, 3)
		w, err := d.Writer(t.Context(), m, newImage(t, data), func() {})
		var r Receipt
		if err == nil {
			if err = w.Write(t.Context()); err == nil {
				r, err = repaired(t.Context(), w)
			}
		}
		if tt.want != "" {
			if !isKind(err, tt.want) || r.Valid() {
				t.Errorf("a flash of %d bytes = %v; want %s", tt.size, err, tt.want)
			}
			continue
		}
		if err != nil || !r.Valid() || !bytes.Equal(u.volume, data) || (w.Counts().Rewritten > 0) != tt.rewritten {
			t.Errorf("a flash of %d bytes with %d wrong writes = %+v, %v, %+v; want a receipt and the image in the volume", tt.size, tt.flips, r, err, w.Counts())
		}
	}
}

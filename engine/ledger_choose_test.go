package engine

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/engine/internal/flash"
)

// TestChosenMedia holds which media are demanded if they are chosen at run time. The plan is an image on target 1;
// own is an image of the policy. All targets are on disks of their own, but 4, which is on that of 2.
func TestChosenMedia(t *testing.T) {
	const write2 = "ask 2; write 2; "
	for _, tt := range []struct {
		only   bool // nothing is written
		lines  string
		media  string
		proven bool
	}{
		{false, "", "1 untouched", false},
		{false, "ask 1; write 1", "1 verified", true},
		{false, write2, "2 verified", true}, // the medium of the plan moves
		{false, "choose 2", "2 untouched", false},
		{false, "choose 2; choose 1; ask 1; write 1", "1 verified", true},
		{false, "choose 2; " + write2, "2 verified", true},
		{false, write2 + "ask 1", "2 verified, 1 untouched", false}, // the call for 1 failed
		{false, "ask 1; " + write2, "1 untouched, 2 verified", false},
		{false, "ask 1; attempt; " + write2, "2 verified", true},
		{false, write2 + "ask 1; write 1", "2 verified, 1 verified", true},
		{false, "ask 2; begin 2; ask 1; write 1", "2 partial, 1 verified", false},
		{false, "ask 2; begin 2; attempt; ask 1; write 1", "2 partial, 1 verified", false},
		{false, write2 + "attempt; ask 1; write 1", "2 written, 1 verified", false},
		{false, write2 + "attempt; ask 1; write 1; read 2", "2 verified, 1 verified", true},
		{false, write2 + "attempt", "2 written", false},
		{false, write2 + "attempt; choose 1; attempt; " + write2, "2 verified", true},
		{false, "destroy 1; " + write2, "1 partial, 2 verified", false},
		{false, "destroy 1; ask 1; write 1", "1 verified", true},
		{false, "destroy 3; ask 1; write 1", "1 verified", false},
		{false, "destroy 3; own 3; write 3; ask 1; write 1", "1 verified, 3 verified", true},
		{false, "ask 1; write 1; destroy 3; own 3; write 3", "1 verified, 3 verified", true},
		{false, "destroy 3; own 3; write 3; destroy 3; ask 1; write 1", "1 verified, 3 partial", false},

		{false, "own 3; write 3", "1 untouched, 3 verified", false}, // the image of the plan is nowhere
		{false, "own 3; write 3; " + write2, "2 verified, 3 verified", true},
		{false, "own 3; " + write2, "2 verified, 3 untouched", false},
		{false, "own 3; attempt; " + write2, "2 verified", true},
		{false, "own 3; write 3; attempt; " + write2, "2 verified, 3 written", false},
		{false, write2 + "own 4; write 4", "2 written, 4 verified", false}, // one disk
		{false, write2 + "own 4; write 4; read 2", "2 verified, 4 verified", true},
		{false, write2 + "own 4; begin 4; read 2", "2 verified, 4 partial", false},

		{true, "ask 2; read 2", "2 verified", true},
		{true, "ask 2; read 2; ask 1", "2 verified, 1 untouched", false},
		{true, "own 3; read 3", "1 untouched, 3 verified", false},
		{true, "ask 2; read 2; attempt; ask 1; read 1", "1 verified", true},
	} {
		bk := newBooks(t, "a")
		bk.readOnly = tt.only
		target := func(name string) flash.Target { return flash.Target{Name: name, Path: "/dev/" + name} }
		bk.a.target = target("1")
		for line := range strings.SplitSeq(strings.TrimSuffix(tt.lines, "; "), "; ") {
			verb, name, _ := strings.Cut(line, " ")
			var m *medium
			for _, x := range bk.media {
				if x.target.Name == name {
					m = x
				}
			}
			switch verb {
			case "choose":
				bk.place(bk.a.stagedImage, "", target(name), false)
			case "ask", "own":
				im := bk.a.stagedImage
				if verb == "own" {
					im = bk.c.stagedImage
				}
				disk := strings.ReplaceAll(name, "4", "2")
				bk.resolved(bk.place(im, "", target(name), true), "/dev/"+name, []flash.Extent{{Disk: disk, Length: 8}})
			case "destroy":
				bk.destroying(name)
			case "begin", "write":
				bk.changing(m)
				if verb == "begin" {
					break
				}
				bk.complete(m)
				fallthrough
			case "read":
				receipt := bk.receipt
				receipt.Target, receipt.Device = m.target, m.device
				bk.prove(m, receipt, bk.reading(m))
			case "attempt":
				bk.beginAttempt()
			}
		}
		var media []string
		bk.each(func(m *medium) { media = append(media, m.target.Name+" "+string(m.state)) })
		if got := strings.Join(media, ", "); got != tt.media || bk.proven() != tt.proven {
			t.Errorf("verify only %t, after %q: %q, proven %t; want %q, %t", tt.only, tt.lines, got, bk.proven(), tt.media, tt.proven)
		}
	}
}

package engine

import (
	"context"
	"net"
	"strings"
	"testing"
)

// TestServeBootFiles: the name by which a board requests a file begins with the token of the run, and is not longer
// than U-Boot's names.
func TestServeBootFiles(t *testing.T) {
	long := strings.Repeat("x", maxTFTPName-tokenLength)
	r := Engine{ListenUDP: func(ctx context.Context, network, _ string) (net.PacketConn, error) {
		return new(net.ListenConfig).ListenPacket(ctx, network, "127.0.0.1:0")
	}}.newBoardRun(&Policy{Name: "b"}, Job{}, ModeFlash)
	r.files.files = map[string]bootFile{"kernel": {tftpName: "Image"}, "fits": {tftpName: long[1:]}, "initrd": {tftpName: long}}
	if err := r.files.serve(t.Context(), r, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	defer r.cleanups.run(func(err error) { t.Error(err) })
	for name, want := range map[string]string{"kernel": "Image", "fits": long[1:], "initrd": "f/initrd"} {
		if got := r.files.files[name].tftpName; got != r.token+"/"+want || len(got) > maxTFTPName {
			t.Errorf("the name of %s = %q of %d bytes; want %s/%s", name, got, len(got), r.token, want)
		}
	}
}

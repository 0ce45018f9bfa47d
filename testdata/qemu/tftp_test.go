package qemu

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/flashlua/flashlua/engine"
)

// TestExistingTFTPServer boots the board from Debian's tftpd, which gets its socket as from inetd.
func TestExistingTFTPServer(t *testing.T) {
	r := newRig(t, 100_001)
	var program string
	for _, dir := range []string{"/usr/sbin", filepath.Join(sourceDir(), "../../build/tftpd/usr/sbin")} {
		if path, err := exec.LookPath(filepath.Join(dir, "in.tftpd")); err == nil {
			program = path
		}
	}
	if program == "" {
		t.Skip("LEFT OUT: in.tftpd, of Debian's tftpd-hpa, is not here")
	}
	conn, err := net.ListenPacket("udp", r.tftp+":69")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	socket, err := conn.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	// It asks for the address of a request itself, but only for requests that come after its start.
	if err := unix.SetsockoptInt(int(socket.Fd()), unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	tftpd := exec.Command(program, "--user", "daemon", "--secure", root)
	tftpd.Stdin = socket
	if err := tftpd.Start(); err != nil {
		t.Fatal(err)
	}
	defer tftpd.Wait()
	defer tftpd.Process.Kill()

	for _, method := range []string{"linux", "uboot"} {
		code, out, v := r.flash(policyFile(), "--tftp-dir", root, "--set", "method="+method)
		if method == "linux" {
			r.verified(code, out, v)
		} else if code != 0 || v.Target.State != engine.Verified || v.Target.Writer != method {
			t.Errorf("flashlua = exit %d, verdict %+v; want 0, verified, written by U-Boot\n%s", code, v, out)
		}
		if len(v.Secondary) > 0 {
			t.Errorf("secondary errors = %q; want none", v.Secondary)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("ReadDir of the TFTP folder = %v, %v; want nothing left", left, err)
	}
	r.equal()
}

// TestTFTPSavedVariables loads a file although the environment names another server and other ports.
func TestTFTPSavedVariables(t *testing.T) {
	r := newRig(t, 1)
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		if _, err := s.DHCP(ctx, ub); err != nil {
			return err
		}
		for name, value := range map[string]string{"tftpdstp": "70", "tftpsrcp": "1025", "tftpserverip": "10.0.2.99", "serverip": "10.0.2.99"} {
			if err := ub.SetEnv(ctx, name, value); err != nil {
				return err
			}
		}
		return s.Load(ctx, ub, "initrd")
	})
}

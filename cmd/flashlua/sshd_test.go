package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/built"
)

// startSSHD starts OpenSSH's server for this user, and returns a directory with a program ssh that connects to it for
// any host.
func startSSHD(t *testing.T) (bin string) {
	t.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err == nil {
		_, err = exec.LookPath("ssh")
	}
	if err != nil {
		t.Skipf("LEFT OUT: OpenSSH's server: %v", err)
	}
	if os.Geteuid() == 0 {
		os.MkdirAll("/run/sshd", 0o755) // which Debian's server needs
	}
	dir := t.TempDir()
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	bin = filepath.Join(dir, "bin")
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	write("server", fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/user.pub\nStrictModes no\nUsePAM no\n"+
		"PidFile none\nPermitRootLogin yes\nPasswordAuthentication no\nSetEnv XDG_CACHE_HOME=%[2]s/there FLASHLUA_LOCKS=%[2]s\n", port, dir), 0o600)
	write("client", fmt.Sprintf("Host *\n HostName 127.0.0.1\n Port %d\n IdentityFile %[2]s/user\n IdentitiesOnly yes\n BatchMode yes\n"+
		" StrictHostKeyChecking no\n UserKnownHostsFile %[2]s/known\n LogLevel ERROR\n", port, dir), 0o600)
	write("bin/ssh", fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F %s/client \"$@\"\n", dir), 0o700)
	server := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "server"))
	log, err := server.StderrPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening") {
	}
	go io.Copy(io.Discard, log)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "ssh"), "any", "true").CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: OpenSSH's server does not let this user in, whose account may be locked: %v\n%s", err, out)
	}
	return bin
}

// TestOnAnotherHost runs on a host of OpenSSH: the artefacts are here after it, and an interrupt here switches the
// board off there.
func TestOnAnotherHost(t *testing.T) {
	bin, dir := startSSHD(t), workDir(t)
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "flashlua", append([]string{"run", "--image", "x.raw", "--on", "ssh:bench", "--out", "out"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		return cmd
	}
	wantRun(t, run("sim", "--port", "sim:"), 0, "copying flashlua to bench", "verified")
	for _, name := range artefactNames {
		if st, err := os.Stat(filepath.Join(dir, "out", name)); err != nil || st.Size() == 0 {
			t.Errorf("%s after the run = %v, %v; want its content", name, st, err)
		}
	}
	again := run("sim", "--port", "sim:block=9", "--retries", "0")
	if out, _ := again.CombinedOutput(); again.ProcessState.ExitCode() != int(engine.ExitExhausted) || strings.Contains(string(out), "copying") {
		t.Errorf("the second run = exit %d; want 4, and nothing copied\n%s", again.ProcessState.ExitCode(), out)
	}
	b := startBenchBoard(t, "tcp:127.0.0.1:0", "size=64")
	cmd := run("sim", "--port", b.port, "--power", b.pdu+"/{}", "--set", "power.off_time=1ms")
	out := built.Follow(t, cmd, "  linux", func() { cmd.Process.Signal(syscall.SIGINT) })
	if code := cmd.ProcessState.ExitCode(); code != 130 || b.states() != "off on off" {
		t.Errorf("after an interrupt: exit %d, states of the power %q; want 130, off on off\n%s", code, b.states(), out)
	}
}

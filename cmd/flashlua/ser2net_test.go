package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestFlashThroughSer2net flashes a board whose serial port is served by ser2net.
func TestFlashThroughSer2net(t *testing.T) {
	dir := workDir(t)
	sim := exec.CommandContext(t.Context(), "flashlua", "sim", "--listen", "pty", "--set", "size=1")
	pty, power := offered(t, sim)

	at, first := startSer2net(t, "telnet(rfc2217),", strings.TrimPrefix(pty, "serial:")+",9600n81")
	first.Close()
	run := exec.CommandContext(t.Context(), "flashlua", "run", "sim", "--image", "x.raw", "--port", "rfc2217:"+at, "--power", power, "--set", "power.off_time=1ms", "--quiet")
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// startSer2net serves a serial port with the given accepter until the test ends. It returns the address and a
// client.
func startSer2net(t *testing.T, accepter, device string) (string, net.Conn) {
	ser2net, err := exec.LookPath("ser2net")
	if err != nil {
		ser2net = "/usr/sbin/ser2net"
	}
	if _, err := os.Stat(ser2net); err != nil {
		if os.Getenv("FLASHLUA_REQUIRE_QEMU") == "1" {
			t.Fatal(err)
		}
		t.Skip("LEFT OUT: there is no ser2net; as root `make test-deps` installs it")
	}
	// A loopback address that only this process uses, so that no other process takes the port before ser2net does.
	pid := os.Getpid()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+pid>>16, pid>>8&255, pid&255))
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config := filepath.Join(t.TempDir(), "ser2net.yaml")
	text := fmt.Sprintf("connection: &board\n  accepter: %stcp(nodelay),%s,%s\n  connector: serialdev,%s,local\n", accepter, host, port, device)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), ser2net, "-n", "-u", "-c", config)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a killed test run leaves no server
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when the starting thread ends
		started <- server.Start()
		ended <- server.Wait()
		close(ended)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		<-ended
	})
	for {
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			return l.Addr().String(), conn
		}
		select {
		case err := <-ended:
			t.Fatalf("ser2net ended: %v", err)
		default:
		}
	}
}

// TestConsoleOfAnother holds that a console with another client is refused, and that the board of that client is
// not switched.
func TestConsoleOfAnother(t *testing.T) {
	dir := workDir(t)
	sim := exec.CommandContext(t.Context(), "flashlua", "sim", "--listen", "pty", "--set", "size=1")
	pty, _ := offered(t, sim)
	at, other := startSer2net(t, "", strings.TrimPrefix(pty, "serial:")+",115200n81")
	defer other.Close()
	const last = "nothing was touched: transport.busy; a later try may work (exit 75)\n"
	for port, want := range map[string]string{
		"tcp:" + at: "Caused by: the server hung up at once: Port already in use\nHint: a console server often takes one client at a time: end the other one\n",
		"exec:head -c 1 >/dev/null; echo 'microcom: cannot open lock file' >&2; exit 1": "Error: the command of the console port ended: exit status 1: microcom: cannot open lock file\n" +
			"Hint: run the command by hand: it must stay connected to the console, and have it alone\n",
	} {
		if kind, _, _ := strings.Cut(port, ":"); kind == "tcp" {
			want = "Error: cannot open the console port " + port + "\n" + want
		}
		got := refused(t, flashlua(t, dir, "--image", "x.raw", "--port", port, "--power", "command:echo {} >>switched", "--tftp-dir", t.TempDir()))
		if got != want+last {
			t.Errorf("stderr with --port %s =\n%s\nwant\n%s", port, got, want+last)
		}
	}
	if switched, err := os.ReadFile(filepath.Join(dir, "switched")); err == nil {
		t.Errorf("power commands = %q; want none", switched)
	}
}

// TestConsoleServerRefuses holds the error for a telnet server that refuses to set the line.
func TestConsoleServerRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "\xff\xfe\x2c") // DONT COM-PORT
			defer conn.Close()
		}
	}()
	at := l.Addr().String()
	got := refused(t, flashlua(t, workDir(t), "--image", "x.raw", "--port", "rfc2217:"+at, "--power", "none"))
	want := fmt.Sprintf(`Error: cannot open the console port rfc2217:%[1]s
Caused by: the server at %[1]s refuses RFC 2217's COM-PORT option
Hint: telnet:%[1]s takes the line as the server has it, tcp:%[1]s too if the server does not speak telnet
nothing was touched: transport.line (exit 2)
`, at)
	if got != want {
		t.Errorf("stderr =\n%s\nwant\n%s", got, want)
	}
}

// offered starts a simulated board, which ends with the test, and returns its port and power driver.
func offered(t *testing.T, sim *exec.Cmd) (port, power string) {
	stdout, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sim.Process.Signal(syscall.SIGINT)
		sim.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if offer := simOffer.FindStringSubmatch(lines.Text()); offer != nil {
			return offer[1], offer[2]
		}
	}
	t.Fatal("the simulated board printed no port")
	return "", ""
}

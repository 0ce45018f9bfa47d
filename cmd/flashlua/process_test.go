package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/goterm/term"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/testdata/gpt"
)

const silentBoard = `return { targets = { disk = "/dev/vda" }, boot = "booti" }`

// workDir returns a directory with a policy and an image.
func workDir(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range map[string]string{"board.lua": silentBoard, "x.raw": "imag\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// flashlua returns a command of the real program without a terminal.
func flashlua(t *testing.T, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "flashlua", append([]string{"run", "board.lua"}, args...)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// refused runs a process that must touch nothing, and returns its standard error.
func refused(t *testing.T, cmd *exec.Cmd) string {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 2 && code != 75 {
		t.Errorf("%s: exit %d\n%s", cmd, code, &stderr)
	}
	return stderr.String()
}

// untilAttempt starts a process and waits until it has opened the port.
func untilAttempt(t *testing.T, cmd *exec.Cmd) {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); ; {
		if !lines.Scan() {
			t.Fatalf("%s ended:\n%s", cmd, &said)
		}
		fmt.Fprintln(&said, lines.Text())
		if lines.Text() == "attempt 1" {
			break
		}
	}
	go io.Copy(io.Discard, stderr)
}

// TestTwoRunsOnOnePort holds that a second run is refused and names the first, and that the lock of a killed run
// is stale.
func TestTwoRunsOnOnePort(t *testing.T) {
	pty, err := term.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	port, err := pty.PTSName()
	if err != nil {
		t.Fatal(err)
	}
	dir := workDir(t)
	run := func() *exec.Cmd {
		return flashlua(t, dir, "--image", "x.raw", "--port", "serial:"+port, "--power", "none")
	}
	lock := "/run/lock/LCK.." + filepath.Base(port)
	held := func() string {
		text, _ := os.ReadFile(lock)
		return strings.TrimSpace(string(text))
	}
	defer func() { os.Remove(lock) }()

	first := run()
	untilAttempt(t, first)
	pid := fmt.Sprint(first.Process.Pid)
	want := regexp.MustCompile(fmt.Sprintf(`^Error: the console port serial:%s is held by .* \(process %s\) since .*, flashlua run board.lua, image x.raw
Hint: wait for it, as with --wait 30m, or end that job
nothing was touched: station.held; a later try may work \(exit 75\)
$`, port, pid))
	if got := refused(t, run()); !want.MatchString(got) {
		t.Errorf("stderr of the second run =\n%s\nwant\n%s", got, want)
	}
	locked := held() == pid // else the lock directory is not writable
	first.Process.Kill()
	first.Wait()
	if locked && held() != pid {
		t.Errorf("lock file of a killed process = %q; want its pid", held())
	}

	next := run()
	untilAttempt(t, next)
	if locked && held() != fmt.Sprint(next.Process.Pid) {
		t.Errorf("lock file = %q; want the pid %d", held(), next.Process.Pid)
	}
	next.Process.Signal(syscall.SIGTERM)
	next.Wait()
	if code := next.ProcessState.ExitCode(); code != 143 || held() != "" {
		t.Errorf("exit %d, lock file = %q", code, held())
	}
	if !locked {
		t.Log("LEFT OUT: /run/lock cannot be written, so there is no lock file")
	}
}

// TestKilledLeavesNoFolder holds that a run removes a killed run's directories of TFTP files and of a simulated
// board.
func TestKilledLeavesNoFolder(t *testing.T) {
	dir, root, tmp := workDir(t), t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"board.lua": viaTFTP, "Image": string(kernelFile())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) *exec.Cmd {
		cmd := flashlua(t, dir, append(args, "--image", "x.raw", "--port", "sim:size=1,silent=uboot", "--tftp-dir", root)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		return cmd
	}
	left := func() (n []int) {
		for _, dir := range []string{root, tmp} {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			n = append(n, len(entries))
		}
		return n
	}
	first := run()
	untilAttempt(t, first)
	first.Process.Kill()
	first.Wait()
	if got := left(); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("directories of the killed run = %d", got)
	}
	if out, err := run("--timeout", "300ms").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("deadline.total")) {
		t.Errorf("%v\n%s", err, out)
	}
	if got := left(); !slices.Equal(got, []int{0, 0}) {
		t.Errorf("directories after the next run = %d", got)
	}
}

func TestManualPowerWithoutATerminal(t *testing.T) {
	got := refused(t, flashlua(t, workDir(t), "--image", "x.raw", "--port", "unix:sock", "--power", "manual"))
	want := `Error: manual power asks a person, and there is no terminal here
Caused by: open /dev/tty: no such device or address
Hint: run it at a terminal, or name a driver that needs no person; none means that you reset the board when it does not answer
nothing was touched: config.plan (exit 2)
`
	if got != want {
		t.Errorf("stderr =\n%s\nwant\n%s", got, want)
	}
}

// TestImageOfTheWeb holds that no output shows the secrets in an image's URL.
func TestImageOfTheWeb(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "s3cret" || r.URL.RawQuery != "sig=s3cret" {
			w.WriteHeader(http.StatusForbidden)
		}
		http.ServeFile(w, r, "/no/such/file")
	}))
	defer web.Close()
	dir := workDir(t)
	console, err := net.Listen("unix", filepath.Join(dir, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close()
	at := web.Listener.Addr().String()
	got := refused(t, flashlua(t, dir, "--image", "http://me:s3cret@"+at+"/x.raw?sig=s3cret", "--port", "unix:sock", "--power", "none", "--verdict", "v.json"))
	want := strings.ReplaceAll(`Error: cannot download http://HOST/x.raw?…
Caused by: the server answers 404 Not Found: 404 page not found
Hint: check the address after --image, and that its server runs
nothing was touched: image.fetch (exit 2)
`, "HOST", at)
	if got != want {
		t.Errorf("stderr =\n%s\nwant\n%s", got, want)
	}
	verdict, err := os.ReadFile(filepath.Join(dir, "v.json"))
	if err != nil || bytes.Contains(verdict, []byte("s3cret")) || !bytes.Contains(verdict, []byte(`"path": "http://`+at+`/x.raw?…"`)) || !bytes.Contains(verdict, []byte(`"class": "fatal"`)) {
		t.Errorf("verdict %s, %v", verdict, err)
	}
}

var simOffer = regexp.MustCompile(`--port (\S+) --power '(\S+)'`)

// TestSimServesAgainAndAgain flashes a board of flashlua sim more than once. GOGC=1 shows whether the pseudo
// terminal is kept reachable: a finalizer would close it.
func TestSimServesAgainAndAgain(t *testing.T) {
	for _, listen := range []string{"pty", "tcp:127.0.0.1:0"} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			dir := workDir(t)
			sim := exec.CommandContext(t.Context(), "flashlua", "sim", "--listen", listen, "--set", "size=1")
			sim.Env = append(os.Environ(), "GOGC=1")
			port, power := offered(t, sim)
			for range 3 {
				run := exec.CommandContext(t.Context(), "flashlua", "run", "sim", "--image", "x.raw", "--port", port, "--power", power, "--set", "power.off_time=1ms", "--quiet")
				run.Dir = dir
				if out, err := run.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}

// TestBoardIsLookedAtWhileTheImageArrives holds that the board's read methods are measured while the image is
// downloaded.
func TestBoardIsLookedAtWhileTheImageArrives(t *testing.T) {
	cmd := flashlua(t, t.TempDir())
	cmd.Args = []string{"flashlua", "run", "sim", "--image", "-", "--port", "sim:", "-v"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var late atomic.Bool
	defer clock.Real{}.AfterFunc(time.Hour, func() {
		late.Store(true)
		stdin.Close()
	})()
	image := make([]byte, 40<<20) // more than flashlua downloads before it switches the board on
	image[0] = 1
	end := len(image) - 1
	go stdin.Write(image[:end])
	var all bytes.Buffer
	surveys := 0
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if strings.Contains(lines.Text(), "free=") {
			surveys++
			stdin.Write(image[end:])
			stdin.Close()
		}
	}
	if err := cmd.Wait(); err != nil || surveys != 1 || late.Load() {
		t.Errorf("%v, %d measurements, all after the image was complete: %t\n%s", err, surveys, late.Load(), &all)
	}
}

// TestPartsOfASimulatedBoard writes partitions of a simulated medium by label. The rest of the medium must not
// change.
func TestPartsOfASimulatedBoard(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "board/vda.img")
	os.Mkdir(filepath.Dir(disk), 0o755)
	want := bytes.Repeat([]byte{0xff}, 16<<20)
	if err := os.WriteFile(disk, want, 0o600); err != nil {
		t.Fatal(err)
	}
	parts := []gpt.Partition{{Label: "boot", From: 1<<20 + 512, Size: 1 << 20}, {Label: "rootfs", From: 4 << 20, Size: 8 << 20}}
	gpt.Write(t, disk, parts...)
	want, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "sim", "--port", "sim:dir=board,size=16"}
	for i, p := range parts {
		content := bytes.Repeat([]byte("\x00"+p.Label[1:]), 100_000+i)
		if err := os.WriteFile(filepath.Join(dir, p.Label), content, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--part", p.Label+":"+p.Label)
		at := want[p.From:][:len(content)/512*512+512]
		clear(at[copy(at, content):]) // the rest of the last sector is zeros
	}
	cmd := flashlua(t, dir)
	cmd.Args = append([]string{"flashlua"}, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(disk); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the content of the medium is wrong, %v", err)
	}
	other := flashlua(t, dir)
	other.Args = append([]string{"flashlua"}, append(args, "--part", "home:boot", "--retries", "0")...)
	if out, _ := other.CombinedOutput(); other.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "Hint: its partitions are boot, rootfs\n") {
		t.Errorf("unknown label: %s\n%s", other.ProcessState, out)
	}
}

package hold

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// jobVariable makes the test binary a job that acquires bench and holds it until its standard input ends. Its value is
// the request, with the folder.
const jobVariable = "FLASHLUA_TEST_JOB"

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		runJob(text)
	}
	os.Exit(m.Run())
}

// runJob is the job. It prints where it waits, and "held" or its error.
func runJob(text string) {
	var r struct {
		Dir, Command string
		Wait         time.Duration
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		panic(err)
	}
	lock, err := Locks{Dir: r.Dir}.Acquire(context.Background(), bench, Request{Command: r.Command, Wait: r.Wait, Notify: func(q Queue) error {
		fmt.Printf("place %d, held by %s\n", q.Place, q.Holder.User)
		return nil
	}})
	if err != nil {
		fmt.Println(classify.Facts(err).Kind, err)
		os.Exit(1)
	}
	fmt.Println("held")
	bufio.NewReader(os.Stdin).ReadString('\n')
	lock.Release()
	os.Exit(0)
}

// process is a job in a process of its own.
type process struct {
	*exec.Cmd
	in    *os.File // its end ends the hold
	lines *bufio.Scanner
}

// start starts a job as a user; 0 is that of the test.
func start(t *testing.T, l Locks, user uint32, command string, wait time.Duration) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Dir": l.Dir, "Command": command, "Wait": wait})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), program)}
	if user != 0 { // who cannot read the folder of the test binary
		p.Path = filepath.Join(l.Dir, "job")
		if _, err := os.Stat(p.Path); err != nil {
			if err := copyFile(program, p.Path); err != nil {
				t.Fatal(err)
			}
		}
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	}
	p.Env, p.Dir, p.Stderr = append(os.Environ(), jobVariable+"="+string(text)), "/", os.Stderr
	var in *os.File
	if in, p.in, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	p.Stdin = in
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	t.Cleanup(func() { p.in.Close() })
	return p
}

// says checks the next line of the job.
func (p *process) says(t *testing.T, want string) {
	t.Helper()
	p.lines.Scan()
	if got := p.lines.Text(); !strings.HasPrefix(got, want) {
		t.Fatalf("the job says %q; want %q", got, want)
	}
}

// end ends the hold, or kills the job.
func (p *process) end(t *testing.T, kill bool) {
	t.Helper()
	if kill {
		p.Process.Kill()
	}
	p.in.Close()
	if err := p.Wait(); (err != nil) != kill {
		t.Errorf("the job ended with %v", err)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	return err
}

// TestKilledHolder holds that a hold ends with its process, killed or not.
func TestKilledHolder(t *testing.T) {
	l := newLocks(t)
	for _, kill := range []bool{true, false} {
		p := start(t, l, 0, "first", 0)
		p.says(t, "held")
		wantHeld(t, l, Request{}, fmt.Sprintf("(process %d)", p.Process.Pid))
		w := wait(t.Context(), l, Request{Wait: time.Hour})
		<-w.queued
		p.end(t, kill)
		if err := <-w.got; err != nil {
			t.Fatalf("Acquire() after the end of the holder = %v; want nil", err)
		}
		w.lock.Release()
	}
}

// TestKilledWaiter holds that a killed job has no place in the queue.
func TestKilledWaiter(t *testing.T) {
	l := newLocks(t)
	first := hold(t, l, Request{})
	killed := start(t, l, 0, "killed", time.Hour)
	killed.says(t, "place 1")
	second := start(t, l, 0, "second", time.Hour)
	second.says(t, "place 2")
	killed.end(t, true)
	second.says(t, "place 1")
	third := start(t, l, 0, "third", time.Hour)
	third.says(t, "place 2")
	first.Release()
	second.says(t, "held")
	second.end(t, false)
	for third.lines.Text() != "held" && third.lines.Scan() {
	}
	third.end(t, false)
	entries, err := os.ReadDir(l.Dir)
	if len(entries) != 2 || err != nil {
		t.Errorf("files at the end = %v, %v; want the lock and its queue", entries, err)
	}
}

// unprivileged is a user who owns nothing.
const unprivileged = 65534

// TestOtherUsers holds that jobs of different users keep each other off, whichever of them made the files.
func TestOtherUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: holds of different users need root to start a job as another user")
	}
	for _, first := range []uint32{0, unprivileged} {
		l := newLocks(t)
		if err := os.Chmod(filepath.Dir(l.Dir), 0o755); err != nil {
			t.Fatal(err)
		}
		second := unprivileged - first
		holder := start(t, l, first, "first", 0)
		holder.says(t, "held")
		refused := start(t, l, second, "second", 0)
		refused.says(t, string(classify.StationHeld))
		refused.end(t, true)
		waits := start(t, l, second, "second", time.Hour)
		waits.says(t, "place 1")
		gone := start(t, l, second, "killed", time.Hour) // whose ticket the other user cannot remove
		gone.says(t, "place 2")
		gone.end(t, true)
		third := start(t, l, first, "third", time.Hour)
		third.says(t, "place 2")
		holder.end(t, false)
		waits.says(t, "held")
		waits.end(t, false)
		for third.lines.Text() != "held" && third.lines.Scan() {
		}
		third.end(t, false)
	}
}

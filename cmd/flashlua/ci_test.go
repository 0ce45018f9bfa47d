package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/testdata/built"
)

// ciSecret is the value of every secret of the jobs.
const ciSecret = "correct-horse"

// A ciHost is a station host with a checkout, in which jobs run.
type ciHost struct {
	dir string
	env []string
}

// newCIHost returns a host whose boards are those of the lab file of docs/ci.md, on ports that can be held.
func newCIHost(t *testing.T) ciHost {
	t.Helper()
	text, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	h := ciHost{dir: t.TempDir()}
	const port = `port = "sim:"`
	if !strings.Contains(string(text), port) {
		t.Fatalf("docs/ci.md has no lab file with %s", port)
	}
	prepare(t, h.dir, strings.ReplaceAll(string(text), port, `port = "sim:dir=`+h.dir+`/board-" .. i`))
	bin, locks := filepath.Join(h.dir, "bin"), filepath.Join(h.dir, "locks")
	if err := errors.Join(os.Mkdir(bin, 0o755), os.Mkdir(locks, 0o755)); err != nil {
		t.Fatal(err)
	}
	h.env = []string{
		"PATH=" + bin + ":" + filepath.Dir(built.Program(t)) + ":/usr/bin:/bin", "HOME=" + h.dir, "LANG=C.UTF-8",
		"FLASHLUA_LOCKS=" + locks, // the stations of the hosts have the same names
		"FLASHLUA_LAB=" + filepath.Join(h.dir, "lab.lua"), "GITHUB_STEP_SUMMARY=" + filepath.Join(h.dir, "step-summary.md"),
	}
	return h
}

// command returns a step of a job in a clean environment. It has a process group of its own.
func (h ciHost) command(t *testing.T, j ciJob, step int) *exec.Cmd {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(script, []byte(j.steps[step].text), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := j.steps[step].shell
	cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], script)...)
	cmd.Dir, cmd.Env = h.dir, slices.Clone(h.env)
	if j.server != "jenkins" {
		cmd.Env = append(cmd.Env, "CI=true")
	}
	for key, value := range j.env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs a step and returns its exit code and its output.
func (h ciHost) run(t *testing.T, j ciJob, step int) (code int, out string) {
	t.Helper()
	cmd := h.command(t, j, step)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// TestCI runs every job of docs/ci.md on simulated boards, and looks at what it leaves.
func TestCI(t *testing.T) {
	jobs := ciJobs(t)
	servers := map[string]bool{}
	for _, j := range jobs {
		servers[j.server] = true
		t.Run(j.server+"/"+j.name, func(t *testing.T) {
			t.Parallel()
			h := newCIHost(t)
			for i := range j.steps {
				if code, out := h.run(t, j, i); code != 0 || strings.Contains(out, ciSecret) {
					t.Fatalf("%s\nexit %d; want 0, and no secret\n%s", j.steps[i].text, code, out)
				}
			}
			h.checkFiles(t, j)
		})
	}
	if len(jobs) < 8 || len(servers) != 3 {
		t.Errorf("docs/ci.md has %d jobs of %d servers; want at least 8 of 3", len(jobs), len(servers))
	}
}

// checkFiles holds that the artefacts of a job exist, that the reports among them can be read, and that no secret is
// in them.
func (h ciHost) checkFiles(t *testing.T, j ciJob) {
	t.Helper()
	for _, name := range j.files {
		found := 0
		err := filepath.WalkDir(filepath.Join(h.dir, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			found++
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), ciSecret) {
				t.Errorf("%s contains the secret", path)
			}
			if filepath.Ext(path) == ".json" && !json.Valid(text) {
				t.Errorf("%s is no JSON: %s", path, text)
			}
			return err
		})
		if err != nil || found == 0 {
			t.Errorf("the artefact %s has %d files, %v; want some", name, found, err)
		}
	}
	if j.junit != "" {
		text, err := os.ReadFile(filepath.Join(h.dir, j.junit))
		if err != nil {
			t.Fatal(err)
		}
		if cases, failures := junitCases(t, text); cases == 0 || failures != 0 {
			t.Errorf("%s has %d cases, %d failures; want some, 0", j.junit, cases, failures)
		}
	}
	if slices.ContainsFunc(j.steps, func(s ciStep) bool { return strings.Contains(s.text, "$GITHUB_STEP_SUMMARY") }) {
		if text, err := os.ReadFile(filepath.Join(h.dir, "step-summary.md")); err != nil || !strings.Contains(string(text), "verified") {
			t.Errorf("the summary of the step is %q, %v; want the result", text, err)
		}
	}
}

// junitCases counts the test cases of a JUnit file, and those that failed.
func junitCases(t *testing.T, text []byte) (cases, failures int) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return cases, failures
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if start, ok := token.(xml.StartElement); ok {
			switch start.Name.Local {
			case "testcase":
				cases++
			case "failure", "error":
				failures++
			}
		}
	}
}

// withWait returns a job of the documents with one board, as it is or without --wait.
func withWait(t *testing.T, server, name string, wait bool) ciJob {
	t.Helper()
	for _, j := range ciJobs(t) {
		if j.server == server && j.name == name {
			const flag = " --wait 30m"
			for i, s := range j.steps {
				if !wait {
					j.steps[i].text = strings.Replace(s.text, flag, "", 1)
				}
			}
			return j
		}
	}
	t.Fatalf("docs/ci.md has no job %s of %s", name, server)
	return ciJob{}
}

// TestCIOneBoard starts the script of a job twice at once for one board. The second one waits for the first with
// --wait, and ends with 75 without.
func TestCIOneBoard(t *testing.T) {
	for _, c := range []struct {
		server, name string
		step         int
	}{{"gitlab", "flash", 0}, {"github", "flash", 0}, {"jenkins", "pipeline", 1}} {
		for name, wait := range map[string]bool{"waits": true, "ends": false} {
			t.Run(c.server+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := newCIHost(t)
				j := withWait(t, c.server, c.name, wait)
				first, second := h.command(t, j, c.step), h.command(t, j, c.step)
				other := h // jobs have a checkout each
				other.dir = t.TempDir()
				second.Dir = other.dir
				prepare(t, other.dir, "")
				group := func(s syscall.Signal) {
					if err := syscall.Kill(-first.Process.Pid, s); err != nil {
						t.Error(err)
					}
				}
				want, line := 75, "is held by"
				if wait {
					want, line = 0, "place 1 in the queue; it is held by"
				}
				built.Follow(t, first, "attempt 1", func() {
					group(syscall.SIGSTOP) // the first one keeps the board until the second one has found it held
					built.Follow(t, second, line, func() { group(syscall.SIGCONT) })
				})
				if code := first.ProcessState.ExitCode(); code != 0 {
					t.Errorf("the first job ends with %d; want 0", code)
				}
				if code := second.ProcessState.ExitCode(); code != want {
					t.Errorf("the second job ends with %d; want %d", code, want)
				}
			})
		}
	}
}

// hold holds the first board of the host until its standard input is closed.
func (h ciHost) hold(t *testing.T) (release func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "flashlua hold bench-1 -- sh -c 'echo held; cat'")
	cmd.Dir, cmd.Env = h.dir, h.env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = io.ReadFull(out, make([]byte, len("held\n")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		cmd.Wait()
	}
}

// TestCIRetries holds that a job whose board is held ends with a code on which its server, or the job itself, tries
// again, and that the next try succeeds. A failure is not tried again.
func TestCIRetries(t *testing.T) {
	for _, c := range []struct {
		server, name string
		step         int
	}{{"gitlab", "flash", 0}, {"gitlab", "flash-matrix", 0}, {"jenkins", "pipeline", 1}} {
		t.Run(c.server+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			h := newCIHost(t)
			j := withWait(t, c.server, c.name, false)
			release := h.hold(t)
			if code, out := h.run(t, j, c.step); !slices.Contains(j.retryOn, code) {
				t.Errorf("with a held board the job ends with %d; its server tries again on %d\n%s", code, j.retryOn, out)
			}
			release()
			if code, out := h.run(t, j, c.step); code != 0 {
				t.Errorf("the next try ends with %d; want 0\n%s", code, out)
			}
			if err := os.WriteFile(filepath.Join(h.dir, "disk.img.xz"), []byte("this is text"), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, out := h.run(t, j, c.step); code == 0 || slices.Contains(j.retryOn, code) {
				t.Errorf("with a text as image the job ends with %d; want a code on which nothing tries again\n%s", code, out)
			}
		})
	}
	t.Run("github/tries", func(t *testing.T) {
		t.Parallel()
		h := newCIHost(t)
		j := withWait(t, "github", "tries", true)
		if code, out := func() (int, string) { defer h.hold(t)(); h.pauses(t, ""); return h.run(t, j, 0) }(); code != 75 || strings.Count(out, "nothing was touched") != 3 {
			t.Errorf("with a board that stays held the step ends with %d; want 75 after 3 tries\n%s", code, out)
		}
		release := h.hold(t)
		h.pauses(t, "[ $1 = 0 ] || { : >"+h.dir+"/release; flashlua hold bench-1 --wait 10m -- true; }")
		if err := syscall.Mkfifo(filepath.Join(h.dir, "release"), 0o600); err != nil {
			t.Fatal(err)
		}
		go func() { // opening waits for the pause after the first try
			os.ReadFile(filepath.Join(h.dir, "release"))
			release()
		}()
		if code, out := h.run(t, j, 0); code != 0 || strings.Count(out, "nothing was touched") != 1 {
			t.Errorf("with a board that is released in the pause the step ends with %d; want 0 at the second try\n%s", code, out)
		}
		if err := os.WriteFile(filepath.Join(h.dir, "disk.img.xz"), []byte("this is text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := h.run(t, j, 0); code != 2 || strings.Count(out, "nothing was touched") != 1 {
			t.Errorf("with a text as image the step ends with %d; want 2 after one try\n%s", code, out)
		}
	})
}

// pauses replaces the command sleep of the jobs.
func (h ciHost) pauses(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "bin/sleep"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestCICancelled cancels jobs as their servers do. flashlua leaves a verdict, and the job ends with its exit code.
func TestCICancelled(t *testing.T) {
	for _, c := range []struct {
		server, name string
		signal       syscall.Signal
		group        bool // all processes of the job, or only the first one
		want         int
	}{
		{"github", "flash", syscall.SIGINT, false, 130},
		{"github", "tries", syscall.SIGINT, false, 143},
		{"gitlab", "flash", syscall.SIGTERM, true, 143},
		{"jenkins", "pipeline", syscall.SIGTERM, true, 143},
	} {
		t.Run(c.server+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			h := newCIHost(t)
			j := withWait(t, c.server, c.name, true)
			step := 0
			if c.server == "jenkins" {
				step = 1
			}
			cmd := h.command(t, j, step)
			built.Follow(t, cmd, "attempt 1", func() {
				to := cmd.Process.Pid
				if c.group {
					to = -to
				}
				if err := syscall.Kill(to, c.signal); err != nil {
					t.Error(err)
				}
			})
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if code := status.ExitStatus(); code != c.want && !(c.group && status.Signaled()) { // the shell can end first
				t.Errorf("the job ends with %v; want %d", cmd.ProcessState, c.want)
			}
			text, err := os.ReadFile(filepath.Join(h.dir, "out/verdict.json"))
			if err != nil {
				t.Fatal(err)
			}
			var r engine.Report
			if err := json.Unmarshal(text, &r); err != nil || int(r.Exit) != c.want {
				t.Errorf("the verdict has exit %d, %v; want %d", r.Exit, err, c.want)
			}
		})
	}
}

package qemu

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func TestFlash(t *testing.T) {
	for _, size := range []int64{1_000_001, 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := newRig(t, size)
			r.verified(r.flash(policyFile()))
			r.equal()
			r.power("paused")
			if size == 1 { // again, as it is left by the first run
				r.verified(r.flash(policyFile()))
			}
		})
	}
}

func TestFlashPacked(t *testing.T) {
	r := inLinux(t, 2_000_001)
	for suffix, pack := range map[string][]string{".gz": {"gzip", "-k"}, ".zst": {"zstd", "-q"}, ".bz2": {"bzip2", "-k"}, ".lz4": {"lz4", "-q", "-m"}} {
		if out, err := exec.Command(pack[0], append(pack[1:], r.image)...).CombinedOutput(); err != nil {
			t.Skipf("LEFT OUT: %v\n%s", err, out)
		}
		r.flip(0) // so that an earlier flash does not count
		code, out, v := r.flash(r.fromShell(), "--image", r.image+suffix, "--sha256", fmt.Sprintf("%x", sha256.Sum256(r.want)))
		if code != 0 || v.Result != "verified" || v.Image.Size != int64(len(r.want)) {
			t.Errorf("flashlua with %s = exit %d, %s, %d bytes; want 0, verified, %d\n%s", suffix, code, v.Result, v.Image.Size, len(r.want), out)
		}
		r.equal()
	}
}

func TestTFTPServerSilent(t *testing.T) {
	r := newRig(t, 1000)
	e := engine.Engine{
		ListenUDP: func(context.Context, string, string) (net.PacketConn, error) {
			return net.ListenPacket("udp", "127.0.0.1:0")
		},
	}
	rep := r.run(e, policyFile(), 0)
	if rep.Exit != engine.ExitExhausted || rep.Kind != string(classify.NetTFTPTimeout) || rep.Step != "load" || rep.Target.State != engine.Untouched {
		t.Errorf("run = exit %d, kind %s, step %s, target %s; want exhausted, net.tftp.timeout, load, untouched\n%v", rep.Exit, rep.Kind, rep.Step, rep.Target.State, rep.Err)
	}
	r.power("paused")
}

func TestOverrides(t *testing.T) {
	// QEMU itself answers TFTP at 10.0.2.2, with a refusal.
	const refuse = `board.net.tftp = "10.0.2.2"; board.net.listen = "127.0.0.1"` + "\n"
	for _, tt := range []struct {
		name, lua string
		args      []string
		exit      int
		rule      classify.Rule
		tries     int
		text      []string
	}{
		{"fatal", `function board.classify(err, next) if err:is("net.tftp") then return "fatal" end return next(err) end`, nil, 3, classify.RulePolicy, 1, nil},
		{"backoff", `function board.backoff(n, err, next) if err:is("net") then return "3s" end return next(n, err) end`, []string{"--retries", "1"}, 4, classify.RuleRetry, 2, []string{"next attempt in 3s"}},
		{"raises", "function board.classify(err)\n\tlocal x\n\treturn x.y\nend", []string{"--retries", "0"}, 4, classify.RuleRetry, 1, []string{"TFTP error", "classify failed: ", "variant.lua:5: attempt to index local 'x' (a nil value)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 1000)
			// The board loads from QEMU's address, and not from the station's own server.
			policy := r.variant(refuse + tt.lua)
			cmd := r.command(policy, tt.args...)
			cmd.Args = append(cmd.Args, "--set", "net.listen="+r.tftp)
			for i, a := range cmd.Args {
				if a == "net.tftp="+r.tftp {
					cmd.Args[i] = "net.tftp=10.0.2.2"
				}
			}
			out, _ := cmd.CombinedOutput()
			v := r.verdict()
			if cmd.ProcessState.ExitCode() != tt.exit || v.Rule != string(tt.rule) || len(v.Attempts) != tt.tries || v.Kind != string(classify.NetTFTP) {
				t.Errorf("flashlua = exit %d, rule %s, %d attempts, kind %s; want %d, %s, %d\n%s", cmd.ProcessState.ExitCode(), v.Rule, len(v.Attempts), v.Kind, tt.exit, tt.rule, tt.tries, out)
			}
			for _, want := range tt.text {
				if !strings.Contains(string(out), want) {
					t.Errorf("the output lacks %q; want it in\n%s", want, out)
				}
			}
			r.power("paused")
		})
	}
}

func TestSignals(t *testing.T) {
	for sig, want := range map[syscall.Signal]engine.ExitCode{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			start, policy := inLinux, (*rig).fromShell
			if sig == syscall.SIGINT { // from the power switch on
				start, policy = newRig, func(*rig, ...string) string { return policyFile() }
			}
			r := start(t, 32<<20)
			cmd := r.command(policy(r))
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			var sent time.Time
			for lines := bufio.NewScanner(stderr); lines.Scan(); {
				fmt.Fprintln(&out, lines.Text())
				if sent.IsZero() && strings.Contains(lines.Text(), "  write       ") {
					sent = time.Now()
					cmd.Process.Signal(sig)
				}
			}
			cmd.Wait()
			took := time.Since(sent)
			v := r.verdict()
			if code := engine.ExitCode(cmd.ProcessState.ExitCode()); code != want || v.Exit != want || sent.IsZero() {
				t.Errorf("flashlua = exit %d %s after the signal, verdict %d; want %d\n%s", code, took, v.Exit, want, out.String())
			}
			if v.Target.State != engine.Partial || v.Kind != string(classify.RunInterrupted) {
				t.Errorf("verdict = target %s, kind %s; want partial, run.interrupted", v.Target.State, v.Kind)
			}
			r.power("paused")
			conn, err := net.ListenPacket("udp", r.tftp+":69")
			if err != nil {
				t.Errorf("ListenPacket of the TFTP port = %v; want nil", err)
			} else {
				conn.Close()
			}
		})
	}
}

func TestTotalDeadline(t *testing.T) {
	r := newRig(t, 1000)
	code, out, v := r.flash(r.variant(`function board.flash(s)
		s.power:cycle()
		while true do time.sleep("1h") end
	end`), "--timeout", "6s")
	if code != 5 || v.Kind != string(classify.DeadlineTotal) {
		t.Errorf("flashlua = exit %d, kind %s; want 5, deadline.total\n%s", code, v.Kind, out)
	}
	r.power("paused")
}

func TestBadInputLeavesThePowerAlone(t *testing.T) {
	r := newRig(t, 1000)
	for name, tt := range map[string]struct {
		lua  string
		args []string
		want []string
	}{
		"missing image":  {"", []string{"--image", "/no/such.raw"}, []string{"/no/such.raw", "--image"}},
		"missing port":   {"", []string{"--port", "unix:/no/such"}, []string{"unix:/no/such", "no such file"}},
		"unknown target": {"", []string{"--target", "emmc"}, []string{`no target "emmc"`, "it has disk"}},
		"unknown key":    {"board.uboot.promt = '=> '", nil, []string{"variant.lua:2", "uboot.promt", "did you mean prompt?"}},
		"unknown set":    {"", []string{"--set", "uboot.promt=x"}, []string{"uboot.promt", "did you mean uboot.prompt?"}},
		"missing kernel": {"board.files.kernel[1] = 'nope/Image'", nil, []string{"kernel", "nope/Image", "--files"}},
		"syntax error":   {"board = = 1", nil, []string{"variant.lua:2", `near "="`}},
		"neither":        {"do return 42 end", nil, []string{"variant.lua", "a number"}},
		"nothing":        {"do return end", nil, []string{"variant.lua", "returns nothing"}},
		"undeclared":     {"bord.name = 'x'", nil, []string{"variant.lua:2", `"bord"`}},
		"bad duration":   {"board.limits = { total = 60 }", nil, []string{"limits.total", `"90s"`}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, v := r.flash(r.variant(tt.lua), tt.args...)
			for _, want := range append(tt.want, "Error: ", "nothing was touched") {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q; want it in\n%s", want, out)
				}
			}
			if code != 2 || v.Exit != 2 || v.Target.State != engine.Untouched || strings.Count(out, "Error: ") != 1 {
				t.Errorf("flashlua = exit %d, verdict %+v; want 2, untouched, one error\n%s", code, v, out)
			}
			r.power("prelaunch")
		})
	}
	t.Run("busy port", func(t *testing.T) {
		other, err := net.Dial("unix", strings.TrimPrefix(r.Port, "unix:"))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		code, out, _ := r.flash(policyFile())
		if code != 75 || !strings.Contains(out, "in use by") {
			t.Errorf("flashlua = exit %d; want 75, a port in use\n%s", code, out)
		}
		r.power("prelaunch")
	})
}

package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

func TestHostCommand(t *testing.T) {
	for _, tt := range []struct {
		cmd    HostCommand
		output string
		code   int
		kind   classify.Kind
		text   string
	}{
		{cmd: HostCommand{Words: []string{"printf", "%s|", "a b", "$HOME", "*"}}, output: "a b|$HOME|*|"},
		{cmd: HostCommand{Shell: "echo out; echo err >&2; echo; echo; exit 3"}, output: "out\nerr", code: 3},
		{cmd: HostCommand{Words: []string{"cat"}}, output: ""}, // its standard input is empty
		{cmd: HostCommand{Shell: "kill -TERM $$"}, code: 143},
		{cmd: HostCommand{Words: []string{"no-such-program"}}, kind: classify.HostStart, text: "the command `no-such-program` cannot be started"},
		{cmd: HostCommand{Words: []string{"./a/directory/"}}, kind: classify.HostStart, text: "cannot be started"},
		{cmd: HostCommand{Shell: "yes"}, kind: classify.HostOverflow, text: "it has more than 1048576 bytes of output"},
		{cmd: HostCommand{Shell: "head -c 1048576 /dev/zero | tr '\\0' x; exit 1"}, output: strings.Repeat("x", MaxHostOutput), code: 1},
		{cmd: HostCommand{Shell: "echo begins; sleep 1000", Timeout: 200 * time.Millisecond}, kind: classify.HostTimeout, text: "was killed: begins"},
	} {
		output, code, err := tt.cmd.run(t.Context(), clock.Real{})
		chain := strings.Join(classify.Messages(err), "\n")
		if output != tt.output || code != tt.code || classify.Facts(err).Kind != tt.kind || !strings.Contains(chain, tt.text) {
			t.Errorf("run(%s) = %.40q, %d, %q; want %.40q, %d, %s: %s", tt.cmd, output, code, chain, tt.output, tt.code, tt.kind, tt.text)
		}
	}
}

// TestHostCommandEndsWithItsGroup holds that the end of the context kills what the command started, too.
func TestHostCommandEndsWithItsGroup(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		// The child holds the FIFO open until it is killed.
		_, _, err := HostCommand{Shell: "(exec 3>'" + fifo + "'; sleep 1000) & wait"}.run(ctx, clock.Real{})
		ended <- err
	}()
	f, err := os.Open(fifo) // waits for the child
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cancel(InterruptedBy("SIGINT", 2))
	if err := <-ended; classify.Find(err, classify.RunInterrupted) == nil {
		t.Errorf("run after the cancel = %v; want run.interrupted", err)
	}
	if n, err := f.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("Read(fifo) = %d, %v; want the end of the file: the child is killed", n, err)
	}
}

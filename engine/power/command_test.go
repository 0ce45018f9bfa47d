package power

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

func TestCommand(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	d, err := Open("command:echo port 3 {} >>" + log)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func(context.Context) error{d.Check, d.Off, d.On} {
		if err := f(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(log); string(got) != "port 3 off\nport 3 on\n" {
		t.Errorf("the command ran as %q, %v", got, err)
	}
}

func TestCommandErrors(t *testing.T) {
	if _, err := Open("command:pdu on"); classify.Facts(err).Kind != classify.Usage {
		t.Errorf("a command without a place for the state: %v", err)
	}
	d := command("no-such-program-here {}")
	if err := d.Check(t.Context()); classify.Facts(err).Kind != classify.PowerConnect {
		t.Errorf("Check of a missing program = %v", err)
	}
	err := command("echo relay stuck; test {} = on").Off(t.Context())
	if f := classify.Facts(err); f.Kind != classify.PowerCommand || f.Class != classify.Retry || !strings.Contains(err.Error(), "`echo relay stuck; test off = on` failed: relay stuck: exit status 1") {
		t.Errorf("a failure = %v of kind %s", err, f.Kind)
	}
	late := errors.New("late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, late)
	defer cancel()
	if err := command("cat /dev/zero | cat >/dev/null; {}").On(ctx); !errors.Is(err, late) {
		t.Errorf("a command that hangs = %v", err)
	}
}

// TestCommandEndedByAStraySignal: a signal for flashlua's process group must not keep the board on.
func TestCommandEndedByAStraySignal(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup the commands would inherit that it is ignored
	defer signal.Reset(syscall.SIGHUP)
	for _, tt := range []struct {
		signal string
		times  int
		runs   int
		ok     bool
	}{
		{"TERM", 1, 2, true},
		{"INT", 2, 3, true},
		{"HUP", 9, strayTries, false},
		{"KILL", 1, 1, false},
		{"SEGV", 1, 1, false},
	} {
		dir := t.TempDir()
		d := command(`cd ` + dir + `; echo {} >>ran; [ $(wc -l <ran) -gt ` + strconv.Itoa(tt.times) + ` ] || kill -` + tt.signal + ` $$`)
		err := d.Off(t.Context())
		ran, _ := os.ReadFile(filepath.Join(dir, "ran"))
		if got := strings.Count(string(ran), "off\n"); got != tt.runs || (err == nil) != tt.ok {
			t.Errorf("SIG%s %d times: ran %d times, %v; want %d, success %t", tt.signal, tt.times, got, err, tt.runs, tt.ok)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	if err := command("kill -TERM $$ {}").Off(ctx); err == nil {
		t.Error("a command of a context that has ended succeeded")
	}
}

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
		t.Errorf("the command wrote %q, %v; want %q", got, err, "port 3 off\nport 3 on\n")
	}
}

func TestCommandErrors(t *testing.T) {
	if _, err := Open("command:pdu on"); classify.Facts(err).Kind != classify.Usage {
		t.Errorf("Open() without a placeholder = %v; want kind %s", err, classify.Usage)
	}
	d := command("no-such-program-here {}")
	if err := d.Check(t.Context()); classify.Facts(err).Kind != classify.PowerConnect {
		t.Errorf("Check() of a missing program = %v; want kind %s", err, classify.PowerConnect)
	}
	err := command("echo relay stuck; test {} = on").Off(t.Context())
	if f := classify.Facts(err); f.Kind != classify.PowerCommand || f.Class != classify.Retry || !strings.Contains(err.Error(), "`echo relay stuck; test off = on` failed: relay stuck: exit status 1") {
		t.Errorf("Off() of a command that fails = %v of kind %s; want its output, of kind %s", err, f.Kind, classify.PowerCommand)
	}
	late := errors.New("late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, late)
	defer cancel()
	if err := command("cat /dev/zero | cat >/dev/null; {}").On(ctx); !errors.Is(err, late) {
		t.Errorf("On() of a command that hangs = %v; want %v", err, late)
	}
}

// TestCommandEndedByAStraySignal: a command that a signal to flashlua's process group has ended is run again.
func TestCommandEndedByAStraySignal(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // otherwise, under nohup, the commands would ignore it
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
			t.Errorf("Off() with SIG%s %d times = %d runs, %v; want %d runs, success %t", tt.signal, tt.times, got, err, tt.runs, tt.ok)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	if err := command("kill -TERM $$ {}").Off(ctx); err == nil {
		t.Error("Off() with a cancelled context = nil; want an error")
	}
}

package power

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// fakeQEMU serves one QMP client at a time, and reports its commands in got.
func fakeQEMU(t *testing.T, greet string) (path string, got chan string) {
	path, got = filepath.Join(t.TempDir(), "qmp"), make(chan string, 100)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(conn, greet)
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				var cmd struct{ Execute string }
				json.Unmarshal(lines.Bytes(), &cmd)
				got <- cmd.Execute
				fmt.Fprintln(conn, `{"event": "RESUME"}`)
				if cmd.Execute == "stop" && strings.Contains(greet, "broken") {
					fmt.Fprintln(conn, `{"error": {"class": "GenericError", "desc": "no such state"}}`)
					continue
				}
				fmt.Fprintln(conn, `{"return": {}}`)
			}
			conn.Close()
		}
	}()
	return path, got
}

func TestQMP(t *testing.T) {
	path, got := fakeQEMU(t, `{"QMP": {"version": {}}}`)
	d, err := Open("qmp:" + path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func(context.Context) error{d.Check, d.On, d.Off} {
		if err := f(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range strings.Fields("qmp_capabilities qmp_capabilities system_reset cont qmp_capabilities stop") {
		if c := <-got; c != want {
			t.Errorf("QEMU got the command %s; want %s", c, want)
		}
	}
}

func TestQMPErrors(t *testing.T) {
	broken, _ := fakeQEMU(t, `{"QMP": {"broken": true}}`)
	other, _ := fakeQEMU(t, `{"hello": 1}`)
	mute, _ := fakeQEMU(t, ``)
	for path, want := range map[string]string{
		broken:        "refuses stop: no such state",
		other:         "what answers is not QMP",
		mute:          "is another one connected?: too late",
		"/no/sock":    "no such file",
		"localhost:1": "connection refused",
	} {
		limit := time.Hour
		if path == mute {
			limit = 200 * time.Millisecond
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), limit, classify.New(classify.Power, "too late"))
		err := qmp(path).Off(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) || !classify.Facts(err).Kind.Is(classify.Power) {
			t.Errorf("Off() of %s = %v; want %q", path, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	if d, err := Open("none"); d != nil || err != nil {
		t.Errorf("Open(none) = %v, %v; want nil, nil", d, err)
	}
	for _, spec := range []string{"", "qmp", "qmp:", "horse:s3cret", "htps://me:s3cret@pdu/{}", "http:"} {
		if _, err := Open(spec); classify.Facts(err).Kind != classify.Usage || !strings.Contains(classify.Facts(err).Hint, "qmp:/path") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%q) = %v; want kind %s with examples and without the password", spec, err, classify.Usage)
		}
	}
}

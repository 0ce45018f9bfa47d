package qemu

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/testdata/applets"
)

// resetBoard undoes what a case may have changed beyond its directory.
const resetBoard = `{ ip addr flush dev eth0; ip link set eth0 down; hostname flashlua; dmesg -n 7; cd /; umount /tmp/case/*; } >/dev/null 2>&1`

// TestApplets runs the table that the simulated Linux is held to on the board's busybox: as one script, which the
// board fetches and whose output it sends back.
func TestApplets(t *testing.T) {
	cases := applets.Cases(slices.Concat(applets.Anywhere, applets.OnBoard))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan []byte, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Errorf("ReadAll(results) = %v; want nil", err)
			}
			results <- body
			return
		}
		io.WriteString(w, applets.Script(cases, resetBoard))
	})}
	go server.Serve(l)
	defer server.Close()
	r := inLinux(t, 1)
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		sh, err := s.Shell(ctx)
		if err != nil {
			return err
		}
		station := fmt.Sprintf("http://10.0.2.2:%d/", l.Addr().(*net.TCPAddr).Port)
		for _, cmd := range []string{
			"udhcpc -n -q -i eth0 >/dev/null 2>&1; wget -q -O /cases.sh " + station,
			"sh /cases.sh >/results 2>&1; " + resetBoard + "; dmesg -n 1",
			"udhcpc -n -q -i eth0 >/dev/null 2>&1; wget -q -O /dev/null --post-file /results " + station,
		} {
			if _, err := sh.Run(ctx, console.Command{Text: cmd, Timeout: hang}); err != nil {
				return err
			}
		}
		return nil
	})
	select {
	case out := <-results:
		for _, text := range applets.Differences(cases, applets.Results(out, len(cases))) {
			t.Error(text)
		}
	default:
		t.Error("the board sent no results; want those of every case")
	}
}

package qemu

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/testdata/applets"
)

// resetBoard undoes what a case may have changed beyond its directory.
const resetBoard = `{ ip addr flush dev eth0; ip link set eth0 down; hostname flashlua; dmesg -n 7; cd /; umount /tmp/case/*; } >/dev/null 2>&1`

// tables are the cases in the order in which they run, and what is done before each.
var tables = []struct {
	cases []applets.Case
	reset string
}{
	{applets.Cases(applets.Anywhere), ""},
	{applets.Cases(applets.OnBoard), resetBoard},
}

// TestApplets runs the table that the simulated Linux is held to on the board's busybox: as two scripts, which the
// board fetches and whose output it sends back.
func TestApplets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	results := make([][]byte, len(tables))
	mux := http.NewServeMux()
	for i, table := range tables {
		mux.HandleFunc(fmt.Sprintf("GET /%d", i), func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, applets.Script(table.cases, table.reset))
		})
		mux.HandleFunc(fmt.Sprintf("POST /%d", i), func(_ http.ResponseWriter, req *http.Request) {
			if results[i], err = io.ReadAll(req.Body); err != nil {
				t.Errorf("ReadAll(results) = %v; want nil", err)
			}
		})
	}
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	r := inLinux(t, 1)
	r.drive(func(ctx context.Context, s *engine.Session, _ *engine.Policy) error {
		sh, err := s.Shell(ctx)
		if err != nil {
			return err
		}
		const up = "udhcpc -n -q -i eth0 >/dev/null 2>&1"
		station := fmt.Sprintf("http://10.0.2.2:%d/", l.Addr().(*net.TCPAddr).Port)
		for _, cmd := range []string{
			up + "; for i in 0 1; do wget -q -O /cases$i " + station + "$i; done",
			resetBoard + "; for i in 0 1; do sh /cases$i >/results$i 2>&1; done; " + resetBoard + "; dmesg -n 1",
			up + "; for i in 0 1; do wget -q -O /dev/null --post-file /results$i " + station + "$i; done",
		} {
			if _, err := sh.Run(ctx, console.Command{Text: cmd, Timeout: hang}); err != nil {
				return err
			}
		}
		return nil
	})
	server.Shutdown(context.Background()) // which waits for the handlers
	for i, table := range tables {
		for _, text := range applets.Differences(table.cases, applets.Results(results[i], len(table.cases))) {
			t.Error(text)
		}
	}
}

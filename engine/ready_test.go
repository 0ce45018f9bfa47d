package engine

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// TestAwaitReady waits for the text with which a console announces itself.
func TestAwaitReady(t *testing.T) {
	for name, tt := range map[string]struct {
		port func(net.Conn)
		kind classify.Kind
		took time.Duration
	}{
		"at once": {func(c net.Conn) { c.Write([]byte("Connected to ttyUSB3\r\n")) }, "", 0},
		"later": {func(c net.Conn) {
			c.Write([]byte("ssh: asking for the key\r\n"))
			time.Sleep(7 * time.Second)
			c.Write([]byte("\x1b[1mConnected\x1b[m to ttyUSB3\r\n"))
		}, "", 7 * time.Second},
		"never": {func(c net.Conn) { c.Write([]byte("U-Boot 2024.01\r\n")) }, classify.TransportReady, readyTimeout},
		"lost":  {func(c net.Conn) { c.Close() }, classify.TransportLost, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far, near := net.Pipe()
				con := console.New(near, console.Config{})
				defer con.Close()
				go tt.port(far)
				began := time.Now()
				err := awaitReady(t.Context(), con, "Connected to")
				f := classify.Facts(err)
				if took := time.Since(began); (err != nil) != (tt.kind != "") || f.Kind != tt.kind || took != tt.took {
					t.Errorf("awaitReady() = %v of kind %q after %s; want kind %q after %s", err, f.Kind, took, tt.kind, tt.took)
				}
				if tt.kind == classify.TransportReady && f.Hint == "" {
					t.Error("awaitReady() has no hint; want one")
				}
			})
		})
	}
}

package console

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// TestOff tests the last lines of kernels, and lines that only look similar.
func TestOff(t *testing.T) {
	for said, off := range map[string]bool{
		"[   12.345678] reboot: Power down\r\n":                                     true,
		"[  912.345678][    T1] reboot: System halted\r\n":                          true,
		"reboot: Power down\r\n":                                                    true,
		"root@board:~# reboot: Power down\r\n":                                      true, // after a prompt
		"[    5.000001] reboot: Power off not available: System halted instead\r\n": true,
		"Power down.\r\n":                                                           true, // Linux 3.9
		"[    9.123456] System halted.\r\n":                                         true,
		"Reboot failed -- System halted\r\n":                                        true,
		"[    9.123456] reboot: Restarting system\r\n":                              false,
		"The system is going down for system halt NOW!\r\n":                         false,
		"[  OK  ] Reached target Power-Off.\r\n":                                    false,
		"Sent SIGTERM to all processes\r\nRequesting system poweroff\r\n":           false,
		"# grep 'reboot: Power down' /var/log/messages\r\n":                         false,
		"Nov 28 12:00:00 board kernel: reboot: Power down cycles 12\r\n":            false,
		"systemd-shutdown[1]: Powering off.\r\n":                                    false,
	} {
		synctest.Test(t, func(t *testing.T) {
			port := newFakeConnector(nil)
			c := New(port, Config{})
			defer c.Close()
			go port.end.Write([]byte(said))
			began := time.Now()
			_, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login:")}, Abort: []Abort{Off}, Timeout: time.Minute})
			want, after := classify.ConsoleTimeout, time.Minute
			if off {
				want, after = classify.BoardOff, 0
			}
			if kind, took := classify.Facts(err).Kind, time.Since(began); kind != want || took != after {
				t.Errorf("Expect() after %q = %v of kind %s after %s; want %s after %s", said, err, kind, took, want, after)
			}
		})
	}
}

// TestOffCanBeDisabled: Watch.Disable removes a built-in abort.
func TestOffCanBeDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newFakeConnector(nil)
		c := New(port, Config{Watch: Watch{Disable: []string{"off"}}})
		defer c.Close()
		go port.end.Write([]byte("reboot: Power down\r\nlogin:"))
		if _, err := c.Expect(t.Context(), Wait{For: []Pattern{Text("login:")}, Abort: []Abort{Off}, Timeout: time.Minute}); err != nil {
			t.Errorf("Expect() with off disabled = %v; want nil", err)
		}
	})
}

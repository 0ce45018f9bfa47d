package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
)

// TestLogin: one prompt of several is found, the kernel is quiet, the clock is the station's; and all of that once
// more on a Linux that runs already, whose clock is wrong and whose kernel talks all the time.
func TestLogin(t *testing.T) {
	r := newRig(t, 1000)
	r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		p.UBoot.Prompts, p.Linux.Prompts = []string{"vendor# ", "=> "}, []string{"$ ", "/root # ", "# "}
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		booting := clock.Real{}.Now()
		sh, err := fromUBoot(ctx, s, p, ub)
		if err != nil {
			return err
		}
		if ub.Prompt != "=> " || sh.Prompt != "/root # " {
			t.Errorf("prompts = %q, %q; want \"=> \", \"/root # \"", ub.Prompt, sh.Prompt)
		}
		prepared(ctx, t, sh, booting)
		for _, wrong := range []string{"date -u -s @86400", "date -u 010100002040"} {
			talk := "dmesg -n 8; " + wrong + "; (while [ -e /proc/self ] && [ ! -e /tmp/quiet ]; do echo noise >/dev/kmsg; usleep 50000; done) &"
			if _, err := sh.Run(ctx, console.Command{Text: talk}); err != nil {
				return err
			}
			began := clock.Real{}.Now()
			if sh, err = s.Shell(ctx); err != nil {
				return err
			}
			prepared(ctx, t, sh, began)
			if _, err := sh.Run(ctx, console.Command{Text: "touch /tmp/quiet; sleep 1; rm /tmp/quiet"}); err != nil {
				return err
			}
		}
		return nil
	})
}

// prepared checks what a login that began then does with a shell. Its clock may be off by as much as is not
// corrected, and by the time that the login took.
func prepared(ctx context.Context, t *testing.T, sh *shell.Shell, began time.Time) {
	t.Helper()
	if sh.BootTime.IsZero() {
		t.Error("BootTime is zero; want the kernel's clock")
	}
	level, err := sh.Run(ctx, console.Command{Text: "cat /proc/sys/kernel/printk"})
	if err != nil || !strings.HasPrefix(level, "1\t") {
		t.Errorf("printk = %q, %v; want level 1", level, err)
	}
	text, err := sh.Run(ctx, console.Command{Text: "date +%s"})
	seconds, _ := strconv.ParseInt(text, 10, 64)
	const off = 10 * time.Second
	if says, now := time.Unix(seconds, 0), (clock.Real{}).Now(); err != nil || says.Before(began.Add(-off)) || says.After(now.Add(off)) {
		t.Errorf("date = %q, %v; want %s to %s", text, err, began, now)
	}
}

// TestStaticAddress: a flash without DHCP, end to end.
func TestStaticAddress(t *testing.T) {
	r := newRig(t, 100_000)
	r.tftp = "127.0.70.2"
	r.verified(r.flash(policyFile(), "--set", "net.address=10.0.2.20/24", "--set", "net.gateway=10.0.2.2"))
	log, err := os.ReadFile(filepath.Join(r.dir, "t.log"))
	if s := string(log); err != nil || !strings.Contains(s, "our IP address is 10.0.2.20") || strings.Contains(s, "BOOTP") || strings.Contains(s, "udhcpc") {
		t.Errorf("transcript = %v; want the address 10.0.2.20 and no DHCP\n%s", err, s)
	}
	r.equal()
}

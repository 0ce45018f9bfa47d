package simboard

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	dhcpFirst = 250 * time.Millisecond // to the second request; the next ones double it
	dhcpMax   = 4 * time.Second
)

func dhcp(u *bootloader, ctx context.Context, _ []string) (int, error) {
	status := 0
	err := u.until(ctx, func(ctx context.Context) (err error) {
		status, err = u.lease(ctx)
		return err
	})
	if status == 0 && err == nil && u.env["autoload"] != "no" && u.env["bootfile"] != "" {
		return u.fetch(ctx, u.env["loadaddr"], u.env["bootfile"])
	}
	return status, err
}

// lease asks at growing intervals for the time in bootpretryperiod.
func (u *bootloader) lease(ctx context.Context) (int, error) {
	limit := time.Duration(u.number("bootpretryperiod", 28000)) * time.Millisecond
	silent := u.b.faults.trigger(FaultDHCP)
	for n, wait, passed := 1, dhcpFirst, time.Duration(0); ; n++ {
		u.printf("BOOTP broadcast %d\n", n)
		if n == 1 {
			if err := u.b.reach(StageDHCP); err != nil {
				return 1, err
			}
		}
		if !silent {
			break
		}
		if err := u.b.cfg.Clock.Sleep(ctx, wait); err != nil {
			return 1, context.Cause(ctx)
		}
		if passed += wait; passed >= limit {
			u.printf("\nRetry time exceeded; starting again\n")
			return 1, nil
		}
		wait = min(2*wait, dhcpMax)
	}
	ip, router, err := lease(ctx)
	if err != nil {
		return 1, nil
	}
	for name, value := range map[string]string{
		"ipaddr": ip.Addr().String(), "netmask": "255.255.255.0", "gatewayip": router.String(), "serverip": router.String(),
		"dnsip": "10.0.2.3",
	} {
		u.env[name] = value
	}
	u.printf("DHCP client bound to address %s (1 ms)\n", ip.Addr())
	return 0, nil
}

func ping(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("ping")
	}
	u.printf("Using ethernet@0 device\n")
	if u.env["ipaddr"] == "" {
		u.printf("*** ERROR: `ipaddr' not set\nping failed; host %s is not alive\n", args[1])
		return 1, nil
	}
	u.printf("host %s is alive\n", args[1])
	return 0, nil
}

func tftpboot(u *bootloader, ctx context.Context, args []string) (int, error) {
	addr, name := u.env["loadaddr"], u.env["bootfile"]
	switch len(args) {
	case 1:
	case 2:
		name = args[1]
	default:
		addr, name = args[1], args[2]
	}
	return u.fetch(ctx, addr, name)
}

// fetch is the command tftpboot.
func (u *bootloader) fetch(ctx context.Context, at, name string) (int, error) {
	addr, ok := hexAddress(at)
	if !ok || name == "" {
		return u.usage("tftpboot")
	}
	server := u.env["serverip"]
	if host, file, ok := strings.Cut(name, ":"); ok {
		server, name = host, file
	}
	if u.env["ipaddr"] == "" {
		u.printf("*** ERROR: `ipaddr' not set\n")
		return 1, nil
	}
	u.printf("Using ethernet@0 device\nTFTP from server %s; our IP address is %s\nFilename '%s'.\nLoad address: %#x\nLoading: *\b", server, u.env["ipaddr"], name, addr)
	if err := u.b.reach(StageLoad); err != nil {
		return 1, err
	}
	began, n := u.b.cfg.Clock.Now(), int64(0)
	err := u.until(ctx, func(ctx context.Context) (err error) {
		n, err = u.tftp(ctx, server, name, addr)
		return err
	})
	if err != nil || n < 0 {
		return 1, err
	}
	u.printf("\n\t %s\ndone\n", rate(n, u.b.cfg.Clock.Now().Sub(began)))
	if n > 0 {
		u.printf("Bytes transferred = %d (%x hex)\n", n, n)
	}
	u.env["fileaddr"], u.env["filesize"] = fmt.Sprintf("%x", addr), fmt.Sprintf("%x", n)
	return 0, nil
}

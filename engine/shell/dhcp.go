package shell

import (
	"context"
	"fmt"
	"regexp"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// leaseLine matches the line by which busybox's udhcpc reports a lease. Source: busybox, networking/udhcp/dhcpc.c;
// before busybox 1.33 it began with a capital letter and did not name the server.
var leaseLine = regexp.MustCompile(`[Ll]ease of (\d+\.\d+\.\d+\.\d+) obtained`)

// leaseScript is a script for udhcpc that sets the address and the router of a lease. udhcpc sets nothing itself.
const leaseScript = `#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr add $ip/${mask:-24} dev $interface 2>/dev/null || ifconfig $interface $ip netmask ${subnet:-255.255.255.0}
[ -z "$router" ] || ip route add default via ${router%% *} 2>/dev/null || route add default gw ${router%% *}
`

// leaseScriptPath is where leaseScript lies on the board.
const leaseScriptPath = "/tmp/.flashlua-udhcpc"

// leaseCmd runs udhcpc with leaseScript on each interface in turn until one has an address.
const leaseCmd = `chmod 755 ` + leaseScriptPath + `;for i in $(ls /sys/class/net);do [ $i = lo ]||udhcpc -nqi$i -t10 -T2 -s ` + leaseScriptPath + `&&break;done`

// runDHCP runs a command that gets an address, and returns the address.
func (s *Shell) runDHCP(ctx context.Context, cmd string) (string, error) {
	res, err := s.Exec(ctx, console.Command{Text: cmd, Timeout: networkTimeout, Kind: classify.NetDHCPTimeout})
	if err != nil {
		return "", err
	}
	have := firstAddress(res.Output) // if the command prints it
	if have == "" {
		have, err = s.address(ctx)
	}
	if err != nil || res.Code == 0 && have != "" {
		return have, err
	}
	if lease := leaseLine.FindStringSubmatch(res.Output); lease != nil && have == "" {
		return s.setLease(ctx, lease[1])
	}
	return have, classify.WithHint(s.Fail(classify.New(classify.NetDHCP, "the board's Linux has no address: the network command exited %d", res.Code)),
		"check the cable and the DHCP server, or set linux.network to the command that this board needs, or net.address")
}

// setLease sets the address of a lease that udhcpc got and did not set, because this Linux has no script for it.
func (s *Shell) setLease(ctx context.Context, lease string) (string, error) {
	failed := func(cause error) error {
		err := classify.New(classify.NetDHCP, "udhcpc got the lease of %s and set no address: this Linux has no script for it", lease)
		err.Cause = cause
		return classify.WithHint(s.Fail(err),
			`set linux.network = "ipconfig -t 20 all" in the policy if this Linux has ipconfig, as Debian's initramfs; or net.address`)
	}
	if err := s.Put(ctx, leaseScriptPath, leaseScript); err != nil {
		return "", failed(err)
	}
	if _, err := s.Exec(ctx, console.Command{Text: leaseCmd, Timeout: networkTimeout, Kind: classify.NetDHCPTimeout}); err != nil {
		return "", failed(err)
	}
	have, err := s.address(ctx)
	switch {
	case err != nil:
		return "", err
	case have == "":
		return "", failed(nil)
	}
	s.note(fmt.Sprintf("udhcpc got the lease of %s and set no address, as this Linux has no script for it: it was set from the lease", lease))
	return have, nil
}

package shell

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

const networkTimeout = 90 * time.Second

// addressCmd prints the addresses of the interfaces.
const addressCmd = `ip -4 a||ifconfig`

// dhcpCmd runs DHCP on each interface in turn until one has an address, and then addressCmd.
const dhcpCmd = `for i in $(ls /sys/class/net);do [ $i = lo ]||{ ip link set $i up||ifconfig $i up;udhcpc -nqi$i -t9 -T2&&break;};done&&(` + addressCmd + `)`

// addressLine matches the line of an address in the output of ip and of ifconfig.
var addressLine = regexp.MustCompile(`(?m)^\s*inet (?:addr:)?(\d+\.\d+\.\d+\.\d+)\b(.*)$`)

// firstAddress returns the first address in an output of addressCmd that other hosts can reach, "" if there is none.
func firstAddress(output string) string {
	for _, m := range addressLine.FindAllStringSubmatch(output, -1) {
		local := strings.Contains(m[2], " scope ") && !strings.Contains(m[2], " scope global")
		if at, err := netip.ParseAddr(m[1]); err == nil && !local && !at.IsLoopback() && !at.IsLinkLocalUnicast() {
			return m[1]
		}
	}
	return ""
}

// address returns the board's first address, "" if it has none.
func (s *Shell) address(ctx context.Context) (string, error) {
	res, err := s.Exec(ctx, console.Command{Text: addressCmd})
	return firstAddress(res.Output), err
}

// upCmd brings every interface up, linkedCmd then prints the first that has a link.
const (
	upCmd     = `for i in /sys/class/net/*; do i=${i##*/}; [ $i = lo ] || ip link set $i up 2>/dev/null || ifconfig $i up; done`
	linkedCmd = `for n in 1 2 3 4 5 6 7 8 9 10; do for i in /sys/class/net/*; do ` +
		`[ ${i##*/} != lo ] && [ "$(cat $i/carrier 2>/dev/null)" = 1 ] && echo ${i##*/} && break 2; done; sleep 1; done`
)

// setAddress sets the board's static address.
func (s *Shell) setAddress(ctx context.Context) error {
	if _, err := s.Exec(ctx, console.Command{Text: upCmd}); err != nil {
		return err
	}
	out, err := s.Exec(ctx, console.Command{Text: linkedCmd})
	if err != nil {
		return err
	}
	i := interfaceName.FindString(out.Output)
	if i == "" {
		return classify.WithHint(s.Fail(classify.New(classify.NetLink, "no network interface of the board's Linux has a link")), "check the cable, and that this Linux has a driver for the network")
	}
	mask := net.IP(net.CIDRMask(s.cfg.Address.Bits(), 32))
	add := fmt.Sprintf("ip addr add %s dev %s 2>/dev/null || ifconfig %[2]s %s netmask %s", s.cfg.Address, i, s.cfg.Address.Addr(), mask)
	if _, err = s.Run(ctx, console.Command{Text: add}); err != nil || !s.cfg.Gateway.IsValid() {
		return err
	}
	_, err = s.Run(ctx, console.Command{Text: fmt.Sprintf("ip route add default via %s 2>/dev/null || route add default gw %[1]s", s.cfg.Gateway)})
	return err
}

// interfaceName matches a line that is a name and nothing else.
var interfaceName = regexp.MustCompile(`(?m)^[\w.@-]+$`)

// Network makes sure that the board has an address, and returns it.
func (s *Shell) Network(ctx context.Context) (string, error) {
	have, err := s.address(ctx)
	if err != nil || s.networkUp {
		return have, err
	}
	switch static := s.cfg.Address; {
	case s.cfg.Network != "":
		have, err = s.runDHCP(ctx, s.cfg.Network)
	case static.IsValid():
		if have != static.Addr().String() {
			have, err = static.Addr().String(), s.setAddress(ctx)
		}
	case have == "":
		have, err = s.runDHCP(ctx, dhcpCmd)
	}
	if err != nil {
		return "", err
	}
	s.networkUp = true
	return have, nil
}

package linux

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// interfaces are the board's network interfaces, by index.
var interfaces = []struct {
	name, home, mac string
	mtu             int
}{
	{"eth0", "platform/ethernet/net/eth0", "52:54:00:12:34:56", 1500},
	{"lo", "virtual/net/lo", "00:00:00:00:00:00", 65536},
}

// network is the board's network settings.
type network struct {
	mu     sync.Mutex // guards what follows
	up     [2]bool
	addr   netip.Prefix
	router netip.Addr
}

func (n *network) isUp(i int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up[i] || interfaces[i].name == "lo"
}

func (n *network) set(i int, up bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up[i] = up
}

func (n *network) configure(addr netip.Prefix, router netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up[0], n.addr, n.router = true, addr, router
}

func (n *network) setRouter(router netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.router = router
}

func (n *network) address() (netip.Prefix, netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addr, n.router, n.up[0] && n.addr.IsValid()
}

// index returns the index of an interface, -1 if there is none.
func index(name string) int {
	return slices.IndexFunc(interfaces, func(i struct {
		name, home, mac string
		mtu             int
	},
	) bool {
		return i.name == name
	})
}

func udhcpc(p *process) int {
	o, _, ok := p.options("i:nqt:T:fbRs:A:S")
	if !ok {
		return 1
	}
	if o['i'] != "" && index(o['i']) < 0 {
		return p.fail("SIOCGIFINDEX: No such device")
	}
	fmt.Fprintln(p.err, "udhcpc: started, v1.35.0")
	for range max(number(o['t'], 3), 1) {
		fmt.Fprintln(p.err, "udhcpc: broadcasting discover")
		addr, router, err := p.cfg.Lease(p.ctx)
		if err == nil && (o['i'] == "" || o['i'] == "eth0") {
			fmt.Fprintf(p.err, "udhcpc: broadcasting select for %s, server %s\nudhcpc: lease of %[1]s obtained from %s, lease time 86400\n", addr.Addr(), router)
			p.net.configure(addr, router)
			return 0
		}
		if p.clock.Sleep(p.ctx, time.Duration(max(number(o['T'], 3), 1))*time.Second) != nil {
			return 1
		}
	}
	fmt.Fprintln(p.err, "udhcpc: no lease, failing")
	return 1
}

func ip(p *process) int {
	args := slices.DeleteFunc(slices.Clone(p.args), func(a string) bool { return strings.HasPrefix(a, "-") })
	text := strings.Join(args, " ")
	switch {
	case strings.HasPrefix("address", strings.SplitN(text+" ", " ", 2)[0]) && strings.Contains(text, "add "):
		addr, err := netip.ParsePrefix(strings.Fields(text)[2])
		if err != nil {
			return p.fail("invalid address")
		}
		_, router, _ := p.net.address()
		p.net.configure(addr, router)
	case strings.HasPrefix(text, "link set") && (strings.HasSuffix(text, " up") || strings.HasSuffix(text, " down")):
		i := index(strings.TrimPrefix(args[2], "dev "))
		if i < 0 {
			p.fail("SIOCGIFFLAGS: No such device")
			return ipFailed
		}
		p.net.set(i, strings.HasSuffix(text, " up"))
	case len(args) == 0, strings.HasPrefix("address", args[0]), strings.HasPrefix("link", args[0]):
		name := ""
		if last := len(args) - 1; last > 0 && args[last] != "show" && args[last] != "list" && args[last-1] != "scope" {
			if name = args[last]; index(name) < 0 {
				p.fail("can't find device '%s'", name)
				return ipFailed
			}
		}
		p.addresses(name, strings.Contains(text, "global"), len(args) == 0 || !strings.HasPrefix("link", args[0]))
	case strings.HasPrefix("route", args[0]) && strings.Contains(text, " default via "):
		router, err := netip.ParseAddr(args[min(4, len(args)-1)])
		if err != nil {
			return p.fail("an inet address is expected rather than \"%s\"", args[len(args)-1])
		}
		p.net.setRouter(router)
	case strings.HasPrefix("route", args[0]):
		if addr, router, ok := p.net.address(); ok && router.IsValid() && len(args) < 3 {
			fmt.Fprintf(p.out, "default via %s dev eth0 \n%s dev eth0 scope link  src %s \n", router, addr.Masked(), addr.Addr())
		}
	default:
		return p.fail("not in this simulation: ip %s", text)
	}
	return 0
}

const ipFailed = 2 // the exit code of an error of the kernel

// addresses prints the interfaces as ip does, or the one that is named.
func (p *process) addresses(name string, global, inet bool) {
	addr, _, have := p.net.address()
	for i := len(interfaces) - 1; i >= 0; i-- {
		f := interfaces[i]
		if global && (f.name == "lo" || !have) || name != "" && f.name != name {
			continue
		}
		state, flags := "DOWN", "BROADCAST,MULTICAST"
		if p.net.isUp(i) {
			state, flags = "UP", flags+",UP,LOWER_UP"
		}
		if f.name == "lo" {
			state, flags = "UNKNOWN", "LOOPBACK,UP,LOWER_UP"
		}
		fmt.Fprintf(p.out, "%d: %s: <%s> mtu %d qdisc noqueue state %s qlen 1000\n    link/ether %s brd ff:ff:ff:ff:ff:ff\n", len(interfaces)-i, f.name, flags, f.mtu, state, f.mac)
		switch {
		case inet && f.name == "lo":
			fmt.Fprintln(p.out, "    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever")
		case inet && have:
			fmt.Fprintf(p.out, "    inet %s scope global eth0\n       valid_lft forever preferred_lft forever\n", addr)
		}
	}
}

func ifconfig(p *process) int {
	if len(p.args) > 1 {
		i := index(p.args[0])
		if i < 0 {
			return p.fail("SIOCGIFFLAGS: No such device")
		}
		switch a := p.args[1]; a {
		case "up", "down":
			p.net.set(i, a == "up")
		default:
			addr, err := netip.ParseAddr(a)
			if err != nil {
				return p.fail("bad address '%s'", a)
			}
			_, router, _ := p.net.address()
			p.net.configure(netip.PrefixFrom(addr, 24), router)
		}
		return 0
	}
	if len(p.args) == 1 && index(p.args[0]) < 0 {
		return p.fail("%s: error fetching interface information: Device not found", p.args[0])
	}
	addr, _, have := p.net.address()
	for i, f := range interfaces {
		if !p.net.isUp(i) && len(p.args) == 0 || len(p.args) == 1 && p.args[0] != f.name {
			continue
		}
		fmt.Fprintf(p.out, "%-9s Link encap:Ethernet  HWaddr %s\n", f.name, f.mac)
		if f.name == "lo" {
			fmt.Fprintln(p.out, "          inet addr:127.0.0.1  Mask:255.0.0.0")
		} else if have {
			fmt.Fprintf(p.out, "          inet addr:%s  Mask:255.255.255.0\n", addr.Addr())
		}
	}
	return 0
}

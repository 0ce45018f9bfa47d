package serve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
)

// switchboards are the switchboards of a process, by the address of their port. The zero value is ready. It is safe
// for concurrent use.
type switchboards struct {
	mu  sync.Mutex // guards what follows
	all map[string]*switchboard
}

// process has the switchboards of this process.
var process switchboards

// Join has the requests for the files of t that come to the UDP port at address, HOST:PORT, forwarded to t until leave
// is called. Other servers of this process and of other processes may share the port. t must offer the files that may
// be requested without its token by now. note is called with what happens, for people, in goroutines of the server.
func Join(ctx context.Context, address string, t *TFTP, note func(string)) (leave func() error, err error) {
	return process.join(ctx, address, t, note)
}

// Listen serves the requests that come to the UDP port at address for other processes until ctx ends. group is the id
// of the group whose members may share the port, negative for all users. If another process serves the port, Listen
// takes its place when that ends. log is called with what happens, for people.
func Listen(ctx context.Context, address string, group int, log func(string)) error {
	b := newSwitchboard(canonical(ctx, address), group, log)
	defer func() {
		b.cancel()
		<-b.done
	}()
	if err := b.await(ctx, ""); err != nil {
		return ListenError(err, "udp", address)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func (s *switchboards) join(ctx context.Context, address string, t *TFTP, note func(string)) (leave func() error, err error) {
	at := canonical(ctx, address)
	leave, err = s.joinOne(ctx, at, t, note)
	if separate := separateAddresses(at); errors.Is(err, syscall.EADDRINUSE) && len(separate) > 0 {
		leave, err = s.joinEach(ctx, separate, t, note)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, ListenError(err, "udp", address)
	}
	return leave, nil
}

// joinEach joins the ports at several addresses.
func (s *switchboards) joinEach(ctx context.Context, addresses []string, t *TFTP, note func(string)) (func() error, error) {
	var left []func() error
	leave := func() error {
		var all []error
		for _, f := range left {
			all = append(all, f())
		}
		return errors.Join(all...)
	}
	for _, at := range addresses {
		f, err := s.joinOne(ctx, at, t, note)
		if err != nil {
			leave()
			return nil, err
		}
		left = append(left, f)
	}
	return leave, nil
}

func (s *switchboards) joinOne(ctx context.Context, address string, t *TFTP, note func(string)) (leave func() error, err error) {
	b, err := s.open(ctx, address)
	if err != nil {
		return nil, err
	}
	leave = func() error {
		b.remove(t.token)
		s.close(b)
		return nil
	}
	if err = b.add(t, note); err == nil {
		err = b.await(ctx, t.token)
	}
	if err != nil {
		leave()
		return nil, err
	}
	t.share(b)
	return leave, nil
}

// open returns the switchboard of an address.
func (s *switchboards) open(ctx context.Context, address string) (*switchboard, error) {
	for {
		s.mu.Lock()
		b := s.all[address]
		if b == nil {
			b = newSwitchboard(address, -1, func(string) {})
			if s.all == nil {
				s.all = map[string]*switchboard{}
			}
			s.all[address] = b
		}
		if b.use() {
			s.mu.Unlock()
			return b, nil
		}
		s.mu.Unlock()
		select { // it is being closed
		case <-b.done:
			s.forget(b)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// close closes a switchboard after its last use.
func (s *switchboards) close(b *switchboard) {
	if b.unuse() {
		b.cancel()
		<-b.done
		s.forget(b)
	}
}

func (s *switchboards) forget(b *switchboard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[b.address] == b {
		delete(s.all, b.address)
	}
}

// canonical returns the one form of an address by which processes find each other: an IP address and a port, without
// the IP address for all addresses.
func canonical(ctx context.Context, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && host != "" {
		if all, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host); err == nil && len(all) > 0 {
			ip = all[0]
		}
	}
	ip = ip.Unmap()
	switch {
	case host == "" || ip.IsUnspecified():
		return net.JoinHostPort("", port)
	case !ip.IsValid():
		return address
	}
	return net.JoinHostPort(ip.String(), port)
}

// onAllAddresses returns the address that has all addresses of the station, with the port of address.
func onAllAddresses(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return net.JoinHostPort("", port)
}

// portOf returns the port of an address.
func portOf(address string) int {
	_, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	return port
}

// separateAddresses returns the addresses of the station with the port of address, if that has all of them, and another
// process shares that port at one of them: it cannot be used at all of them at once. They are those of IPv4.
func separateAddresses(address string) (all []string) {
	shared := false
	for _, other := range controlled() {
		shared = shared || portOf(other) == portOf(address)
	}
	nets, err := net.InterfaceAddrs()
	if address != onAllAddresses(address) || !shared || err != nil {
		return nil
	}
	_, port, _ := net.SplitHostPort(address)
	for _, n := range nets {
		if ip, ok := n.(*net.IPNet); ok && ip.IP.To4() != nil {
			all = append(all, net.JoinHostPort(ip.IP.String(), port))
		}
	}
	return all
}

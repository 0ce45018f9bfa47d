package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// freePort returns a UDP address on loopback that is free.
func freePort(t testing.TB, host string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// tokenServer returns a server with a token that has the file Image, whose content is the token many times.
func tokenServer(t testing.TB, token string) *TFTP {
	s := NewTFTP(token, func() (net.PacketConn, error) { return net.ListenPacket("udp", "127.0.0.1:0") })
	s.Offer(Text("Image", contentOf(token)))
	t.Cleanup(func() { s.Close() })
	return s
}

func contentOf(token string) string { return strings.Repeat(token, 2000) }

// joined has a server join a port through switchboards, which stand for a process.
func joined(t testing.TB, s *switchboards, address, token string) (x *TFTP, leave func()) {
	t.Helper()
	x = tokenServer(t, token)
	end, err := s.join(t.Context(), address, x, func(string) {})
	if err != nil {
		t.Fatalf("join of %s as %s = %v; want nil", address, token, err)
	}
	return x, sync.OnceFunc(func() { end() })
}

// fetch requests a file as a board does: it repeats the request until an answer comes. It returns the content, or the
// text of an error.
func fetch(t testing.TB, address, name string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	request := []byte("\x00\x01" + name + "\x00octet\x00")
	return string(receive(t, conn, to, request))
}

// receive sends a packet until an answer comes, and receives a file.
func receive(t testing.TB, conn net.PacketConn, to net.Addr, out []byte) (content []byte) {
	buf := make([]byte, 1<<10)
	for next := byte(1); ; {
		if _, err := conn.WriteTo(out, to); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(clock.Real{}.Now().Add(resendAfter))
		n, from, err := conn.ReadFrom(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case err != nil:
			t.Fatal(err)
		case buf[1] == opError:
			return buf[4 : n-1]
		case buf[1] != opData || buf[3] != next:
			continue
		}
		content = append(content, buf[4:n]...)
		to, out = from, []byte{0, opAck, 0, next}
		next++
		if n-4 < defaultBlock {
			conn.WriteTo(out, to)
			return content
		}
	}
}

// wants checks what a request is answered with.
func wants(t testing.TB, address, name, want string) {
	t.Helper()
	if got := fetch(t, address, name); got != want {
		t.Errorf("fetch(%q) = %.60q, %d bytes; want %.60q", name, got, len(got), want)
	}
}

// TestSwitchboardInOneProcess has two servers of a process share a port.
func TestSwitchboardInOneProcess(t *testing.T) {
	address := freePort(t, "127.0.0.1")
	var s switchboards
	_, leaveA := joined(t, &s, address, "AAAAAA")
	_, leaveB := joined(t, &s, address, "BBBBBB")
	wants(t, address, "AAAAAA/Image", contentOf("AAAAAA"))
	wants(t, address, "/BBBBBB/Image", contentOf("BBBBBB"))
	wants(t, address, "BBBBBB-Image", contentOf("BBBBBB"))
	wants(t, address, "BBBBBB/none", "File not found: BBBBBB/none")
	wants(t, address, "Image", "File not found: Image: 2 boards are flashed; neither this name nor the address 127.0.0.1 selects one")
	leaveA()
	wants(t, address, "Image", contentOf("BBBBBB"))
	wants(t, address, "AAAAAA/Image", "File not found: AAAAAA/Image")
	leaveB()
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatalf("listening after the last server has left = %v; want nil", err)
	}
	conn.Close()
}

// TestSwitchboardOfProcesses has several processes share a port, and ends its owner.
func TestSwitchboardOfProcesses(t *testing.T) {
	needControl(t)
	address := freePort(t, "127.0.0.1")
	var a, b, c switchboards
	_, leaveA := joined(t, &a, address, "AAAAAA")
	_, leaveB := joined(t, &b, address, "BBBBBB")
	_, leaveC := joined(t, &c, address, "CCCCCC")
	for _, token := range []string{"AAAAAA", "BBBBBB", "CCCCCC"} {
		wants(t, address, token+"/Image", contentOf(token))
	}
	leaveC()
	_, leaveD := joined(t, &c, address, "DDDDDD") // of a process that shared the port before
	wants(t, address, "DDDDDD/Image", contentOf("DDDDDD"))
	leaveA()
	for _, token := range []string{"BBBBBB", "DDDDDD"} {
		fetchUntil(t, address, token)
	}
	leaveB()
	fetchUntil(t, address, "DDDDDD")
	wants(t, address, "Image", contentOf("DDDDDD"))
	leaveD()
}

// fetchUntil fetches a token's file. After the end of the owner, the first answers may be that it is not known yet.
func fetchUntil(t testing.TB, address, token string) {
	t.Helper()
	for t.Context().Err() == nil {
		got := fetch(t, address, token+"/Image")
		if got == contentOf(token) {
			return
		}
		if !strings.HasPrefix(got, "File not found: ") {
			t.Fatalf("fetch of %s/Image = %.60q; want its content", token, got)
		}
	}
}

func needControl(t testing.TB) {
	l, err := listenControl(t.Context(), "test:"+t.Name())
	if l == nil {
		t.Skipf("LEFT OUT: no abstract sockets here: %v", err)
	}
	l.Close()
}

// TestSwitchboardAddresses shares the port at all addresses with the port at one, in both orders.
func TestSwitchboardAddresses(t *testing.T) {
	needControl(t)
	one := freePort(t, "127.0.0.1")
	all := onAllAddresses(one)
	for _, order := range [][2]string{{one, all}, {all, one}} {
		var a, b switchboards
		_, leaveA := joined(t, &a, order[0], "AAAAAA")
		_, leaveB := joined(t, &b, order[1], "BBBBBB")
		wants(t, one, "AAAAAA/Image", contentOf("AAAAAA"))
		wants(t, one, "BBBBBB/Image", contentOf("BBBBBB"))
		leaveA()
		fetchUntil(t, one, "BBBBBB")
		leaveB()
	}
}

// TestSwitchboardAddressesOwnerEnds ends the owner of the port at all addresses: of two others, one of which needs the
// port only at one address, neither takes it from the other.
func TestSwitchboardAddressesOwnerEnds(t *testing.T) {
	needControl(t)
	one := freePort(t, "127.0.0.1")
	var a, b, c switchboards
	_, leave := joined(t, &a, onAllAddresses(one), "AAAAAA")
	_, leaveB := joined(t, &b, one, "BBBBBB")
	defer leaveB()
	_, leaveC := joined(t, &c, onAllAddresses(one), "CCCCCC")
	defer leaveC()
	leave()
	fetchUntil(t, one, "BBBBBB")
	fetchUntil(t, one, "CCCCCC")
	fetchUntil(t, net.JoinHostPort("127.0.0.2", fmt.Sprint(portOf(one))), "CCCCCC")
}

// TestSwitchboardPortTaken finds the port taken by a program that does not share it.
func TestSwitchboardPortTaken(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var s switchboards
	_, err = s.join(t.Context(), conn.LocalAddr().String(), tokenServer(t, "AAAAAA"), func(string) {})
	f := classify.Facts(err)
	if want := fmt.Sprintf("is in use by process %d (", os.Getpid()); f.Kind != classify.StationPort || !strings.Contains(f.Hint, want) {
		t.Errorf("join of a port that is taken = %v of kind %s, hint %q; want %s, %q", err, f.Kind, f.Hint, classify.StationPort, want)
	}
	if len(s.all) != 0 {
		t.Errorf("%d switchboards are left; want 0", len(s.all))
	}
}

// TestSwitchboardCancelled joins with a context that has ended.
func TestSwitchboardCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var s switchboards
	if _, err := s.join(ctx, freePort(t, "127.0.0.1"), tokenServer(t, "AAAAAA"), func(string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("join with a cancelled context = %v; want %v", err, context.Canceled)
	}
}

// TestSwitchboardRegisteredAddress: requests without a token go by the address of the board.
func TestSwitchboardRegisteredAddress(t *testing.T) {
	needControl(t)
	address := freePort(t, "127.0.0.1")
	var a, b switchboards
	joined(t, &a, address, "AAAAAA")
	joined(t, &b, address, "BBBBBB")
	owning, other := a.all[address], b.all[address]
	for _, move := range []func(){
		func() { other.move("BBBBBB", "127.0.0.1") }, // as RestrictTo does with an address of a network
		func() { other.move("BBBBBB", ""); owning.move("AAAAAA", "127.0.0.1") },
	} {
		move()
		want := contentOf("BBBBBB")
		if owning.local["AAAAAA"].address != "" {
			want = contentOf("AAAAAA")
		}
		for t.Context().Err() == nil {
			if got := fetch(t, address, "Image"); got == want {
				break
			} else if !strings.HasPrefix(got, "File not found") && got != contentOf("BBBBBB") {
				t.Fatalf("fetch by address = %.60q; want %.60q", got, want)
			}
		}
	}
}

const (
	childAddress = "FLASHLUA_TEST_TFTP_ADDRESS"
	childToken   = "FLASHLUA_TEST_TFTP_TOKEN"
)

// TestSwitchboardChild is another process of the tests below: it joins, says so, and stays until its standard input
// ends.
func TestSwitchboardChild(t *testing.T) {
	address, token := os.Getenv(childAddress), os.Getenv(childToken)
	if address == "" {
		t.Skip("it is run by other tests")
	}
	var s switchboards
	x := tokenServer(t, token)
	leave, err := s.join(t.Context(), address, x, func(note string) { fmt.Println("note:", note) })
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	defer leave()
	fmt.Println("joined:", s.all[address].isOwner())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		s.all[address].move(token, lines.Text())
	}
}

func (b *switchboard) isOwner() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == owner
}

// child is another process that serves a file.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// line returns the next line of a child that is not of package testing.
func (c *child) line() string {
	for c.out.Scan() {
		if line := c.out.Text(); strings.Contains(line, ": ") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return ""
}

func startChild(t *testing.T, address, token string, attr *syscall.SysProcAttr) *child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestSwitchboardChild$")
	cmd.Env = append(os.Environ(), childAddress+"="+address, childToken+"="+token)
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd, in, bufio.NewScanner(out)}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return c
}

// TestSwitchboardOwnerKilled kills the owner of the port while a file of another process is under way, and requests
// others.
func TestSwitchboardOwnerKilled(t *testing.T) {
	needControl(t)
	address := freePort(t, "127.0.0.1")
	first := startChild(t, address, "AAAAAA", nil)
	if got := first.line(); got != "joined: true" {
		t.Fatalf("the first process printed %q; want that it owns the port", got)
	}
	second := startChild(t, address, "BBBBBB", nil)
	if got := second.line(); got != "joined: false" {
		t.Fatalf("the second process printed %q; want that it joined", got)
	}
	var here switchboards
	joined(t, &here, address, "CCCCCC")
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, _ := net.ResolveUDPAddr("udp", address)
	conn.WriteTo([]byte("\x00\x01BBBBBB/Image\x00octet\x00"), to)
	buf := make([]byte, 1<<10)
	n, from, err := conn.ReadFrom(buf)
	if err != nil || n != 4+defaultBlock {
		t.Fatalf("first block = %d bytes, %v; want %d", n, err, 4+defaultBlock)
	}
	first.cmd.Process.Kill()
	first.cmd.Wait()
	rest := receive2(t, conn, from)
	if got := string(buf[4:n]) + rest; got != contentOf("BBBBBB") {
		t.Errorf("the file that was under way has %d bytes; want %d", len(got), len(contentOf("BBBBBB")))
	}
	fetchUntil(t, address, "BBBBBB")
	fetchUntil(t, address, "CCCCCC")
	third := startChild(t, address, "DDDDDD", nil)
	if got := third.line(); got != "joined: false" {
		t.Fatalf("a process after the owner's end printed %q; want that it joined", got)
	}
	fetchUntil(t, address, "DDDDDD")
}

// receive2 receives the file after its first block.
func receive2(t *testing.T, conn net.PacketConn, from net.Addr) string {
	var rest []byte
	buf := make([]byte, 1<<10)
	for got := byte(1); ; {
		conn.WriteTo([]byte{0, opAck, 0, got}, from)
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if buf[3] != got+1 {
			continue
		}
		got++
		rest = append(rest, buf[4:n]...)
		if n-4 < defaultBlock {
			conn.WriteTo([]byte{0, opAck, 0, got}, from)
			return string(rest)
		}
	}
}

// TestSwitchboardOtherUser: another user's process shares the port, and takes over neither a token nor an address.
func TestSwitchboardOtherUser(t *testing.T) {
	needControl(t)
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: only root can start a process of another user")
	}
	other := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345, Groups: []uint32{12346}}}
	address := freePort(t, "127.0.0.1")
	var here switchboards
	joined(t, &here, address, "AAAAAA")
	here.all[address].move("AAAAAA", "192.0.2.1")
	if got := startChild(t, address, "AAAAAA", other).line(); !strings.Contains(got, "another run has the token AAAAAA") {
		t.Errorf("another user's process with our token printed %q; want a refusal", got)
	}
	c := startChild(t, address, "BBBBBB", other)
	if got := c.line(); got != "joined: false" {
		t.Fatalf("another user's process printed %q; want that it joined", got)
	}
	wants(t, address, "BBBBBB/Image", contentOf("BBBBBB"))
	fmt.Fprintln(c.in, "192.0.2.1")
	if got := c.line(); !strings.Contains(got, "note: another user flashes the board at 192.0.2.1") {
		t.Errorf("another user's process with our address printed %q; want a note", got)
	}
	fmt.Fprintln(c.in, "192.0.2.2")
	x, _ := here.all[address].routes.pick("Image", &net.UDPAddr{IP: net.ParseIP("192.0.2.1"), Port: 1})
	if x == nil || x.token != "AAAAAA" {
		t.Errorf("the route of our board = %+v; want ours", x)
	}

	for group, want := range map[int]string{12346: "joined: false", 12345: "joined: false", 12347: "failed: "} {
		grouped := freePort(t, "127.0.0.1")
		ctx, cancel := context.WithCancel(t.Context())
		logged, ended := make(chan string, 64), make(chan error)
		go func() { ended <- Listen(ctx, grouped, group, func(line string) { logged <- line }) }()
		<-logged // it serves
		got := startChild(t, grouped, "CCCCCC", other).line()
		if !strings.HasPrefix(got, want) || want == "failed: " && !strings.Contains(got, "is not in the group that --group names") {
			t.Errorf("with the group %d, another user's process printed %q; want %q", group, got, want)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Listen = %v; want %v", err, context.Canceled)
		}
	}
}

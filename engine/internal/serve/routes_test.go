package serve

import (
	"net"
	"strings"
	"testing"
)

// TestRoutesPick holds the rules by which a request finds its run.
func TestRoutesPick(t *testing.T) {
	at := func(address string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(address), Port: 1024} }
	one := []route{{token: "AAAAAA", names: []string{"Image", "initrd"}}}
	two := append(one, route{token: "BBBBBB", address: "10.0.0.2", names: []string{"Image", "zImage"}})
	same := append(two, route{token: "CCCCCC", address: "10.0.0.2", names: []string{"Image", "dtb"}})
	for _, c := range []struct {
		what   string
		routes []route
		name   string
		client string
		want   string // token; otherwise a part of the refusal
	}{
		{"no run", nil, "Image", "10.0.0.9", "no board is flashed"},
		{"the only run", one, "Image", "10.0.0.9", "AAAAAA"},
		{"the only run, another file", one, "other", "10.0.0.9", "AAAAAA"},
		{"a token", two, "AAAAAA/Image", "10.0.0.2", "AAAAAA"},
		{"a token after a slash, of GRUB", two, "/AAAAAA/Image", "10.0.0.2", "AAAAAA"},
		{"a token and a hyphen, of barebox", two, "BBBBBB-Image", "10.0.0.9", "BBBBBB"},
		{"a token of no run", two, "DDDDDD/Image", "10.0.0.9", "File not found: DDDDDD/Image"},
		{"an address", two, "Image", "10.0.0.2", "BBBBBB"},
		{"an address, another file", two, "initrd", "10.0.0.2", "BBBBBB"},
		{"a file of one run", two, "zImage", "10.0.0.9", "BBBBBB"},
		{"a file of two runs", two, "Image", "10.0.0.9", "2 boards are flashed; neither this name nor the address 10.0.0.9 selects one"},
		{"an address of two runs, a file of one", same, "dtb", "10.0.0.2", "CCCCCC"},
		{"an address of two runs, a file of both", same, "Image", "10.0.0.2", "2 boards are flashed"},
		{"an address of two runs, a file of a third", same, "initrd", "10.0.0.2", "File not found: initrd"},
	} {
		var r routes
		for _, x := range c.routes {
			if _, err := r.set(&x, nil); err != nil {
				t.Fatal(err)
			}
		}
		got, refused := r.pick(c.name, at(c.client))
		if got != nil && got.token != c.want || got == nil && !strings.Contains(refused, c.want) {
			t.Errorf("%s: pick(%q, %s) = %+v, %q; want %s", c.what, c.name, c.client, got, refused, c.want)
		}
	}
}

// TestRoutesRepeat repeats a request after another run has come: it goes where the first one went.
func TestRoutesRepeat(t *testing.T) {
	var r routes
	client := &net.UDPAddr{IP: net.ParseIP("10.0.0.9"), Port: 1024}
	first := &route{token: "AAAAAA", names: []string{"Image"}}
	r.set(first, nil)
	r.pick("Image", client)
	r.set(&route{token: "BBBBBB", names: []string{"Image"}}, nil)
	if got, refused := r.pick("Image", client); got != first {
		t.Errorf("pick of a repeated request = %+v, %q; want the run of the first", got, refused)
	}
	r.remove(first)
	if got, refused := r.pick("Image", client); got == nil || got.token != "BBBBBB" {
		t.Errorf("pick after the end of the first run = %+v, %q; want the other run", got, refused)
	}
}

// TestRoutesOfUsers: no user takes over another run's token or address, except root, who may share an address.
func TestRoutesOfUsers(t *testing.T) {
	var r routes
	r.set(&route{token: "AAAAAA", user: 1000, address: "10.0.0.2"}, nil)
	if _, err := r.set(&route{token: "AAAAAA", user: 1001}, nil); err == nil {
		t.Error("set of another run's token = nil; want an error")
	}
	for _, c := range []struct {
		user int
		want string
	}{{1001, ""}, {1000, "10.0.0.2"}, {0, "10.0.0.2"}} {
		x := &route{token: "BBBBBB", user: c.user, address: "10.0.0.2"}
		note, err := r.set(x, nil)
		if err != nil || x.address != c.want || (note == "") != (c.want != "") {
			t.Errorf("set by user %d = address %q, note %q, %v; want address %q", c.user, x.address, note, err, c.want)
		}
		r.remove(x)
	}
}

package labgrid

import (
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fakeLab is a coordinator that behaves as labgrid's for the calls that clients of this repository make.
type fakeLab struct {
	listener net.Listener
	server   *http.Server

	mu           sync.Mutex // mu guards what follows
	resources    []*fakeResource
	places       map[string]*fakePlace
	clients      map[string]*fakeClient // by the address of their connection
	reservations []*fakeReservation
	changes      int // of places, of reservations
	ports        int // that were opened
}

type fakeResource struct {
	Resource
	acquired string // place
	port     int    // that is open while acquired; 0 is the one of Params
}

// fakePlace is a place. Its changed time is a counter.
type fakePlace struct {
	name, acquired   string
	aliases, matches []string
	names            map[string]string // of matches
	tags             map[string]string
	allowed          []string
	resources        []*fakeResource
	changed          int
	reservation      string
}

type fakeClient struct {
	name string
	out  chan []byte
}

type fakeReservation struct {
	owner, token, place string
	tags                map[string]string
	created             int
}

// Start starts a coordinator with the resources until the test ends.
func Start(t *testing.T, all ...Resource) Lab {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lab := &fakeLab{listener: l, places: map[string]*fakePlace{}, clients: map[string]*fakeClient{}}
	for _, r := range all {
		lab.resources = append(lab.resources, &fakeResource{Resource: r})
	}
	lab.server = &http.Server{Handler: lab, Protocols: new(http.Protocols)}
	lab.server.Protocols.SetUnencryptedHTTP2(true)
	go lab.server.Serve(l)
	t.Cleanup(lab.KillCoordinator)
	return lab
}

func (l *fakeLab) Address() string  { return l.listener.Addr().String() }
func (l *fakeLab) KillCoordinator() { l.server.Close() }

// KillExporter removes the resources of the exporter.
func (l *fakeLab) KillExporter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.resources {
		path := text(text(text(nil, 1, Exporter), 2, r.Group), 3, r.Name)
		l.publish(inner(nil, 2, inner(nil, 2, path)))
	}
	l.resources = nil
}

// refusal is a status of gRPC.
type refusal struct {
	code int
	text string
}

// ServeHTTP answers one call.
func (l *fakeLab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if method == "ClientStream" {
		l.stream(w, r)
		return
	}
	m, err := readMessage(r.Body)
	if err != nil {
		return
	}
	l.mu.Lock()
	reply, refused := l.call(r.RemoteAddr, method, m)
	l.mu.Unlock()
	if refused != nil {
		w.Header().Set("Grpc-Status", fmt.Sprint(refused.code))
		w.Header().Set("Grpc-Message", strings.ReplaceAll(refused.text, "%", "%25"))
		return
	}
	w.Write(frame(reply))
	w.Header().Set("Grpc-Status", "0")
}

// stream serves the stream of a client.
func (l *fakeLab) stream(w http.ResponseWriter, r *http.Request) {
	c := &fakeClient{out: make(chan []byte, 1000)}
	defer func() {
		l.mu.Lock()
		delete(l.clients, r.RemoteAddr)
		l.mu.Unlock()
	}()
	received := make(chan struct{})
	go func() {
		defer close(received)
		for {
			m, err := readMessage(r.Body)
			if err != nil {
				return
			}
			l.receive(r.RemoteAddr, c, m)
		}
	}()
	for {
		select {
		case m := <-c.out:
			w.Write(frame(m))
			w.(http.Flusher).Flush()
		case <-received:
			w.Header().Set("Grpc-Status", "0")
			return
		}
	}
}

// receive handles a message of a client.
func (l *fakeLab) receive(peer string, c *fakeClient, m []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range split(m) {
		switch f.id {
		case 1:
			c.out <- inner(nil, 1, f.bytes)
		case 2:
			c.name = string(find(f.bytes, 2))
			l.clients[peer] = c
		case 3:
			for _, what := range split(f.bytes) {
				l.subscribe(c, what.id)
			}
		}
	}
}

func (l *fakeLab) subscribe(c *fakeClient, what protowire.Number) {
	var m []byte
	switch what {
	case 2:
		for _, name := range slices.Sorted(maps.Keys(l.places)) {
			m = inner(m, 2, inner(nil, 3, l.places[name].encode()))
		}
	case 3:
		for _, r := range l.resources {
			m = inner(m, 2, inner(nil, 1, r.encode()))
		}
	}
	c.out <- m
}

// publish sends a message to all clients.
func (l *fakeLab) publish(m []byte) {
	for _, c := range l.clients {
		c.out <- m
	}
}

func (l *fakeLab) touch(p *fakePlace) {
	l.changes++
	p.changed = l.changes
	l.publish(inner(nil, 2, inner(nil, 3, p.encode())))
}

// find returns the bytes of a field.
func find(m []byte, id protowire.Number) []byte {
	for _, f := range split(m) {
		if f.id == id {
			return f.bytes
		}
	}
	return nil
}

// has reports whether a message has a field.
func has(m []byte, id protowire.Number) bool {
	return slices.ContainsFunc(split(m), func(p part) bool { return p.id == id })
}

func (p *fakePlace) encode() []byte {
	m := text(nil, 1, p.name)
	for _, a := range p.aliases {
		m = text(m, 2, a)
	}
	m = texts(m, 4, p.tags)
	for _, pattern := range p.matches {
		var one []byte
		for i, part := range strings.Split(pattern, "/") {
			one = text(one, protowire.Number(i+1), part)
		}
		if name := p.names[pattern]; name != "" {
			one = text(one, 5, name)
		}
		m = inner(m, 5, one)
	}
	m = text(m, 6, p.acquired)
	for _, r := range p.resources {
		m = text(m, 7, r.path())
	}
	for _, a := range p.allowed {
		m = text(m, 8, a)
	}
	m = protowire.AppendFixed64(protowire.AppendTag(m, 10, protowire.Fixed64Type), math.Float64bits(float64(p.changed)))
	if p.reservation != "" {
		m = text(m, 11, p.reservation)
	}
	return m
}

func (r *fakeResource) path() string {
	return Exporter + "/" + r.Group + "/" + r.class() + "/" + r.Name
}

// class is what an exporter makes of a local resource.
func (r *fakeResource) class() string {
	if r.Class == "RawSerialPort" {
		return "NetworkSerialPort"
	}
	return r.Class
}

func (r *fakeResource) encode() []byte {
	m := inner(nil, 1, text(text(text(nil, 1, Exporter), 2, r.Group), 3, r.Name))
	m = text(m, 2, r.class())
	params := maps.Clone(r.Params)
	if r.port != 0 {
		params["port"] = r.port
	}
	for key, value := range params {
		m = inner(m, 3, inner(text(nil, 1, key), 2, encodeValue(value)))
	}
	m = inner(m, 4, inner(text(nil, 1, "proxy_required"), 2, encodeValue(r.Params["proxy_required"] == true)))
	return number(text(m, 5, r.acquired), 6, 1)
}

func encodeValue(value any) []byte {
	switch v := value.(type) {
	case bool:
		n := uint64(0)
		if v {
			n = 1
		}
		return number(nil, 1, n)
	case int:
		return number(nil, 3, uint64(v))
	case string:
		return text(nil, 5, v)
	}
	return nil
}

func (r *fakeReservation) encode() []byte {
	state := uint64(0)
	m := text(text(nil, 1, r.owner), 2, r.token)
	if r.place != "" {
		state = 1
		m = inner(m, 6, text(text(nil, 1, "main"), 2, r.place))
	}
	m = inner(m, 5, inner(text(nil, 1, "main"), 2, texts(nil, 1, r.tags)))
	m = protowire.AppendFixed64(protowire.AppendTag(m, 7, protowire.Fixed64Type), math.Float64bits(float64(r.created)))
	return number(m, 3, state)
}

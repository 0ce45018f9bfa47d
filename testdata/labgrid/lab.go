// Package labgrid provides labs for tests: the real labgrid, and a coordinator that behaves as it. A test runs on
// both, so that the second one cannot drift from the first.
//
// It has its own description of the protocol, so that a wrong number in flashlua's does not pass.
package labgrid

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Resource is what an exporter provides. Values of Params are texts, ints and bools.
type Resource struct {
	Group, Name, Class string
	Params             map[string]any
}

// Exporter is the name of the exporter of a lab.
const Exporter = "exp"

// Lab is a coordinator with an exporter.
type Lab interface {
	Address() string
	KillCoordinator()
	KillExporter()
}

// On runs a test on the real labgrid and on the coordinator of this package.
func On(t *testing.T, test func(t *testing.T, start func(t *testing.T, all ...Resource) Lab)) {
	t.Run("fake", func(t *testing.T) { test(t, Start) })
	t.Run("real", func(t *testing.T) { test(t, StartReal) })
}

// Setup adds a place with the matches EXPORTER/GROUP/CLASS, aliases and tags.
type Setup struct {
	Place   string
	Matches []string
	Named   map[string]string // matches with names, EXPORTER/GROUP/CLASS/NAME by name
	Aliases []string
	Tags    map[string]string
}

// AddPlaces adds places to a lab.
func AddPlaces(t *testing.T, lab Lab, all ...Setup) {
	t.Helper()
	c := dial(t, lab.Address())
	defer c.Close()
	for _, p := range all {
		c.must(t, "AddPlace", text(nil, 1, p.Place))
		for _, m := range p.Matches {
			c.must(t, "AddPlaceMatch", text(text(nil, 1, p.Place), 2, m))
		}
		for name, m := range p.Named {
			c.must(t, "AddPlaceMatch", text(text(text(nil, 1, p.Place), 2, m), 3, name))
		}
		for _, a := range p.Aliases {
			c.must(t, "AddPlaceAlias", text(text(nil, 1, p.Place), 2, a))
		}
		if len(p.Tags) > 0 {
			c.must(t, "SetPlaceTags", texts(text(nil, 1, p.Place), 2, p.Tags))
		}
	}
}

// User is another client of a lab.
type User struct {
	c      *client
	stream *io.PipeWriter
	done   chan struct{}
}

// Connect connects a client of the name HOST/USER.
func Connect(t *testing.T, lab Lab, name string) *User {
	t.Helper()
	c := dial(t, lab.Address())
	in, out := io.Pipe()
	u := &User{c, out, make(chan struct{})}
	synced := make(chan struct{})
	go u.receive(c, in, synced)
	for _, m := range [][]byte{
		inner(nil, 2, text(text(nil, 1, "test"), 2, name)),
		inner(nil, 1, number(nil, 1, 1)),
	} {
		if _, err := out.Write(frame(m)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-synced:
	case <-u.done:
		t.Fatalf("the coordinator ended the session of %s", name)
	}
	t.Cleanup(u.Close)
	return u
}

// receive reads until the stream ends.
func (u *User) receive(c *client, in io.Reader, synced chan struct{}) {
	defer close(u.done)
	resp, err := c.http.RoundTrip(c.request("ClientStream", in))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	close(synced) // the head of the response comes with the first message
	io.Copy(io.Discard, resp.Body)
}

// Close ends the session. Places stay acquired.
func (u *User) Close() {
	u.stream.Close()
	u.c.Close()
	<-u.done
}

// Acquire acquires a place.
func (u *User) Acquire(place string) error { return u.c.call("AcquirePlace", text(nil, 1, place)) }

// Release releases a place, also of another user.
func (u *User) Release(place string) error { return u.c.call("ReleasePlace", text(nil, 1, place)) }

// Allow allows a user, HOST/USER, to use a place of this user.
func (u *User) Allow(place, user string) error {
	return u.c.call("AllowPlace", text(text(nil, 1, place), 2, user))
}

// Reserve reserves a place with the tags.
func (u *User) Reserve(tags map[string]string) error {
	filter := inner(text(nil, 1, "main"), 2, texts(nil, 1, tags))
	return u.c.call("CreateReservation", inner(nil, 1, filter))
}

// Holder returns who has acquired a place, "" if it is free or missing.
func Holder(t *testing.T, lab Lab, place string) (holder string) {
	t.Helper()
	c := dial(t, lab.Address())
	defer c.Close()
	for _, f := range split(c.must(t, "GetPlaces", nil)) {
		name, acquired := "", ""
		for _, f := range split(f.bytes) {
			switch f.id {
			case 1:
				name = string(f.bytes)
			case 6:
				acquired = string(f.bytes)
			}
		}
		if name == place {
			return acquired
		}
	}
	return ""
}

// client calls methods of a coordinator in one connection.
type client struct {
	address string
	http    *http.ClientConn
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), DialContext: new(net.Dialer).DialContext}
	tr.Protocols.SetUnencryptedHTTP2(true)
	c, err := tr.NewClientConn(t.Context(), "http", address)
	if err != nil {
		t.Fatal(err)
	}
	return &client{address, c}
}

func (c *client) Close() { c.http.Close() }

func (c *client) request(method string, body io.Reader) *http.Request {
	to := &url.URL{Scheme: "http", Host: c.address, Path: "/labgrid.Coordinator/" + method}
	return &http.Request{Method: "POST", URL: to, Body: io.NopCloser(body), Header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}}
}

func (c *client) must(t *testing.T, method string, m []byte) []byte {
	t.Helper()
	reply, err := c.exchange(method, m)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return reply
}

func (c *client) call(method string, m []byte) error {
	_, err := c.exchange(method, m)
	return err
}

func (c *client) exchange(method string, m []byte) ([]byte, error) {
	resp, err := c.http.RoundTrip(c.request(method, bytes.NewReader(frame(m))))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	for _, h := range []http.Header{resp.Header, resp.Trailer} {
		if code := h.Get("Grpc-Status"); code != "" && code != "0" {
			return nil, fmt.Errorf("status %s: %s", code, h.Get("Grpc-Message"))
		}
	}
	return body[min(5, len(body)):], nil
}

func frame(m []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

func text(m []byte, id protowire.Number, s string) []byte { return inner(m, id, []byte(s)) }

func inner(m []byte, id protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(m, id, protowire.BytesType), b)
}

func number(m []byte, id protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(m, id, protowire.VarintType), n)
}

func texts(m []byte, id protowire.Number, all map[string]string) []byte {
	for key, value := range all {
		m = inner(m, id, text(text(nil, 1, key), 2, value))
	}
	return m
}

// part is a field of a message.
type part struct {
	id     protowire.Number
	bytes  []byte
	number uint64
}

// split splits a message of this package's clients and servers.
func split(m []byte) (all []part) {
	for len(m) > 0 {
		id, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return all
		}
		m = m[n:]
		p := part{id: id}
		switch kind {
		case protowire.BytesType:
			p.bytes, n = protowire.ConsumeBytes(m)
		case protowire.VarintType:
			p.number, n = protowire.ConsumeVarint(m)
		default:
			n = protowire.ConsumeFieldValue(id, kind, m)
		}
		if n < 0 {
			return all
		}
		m = m[n:]
		all = append(all, p)
	}
	return all
}

// readMessage reads a message of a stream.
func readMessage(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, m)
	return m, err
}

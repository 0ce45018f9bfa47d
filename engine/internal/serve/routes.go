package serve

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// route is where the requests for the files of one run go.
type route struct {
	token   string
	user    int      // id of the user whose process serves it
	address string   // of the board, "" while it is not known
	names   []string // of its files, without the token
	deliver func(client net.Addr, packet []byte)
}

// offers reports whether a route has a file of that name.
func (r *route) offers(name string) bool { return slices.Contains(r.names, name) }

// maxRecent is how many clients are remembered.
const maxRecent = 1 << 10

// routes are the routes from a port of requests. The zero value has none. It is safe for concurrent use.
type routes struct {
	mu      sync.Mutex // guards what follows
	byToken map[string]*route
	recent  map[string]string // tokens of the routes of the last requests without one, by the client's address and port
}

// set adds a route in the place of old, nil for none. It does not take over the token of a third route, which is an
// error, nor the board's address of another user's: the route has no address then, and a note says so.
func (r *routes) set(x, old *route) (note string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byToken[x.token] != old {
		return "", fmt.Errorf("another run has the token %s", x.token)
	}
	for _, other := range r.byToken {
		if x.address != "" && other.address == x.address && other.user != x.user && x.user != 0 {
			note = fmt.Sprintf("another user flashes the board at %s: only requests with the token %s come to this run", x.address, x.token)
			x.address = ""
		}
	}
	if r.byToken == nil {
		r.byToken, r.recent = map[string]*route{}, map[string]string{}
	}
	r.byToken[x.token] = x
	return note, nil
}

// remove removes a route that was not replaced.
func (r *routes) remove(x *route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byToken[x.token] == x {
		delete(r.byToken, x.token)
	}
}

// get returns the route with a token, nil if there is none.
func (r *routes) get(token string) *route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byToken[token]
}

// pick returns the route for a request, nil and a text for the client if there is none. The first rule that applies
// decides:
//
//   - the token before the name
//   - the client's address, if one board has it
//   - the route of the client's last request, so that a repeated request starts no second transfer
//   - the route with a file of that name, if it is the only one, or the only route
func (r *routes) pick(name string, client net.Addr) (x *route, refused string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name = strings.TrimLeft(name, "/")
	if i := strings.IndexFunc(name, func(c rune) bool { return c < 0x80 && isTokenEnd(byte(c)) }); i > 0 {
		if x := r.byToken[name[:i]]; x != nil {
			return x, ""
		}
	}
	var at, offering, all []*route
	host := hostOf(client)
	for _, x := range r.byToken {
		if all = append(all, x); x.address == host {
			at = append(at, x)
		}
	}
	if len(at) > 0 { // boards of other addresses are not this one
		all = at
	}
	for _, x := range all {
		if x.offers(name) {
			offering = append(offering, x)
		}
	}
	last := r.byToken[r.recent[client.String()]]
	switch {
	case len(at) == 1:
		return at[0], ""
	case slices.Contains(all, last):
		return last, ""
	case len(all) == 1:
		return r.rememberLocked(client, all[0]), ""
	case len(offering) == 1:
		return r.rememberLocked(client, offering[0]), ""
	case len(all) == 0:
		return nil, fmt.Sprintf("File not found: %s: no board is flashed", name)
	}
	return nil, fmt.Sprintf("File not found: %s: %d boards are flashed; neither this name nor the address %s selects one", name, len(all), host)
}

// rememberLocked records the route of a client's last request, and returns it. The caller holds mu.
func (r *routes) rememberLocked(client net.Addr, x *route) *route {
	if len(r.recent) >= maxRecent {
		clear(r.recent)
	}
	r.recent[client.String()] = x.token
	return x
}

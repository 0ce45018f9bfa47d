package serve

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"regexp"
)

// message is one message between the process that owns a port and another one, which has its boards' requests
// forwarded. Fields that are not known are ignored, for processes of different versions.
type message struct {
	// From the owner: Hello is the first message, Refused and Note are the answers to a registration.
	Hello   bool   `json:"hello,omitempty"`
	Refused string `json:"refused,omitempty"` // why; "" is accepted
	Note    string `json:"note,omitempty"`    // for people
	Client  string `json:"client,omitempty"`  // address and port, with Packet
	Packet  []byte `json:"packet,omitempty"`  // a client's request

	Token string `json:"token,omitempty"` // of the route that the message is about

	// To the owner: a registration, or the end of one.
	Address string   `json:"address,omitempty"` // of the board, "" while it is not known
	Names   []string `json:"names,omitempty"`
	Gone    bool     `json:"gone,omitempty"`
}

const (
	maxMessage = 128 << 10 // bytes; it holds the longest names, of six bytes for each of theirs
	maxNames   = 64        // of a route
	maxName    = 255       // bytes
)

// tokenForm matches a token.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9]{4,32}$`)

// encode returns a message as it is sent.
func (m message) encode() []byte {
	p, _ := json.Marshal(m) // texts and bytes can be encoded
	return p
}

// decode parses a message.
func decode(p []byte) (m message, err error) {
	err = json.Unmarshal(p, &m)
	return m, err
}

// route returns the route that a message registers.
func (m message) route(user int) (*route, error) {
	if !tokenForm.MatchString(m.Token) {
		return nil, errors.New("the token is not 4 to 32 letters and digits")
	}
	if len(m.Names) > maxNames {
		return nil, errors.New("too many files")
	}
	for _, name := range m.Names {
		if name == "" || len(name) > maxName {
			return nil, errors.New("the name of a file is empty or too long")
		}
	}
	if m.Address != "" {
		a, err := netip.ParseAddr(m.Address)
		if err != nil || a.Unmap().String() != m.Address {
			return nil, errors.New("the board's address is not an IP address")
		}
	}
	return &route{token: m.Token, user: user, address: m.Address, names: m.Names}, nil
}

// client returns the client of a request that was forwarded.
func (m message) client() (net.Addr, error) {
	a, err := netip.ParseAddrPort(m.Client)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().Unmap(), a.Port())), nil
}

// requestedName returns the name in a read request.
func requestedName(packet []byte) string {
	for i := 2; i < len(packet); i++ {
		if packet[i] == 0 {
			return string(packet[2:i])
		}
	}
	return ""
}

package transport

import "slices"

// Telnet's commands, RFC 854. All others mean nothing to a console and are dropped.
const (
	telSE   byte = 240 // ends a subnegotiation
	telSB   byte = 250 // begins one
	telWill byte = 251
	telWont byte = 252
	telDo   byte = 253
	telDont byte = 254
	telIAC  byte = 255
)

// Telnet's options: RFC 856, 857, 858, 2217.
const (
	optBinary  byte = 0
	optEcho    byte = 1
	optSGA     byte = 3
	optComPort byte = 44
)

// maxSub bounds a subnegotiation; a longer one is dropped. RFC 2217's are a few bytes and a signature.
const maxSub = 512

// telnet is one end of a telnet connection without the connection. It is the reader's: whoever reads decodes, and sends
// reply.
type telnet struct {
	us, them side
	subbed   func(option byte, value []byte) // a subnegotiation of an option that is on; nil for none
	reply    []byte                          // what the peer must be sent
	state    telnetState
	verb     byte
	sub      []byte // of the subnegotiation under way, as far as it fits
	afterCR  bool
	cut      bool // sub did not fit
}

// side is the options of one end.
type side struct {
	agree []byte // to which we agree when the peer asks
	state [256]optState
}

// optState is RFC 1143's, for one who never goes back on what he asked.
type optState byte

const (
	optOff optState = iota
	optAsked
	optOn
)

type telnetState byte

const (
	inData telnetState = iota
	afterIAC
	afterVerb
	inSub
	inSubAfterIAC
)

// newTelnet gives a client who wants a line that takes any byte, if the server has one. He never echoes.
func newTelnet() *telnet {
	t := &telnet{us: side{agree: []byte{optBinary, optSGA}}, them: side{agree: []byte{optBinary, optSGA, optEcho}}}
	t.ask(telWill, optBinary)
	t.ask(telDo, optBinary)
	t.ask(telDo, optSGA)
	return t
}

// ask proposes an option, for us with telWill or for the peer with telDo.
func (t *telnet) ask(verb, option byte) {
	s := &t.us
	if verb == telDo {
		s = &t.them
	}
	s.state[option] = optAsked
	t.reply = append(t.reply, telIAC, verb, option)
}

// settled reports whether the peer answered to all that was asked.
func (t *telnet) settled() bool {
	return !slices.Contains(t.us.state[:], optAsked) && !slices.Contains(t.them.state[:], optAsked)
}

// binary reports whether our bytes are sent as they are.
func (t *telnet) binary() bool { return t.us.state[optBinary] == optOn }

// decode gives the data in what was received; it overwrites p. Received torn anywhere, the data and reply are the same.
func (t *telnet) decode(p []byte) []byte {
	data := p[:0]
	for _, b := range p {
		if t.byte(b) {
			data = append(data, b)
		}
	}
	return data
}

// byte takes one byte and reports whether it is data.
func (t *telnet) byte(b byte) bool {
	switch t.state {
	case inData:
		if b == telIAC {
			t.state = afterIAC
			return false
		}
		return t.data(b)
	case afterIAC:
		return t.command(b)
	case afterVerb:
		t.state = inData
		t.negotiate(t.verb, b)
	case inSub:
		if b == telIAC {
			t.state = inSubAfterIAC
			return false
		}
		t.grow(b)
	case inSubAfterIAC:
		switch b {
		case telIAC:
			t.state = inSub
			t.grow(b)
		case telSE:
			t.state = inData
			t.subnegotiated()
		default: // the end is missing: better a lost value than a lost console
			return t.command(b)
		}
	}
	return false
}

// data reports whether b counts. A network virtual terminal's bare carriage return is followed by a NUL.
func (t *telnet) data(b byte) bool {
	padding := b == 0 && t.afterCR && t.them.state[optBinary] != optOn
	t.afterCR = b == '\r'
	return !padding
}

// command takes the byte after an IAC.
func (t *telnet) command(b byte) bool {
	t.state = inData
	switch b {
	case telIAC:
		return t.data(b)
	case telWill, telWont, telDo, telDont:
		t.state, t.verb = afterVerb, b
	case telSB:
		t.state, t.sub, t.cut = inSub, t.sub[:0], false
	}
	return false
}

func (t *telnet) grow(b byte) {
	if len(t.sub) == maxSub {
		t.cut = true
		return
	}
	t.sub = append(t.sub, b)
}

func (t *telnet) subnegotiated() {
	if len(t.sub) == 0 || t.cut || t.subbed == nil {
		return
	}
	if option := t.sub[0]; t.us.state[option] == optOn || t.them.state[option] == optOn {
		t.subbed(option, t.sub[1:])
	}
}

// negotiate takes what the peer says of an option.
func (t *telnet) negotiate(verb, option byte) {
	switch verb {
	case telWill:
		t.on(&t.them, option, telDo, telDont)
	case telWont:
		t.off(&t.them, option, telDont)
	case telDo:
		t.on(&t.us, option, telWill, telWont)
	case telDont:
		t.off(&t.us, option, telWont)
	}
}

// on answers only what is new, so that two ends never answer each other's answers.
func (t *telnet) on(s *side, option, agree, refuse byte) {
	switch {
	case s.state[option] != optOff:
		s.state[option] = optOn
	case slices.Contains(s.agree, option):
		s.state[option] = optOn
		t.reply = append(t.reply, telIAC, agree, option)
	default:
		t.reply = append(t.reply, telIAC, refuse, option)
	}
}

func (t *telnet) off(s *side, option, confirm byte) {
	if s.state[option] == optOn {
		t.reply = append(t.reply, telIAC, confirm, option)
	}
	s.state[option] = optOff
}

// encodeTelnet appends p as it is sent. Unless the line is binary, each carriage return is a bare one: with a line feed
// after it, it would be a line end, of which servers make what they like.
func encodeTelnet(dst, p []byte, binary bool) []byte {
	for _, b := range p {
		dst = append(dst, b)
		switch {
		case b == telIAC:
			dst = append(dst, telIAC)
		case b == '\r' && !binary:
			dst = append(dst, 0)
		}
	}
	return dst
}

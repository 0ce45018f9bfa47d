package transport

import "slices"

// Telnet's commands, RFC 854. A console needs no others; they are dropped.
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

// maxSub is the longest subnegotiation, in bytes; a longer one is dropped. RFC 2217's are a few bytes and a
// signature.
const maxSub = 512

// telnet is the state of one end of a telnet connection, without the connection. It belongs to the goroutine that
// reads: it decodes what was read, and sends reply.
type telnet struct {
	us, them   side
	onSub      func(option byte, value []byte) // called with a subnegotiation of an enabled option; may be nil
	reply      []byte                          // to be sent to the peer
	state      decodeState
	verb       byte
	sub        []byte // the subnegotiation in progress, up to maxSub
	afterCR    bool
	subTooLong bool // sub is longer than maxSub
}

// side is the options of one end.
type side struct {
	agree   []byte // options that are accepted when the peer asks
	options [256]optState
}

// optState is the state of an option, as in RFC 1143 for an end that never withdraws a request.
type optState byte

const (
	optOff optState = iota
	optAsked
	optOn
)

// decodeState is where in the protocol the decoder is.
type decodeState byte

const (
	inData decodeState = iota
	afterIAC
	afterVerb
	inSub
	inSubAfterIAC
)

// newTelnet returns a client that asks for a line that passes any byte, and never echoes.
func newTelnet() *telnet {
	t := &telnet{us: side{agree: []byte{optBinary, optSGA}}, them: side{agree: []byte{optBinary, optSGA, optEcho}}}
	t.ask(telWill, optBinary)
	t.ask(telDo, optBinary)
	t.ask(telDo, optSGA)
	return t
}

// ask requests an option, for us with telWill or for the peer with telDo.
func (t *telnet) ask(verb, option byte) {
	s := &t.us
	if verb == telDo {
		s = &t.them
	}
	s.options[option] = optAsked
	t.reply = append(t.reply, telIAC, verb, option)
}

// negotiated reports whether the peer has answered all requests.
func (t *telnet) negotiated() bool {
	return !slices.Contains(t.us.options[:], optAsked) && !slices.Contains(t.them.options[:], optAsked)
}

// binary reports whether our bytes are sent unchanged.
func (t *telnet) binary() bool { return t.us.options[optBinary] == optOn }

// decode returns the data in what was received; it overwrites p. The data and reply do not depend on how the
// stream is split into calls.
func (t *telnet) decode(p []byte) []byte {
	data := p[:0]
	for _, b := range p {
		if t.decodeByte(b) {
			data = append(data, b)
		}
	}
	return data
}

// decodeByte decodes one byte and reports whether it is data.
func (t *telnet) decodeByte(b byte) bool {
	switch t.state {
	case inData:
		if b == telIAC {
			t.state = afterIAC
			return false
		}
		return t.isData(b)
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
		t.appendSub(b)
	case inSubAfterIAC:
		switch b {
		case telIAC:
			t.state = inSub
			t.appendSub(b)
		case telSE:
			t.state = inData
			t.endSub()
		default: // the end is missing: drop the subnegotiation and resume with this command
			return t.command(b)
		}
	}
	return false
}

// isData reports whether a byte outside of commands is data. In a network virtual terminal, a NUL after a carriage
// return is not.
func (t *telnet) isData(b byte) bool {
	padding := b == 0 && t.afterCR && t.them.options[optBinary] != optOn
	t.afterCR = b == '\r'
	return !padding
}

// command decodes the byte after an IAC and reports whether it is data.
func (t *telnet) command(b byte) bool {
	t.state = inData
	switch b {
	case telIAC:
		return t.isData(b)
	case telWill, telWont, telDo, telDont:
		t.state, t.verb = afterVerb, b
	case telSB:
		t.state, t.sub, t.subTooLong = inSub, t.sub[:0], false
	}
	return false
}

// appendSub appends a byte to the subnegotiation.
func (t *telnet) appendSub(b byte) {
	if len(t.sub) == maxSub {
		t.subTooLong = true
		return
	}
	t.sub = append(t.sub, b)
}

// endSub passes a complete subnegotiation to onSub.
func (t *telnet) endSub() {
	if len(t.sub) == 0 || t.subTooLong || t.onSub == nil {
		return
	}
	if option := t.sub[0]; t.us.options[option] == optOn || t.them.options[option] == optOn {
		t.onSub(option, t.sub[1:])
	}
}

// negotiate handles a request or an answer of the peer.
func (t *telnet) negotiate(verb, option byte) {
	switch verb {
	case telWill:
		t.enable(&t.them, option, telDo, telDont)
	case telWont:
		t.disable(&t.them, option, telDont)
	case telDo:
		t.enable(&t.us, option, telWill, telWont)
	case telDont:
		t.disable(&t.us, option, telWont)
	}
}

// enable handles the peer's wish to enable an option. It answers only what changes a state, so that two ends never
// answer each other's answers.
func (t *telnet) enable(s *side, option, agree, refuse byte) {
	switch {
	case s.options[option] != optOff:
		s.options[option] = optOn
	case slices.Contains(s.agree, option):
		s.options[option] = optOn
		t.reply = append(t.reply, telIAC, agree, option)
	default:
		t.reply = append(t.reply, telIAC, refuse, option)
	}
}

// disable handles the peer's wish to disable an option.
func (t *telnet) disable(s *side, option, confirm byte) {
	if s.options[option] == optOn {
		t.reply = append(t.reply, telIAC, confirm, option)
	}
	s.options[option] = optOff
}

// encodeTelnet appends p as it is sent. Unless the line is binary, a NUL follows each carriage return: a carriage
// return with a line feed would be a line end, which servers convert in different ways.
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

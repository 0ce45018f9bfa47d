package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.bug.st/serial"

	"github.com/flashlua/flashlua/classify"
)

func init() {
	Register("rfc2217", "rfc2217:HOST:PORT", openRFC2217)
}

// The commands of RFC 2217. An answer has the number of the command plus comAnswer; the last two come from the
// server unasked.
const (
	comBaud     byte = 1
	comDataSize byte = 2
	comParity   byte = 3
	comStopSize byte = 4
	comControl  byte = 5
	comAnswer   byte = 100
	comSuspend  byte = 108
	comResume   byte = 109
)

// lineTimeout is how long a server may take to set the line.
const lineTimeout = 5 * time.Second

// openRFC2217 opens a serial port of another machine and sets its line. DTR and RTS stay as the server has them.
func openRFC2217(ctx context.Context, address string, line Line) (Port, error) {
	mode, err := line.mode()
	if err != nil {
		return nil, err
	}
	return dialTelnet(ctx, address, func(ctx context.Context, t *telnetPort) error {
		r := &remoteLine{port: t, address: address, settings: lineSettings(mode, line.Flow)}
		r.speed.baud = mode.BaudRate
		t.line = r
		return r.set(ctx)
	})
}

// setting is one property of the line, as it was requested and as the server answered.
type setting struct {
	what    string
	command byte
	want    []byte
	got     []byte
	text    func(value []byte) string
}

// remoteLine sets the line of a server.
type remoteLine struct {
	port     *telnetPort
	address  string
	settings []*setting
	sent     bool

	speed remoteSpeed
}

// set negotiates the option and sets the line, or returns what the server refuses.
func (r *remoteLine) set(ctx context.Context) error {
	codec := r.port.codec
	codec.onSub = r.onSub
	codec.us.agree = append(codec.us.agree, optComPort)
	codec.ask(telWill, optComPort)
	err := r.port.readUntil(ctx, lineTimeout, r.done)
	switch {
	case err != nil && !errors.Is(err, errNoAnswer):
		return err
	case codec.us.options[optComPort] == optOff:
		return r.refusedError("the server at %s refuses RFC 2217's COM-PORT option", r.address)
	case codec.us.options[optComPort] == optAsked:
		return r.withHint(classify.New(classify.TransportOpen, "the server at %s does not answer to RFC 2217's COM-PORT option", r.address))
	}
	for _, s := range r.settings {
		if s.got == nil {
			return r.withHint(classify.New(classify.TransportOpen, "the server at %s does not answer to %s %s", r.address, s.what, s.text(s.want)))
		}
		if !s.agreed() {
			return r.refusedError("the server at %s refuses %s %s, it has %s", r.address, s.what, s.text(s.want), s.text(s.got))
		}
	}
	return nil
}

func (r *remoteLine) refusedError(format string, args ...any) error {
	return r.withHint(classify.New(classify.TransportLine, format, args...))
}

func (r *remoteLine) withHint(err error) error {
	return classify.WithHint(err, "telnet:%s takes the line as the server has it, tcp:%s too if the server does not speak telnet", r.address, r.address)
}

// done reports whether all answers are there. A refusal counts only then: a server may first report the old
// settings of the line.
func (r *remoteLine) done() bool {
	codec := r.port.codec
	switch codec.us.options[optComPort] {
	case optOff:
		return true
	case optAsked:
		return false
	}
	if !r.sent {
		r.sent = true
		for _, s := range r.settings {
			codec.reply = s.appendRequest(codec.reply)
		}
	}
	for _, s := range r.settings {
		if s.got == nil {
			return false
		}
	}
	return codec.negotiated()
}

// appendRequest appends the subnegotiation that requests the setting.
func (s *setting) appendRequest(to []byte) []byte {
	to = append(to, telIAC, telSB, optComPort, s.command)
	return append(encodeTelnet(to, s.want, true), telIAC, telSE)
}

// onSub handles a subnegotiation of the server. It ignores line and modem states, which a console does not need.
func (r *remoteLine) onSub(option byte, value []byte) {
	if option != optComPort || len(value) == 0 {
		return
	}
	command, value := value[0], value[1:]
	switch command {
	case comSuspend, comResume:
		r.port.suspend(command == comSuspend)
		return
	case comBaud + comAnswer:
		r.speed.onAnswer(value)
	}
	for _, s := range r.settings {
		if r.sent && command == s.command+comAnswer && len(value) == len(s.want) && (s.command != comControl || value[0] <= 3) {
			s.got = append(s.got[:0], value...)
		}
	}
}

// agreed reports whether the server set what was requested. A speed that differs by 2 % is the same to a UART.
func (s *setting) agreed() bool {
	if s.command != comBaud {
		return s.got[0] == s.want[0]
	}
	want, got := int64(binary.BigEndian.Uint32(s.want)), int64(binary.BigEndian.Uint32(s.got))
	return max(want-got, got-want)*50 <= want
}

// lineSettings returns the settings of RFC 2217 for a line.
func lineSettings(mode *serial.Mode, flow string) []*setting {
	control := map[string]byte{"": 1, "none": 1, "xonxoff": 2, "rtscts": 3}[flow]
	stop := map[serial.StopBits]byte{serial.OneStopBit: 1, serial.TwoStopBits: 2}[mode.StopBits]
	parity := map[serial.Parity]byte{
		serial.NoParity: 1, serial.OddParity: 2, serial.EvenParity: 3, serial.MarkParity: 4, serial.SpaceParity: 5,
	}[mode.Parity]
	return []*setting{
		baudSetting(mode.BaudRate),
		{what: "data bits", command: comDataSize, want: []byte{byte(mode.DataBits)}, text: func(v []byte) string { return fmt.Sprint(v[0]) }},
		{what: "parity", command: comParity, want: []byte{parity}, text: nameOf("", "none", "odd", "even", "mark", "space")},
		{what: "stop bits", command: comStopSize, want: []byte{stop}, text: nameOf("", "1", "2", "1.5")},
		{what: "flow control", command: comControl, want: []byte{control}, text: nameOf("", "none", "xonxoff", "rtscts")},
	}
}

// baudSetting returns the setting of a speed.
func baudSetting(baud int) *setting {
	return &setting{what: "baud", command: comBaud, want: binary.BigEndian.AppendUint32(nil, uint32(baud)), text: func(v []byte) string {
		return fmt.Sprint(binary.BigEndian.Uint32(v))
	}}
}

// nameOf returns a function that returns the name of a value, by the index in names.
func nameOf(names ...string) func([]byte) string {
	return func(v []byte) string {
		if n := int(v[0]); n > 0 && n < len(names) {
			return names[n]
		}
		return fmt.Sprint(v[0])
	}
}

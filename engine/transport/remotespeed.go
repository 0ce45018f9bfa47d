package transport

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// remoteSpeed is the speed of a server's line, and the change of it in progress.
type remoteSpeed struct {
	mu     sync.Mutex  // mu guards what follows
	baud   int         // as the server confirmed it
	answer chan uint32 // of capacity one; nil unless a change is in progress
}

// onAnswer handles the server's answer to a change. The reader of the port calls it.
func (r *remoteSpeed) onAnswer(value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == nil || len(value) != 4 {
		return
	}
	select {
	case r.answer <- binary.BigEndian.Uint32(value):
	default:
	}
}

// begin begins a change and returns the channel of its answers.
func (r *remoteSpeed) begin() <-chan uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = make(chan uint32, 1)
	return r.answer
}

// end ends the change in progress.
func (r *remoteSpeed) end(baud int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.baud = nil, baud
}

// Speed implements SpeedSetter.
func (t *telnetPort) Speed() int {
	if t.line == nil {
		return 0
	}
	t.line.speed.mu.Lock()
	defer t.line.speed.mu.Unlock()
	return t.line.speed.baud
}

// SetSpeed implements SpeedSetter. The answer comes through Read, which another goroutine must call meanwhile. An
// answer with another speed may belong to the old one, so it counts only if no other comes.
func (t *telnetPort) SetSpeed(ctx context.Context, baud int) error {
	s, answers, before := baudSetting(baud), t.line.speed.begin(), t.Speed()
	confirmed := before
	defer func() { t.line.speed.end(confirmed) }()
	if err := t.sendRaw(s.appendRequest(nil)); err != nil {
		return err
	}
	ctx, cancel := clock.WithTimeout(ctx, clock.Real{}, lineTimeout, errNoAnswer)
	defer cancel()
	for {
		select {
		case got := <-answers:
			s.got = binary.BigEndian.AppendUint32(nil, got)
			if s.agreed() {
				confirmed = baud
				return nil
			}
			if int(got) != before {
				return classify.New(classify.TransportLine, "the server at %s refuses baud %d, it has %d", t.line.address, baud, got)
			}
		case <-t.closed:
			return classify.New(classify.TransportLost, "the connection to %s was closed", t.line.address)
		case <-ctx.Done():
			if s.got != nil {
				return classify.New(classify.TransportLine, "the server at %s refuses baud %d, it has %s", t.line.address, baud, s.text(s.got))
			}
			return classify.Wrap(context.Cause(ctx), "", "the server at %s does not answer to baud %d", t.line.address, baud)
		}
	}
}

// sendRaw sends bytes of the telnet protocol.
func (t *telnetPort) sendRaw(p []byte) error {
	t.mu.Lock()
	t.replies = append(t.replies, p...)
	t.mu.Unlock()
	_, err := t.send(nil)
	return err
}

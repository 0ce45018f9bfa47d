package transport

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

// serverMessage is the first text of a server. A server that refuses a client late sends nothing else. It belongs
// to the goroutine that reads.
type serverMessage struct {
	text     []byte
	received int // bytes
}

// add appends what was read, until it is too long for a refusal.
func (m *serverMessage) add(p []byte) {
	if m.received += len(p); m.received > maxLastWords { // the board prints
		m.text = nil
		return
	}
	m.text = append(m.text, p...)
}

// explain returns the error of a connection that ended with err: transport.busy if the text is all that was read
// and means that the console has another client, otherwise err.
func (m *serverMessage) explain(err error) error {
	words := lastWords(m.text)
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) || refusalKind(words) != classify.TransportBusy {
		return err
	}
	return classify.WithHint(&classify.Error{Kind: classify.TransportBusy, Cause: fmt.Errorf("the server hung up: %s", words)}, "%s", oneClient)
}

// oneClient is the hint for a console that has another client.
const oneClient = "a console server often takes one client at a time: end the other one"

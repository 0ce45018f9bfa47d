package transport

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/flashlua/flashlua/classify"
)

// farewell keeps what a server says at first. A server that is slow to refuse says no more than that. It belongs to the
// goroutine that reads.
type farewell struct {
	said  []byte
	count int // bytes that came
}

func (f *farewell) hear(p []byte) {
	if f.count += len(p); f.count > maxSaid { // the board's
		f.said = nil
		return
	}
	f.said = append(f.said, p...)
}

// of returns the error of a connection that ended with err: transport.busy if all that the server said is that the console
// has another client.
func (f *farewell) of(err error) error {
	words := lastWords(f.said)
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) || refusal(words) != classify.TransportBusy {
		return err
	}
	return classify.WithHint(&classify.Error{Kind: classify.TransportBusy, Cause: fmt.Errorf("the server hung up: %s", words)}, "%s", oneClient)
}

// oneClient is the hint of a console that has another client.
const oneClient = "a console server often takes one client at a time: end the other one"

package console

import (
	"io"
	"regexp"
	"time"

	expect "github.com/google/goexpect"
)

// spawn starts goexpect, which reads from and writes to the console.
func (c *Console) spawn() {
	ready := make(chan struct{})
	e, _, err := expect.SpawnGeneric(&expect.GenOptions{
		In:    &c.sender,
		Out:   &receiver{Console: c, ready: ready},
		Wait:  func() error { <-c.closed; return nil },
		Close: func() error { return nil },
		Check: func() bool { return true },
	}, time.Hour, expect.PartialMatch(true), expect.SendTimeout(time.Second), expect.BufferSize(32<<10))
	if err != nil {
		panic(err) // only an incomplete GenOptions is refused
	}
	c.stream.exp = e
	close(ready)
}

// receiver is the reader that goexpect reads from. goexpect has one goroutine for it, which owns unpublished.
type receiver struct {
	*Console
	ready       <-chan struct{} // closed when goexpect runs
	unpublished []byte          // the last read, which goexpect has not stored yet
}

// Read implements io.Reader. goexpect calls it again only after it has stored the bytes of the call before, and
// only then they may be matched. No error but io.EOF is returned: goexpect would drop data that comes with an
// error, and would then poll a dead session.
func (r *receiver) Read(p []byte) (int, error) {
	<-r.ready
	r.publish()
	for r.port.cause == nil || r.port.reopen() {
		var n int
		if n, r.port.cause = r.port.current().Read(p); n > 0 {
			r.unpublished = p[:n]
			return n, nil
		}
	}
	close(r.lost)
	return 0, io.EOF
}

// publish shows the last read to the recorder and adds it to the stream.
func (r *receiver) publish() {
	if len(r.unpublished) == 0 {
		return
	}
	p := r.unpublished
	r.unpublished = nil
	now := r.clk.Now()
	hidden := r.stream.transfer.Load() != nil // Transfer records what may be text
	if r.recorder != nil && !hidden {
		r.recorder.Record(now, false, p)
	}
	r.stream.add(p, now)
}

// never is a last case that always matches and consumes nothing, so that goexpect does not wait itself.
type never struct{}

var empty = regexp.MustCompile(``)

func (never) RE() (*regexp.Regexp, error)       { return empty, nil }
func (never) String() string                    { return "" }
func (never) Retry() bool                       { return false }
func (never) Tag() (expect.Tag, *expect.Status) { return expect.OKTag, expect.NewStatus(0, "") }

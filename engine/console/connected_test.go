package console

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// telling is a port that tells whether it is connected, until it ends.
type telling struct {
	*io.PipeReader
	end *io.PipeWriter
	err error
}

func newTelling(err error) *telling {
	r, w := io.Pipe()
	return &telling{r, w, err}
}

func (p *telling) Write(b []byte) (int, error)     { return len(b), nil }
func (p *telling) Connected(context.Context) error { return p.err }

// silent is a port that cannot tell.
type silent struct{ io.ReadWriteCloser }

func TestConnected(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	const patience = 10 * time.Second
	for name, tt := range map[string]struct {
		port  func(*telling) io.ReadWriteCloser
		now   error                             // what the first port tells
		ends  bool                              // it ends before it is asked
		again func(tries int) (*telling, error) // opens it again; nil: the console is lost with its port
		want  error
		kind  classify.Kind
		after time.Duration
	}{
		"is":                 {},
		"refuses":            {now: busy, want: busy, kind: classify.TransportBusy},
		"is lost":            {ends: true, want: io.EOF, kind: classify.TransportLost},
		"comes back":         {ends: true, again: func(n int) (*telling, error) { return sooner(n, 20, newTelling(nil), busy) }, after: 20 * reopenInterval},
		"comes back refused": {ends: true, again: func(n int) (*telling, error) { return sooner(n, 3, newTelling(busy), errNoDevice) }, want: busy, kind: classify.TransportBusy, after: 3 * reopenInterval},
		"stays another's":    {ends: true, again: func(int) (*telling, error) { return nil, busy }, want: busy, kind: classify.TransportLost, after: patience},
		"cannot tell": {
			port: func(p *telling) io.ReadWriteCloser { return silent{p} }, ends: true,
			again: func(int) (*telling, error) { return nil, errNoDevice },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port := newTelling(tt.now)
				var rw io.ReadWriteCloser = port
				if tt.port != nil {
					rw = tt.port(port)
				}
				cfg, tries := Config{}, 0
				if tt.again != nil {
					cfg.Reopen = Reopen{Timeout: patience, Open: func(context.Context) (io.ReadWriteCloser, error) {
						tries++
						p, err := tt.again(tries)
						if err != nil {
							return nil, err
						}
						return p, nil
					}}
				}
				c := New(rw, cfg)
				defer c.Close()
				if tt.ends {
					port.end.Close()
				}
				synctest.Wait()
				began := time.Now()
				err := c.Connected(t.Context())
				if !errors.Is(err, tt.want) || classify.Facts(err).Kind != tt.kind {
					t.Errorf("Connected = %v of kind %q; want %v of kind %q", err, classify.Facts(err).Kind, tt.want, tt.kind)
				}
				if took := time.Since(began); took != tt.after {
					t.Errorf("Connected took %s; want %s", took, tt.after)
				}
			})
		})
	}
}

// sooner returns p at the nth try, and err before.
func sooner(try, n int, p *telling, err error) (*telling, error) {
	if try < n {
		return nil, err
	}
	return p, nil
}

// TestStays: a port that hangs up again and again is not connected, whatever it says of itself.
func TestStays(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	const patience = 10 * time.Second
	for name, tt := range map[string]struct {
		port   func(*telling) io.ReadWriteCloser
		ends   time.Duration // of the port; 0: it stays
		reopen bool          // and may be opened again
		kind   classify.Kind
		after  time.Duration
	}{
		"stays":       {after: patience},
		"hangs up":    {ends: 5 * time.Second, reopen: true, kind: classify.TransportBusy, after: 5 * time.Second},
		"is lost":     {ends: time.Second, kind: classify.TransportBusy, after: time.Second},
		"cannot tell": {port: func(p *telling) io.ReadWriteCloser { return silent{p} }, ends: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port := newTelling(nil)
				var rw io.ReadWriteCloser = port
				if tt.port != nil {
					rw = tt.port(port)
				}
				cfg := Config{Reopen: Reopen{Timeout: patience}}
				if tt.reopen {
					cfg.Reopen.Open = func(context.Context) (io.ReadWriteCloser, error) { return newTelling(nil), nil }
				}
				c := New(rw, cfg)
				defer c.Close()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, func() { port.end.CloseWithError(busy) })
				}
				began := time.Now()
				err := c.StaysConnected(t.Context())
				if f := classify.Facts(err); f.Kind != tt.kind || (err == nil) != (tt.kind == "") {
					t.Errorf("Stays = %v of kind %q; want kind %q", err, f.Kind, tt.kind)
				}
				if took := time.Since(began); took < tt.after || took > tt.after+2*reopenInterval {
					t.Errorf("Stays took %s; want %s", took, tt.after)
				}
			})
		})
	}
}

// TestConnectedEndsWithItsContext waits for a port that is away.
func TestConnectedEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newTelling(nil)
		c := New(port, Config{Reopen: Reopen{Timeout: time.Hour, Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errNoDevice }}})
		defer c.Close()
		port.end.Close()
		over := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(over) })
		synctest.Wait()
		if err := c.Connected(ctx); !errors.Is(err, over) {
			t.Errorf("Connected = %v; want %v", err, over)
		}
	})
}

// TestCloseWhileAway: a port that is away was closed already, which is no error.
func TestCloseWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newTelling(nil)
		c := New(&closeOnce{telling: port}, Config{Reopen: Reopen{Timeout: time.Hour, Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errNoDevice }}})
		port.end.Close()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// closeOnce is a port whose second Close fails.
type closeOnce struct {
	*telling
	closed bool
}

func (p *closeOnce) Close() error {
	if p.closed {
		return io.ErrClosedPipe
	}
	p.closed = true
	return p.telling.Close()
}

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

// fakeConnector is a port that reports whether it is connected. It ends when end is closed.
type fakeConnector struct {
	*io.PipeReader
	end *io.PipeWriter
	err error
}

func newFakeConnector(err error) *fakeConnector {
	r, w := io.Pipe()
	return &fakeConnector{r, w, err}
}

func (p *fakeConnector) Write(b []byte) (int, error)     { return len(b), nil }
func (p *fakeConnector) Connected(context.Context) error { return p.err }

// noConnector is a port that cannot report it.
type noConnector struct{ io.ReadWriteCloser }

func TestConnected(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	const timeout = 10 * time.Second
	for name, tt := range map[string]struct {
		port  func(*fakeConnector) io.ReadWriteCloser
		now   error                                   // what the first port reports
		ends  bool                                    // it ends before Connected is called
		again func(tries int) (*fakeConnector, error) // opens it again; nil: the console is lost with its port
		want  error
		kind  classify.Kind
		after time.Duration
	}{
		"is":                 {},
		"refuses":            {now: busy, want: busy, kind: classify.TransportBusy},
		"is lost":            {ends: true, want: io.EOF, kind: classify.TransportLost},
		"comes back":         {ends: true, again: func(n int) (*fakeConnector, error) { return openAtTry(n, 20, newFakeConnector(nil), busy) }, after: 20 * reopenInterval},
		"comes back refused": {ends: true, again: func(n int) (*fakeConnector, error) { return openAtTry(n, 3, newFakeConnector(busy), errNoDevice) }, want: busy, kind: classify.TransportBusy, after: 3 * reopenInterval},
		"stays another's":    {ends: true, again: func(int) (*fakeConnector, error) { return nil, busy }, want: busy, kind: classify.TransportLost, after: timeout},
		"no connector": {
			port: func(p *fakeConnector) io.ReadWriteCloser { return noConnector{p} }, ends: true,
			again: func(int) (*fakeConnector, error) { return nil, errNoDevice },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port := newFakeConnector(tt.now)
				var rw io.ReadWriteCloser = port
				if tt.port != nil {
					rw = tt.port(port)
				}
				cfg, tries := Config{}, 0
				if tt.again != nil {
					cfg.Reopen = Reopen{Timeout: timeout, Open: func(context.Context) (io.ReadWriteCloser, error) {
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
					t.Errorf("Connected() = %v of kind %q; want %v of kind %q", err, classify.Facts(err).Kind, tt.want, tt.kind)
				}
				if took := time.Since(began); took != tt.after {
					t.Errorf("Connected() took %s; want %s", took, tt.after)
				}
			})
		})
	}
}

// openAtTry returns p at the nth try, and err before.
func openAtTry(try, n int, p *fakeConnector, err error) (*fakeConnector, error) {
	if try < n {
		return nil, err
	}
	return p, nil
}

// TestStaysConnected: a port that hangs up repeatedly is not connected, whatever it reports.
func TestStaysConnected(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	const timeout = 10 * time.Second
	for name, tt := range map[string]struct {
		port   func(*fakeConnector) io.ReadWriteCloser
		ends   time.Duration // of the port; 0: it stays
		reopen bool          // and may be opened again
		kind   classify.Kind
		after  time.Duration
	}{
		"stays":        {after: timeout},
		"hangs up":     {ends: 5 * time.Second, reopen: true, kind: classify.TransportBusy, after: 5 * time.Second},
		"is lost":      {ends: time.Second, kind: classify.TransportBusy, after: time.Second},
		"no connector": {port: func(p *fakeConnector) io.ReadWriteCloser { return noConnector{p} }, ends: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port := newFakeConnector(nil)
				var rw io.ReadWriteCloser = port
				if tt.port != nil {
					rw = tt.port(port)
				}
				cfg := Config{Reopen: Reopen{Timeout: timeout}}
				if tt.reopen {
					cfg.Reopen.Open = func(context.Context) (io.ReadWriteCloser, error) { return newFakeConnector(nil), nil }
				}
				c := New(rw, cfg)
				defer c.Close()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, func() { port.end.CloseWithError(busy) })
				}
				began := time.Now()
				err := c.StaysConnected(t.Context())
				if f := classify.Facts(err); f.Kind != tt.kind || (err == nil) != (tt.kind == "") {
					t.Errorf("StaysConnected() = %v of kind %q; want kind %q", err, f.Kind, tt.kind)
				}
				if took := time.Since(began); took < tt.after || took > tt.after+2*reopenInterval {
					t.Errorf("StaysConnected() took %s; want %s to %s", took, tt.after, tt.after+2*reopenInterval)
				}
			})
		})
	}
}

// TestConnectedEndsWithItsContext: the wait for a lost port ends with the context.
func TestConnectedEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newFakeConnector(nil)
		c := New(port, Config{Reopen: Reopen{Timeout: time.Hour, Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errNoDevice }}})
		defer c.Close()
		port.end.Close()
		over := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(over) })
		synctest.Wait()
		if err := c.Connected(ctx); !errors.Is(err, over) {
			t.Errorf("Connected() = %v; want %v", err, over)
		}
	})
}

// TestCloseWhileLost: a lost port was closed already; Close does not close it again.
func TestCloseWhileLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newFakeConnector(nil)
		c := New(&closeOnce{fakeConnector: port}, Config{Reopen: Reopen{Timeout: time.Hour, Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, errNoDevice }}})
		port.end.Close()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v; want nil", err)
		}
	})
}

// closeOnce is a port whose second Close fails.
type closeOnce struct {
	*fakeConnector
	closed bool
}

func (p *closeOnce) Close() error {
	if p.closed {
		return io.ErrClosedPipe
	}
	p.closed = true
	return p.fakeConnector.Close()
}

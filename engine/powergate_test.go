package engine

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/transport"
)

// server is a port of a console server that may have another client.
type server struct {
	net.Conn
	busy  error
	leave func() // makes the server hang up later; may be nil
}

func (s *server) Connected(context.Context) error {
	if s.leave != nil {
		s.leave()
	}
	return s.busy
}

// nth returns element n of all, or the last one if there are fewer; nil if there is none.
func nth(all []error, n int) error {
	if len(all) == 0 {
		return nil
	}
	return all[min(n, len(all)-1)]
}

// TestPowerNeedsAConsole: the power is switched only while the console is connected.
func TestPowerNeedsAConsole(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	var last *server // that was opened
	cycle := func(ctx context.Context, s *Session) error { return errors.Join(s.PowerCycle(ctx), noLease) }
	for name, tt := range map[string]struct {
		flash    func(ctx context.Context, s *Session) error
		opens    []error // of Connected of the nth port; the last one for all that follow
		refused  []error // of the nth OpenPort; the last one for all that follow
		late     bool    // the second port hangs up after it was found to be connected
		switched string
		exit     ExitCode
		kind     classify.Kind
	}{
		"connected":             {flash: cycle, switched: "off on off on off", exit: ExitExhausted, kind: classify.NetDHCPTimeout},
		"busy when opened":      {flash: cycle, refused: []error{busy}, exit: ExitTempFail, kind: classify.TransportBusy},
		"busy before the power": {flash: cycle, opens: []error{busy}, exit: ExitTempFail, kind: classify.TransportBusy},
		"busy in the second attempt": {
			flash: func(ctx context.Context, s *Session) error {
				err := cycle(ctx, s)
				s.run.console.Close() // the server ends, and has another client then
				<-s.run.console.Lost()
				return err
			},
			refused: []error{nil, busy}, switched: "off on off", exit: ExitExhausted, kind: classify.TransportBusy,
		},
		"refuses late, in every attempt": {
			flash: func(ctx context.Context, s *Session) error {
				err := cycle(ctx, s)
				s.run.console.Close()
				<-s.run.console.Lost()
				return err
			},
			refused: []error{nil, nil, busy}, late: true, switched: "off on off", exit: ExitExhausted, kind: classify.TransportLost,
		},
		"was lost, and stays": {
			flash: func(ctx context.Context, s *Session) error {
				err := cycle(ctx, s)
				s.run.console.Close()
				<-s.run.console.Lost()
				return err
			},
			switched: "off on off on off", exit: ExitExhausted, kind: classify.NetDHCPTimeout,
		},
		"another's in the second attempt": {
			flash: func(ctx context.Context, s *Session) error {
				err := cycle(ctx, s)
				s.run.console.Close()
				<-s.run.console.Lost()
				return err
			},
			opens: []error{nil, busy}, switched: "off on off", exit: ExitExhausted, kind: classify.TransportBusy,
		},
		"lost with the board's power": {
			flash: func(ctx context.Context, s *Session) error {
				if s.Attempt() == 2 {
					return noLease
				}
				if err := s.PowerOff(ctx); err != nil {
					return err
				}
				last.busy = busy
				err := s.PowerOn(ctx)
				return errors.Join(err, noLease)
			},
			switched: "off on off", exit: ExitExhausted, kind: classify.NetDHCPTimeout,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.flash)
			one, n := 1, 0
			again := make(chan struct{}) // closed when a port is opened the third time
			b.job.Retries = &one
			b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
				board, conn := net.Pipe()
				t.Cleanup(func() { board.Close() })
				opened := &server{Conn: conn, busy: nth(tt.opens, n)}
				if tt.late && n == 1 {
					opened.leave = func() {
						b.clk.AfterFunc(DefaultReopen/2, func() {
							board.Close()
							<-again
						})
					}
				}
				err := nth(tt.refused, n)
				if n++; n == 3 {
					close(again)
				}
				if err != nil {
					return nil, err
				}
				last = opened
				return opened, nil
			}
			r, _ := b.run(t)
			if got := strings.Join(b.switched, " "); got != tt.switched {
				t.Errorf("power was switched %q; want %q", got, tt.switched)
			}
			if r.Exit != tt.exit || r.Kind != string(tt.kind) {
				t.Errorf("exit %d, kind %s; want %d, %s: %v", r.Exit, r.Kind, tt.exit, tt.kind, r.Err)
			}
		})
	}
}

// TestInteractiveNeedsAConsole: Interactive does not reset a board whose console has another client, but opens its
// console as it is.
func TestInteractiveNeedsAConsole(t *testing.T) {
	busy := classify.New(classify.TransportBusy, "Port already in use")
	for to, exit := range map[BoardState]ExitCode{BoardAsIs: 0, BoardUBoot: ExitTempFail, BoardLinux: ExitTempFail} {
		b := newBench(t, nil)
		b.policy.Transition = func(ctx context.Context, s *Session, _ BoardState) error { return s.PowerCycle(ctx) }
		b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
			board, conn := net.Pipe() // which stays open: a port that ends at once is lost before Connected is called
			t.Cleanup(func() { board.Close() })
			return &server{conn, busy, nil}, nil
		}
		r := b.Interactive(t.Context(), b.policy, Job{}, to, func(context.Context, *console.Console) error { return nil })
		if r.Exit != exit || len(b.switched) > 0 {
			t.Errorf("Interactive(%q): exit %d, switched %v; want %d and no switching: %v", to, r.Exit, b.switched, exit, r.Err)
		}
	}
}

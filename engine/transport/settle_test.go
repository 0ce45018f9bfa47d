package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// visit is the behaviour of a server to one client.
type visit struct {
	says  string
	after time.Duration // from the connection on, until it hangs up; 0: it stays
}

// dials returns a dialer to a server that treats one client after another as visits say, and the number of
// clients.
func dials(t *testing.T, takes time.Duration, visits ...visit) (dial func() (streamConn, error), clients *int) {
	clients = new(int)
	return func() (streamConn, error) {
		v := visits[min(*clients, len(visits)-1)]
		*clients++
		time.Sleep(takes)
		ours, theirs := net.Pipe()
		t.Cleanup(func() { theirs.Close() })
		go func() {
			io.WriteString(theirs, v.says)
			if v.after > 0 {
				time.Sleep(v.after)
				theirs.Close()
			}
		}()
		return ours, nil
	}, clients
}

func TestConnect(t *testing.T) {
	const busy, lost = classify.TransportBusy, classify.TransportLost
	for name, tt := range map[string]struct {
		takes   time.Duration // to connect
		visits  []visit
		kind    classify.Kind // "": it is open
		want    string
		clients int // at least
		time    time.Duration
	}{
		"stays":                  {0, []visit{{"", 0}}, "", "", 1, settleFar},
		"stays and talks":        {0, []visit{{"U-Boot 2024.01\r\n", 0}}, "", "U-Boot 2024.01\r\n", 1, settleFar},
		"is the board":           {0, []visit{{strings.Repeat("#", 2*settleData), 0}}, "", "#######", 1, 0},
		"ser2net":                {0, []visit{{"Port already in use\r\n", 1}}, busy, "the server hung up at once: Port already in use", 2, noticeTimeout},
		"a while later":          {0, []visit{{"\r\n%% Line is busy\r\n", 120 * time.Millisecond}}, busy, "%% Line is busy", 2, noticeTimeout},
		"much later":             {0, []visit{{"Connection refused by console0", settleFar - 1}}, busy, "Connection refused by console0", 2, noticeTimeout},
		"far away":               {400 * time.Millisecond, []visit{{"too many clients", 800 * time.Millisecond}}, busy, "too many clients", 1, noticeTimeout},
		"words of other trouble": {0, []visit{{"Device open failure: No such file", 1}}, lost, "Device open failure: No such file", 2, noticeTimeout},
		"no word":                {0, []visit{{"", 1}}, classify.TransportAway, "the server hung up at once: EOF", 2, noticeTimeout},
		"control characters":     {0, []visit{{"\x1b[2J\x07in use\x00\r\n\r\nby\tann", 1}}, busy, "at once: [2J in use by ann", 2, noticeTimeout},
		"notices it in time":     {0, []visit{{"in use", 1}, {"in use", 1}, {"", 0}}, "", "", 3, settleFar},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, clients := dials(t, tt.takes, tt.visits...)
				began := time.Now()
				p, err := connect(t.Context(), clock.Real{}, settleFar, dial)
				if took := time.Since(began); took < tt.time {
					t.Errorf("connect() took %s; want at least %s", took, tt.time)
				}
				if f := classify.Facts(err); f.Kind != tt.kind || tt.kind != "" && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("connect() = %v of kind %q; want %q of kind %q", err, f.Kind, tt.want, tt.kind)
				}
				if *clients < tt.clients {
					t.Errorf("connect() connected %d times; want at least %d", *clients, tt.clients)
				}
				if err != nil {
					return
				}
				defer p.Close()
				got := make([]byte, len(tt.want))
				if _, err := io.ReadFull(p, got); err != nil || string(got) != tt.want {
					t.Errorf("ReadFull() = %q, %v; want %q", got, err, tt.want)
				}
			})
		})
	}
}

// TestConnectEndsWithItsContext: an interrupted run does not wait for a server.
func TestConnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(settleFar/2, func() { cancel(over) })
		dial, _ := dials(t, 0, visit{"", 0})
		if p, err := connect(ctx, clock.Real{}, settleFar, dial); !errors.Is(err, over) {
			t.Errorf("connect() = %v, %v; want %v", p, err, over)
		}
	})
}

// TestTelnetServerHangsUpLater: a server that hangs up just after the negotiation refuses the client.
func TestTelnetServerHangsUpLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, server := pipe(t)
		go func() {
			server.says("Port is in use\r\n")
			time.Sleep(120 * time.Millisecond)
			server.Close()
		}()
		err := port.staysOpen(t.Context(), settleFar)
		if f := classify.Facts(err); f.Kind != classify.TransportBusy || !strings.HasSuffix(err.Error(), "at once: Port is in use") {
			t.Errorf("staysOpen() = %v of kind %s; want the server's message, of kind %s", err, f.Kind, classify.TransportBusy)
		}
	})
}

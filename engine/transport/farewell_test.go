package transport

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// TestServerThatRefusesLate: a server that hangs up long after it took the connection is busy if that is all that it said.
func TestServerThatRefusesLate(t *testing.T) {
	const busy = "the server hung up: Port already in use"
	for name, tt := range map[string]struct {
		says string
		want string // what Read says in the end; "" for the plain end
	}{
		"ser2net":        {"Port already in use\r\n", busy},
		"no word":        {"", ""},
		"other words":    {"Good bye\r\n", ""},
		"the board's":    {strings.Repeat("#", maxSaid) + "Port already in use\r\n", ""},
		"and no newline": {"Port already in use", busy},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, _ := dials(t, 0, visit{tt.says, 4 * settleFar})
				overTCP, err := connect(t.Context(), clock.Real{}, settleFar, dial)
				if err != nil {
					t.Fatal(err)
				}
				defer overTCP.Close()
				overTelnet, server := pipe(t)
				go func() {
					server.says(tt.says)
					time.Sleep(4 * settleFar)
					server.Close()
				}()
				if err := overTelnet.stays(t.Context(), settleFar); err != nil {
					t.Fatal(err)
				}
				for _, p := range []Port{overTCP, overTelnet} {
					got, err := io.ReadAll(p)
					if string(got) != tt.says {
						t.Errorf("read %q; want %q", got, tt.says)
					}
					switch f := classify.Facts(err); {
					case tt.want == "" && err != nil:
						t.Errorf("Read of %T = %v; want the end of the stream", p, err)
					case tt.want != "" && (err == nil || err.Error() != tt.want || f.Kind != classify.TransportBusy):
						t.Errorf("Read of %T = %v of kind %q; want %q of kind %s", p, err, f.Kind, tt.want, classify.TransportBusy)
					}
				}
			})
		})
	}
}

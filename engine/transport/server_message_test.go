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

// TestServerThatRefusesLate: if a server hangs up late and a refusal is all that it sent, the console is busy.
func TestServerThatRefusesLate(t *testing.T) {
	const busy = "the server hung up: Port already in use"
	for name, tt := range map[string]struct {
		says string
		want string // the error of Read; "" for io.EOF
	}{
		"ser2net":        {"Port already in use\r\n", busy},
		"no word":        {"", ""},
		"other words":    {"Good bye\r\n", ""},
		"the board's":    {strings.Repeat("#", maxLastWords) + "Port already in use\r\n", ""},
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
				if err := overTelnet.staysOpen(t.Context(), settleFar); err != nil {
					t.Fatal(err)
				}
				for _, p := range []Port{overTCP, overTelnet} {
					got, err := io.ReadAll(p)
					if string(got) != tt.says {
						t.Errorf("ReadAll() = %q; want %q", got, tt.says)
					}
					switch f := classify.Facts(err); {
					case tt.want == "" && err != nil:
						t.Errorf("ReadAll() of %T = %v; want nil", p, err)
					case tt.want != "" && (err == nil || err.Error() != tt.want || f.Kind != classify.TransportBusy):
						t.Errorf("ReadAll() of %T = %v of kind %q; want %q of kind %s", p, err, f.Kind, tt.want, classify.TransportBusy)
					}
				}
			})
		})
	}
}

package flash

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

func TestResolveRefuses(t *testing.T) {
	d, _ := newDUT(t, newHostShell(t))
	for path, want := range map[string]classify.Kind{
		"/no/such/device": classify.TargetMissing,
		"/dev/null":       classify.TargetUnsafe,
		"/tmp":            classify.TargetUnsafe,
	} {
		_, err := d.Resolve(t.Context(), Target{Name: "x", Path: path}, false)
		if f := classify.Facts(err); f.Kind != want || f.Class != classify.Fatal {
			t.Errorf("Resolve(%s) = %v of kind %s; want %s", path, err, f.Kind, want)
		}
	}
	_, err := d.Resolve(t.Context(), Target{Name: "x", Sysfs: "4fb0000"}, false)
	if f := classify.Facts(err); f.Kind != classify.TargetMissing || !strings.Contains(err.Error(), "the disk at 4fb0000") {
		t.Errorf("Resolve of a missing address = %v; want %s", err, classify.TargetMissing)
	}
}

// TestExitCodesComeTwice holds that an exit code that was damaged is no number.
func TestExitCodesComeTwice(t *testing.T) {
	for text, want := range map[string]int64{"0=0": 0, "1=1": 1, "0=1": -1, "1=0": -1, "0=": -1, "=0": -1, "0?0": -1, "": -1, "512": 512} {
		if got := (reply{fields: map[string][]string{"dd": {text}}}).number("dd"); got != want {
			t.Errorf("number(%q) = %d; want %d", text, got, want)
		}
	}
}

// TestOnlyTheBoardIsServed requests an image from the address that fetched the helper, and from another one.
func TestOnlyTheBoardIsServed(t *testing.T) {
	d, _ := newDUT(t, newHostShell(t))
	if err := d.loadHelper(t.Context()); err != nil {
		t.Fatal(err)
	}
	url, withdraw := d.serve(serve.Text("image", "content"), nil)
	defer withdraw()
	for from, want := range map[string]int{"127.0.0.1": http.StatusOK, "127.0.0.9": http.StatusNotFound} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("GET from %s = %s; want %d", from, res.Status, want)
		}
	}
}

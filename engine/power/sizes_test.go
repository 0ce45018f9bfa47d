package power

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// maxAllocated is how much one action may allocate, whatever the other side sends, in bytes.
const maxAllocated = 16 << 20

// TestCommandsThatPrintMuch: the error has the end of a long output, and the number of bytes left out.
func TestCommandsThatPrintMuch(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"head -c 67108864 /dev/zero | tr '\\0' x; echo port {} stuck; false", `failed: \(67108579 bytes left out\) … x{285}port off stuck: exit status 1$`},
		{"head -c 67108864 /dev/zero | tr '\\0' x >&2; echo port {} stuck >&2; exit 3", `failed: \(67108579 bytes left out\) … x{285}port off stuck: exit status 3$`},
		{"printf %0300d 0; test {} = on", `failed: 0{300}: exit status 1$`},
		{"printf %0301d 0; test {} = on", `failed: \(1 bytes left out\) … 0{300}: exit status 1$`},
	} {
		var err error
		n := allocated(func() { err = command(c.text).Off(t.Context()) })
		if got := fmt.Sprint(err); !regexp.MustCompile(c.want).MatchString(got) || n > maxAllocated {
			t.Errorf("Off() of %s = %.500s, %d bytes allocated; want %s, at most %d bytes", c.text, got, n, c.want, maxAllocated)
		}
	}
	n := allocated(func() {
		if err := command("head -c 67108864 /dev/zero; : {}").Off(t.Context()); err != nil {
			t.Errorf("Off() of a command that succeeds = %v; want nil", err)
		}
	})
	if n > maxAllocated {
		t.Errorf("Off() of a command that succeeds allocated %d bytes; want at most %d", n, maxAllocated)
	}
}

// says is a QMP server that sends first once and again repeatedly, until the client disconnects.
func says(t *testing.T, first, again string) string {
	path := filepath.Join(t.TempDir(), "qmp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
			for _, err = io.WriteString(conn, first); err == nil; {
				_, err = io.WriteString(conn, again)
			}
			conn.Close()
		}
	}()
	return path
}

func TestQMPThatSaysMuch(t *testing.T) {
	for what, c := range map[string]struct{ first, again string }{
		"a greeting without end": {`{"QMP": {"version": "`, strings.Repeat("x", 4096)},
		"events without end":     {`{"QMP": {}}`, `{"event": "RTC_CHANGE"}`},
		"blanks without end":     {`{"QMP": {}}`, strings.Repeat(" ", 4096)},
		"lists without end":      {`{"QMP": `, strings.Repeat("[", 4096)},
	} {
		var err error
		n := allocated(func() { err = qmp(says(t, c.first, c.again)).Off(t.Context()) })
		if f := classify.Facts(err); !f.Kind.Is(classify.Power) || n > maxAllocated {
			t.Errorf("Off() with %s = %v of kind %s, %d bytes allocated; want kind %s, at most %d bytes", what, err, f.Kind, n, classify.Power, maxAllocated)
		}
	}
	path := says(t, `{"QMP": {}}{"error": {"desc": "`+strings.Repeat("no", 1000)+`"}}`, " ")
	if err := qmp(path).Off(t.Context()); err == nil || len(err.Error()) > 600 || !strings.Contains(err.Error(), "refuses qmp_capabilities: nono") || !strings.Contains(err.Error(), "(1700 bytes left out)") {
		t.Errorf("Off() with a long refusal = %v; want it shortened", err)
	}
}

// TestHTTPThatSaysMuch: bodies and headers are read up to a limit.
func TestHTTPThatSaysMuch(t *testing.T) {
	endless := func(w io.Writer) {
		for n := 0; n < 1<<30; n += 4096 {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}
	s, _ := pdu(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/header"):
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
				endless(conn)
				conn.Close()
			}
			return
		case strings.HasPrefix(r.URL.Path, "/refused"):
			w.WriteHeader(http.StatusTeapot)
		}
		endless(w)
	})
	s.Start()
	for path, want := range map[string]string{"/ok/{}": "", "/refused/{}": "418 I'm a teapot: xxx", "/header/{}": "got no answer"} {
		d, err := Open("http://" + s.Listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		n := allocated(func() { err = d.Off(context.Background()) })
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) || len(got) > 1000 || n > maxAllocated {
			t.Errorf("Off() of %s = %.1000s, %d bytes allocated; want %s, at most %d bytes", path, got, n, want, maxAllocated)
		}
	}
}

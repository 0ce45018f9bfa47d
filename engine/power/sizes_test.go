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

// mostAllocated is what an action may allocate, whatever the other side says.
const mostAllocated = 16 << 20

// TestCommandsThatPrintMuch: of what a command prints, the end is kept, and how much was left out is told.
func TestCommandsThatPrintMuch(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"head -c 67108864 /dev/zero | tr '\\0' x; echo port {} stuck; false", `failed: \(67108579 bytes left out\) … x{285}port off stuck: exit status 1$`},
		{"head -c 67108864 /dev/zero | tr '\\0' x >&2; echo port {} stuck >&2; exit 3", `failed: \(67108579 bytes left out\) … x{285}port off stuck: exit status 3$`},
		{"printf %0300d 0; test {} = on", `failed: 0{300}: exit status 1$`},
		{"printf %0301d 0; test {} = on", `failed: \(1 bytes left out\) … 0{300}: exit status 1$`},
	} {
		var err error
		n := allocated(func() { err = command(c.text).Off(t.Context()) })
		if got := fmt.Sprint(err); !regexp.MustCompile(c.want).MatchString(got) || n > mostAllocated {
			t.Errorf("%s: %d bytes are allocated, %.500s; want %s", c.text, n, got, c.want)
		}
	}
	n := allocated(func() {
		if err := command("head -c 67108864 /dev/zero; : {}").Off(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if n > mostAllocated {
		t.Errorf("a command that succeeds: %d bytes are allocated", n)
	}
}

// says is a QMP server that sends parts again and again until nobody takes them.
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
		if f := classify.Facts(err); !f.Kind.Is(classify.Power) || n > mostAllocated {
			t.Errorf("%s: %d bytes are allocated, %v of kind %s", what, n, err, f.Kind)
		}
	}
	path := says(t, `{"QMP": {}}{"error": {"desc": "`+strings.Repeat("no", 1000)+`"}}`, " ")
	if err := qmp(path).Off(t.Context()); err == nil || len(err.Error()) > 600 || !strings.Contains(err.Error(), "refuses qmp_capabilities: nono") || !strings.Contains(err.Error(), "(1700 bytes left out)") {
		t.Errorf("a long refusal: %v", err)
	}
}

// TestHTTPThatSaysMuch: neither a body nor a header is taken without end.
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
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) || len(got) > 1000 || n > mostAllocated {
			t.Errorf("%s: %d bytes are allocated, %.1000s; want %s", path, n, got, want)
		}
	}
}

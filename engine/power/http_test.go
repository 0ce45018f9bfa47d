package power

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
)

// pdu is a power controller that reports each request in asked.
func pdu(t *testing.T, answer http.HandlerFunc) (s *httptest.Server, asked chan string) {
	asked = make(chan string, 10)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		asked <- strings.TrimSpace(strings.Join([]string{r.Method, r.RequestURI, user, password, r.Header.Get("Content-Type"), string(body)}, " "))
		if answer != nil {
			answer(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s, asked
}

func TestHTTP(t *testing.T) {
	s, asked := pdu(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusFound) // the success of some controllers
		}
	})
	s.Start()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	address := s.Listener.Addr().String()
	for spec, want := range map[string][2]string{
		"http://HOST/cm?cmnd=Power%20{On|Off}":                          {"GET /cm?cmnd=Power%20On", "GET /cm?cmnd=Power%20Off"},
		"http://HOST/rpc/Switch.Set?id=0&on={true|false}":               {"GET /rpc/Switch.Set?id=0&on=true", "GET /rpc/Switch.Set?id=0&on=false"},
		"http://HOST/power/control/{}?hostname=pdu1&port=3":             {"GET /power/control/on?hostname=pdu1&port=3", "GET /power/control/off?hostname=pdu1&port=3"},
		"http:http://me:p%40ss@HOST/{}":                                 {"GET /on me p@ss", "GET /off me p@ss"},
		`http:PUT http://HOST/3 expect=302 body={"state":"{on|off}"} x`: {`PUT /3   application/x-www-form-urlencoded {"state":"on"} x`, `PUT /3   application/x-www-form-urlencoded {"state":"off"} x`},
		`https:http://HOST/3 body={"state": "{on|off}"}`:                {`POST /3   application/json {"state": "on"}`, `POST /3   application/json {"state": "off"}`},
		"http:GET http://HOST/{} expect=200":                            {"GET /on", "GET /off"},
	} {
		d, err := Open(strings.Replace(spec, "HOST", address, 1))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(t.Context()); err != nil || len(asked) != 0 {
			t.Errorf("Check() of %s = %v, %d requests; want nil, none", spec, err, len(asked))
		}
		if err := errors.Join(d.On(t.Context()), d.Off(t.Context())); err != nil {
			t.Errorf("On(), Off() of %s = %v; want nil", spec, err)
			continue
		}
		if got := [2]string{<-asked, <-asked}; got != want {
			t.Errorf("On(), Off() of %s sent %q; want %q", spec, got, want)
		}
	}
}

func TestHTTPRefusedSpecs(t *testing.T) {
	for spec, want := range map[string]string{
		"http://me:s3cret@pdu/?s3cret":              "neither {}, which becomes on or off, nor {A|B}",
		"https:on":                                  "neither",
		"http:GET {}":                               "not written as [METHOD] URL [expect=STATUS] [body=TEXT]: the address does not begin with http://",
		"http:{}":                                   "the address does not begin with",
		"http://me:s3cret/x@pdu/{}":                 "http://… has no valid host",
		"http://pdu/{} s3cret":                      "what follows the URL is neither expect= nor body=",
		"http://pdu/{} expect=2xx":                  "expect=2xx is not a status",
		"http://pdu/{} expect=99":                   "expect=99 is not a status",
		"http://pdu/{} expect=200 s3cret body=on":   "what follows the URL",
		"http:POST http://pdu/{} body=x {on off} s": "",
	} {
		_, err := Open(spec)
		if want == "" {
			if err != nil {
				t.Errorf("Open(%s) = %v; want nil", spec, err)
			}
			continue
		}
		f := classify.Facts(err)
		if f.Kind != classify.Usage || !strings.Contains(err.Error(), want) || strings.Contains(err.Error()+f.Hint, "s3cret") || !strings.Contains(f.Hint, "--power") {
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want %q", spec, err, f.Kind, f.Hint, want)
		}
	}
}

func TestHTTPErrors(t *testing.T) {
	s, _ := pdu(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			w.Header().Set("Location", "https://elsewhere/login?s3cret")
			w.WriteHeader(http.StatusFound)
		case "/auth":
			w.WriteHeader(http.StatusUnauthorized)
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, "<h1>relay stuck</h1>\n"+r.URL.RawQuery)
		}
	})
	s.Start()
	secure, _ := pdu(t, nil)
	secure.StartTLS()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	at := s.Listener.Addr().String()
	for spec, want := range map[string]struct {
		text, hint string
		kind       classify.Kind
	}{
		"http://me:s3cret@" + at + "/3?k=s3cret{}":              {"GET http://" + at + "/3?… was answered with 500 Internal Server Error: <h1>relay stuck</h1> …", "", classify.PowerCommand},
		"http://" + at + "/3?k=s3cret{} expect=200":             {"was answered with 500", "only 200 counts as success, as expect= says", classify.PowerCommand},
		"http:POST http://" + at + "/moved?{}":                  {"POST http://" + at + "/moved?… was answered with 302 Found", "it wants to be asked at https://elsewhere/login?…: write that after --power", classify.PowerCommand},
		"http://" + at + "/auth?{}":                             {"401 Unauthorized", "put USER:PASSWORD@ before the host in the URL after --power", classify.PowerCommand},
		"http://" + at + "/cut?{}":                              {"got no answer: EOF", "", classify.PowerCommand},
		"http://" + at + "/slow?{}":                             {"got no answer: too late", "", classify.PowerCommand},
		"http://me:s3cret@" + gone.Addr().String() + "/{}":      {"cannot reach the power controller http://" + gone.Addr().String() + "/on: dial tcp " + gone.Addr().String() + ": connect: connection refused", "check the URL after --power", classify.PowerUnavailable},
		"https://" + secure.Listener.Addr().String() + "/?k={}": {"certificate", "check the URL after --power", classify.PowerConnect},
		"https://" + at + "/{}":                                 {"cannot reach the power controller https://", "check the URL after --power", classify.PowerConnect},
	} {
		d, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		limit := time.Hour
		if strings.HasSuffix(want.text, "too late") {
			limit = time.Second
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("too late"))
		err = d.On(ctx)
		f := classify.Facts(err)
		if err == nil || !strings.Contains(err.Error(), want.text) || f.Kind != want.kind || f.Class != classify.Retry || f.Hint != want.hint || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("On() of %s = %v of kind %s, hint %q; want %q of kind %s, hint %q", spec, err, f.Kind, f.Hint, want.text, want.kind, want.hint)
		}
		if cerr := d.Check(ctx); (cerr != nil) != (want.kind.Is(classify.PowerConnect) || errors.Is(err, context.Cause(ctx))) {
			t.Errorf("Check() of %s = %v; want an error only if On() cannot connect", spec, cerr)
		}
		cancel()
	}
}

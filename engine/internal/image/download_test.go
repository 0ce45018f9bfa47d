package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// way is one way to respond to a request.
type way func(s *site, w http.ResponseWriter, r *http.Request)

// site is a faulty server of an image: way n responds to request n, the last way to all later ones.
type site struct {
	*httptest.Server
	clk     clock.Virtual
	content []byte
	asked   []string // the range of each request
	notes   []string
	done    []int64
	arrived chan int64
}

func newSite(t *testing.T, ways ...way) *site {
	s := &site{content: make([]byte, 3<<20), arrived: make(chan int64, 100)}
	rand.New(rand.NewSource(1)).Read(s.content)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		way := ways[min(len(s.asked), len(ways)-1)]
		s.asked = append(s.asked, strings.TrimSpace(r.Header.Get("Range")+" "+r.Header.Get("If-Range")))
		way(s, w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s
}

func (s *site) fetcher() Stager {
	st := Stager{
		Clock: &s.clk,
		Observer: Observer{Note: func(text string) { s.notes = append(s.notes, text) }, Progress: func(step string, done, total int64) {
			if step != "download" {
				return
			}
			s.done = append(s.done, done, total)
			s.arrived <- done
		}},
	}
	return st
}

// whole sends what was requested, with an entity tag.
func whole(s *site, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(s.content)))
}

// part sends the first n bytes of what was requested, and closes the connection.
func part(n int, header ...string) way {
	return func(s *site, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(s.content)))
		w.Header().Set("Content-Type", "application/octet-stream")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Write(s.content[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// raw sends a response without net/http, and closes the connection.
func raw(answer func(s *site) string) way {
	return func(s *site, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, answer(s))
			conn.Close()
		}
	}
}

func status(code int, body string) way {
	return func(_ *site, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func TestFetch(t *testing.T) {
	const got = 1<<20 + 17
	another := func(s *site, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(s.content)))
	}
	wrong := func(s *site, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(http.StatusPartialContent)
	}
	silent := func(s *site, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Write(s.content[:progressStep])
		w.(http.Flusher).Flush()
		for done := int64(0); done < progressStep; {
			done = <-s.arrived
		}
		s.clk.Sleep(r.Context(), stallTimeout)
		<-r.Context().Done()
	}
	for name, tt := range map[string]struct {
		ways  []way
		asked []string
		waits time.Duration
		note  string
	}{
		"whole":           {ways: []way{whole}, asked: []string{""}},
		"resumed":         {ways: []way{part(got, "ETag", `"v1"`), whole}, asked: []string{"", `bytes=1048593- "v1"`}, waits: time.Second, note: "the server broke off after 1048593 of 3145728 bytes; again in 1s"},
		"another version": {ways: []way{part(got, "ETag", `"v1"`), another}, asked: []string{"", `bytes=1048593- "v1"`}, waits: time.Second},
		"weak validator":  {ways: []way{part(got, "ETag", `W/"v1"`), whole}, asked: []string{"", ""}, waits: time.Second},
		"no validator":    {ways: []way{part(got, "Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT"), whole}, asked: []string{"", ""}, waits: time.Second},
		"wrong part":      {ways: []way{part(got, "ETag", `"v1"`), wrong, whole}, asked: []string{"", `bytes=1048593- "v1"`, ""}, waits: 3 * time.Second, note: "the server sent another part than it was asked for; again in 2s"},
		"newer part": {ways: []way{part(got, "ETag", `"v1"`), func(s *site, w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Range") // as a cache that does not know it
			another(s, w, r)
		}, whole}, asked: []string{"", `bytes=1048593- "v1"`, ""}, waits: 3 * time.Second},
		"part that ends early": {ways: []way{part(got, "ETag", `"v1"`), raw(func(s *site) string {
			return fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes %d-%d/%d\r\nConnection: close\r\n\r\n", got, len(s.content)-1, len(s.content)) + string(s.content[got:got+1000])
		}), whole}, asked: []string{"", `bytes=1048593- "v1"`, `bytes=1049593- "v1"`}, waits: 2 * time.Second},
		"comes and goes":   {ways: []way{status(503, "wait"), status(429, ""), part(0), part(3), whole}, asked: []string{"", "", "", "", ""}, waits: (1 + 2 + 4 + 1) * time.Second, note: "the server answers 503 Service Unavailable: wait; again in 1s"},
		"silence":          {ways: []way{silent, whole}, asked: []string{"", `bytes=1048576- "v1"`}, waits: stallTimeout + time.Second, note: "the server sent nothing for 30s; again in 1s"},
		"length not known": {ways: []way{func(s *site, w http.ResponseWriter, r *http.Request) { w.Write(s.content) }}, asked: []string{""}},
		"redirection": {ways: []way{func(_ *site, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/other?sig=%zz|")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, func(s *site, w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); r.RequestURI != "/other?sig=%zz|" || user != "me" || password != "s3cret" {
				w.WriteHeader(http.StatusTeapot)
			}
			whole(s, w, r)
		}}, asked: []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, tt.ways...)
			s.Start()
			began := s.clk.Now()
			im, err := s.fetcher().Open(t.Context(), Ref("http://me:s3cret@"+s.Listener.Addr().String()+"/a/disk.raw?X-Sig=s3cret"))
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			if sum := fmt.Sprintf("%x", sha256.Sum256(s.content)); im.SHA256() != sum || im.CheckUnchanged() != nil || im.Path() != s.URL+"/a/disk.raw?…" {
				t.Errorf("%s has the digest %s, %v; want %s", im.Path(), im.SHA256(), im.CheckUnchanged(), sum)
			}
			if took := s.clk.Now().Sub(began); fmt.Sprintf("%q", s.asked) != fmt.Sprintf("%q", tt.asked) || took != tt.waits {
				t.Errorf("asked %q in %s; want %q in %s", s.asked, took, tt.asked, tt.waits)
			}
			if notes := strings.Join(s.notes, "\n"); !strings.Contains(notes, tt.note) || strings.Contains(notes, "s3cret") {
				t.Errorf("notes %s; want %s", notes, tt.note)
			}
			total := int64(len(s.content))
			if name == "length not known" {
				total = 0
			}
			if n := len(s.done); n < 4 || s.done[n-2] != int64(len(s.content)) || s.done[n-1] != total {
				t.Errorf("progress = %d; want increasing sums up to the size", s.done)
			}
		})
	}
}

func TestFetchFails(t *testing.T) {
	to := func(location string) way {
		return func(_ *site, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}
	}
	const check = "check the address after --image, and that its server runs"
	for name, tt := range map[string]struct {
		way        way
		tls        bool
		text, hint string
		kind       classify.Kind
		class      classify.Class
		asked      int
	}{
		"missing":      {status(404, "no\nsuch image"), false, "cannot download URL: the server answers 404 Not Found: no such image", check, classify.ImageFetch, classify.Fatal, 1},
		"forbidden":    {status(403, "<Code>AccessDenied</Code> sig=s3cret"), false, "cannot download URL: the server answers 403 Forbidden: <Code>AccessDenied</Code> …", "the address may need USER:PASSWORD@ before its host, or it was signed and has expired", classify.ImageFetch, classify.Fatal, 1},
		"broken":       {status(500, ""), false, "cannot download URL: the server answers 500 Internal Server Error", check, classify.ImageUnavailable, classify.Retry, maxDownloadTries},
		"odd":          {status(204, ""), false, "cannot download URL: the server answers 204 No Content", check, classify.ImageFetch, classify.Fatal, 1},
		"empty":        {status(200, ""), false, "the image URL is empty", "", classify.ImageEmpty, classify.Fatal, 1},
		"lying length": {part(100), false, "cannot download URL: the server broke off after 100 of 3145728 bytes", check, classify.ImageUnavailable, classify.Retry, maxDownloadTries},
		"circle":       {to("/again?s3cret"), false, "cannot download URL: the server redirects more than 10 times", check, classify.ImageFetch, classify.Fatal, maxRedirects},
		"bad redirect": {to("https://me:s3cret/x@"), false, "cannot download URL: the server redirects to an address that cannot be used: https://… has no valid host", check, classify.ImageFetch, classify.Fatal, 1},
		"not trusted":  {status(200, "x"), true, "cannot download URL: tls: failed to verify certificate: x509: certificate signed by unknown authority", "set SSL_CERT_FILE to a file with the certificate that signs for the server, or download the image and name the file", classify.ImageFetch, classify.Fatal, 0},
		"no length": {
			raw(func(*site) string { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart" }), false,
			"cannot download URL: the server does not say how long the image is, so that its end cannot be distinguished from a broken connection",
			"give its digest with --sha256, or have it served with a length", classify.ImageFetch, classify.Fatal, 1,
		},
		"not an answer": {func(_ *site, w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(conn, "SSH-2.0-x\r\n\r\n")
			conn.Close()
		}, false, `cannot download URL: net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-x"`, check, classify.ImageFetch, classify.Retry, maxDownloadTries},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, tt.way)
			if s.Start(); tt.tls {
				s.Server = httptest.NewUnstartedServer(s.Config.Handler)
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				s.StartTLS()
				defer s.Server.Close()
			}
			scheme, address, _ := strings.Cut(s.URL, "://")
			_, err := s.fetcher().Open(t.Context(), Ref(scheme+"://me:s3cret@"+address+"/x.raw?sig=s3cret"))
			f := classify.Facts(err)
			if text := strings.Replace(fmt.Sprint(err), s.URL+"/x.raw?…", "URL", 1); text != tt.text || f.Kind != tt.kind || f.Class != tt.class || f.Hint != tt.hint || len(s.asked) != tt.asked {
				t.Errorf("%s of kind %s, %s, hint %q, after %d requests; want %s of kind %s, %s, hint %q, %d", text, f.Kind, f.Class, f.Hint, len(s.asked), tt.text, tt.kind, tt.class, tt.hint, tt.asked)
			}
		})
	}
}

func TestFetchWithoutAServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newSite(t, whole)
	s.Start()
	for address, want := range map[string]struct {
		text  string
		kind  classify.Kind
		class classify.Class
		took  time.Duration
	}{
		"http://" + l.Addr().String() + "/x?s3cret":           {"connect: connection refused", classify.ImageUnavailable, classify.Retry, 15 * time.Second},
		"http://no-such-host.invalid/x?s3cret":                {"cannot download http://no-such-host.invalid/x?…: dial tcp: lookup no-such-host.invalid", classify.ImageFetch, classify.None, 0},
		"https://" + s.Listener.Addr().String() + "/x?s3cret": {"first record does not look like a TLS handshake", classify.ImageFetch, classify.Fatal, 0},
		"https://me:s3cret/x@host/":                           {"the image's address cannot be used: https://… has no valid host", classify.Usage, classify.Fatal, 0},
	} {
		began := s.clk.Now()
		_, err := s.fetcher().Open(t.Context(), Ref(address))
		f := classify.Facts(err)
		if err == nil || !strings.Contains(err.Error(), want.text) || strings.Contains(err.Error(), "s3cret") || f.Kind != want.kind || f.Hint == "" {
			t.Errorf("Open(%s) = %v of kind %s, hint %q; want the error of the case", address, err, f.Kind, f.Hint)
		}
		// A machine without a name server answers otherwise about a host that is not there.
		if took := s.clk.Now().Sub(began); want.class != classify.None && (f.Class != want.class || took != want.took) {
			t.Errorf("Open(%s) = %s after %s; want a retry only if it can help", address, f.Class, took)
		}
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := newSite(t, func(_ *site, w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		cancel(stop)
		<-r.Context().Done()
	})
	s.Start()
	if _, err := s.fetcher().Open(ctx, Ref(s.URL)); !errors.Is(err, stop) || err.Error() != "downloading "+s.URL+"/: stop" {
		t.Errorf("Open = %v; want the cause of the context", err)
	}
	t.Setenv("TMPDIR", "/no/such/dir")
	if _, err := s.fetcher().Open(t.Context(), Ref(s.URL)); classify.Facts(err).Kind != classify.ConfigPlan || classify.Facts(err).Hint != "set TMPDIR to a folder that can be written" {
		t.Errorf("Open without a temporary folder = %v; want config.plan with a hint", err)
	}
}

func TestFetchToAFullDisk(t *testing.T) {
	s := newSite(t, whole)
	s.Start()
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("LEFT OUT: %v", err)
	}
	defer f.Close()
	st := openerOf(t, s.fetcher())
	d := &download{opener: st, from: parse(t, s.URL+"/x?s3cret"), to: f, proxy: http.ProxyURL(nil), room: st.bounds.room(f, Ref(s.URL), ""), untagged: func() {}}
	err = d.run(t.Context())
	if f := classify.Facts(err); f.Kind != classify.ConfigPlan || f.Class != classify.Fatal || f.Hint != "set TMPDIR to a folder with room for the downloaded image" ||
		!strings.HasPrefix(err.Error(), "the image "+s.URL+"/x?… cannot be downloaded to ") || len(s.asked) != 1 {
		t.Errorf("run = %v of kind %s, hint %q, after %d requests; want one request and a hint", err, f.Kind, f.Hint, len(s.asked))
	}
}

func TestFetchThroughAProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, r.RequestURI)
	}))
	defer proxy.Close()
	at, _ := url.Parse(proxy.URL)
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st := openerOf(t, newSite(t).fetcher())
	d := &download{opener: st, from: parse(t, "http://host/a?b=%zz"), to: f, proxy: http.ProxyURL(at), room: st.bounds.room(f, "", ""), untagged: func() {}}
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(f.Name()); string(got) != "http://host/a?b=%zz" {
		t.Errorf("the proxy received %s; want the URL unchanged", got)
	}
}

func parse(t *testing.T, text string) web.Address {
	a, err := web.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPackedFromTheWeb(t *testing.T) {
	packed := pack(t, packers["gz"], []byte("imag\x00"))
	s := newSite(t, whole)
	s.content = packed
	s.Start()
	im, err := s.fetcher().Open(t.Context(), Ref(s.URL+"/my%20disk.img.gz?a=b"))
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	list := write(t, "SHA256SUMS", fmt.Sprintf("%x  my disk.img.gz\n", sha256.Sum256(packed)))
	sum, err := ParseDigest(list, s.URL+"/my%20disk.img.gz?a=b")
	if err != nil || digestError(t, im, sum) != nil || im.Size() != 5 || im.CheckUnchanged() != nil {
		t.Errorf("Open = %d bytes, CheckDigest %v, %v; want the image", im.Size(), digestError(t, im, sum), err)
	}
	// A page in the place of the image.
	s.content = []byte("<html>no such image</html>")
	_, err = s.fetcher().Open(t.Context(), Ref(s.URL+"/disk.img.gz?a=b"))
	if f := classify.Facts(err); f.Kind != classify.ImageFormat || err.Error() != "the server sends "+s.URL+"/disk.img.gz?… as a text, of the type text/html, not as an image" || f.Hint == "" {
		t.Errorf("Open of a page = %v; want image.format", err)
	}
}

// TestRefusedBehindARedirection holds that the secrets in the address of a redirection are not shown either.
func TestRefusedBehindARedirection(t *testing.T) {
	s := newSite(t, func(_ *site, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/store?sig=s3cret")
		w.WriteHeader(http.StatusFound)
	}, func(_ *site, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "expired: "+r.RequestURI)
	})
	s.Start()
	_, err := s.fetcher().Open(t.Context(), Ref(s.URL+"/x.raw"))
	if want := "cannot download " + s.URL + "/x.raw: the server answers 403 Forbidden: expired: /store?…"; fmt.Sprint(err) != want {
		t.Errorf("Open = %v; want %s", err, want)
	}
}

// TestFetchOnce downloads a cached image again only if the server has another one, or if the entry is damaged.
func TestFetchOnce(t *testing.T) {
	s := newSite(t, func(s *site, w http.ResponseWriter, r *http.Request) {
		s.asked[len(s.asked)-1] = r.Header.Get("If-None-Match")
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(s.content)))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(s.content)))
	})
	s.Start()
	st := s.fetcher()
	st.Cache = &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	open := func(address string, asked ...string) {
		t.Helper()
		s.asked = nil
		im, err := st.Open(t.Context(), Ref(address))
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		got := make([]byte, im.Size())
		if _, err := im.ReadAt(got, 0); err != nil || im.Size() == 0 {
			t.Fatal(err)
		}
		if fmt.Sprintf("%q", s.asked) != fmt.Sprintf("%q", asked) {
			t.Errorf("%s: asked %q; want %q", address, s.asked, asked)
		}
	}
	tag := func() string { return fmt.Sprintf(`"%x"`, sha256.Sum256(s.content)) }
	raw, packed := s.content, pack(t, packers["xz"], s.content)
	for name, content := range map[string][]byte{"/x.raw": raw, "/x.xz": packed} {
		s.content = content
		open(s.URL+name, "")
		open(s.URL+name, tag())
		open(s.URL+name+"?other", "")
		if f := st; f.Digest == "" {
			st.Digest = fmt.Sprintf("%X", sha256.Sum256(content))
			open(s.URL + name + "?third")
			st = f
		}
		entry := filepath.Join(st.Cache.images(), fmt.Sprintf("%x.img", sha256.Sum256(content)))
		if err := os.Truncate(entry, 100); err != nil {
			t.Fatal(err)
		}
		open(s.URL+name, tag(), "")
	}
	s.content = []byte("another image\x00")
	open(s.URL+"/x.raw", fmt.Sprintf(`"%x"`, sha256.Sum256(raw)))
}

package web

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string][3]string{ // shown, name, host
		"http://pdu": {"http://pdu/", "/", "pdu:80"},
		"https://pdu/a/b.img.xz?X-Sig=s3cret#part": {"https://pdu/a/b.img.xz?…", "b.img.xz", "pdu:443"},
		"HTTP://me:s3cret@[::1]:81?s3cret":         {"http://[::1]:81/?…", "/", "[::1]:81"},
		"http://me:p@ss:s3cret@[fe80::1]/my%20x":   {"http://[fe80::1]/my%20x", "my x", "[fe80::1]:80"},
	} {
		a, err := Parse(text)
		if got := [3]string{a.String(), a.Name(), a.Host()}; err != nil || got != want || Mask(text) != want[0] {
			t.Errorf("Parse(%s) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"http://", "https://me:s3cret@", "http://me:s3cret/x@pdu/", "http://a b/s3cret", "ftp://s3cret", "x"} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), "s3cret") || IsURL(text) && !strings.HasSuffix(Mask(text), "://…") {
			t.Errorf("Parse(%s) = %v, Mask = %s; want an error without the secret", text, err, Mask(text))
		}
	}
	if Mask("disk.raw?x") != "disk.raw?x" {
		t.Error("IsURL of a file name = true; want false")
	}
}

// TestOnTheWire sends requests and reads them raw: the target must be unchanged.
func TestOnTheWire(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			req, _ := bufio.NewReader(conn).ReadString('\n')
			got <- req
			io.WriteString(conn, "HTTP/1.0 204 x\r\n\r\n")
			conn.Close()
		}
	}()
	for sent, want := range map[string]string{
		"":                       "GET / HTTP/1.1",
		"?a":                     "GET /?a HTTP/1.1",
		"/a%2Fb/../%7e|^?x=%zz+": "GET /a%2Fb/../%7e|^?x=%zz+ HTTP/1.1",
		"/ü x?a=b&&c=\"":         "GET /%C3%BC%20x?a=b&&c=\" HTTP/1.1",
		"//x/y":                  "GET http://HOST//x/y HTTP/1.1",
		"proxied/?a=%2f":         "GET http://HOST/?a=%2f HTTP/1.1",
	} {
		target, proxied := strings.CutPrefix(sent, "proxied")
		a, err := Parse("http://" + l.Addr().String() + target)
		if err != nil {
			t.Fatal(err)
		}
		req, err := a.Request(t.Context(), "GET", "", proxied)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if line := strings.ReplaceAll(<-got, l.Addr().String(), "HOST"); line != want+"\r\n" {
			t.Errorf("%s was sent as %q; want %q", sent, line, want)
		}
	}
}

func TestRedirection(t *testing.T) {
	from, err := Parse("http://me:s3cret@host/a/b?c")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]struct {
		shown string
		auth  bool
	}{
		"https://cdn/x?%zz": {"https://cdn/x?…", false}, "//cdn/x": {"http://cdn/x", false}, "https://host/x": {"https://host/x", false},
		"/x": {"http://host/x", true}, "x": {"http://host/a/x", true}, "http://host/": {"http://host/", true},
		"?d": {"http://host/a/b?…", true}, "../x": {"http://host/x", true}, "../../x/../y": {"http://host/x/../y", true}, "./x": {"http://host/a/x", true},
	} {
		to, err := from.Resolve(location)
		if err != nil {
			t.Fatal(err)
		}
		req, err := to.Request(context.Background(), "GET", "", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, auth := req.BasicAuth(); to.String() != want.shown || auth != want.auth {
			t.Errorf("To(%s) = %s, with password: %t; want %v", location, to, auth, want)
		}
	}
}

func TestEncryptedStaysEncrypted(t *testing.T) {
	from, err := Parse("https://host/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.Resolve("http://host/b?s3cret"); err == nil || err.Error() != "http://host/b?… is not encrypted" {
		t.Errorf("Resolve = %v; want an error", err)
	}
	if to, err := from.Resolve("/b"); err != nil || to.String() != "https://host/b" {
		t.Errorf("Resolve = %s, %v; want the redirection", to, err)
	}
}

func TestRefusal(t *testing.T) {
	a, err := Parse("http://me:s3%20cret@host/x?key=k%2b1&b=2")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		"":                                    "403 Forbidden",
		"<p>no\x1b[2J\n\n  way</p>":           "403 Forbidden: <p>no [2J way</p>",
		"GET /x?key=k%2b1&amp;b=2 s3 cret":    "403 Forbidden: GET /x?… …",
		"key=k+1&b=2 me:s3%20cret":            "403 Forbidden: … …",
		"Basic bWU6czMgY3JldA==":              "403 Forbidden: Basic …",
		strings.Repeat("x", maxQuote+1) + "y": "403 Forbidden: " + strings.Repeat("x", maxQuote) + " …",
	} {
		resp := &http.Response{StatusCode: 403, Body: io.NopCloser(strings.NewReader(body))}
		if got := a.DescribeStatus(resp); got != want {
			t.Errorf("Refusal(%q) = %q; want %q", body, got, want)
		}
	}
}

// TestPartsOfASecret holds that a page which repeats a part of the request shows no secret.
func TestPartsOfASecret(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 200)
	a, err := Parse("http://host/x?Expires=1234&Signature=" + long)
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		"<SignatureProvided>" + long + "</SignatureProvided>": "403 Forbidden: <SignatureProvided>…</SignatureProvided>",
		"GET /x?Expires=1234&Signature=" + long:               "403 Forbidden: GET /x?…",
		"Expires 1234":                                        "403 Forbidden: Expires 1234",
	} {
		resp := &http.Response{StatusCode: 403, Body: io.NopCloser(strings.NewReader(body))}
		if got := a.DescribeStatus(resp); got != want {
			t.Errorf("Refusal = %.200q; want %q", got, want)
		}
	}
	if err := a.RedactError(io.EOF); err != io.EOF || a.RedactError(nil) != nil {
		t.Errorf("RedactError = %v; want no secret", err)
	}
}

// TestEcho sends a request to a server that returns the request, which is not HTTP.
func TestEcho(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		line, _ := bufio.NewReader(far).ReadString('\n')
		go io.Copy(io.Discard, far)
		io.WriteString(far, line)
	}()
	a, err := Parse("http://host/x?key=s3cret")
	if err != nil {
		t.Fatal(err)
	}
	req, err := a.Request(t.Context(), "GET", "", false)
	if err != nil {
		t.Fatal(err)
	}
	tr := Transport()
	tr.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	_, err = tr.RoundTrip(req)
	if err = a.RedactError(err); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "malformed HTTP") {
		t.Errorf("a response that repeats the request = %v; want an error without the secret", err)
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"open //me:s3cret@host/x: no such file":              "open //…@host/x: no such file",
		`"http://me:p@ss:s3cret@h:1/a" and ftp://u:s3@h?q@x`: `"http://…@h:1/a" and ftp://…@h?q@x`,
		"http://host:80/a:b@c, //a b:c@d, me:x@y":            "http://host:80/a:b@c, //a b:c@d, me:x@y",
	} {
		if got := Redact(text); got != want {
			t.Errorf("Redact(%q) = %q; want %q", text, got, want)
		}
	}
}

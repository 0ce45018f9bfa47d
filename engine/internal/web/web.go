// Package web makes HTTP requests. It owns URLs: it sends them unchanged, byte for byte, because a signed one
// breaks otherwise, and never shows the secrets in them. It must not know what is requested, nor whether to retry.
package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Address is the URL of a request.
type Address struct {
	scheme, host string
	target       string // path and query, as they are sent
	user         *url.Userinfo
}

// redacted stands for a secret in messages.
const redacted = "…"

// IsURL reports whether text begins as an HTTP or HTTPS URL.
func IsURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// Parse parses a URL. Its errors contain no secrets.
func Parse(text string) (Address, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	if !IsURL(text) {
		return Address{}, fmt.Errorf("the address does not begin with http:// or https://")
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, target := rest[:end], rest[end:]
	a := Address{scheme: strings.ToLower(scheme), target: escapeTarget(target)}
	if !strings.HasPrefix(target, "/") {
		a.target = "/" + a.target
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		a.user, authority = userinfo(authority[:at]), authority[at+1:]
	}
	u, err := url.Parse(a.scheme + "://" + authority)
	if err != nil || u.Hostname() == "" {
		return Address{}, fmt.Errorf("%s has no valid host", a.scheme+"://"+redacted) // the invalid part may be a password
	}
	a.host = u.Host
	return a, nil
}

// userinfo parses USER:PASSWORD. A per cent sign that begins no escape stands for itself.
func userinfo(text string) *url.Userinfo {
	name, password, ok := strings.Cut(text, ":")
	if !ok {
		return url.User(unescape(name))
	}
	return url.UserPassword(unescape(name), unescape(password))
}

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// escapeTarget escapes the bytes that a request line must not contain, and no others.
func escapeTarget(target string) string {
	var b strings.Builder
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// String returns the address without user, password and query.
func (a Address) String() string {
	place, _, query := strings.Cut(a.target, "?")
	if query {
		place += "?" + redacted
	}
	return a.scheme + "://" + a.host + place
}

// Mask returns a URL without secrets, and other text unchanged.
func Mask(text string) string {
	if !IsURL(text) {
		return text
	}
	a, err := Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, "://")
		return scheme + "://" + redacted
	}
	return a.String()
}

// credentials matches the user and the password of a URL anywhere in a text.
var credentials = regexp.MustCompile(`//[^\s/?"'@:]*:[^\s/?"']*@`)

// Redact returns text without the users and passwords of URLs in it, valid or not.
func Redact(text string) string { return credentials.ReplaceAllLiteralString(text, "//"+redacted+"@") }

// Name returns the last element of the path, the file name of a download.
func (a Address) Name() string {
	place, _, _ := strings.Cut(a.target, "?")
	return path.Base(unescape(place))
}

// Host returns HOST:PORT.
func (a Address) Host() string {
	u := url.URL{Host: a.host}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[a.TLS()]
	}
	if strings.Contains(u.Hostname(), ":") {
		return "[" + u.Hostname() + "]:" + port
	}
	return u.Hostname() + ":" + port
}

// TLS reports whether the connection is encrypted.
func (a Address) TLS() bool { return a.scheme == "https" }

// Resolve returns the address of a redirection. It keeps user and password only for the same host, and refuses to
// go from an encrypted connection to another.
func (a Address) Resolve(location string) (Address, error) {
	switch {
	case IsURL(location):
	case strings.HasPrefix(location, "//"):
		location = a.scheme + ":" + location
	default:
		location = a.scheme + "://" + a.host + a.resolvePath(location)
	}
	to, err := Parse(location)
	if err == nil && a.TLS() && !to.TLS() {
		return to, fmt.Errorf("%s is not encrypted", to)
	}
	if err == nil && to.user == nil && to.scheme == a.scheme && to.host == a.host {
		to.user = a.user
	}
	return to, err
}

// resolvePath resolves a relative reference. It removes leading . and .. and keeps the rest unchanged. Source: RFC
// 3986, 5.2.
func (a Address) resolvePath(reference string) string {
	place, _, _ := strings.Cut(a.target, "?")
	if strings.HasPrefix(reference, "/") {
		return reference
	}
	if strings.HasPrefix(reference, "?") {
		return place + reference
	}
	dir := place[:strings.LastIndexByte(place, '/')+1]
	for {
		if rest, up := strings.CutPrefix(reference, "../"); up {
			reference = rest
			dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1]
			if dir == "" {
				dir = "/"
			}
		} else if rest, here := strings.CutPrefix(reference, "./"); here {
			reference = rest
		} else {
			return dir + reference
		}
	}
}

// Request returns a request. proxied reports whether it goes through a proxy, which needs the host in the request
// line.
func (a Address) Request(ctx context.Context, method, body string, proxied bool) (*http.Request, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.scheme+"://"+a.host, content)
	if err != nil {
		return nil, err
	}
	req.URL.Opaque = a.target // net/http sends it unchanged
	if proxied && !a.TLS() || strings.HasPrefix(a.target, "//") {
		req.URL.Opaque = "//" + a.host + a.target // net/http puts the scheme before it
	}
	req.Header.Set("User-Agent", "flashlua")
	if a.user != nil {
		password, _ := a.user.Password()
		req.SetBasicAuth(a.user.Username(), password)
	}
	return req, nil
}

// maxHeader is the longest header of a response, in bytes.
const maxHeader = 64 << 10

// Transport returns a transport that opens a connection for each request, follows no redirection, uses no proxy
// and does not decode the body.
func Transport() *http.Transport {
	plain := new(http.Protocols)
	plain.SetHTTP1(true)
	return &http.Transport{DisableKeepAlives: true, DisableCompression: true, Protocols: plain, MaxResponseHeaderBytes: maxHeader}
}

// maxQuote is how much of the body of an error response is quoted, in characters.
const maxQuote = 300

// DescribeStatus describes an error response: the status and the begin of its body, without the secrets of the
// request.
func (a Address) DescribeStatus(resp *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // more than is quoted, because a truncated secret is not recognized
	printable := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(body), "?"))
	quote := strings.Join(strings.Fields(a.redact(printable)), " ")
	if runes := []rune(quote); len(runes) > maxQuote {
		quote = string(runes[:maxQuote]) + " " + redacted
	}
	if quote != "" {
		quote = ": " + quote
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))) + quote
}

// RedactError returns the error of a request without its secrets: net/http quotes a malformed response.
func (a Address) RedactError(err error) error {
	if err == nil || a.redact(err.Error()) == err.Error() {
		return err
	}
	return errors.New(a.redact(err.Error()))
}

// redact removes the secrets of the address from a text of the server: error pages often repeat the request, or
// parts of it.
func (a Address) redact(text string) string {
	var secrets []string
	if _, query, _ := strings.Cut(a.target, "?"); len(query) > 3 { // a shorter one is no secret, and may be part of any word
		secrets = append(secrets, query)
		for word := range strings.SplitSeq(query, "&") {
			if _, value, _ := strings.Cut(word, "="); len(value) > 7 { // such as a signature
				secrets = append(secrets, value)
			}
		}
	}
	if a.user != nil {
		password, _ := a.user.Password()
		secrets = append(secrets, password, a.user.String(), base64.StdEncoding.EncodeToString([]byte(a.user.Username()+":"+password)))
	}
	for _, s := range secrets {
		plain, err := url.QueryUnescape(s)
		if err != nil {
			plain = s
		}
		for _, form := range []string{s, html.EscapeString(s), plain, html.EscapeString(plain)} {
			if form != "" {
				text = strings.ReplaceAll(text, form, redacted)
			}
		}
	}
	return text
}

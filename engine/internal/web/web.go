// Package web makes HTTP requests. It owns addresses: they are sent as they were given, byte for byte, because a signed
// one breaks otherwise, and what is secret in them is never shown. It does not know what is asked for, nor whether to
// ask again.
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

// Address is where a request goes.
type Address struct {
	scheme, host string
	target       string // path and query, as they are sent
	user         *url.Userinfo
}

// redacted stands for what is secret.
const redacted = "…"

// IsURL reports whether text is meant as an address of the web.
func IsURL(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// Parse takes an address apart. What its error says is safe to show.
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
		return Address{}, fmt.Errorf("%s has no valid host", a.scheme+"://"+redacted) // what is wrong may be a password
	}
	a.host = u.Host
	return a, nil
}

// userinfo reads USER:PASSWORD. A per cent sign that is none of an escape is meant as it is.
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

// escapeTarget escapes the bytes that cannot stand in a request line, and no others.
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

// String is the address without user, password and query.
func (a Address) String() string {
	place, _, query := strings.Cut(a.target, "?")
	if query {
		place += "?" + redacted
	}
	return a.scheme + "://" + a.host + place
}

// Mask is text without what is secret in it, if it is an address, and text itself if not.
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

// credentials are the user and the password in an address that stands anywhere in a text.
var credentials = regexp.MustCompile(`//[^\s/?"'@:]*:[^\s/?"']*@`)

// Redact returns text without the users and passwords of the addresses in it, whatever else is wrong with them.
func Redact(text string) string { return credentials.ReplaceAllLiteralString(text, "//"+redacted+"@") }

// Name is the last element of the path, which is what a file got from there would be called.
func (a Address) Name() string {
	place, _, _ := strings.Cut(a.target, "?")
	return path.Base(unescape(place))
}

// Host is HOST:PORT, to connect to.
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

// TLS reports whether what is sent is encrypted.
func (a Address) TLS() bool { return a.scheme == "https" }

// Resolve gives the address that a redirection names. User and password go along only to the same host, and what was
// encrypted stays so.
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

// resolvePath is what a relative reference means here. What it names itself stays as it is, but for . and .. in front of it.
// Source: RFC 3986, 5.2.
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

// Request makes a request. proxied says that it goes through a proxy, which wants to be told the host.
func (a Address) Request(ctx context.Context, method, body string, proxied bool) (*http.Request, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.scheme+"://"+a.host, content)
	if err != nil {
		return nil, err
	}
	req.URL.Opaque = a.target // net/http sends it as it is
	if proxied && !a.TLS() || strings.HasPrefix(a.target, "//") {
		req.URL.Opaque = "//" + a.host + a.target // for which it puts the scheme before it
	}
	req.Header.Set("User-Agent", "flashlua")
	if a.user != nil {
		password, _ := a.user.Password()
		req.SetBasicAuth(a.user.Username(), password)
	}
	return req, nil
}

// maxHeader is how long the header of an answer may be, in bytes.
const maxHeader = 64 << 10

// Transport connects anew for each request, follows no redirection, uses no proxy and hands over the bytes as they
// come.
func Transport() *http.Transport {
	plain := new(http.Protocols)
	plain.SetHTTP1(true)
	return &http.Transport{DisableKeepAlives: true, DisableCompression: true, Protocols: plain, MaxResponseHeaderBytes: maxHeader}
}

// maxAnswer is how much of a refusal is told.
const maxAnswer = 300

// DescribeStatus tells what a server answered: the status and how its body begins, without what was secret in the request.
func (a Address) DescribeStatus(resp *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // more than is told: a secret that is cut off is not found
	printable := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(body), "?"))
	said := strings.Join(strings.Fields(a.redact(printable)), " ")
	if runes := []rune(said); len(runes) > maxAnswer {
		said = string(runes[:maxAnswer]) + " " + redacted
	}
	if said != "" {
		said = ": " + said
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))) + said
}

// RedactError gives an error of a request without what is secret in it: what is no answer of HTTP is quoted there.
func (a Address) RedactError(err error) error {
	if err == nil || a.redact(err.Error()) == err.Error() {
		return err
	}
	return errors.New(a.redact(err.Error()))
}

// redact takes what is secret out of a text of the server's: pages of errors like to repeat the request, or parts of it.
func (a Address) redact(text string) string {
	var secrets []string
	if _, query, _ := strings.Cut(a.target, "?"); len(query) > 3 { // a shorter one is no secret, and part of any word
		secrets = append(secrets, query)
		for word := range strings.SplitSeq(query, "&") {
			if _, value, _ := strings.Cut(word, "="); len(value) > 7 { // as a signature is
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

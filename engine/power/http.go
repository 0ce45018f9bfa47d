package power

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/unavailable"
	"github.com/flashlua/flashlua/engine/internal/web"
)

func init() {
	for name, example := range map[string]string{
		"http":  `"http://plug/cm?cmnd=Power%20{On|Off}"`,
		"https": `'https:POST https://pdu/outlet/3 expect=204 body={"state":"{on|off}"}'`,
	} {
		Register(name, example, func(address string) (Driver, error) {
			if strings.HasPrefix(address, "//") {
				address = name + ":" + address
			}
			return openHTTP(address)
		})
	}
}

// controller switches a board with one HTTP request for each state. Controllers are in the lab's own network:
// proxies of the environment are not used, and a redirection is not followed, because it would send the request
// elsewhere; the error names its target.
type controller struct{ on, off request }

// request is one request and the status that means success.
type request struct {
	method string
	to     web.Address
	expect int // 0 is any 2xx
	body   string
}

// httpSyntax is the syntax of a specification.
const httpSyntax = `[METHOD] URL [expect=STATUS] [body=TEXT]`

// openHTTP returns the driver of a specification with a placeholder.
func openHTTP(text string) (Driver, error) {
	if !hasPlaceholder(text) {
		return nil, classify.WithHint(classify.New(classify.Usage, "the HTTP power driver has neither {}, which becomes on or off, nor {A|B}"),
			"write it as in --power %s", schemes["http"].example)
	}
	var c controller
	var err error
	if c.on, err = parseRequest(expand(text, on)); err == nil {
		c.off, err = parseRequest(expand(text, off))
	}
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.Usage, "the HTTP power driver is not written as %s", httpSyntax),
			"a space in a URL is %%20; it is written as in --power %s", schemes["https"].example)
	}
	return c, nil
}

var method = regexp.MustCompile(`^[A-Z]+$`)

// parseRequest parses httpSyntax. Its errors show nothing of the text, which may contain secrets.
func parseRequest(text string) (r request, err error) {
	word, rest, _ := strings.Cut(text, " ")
	if method.MatchString(word) {
		r.method = word
		word, rest, _ = strings.Cut(rest, " ")
	}
	if r.to, err = web.Parse(word); err != nil {
		return r, err
	}
	if code, ok := strings.CutPrefix(rest, "expect="); ok {
		code, rest, _ = strings.Cut(code, " ")
		if r.expect, err = strconv.Atoi(code); err != nil || r.expect < 200 || r.expect > 599 {
			return r, classify.New(classify.Usage, "expect=%s is not a status", code)
		}
	}
	body, ok := strings.CutPrefix(rest, "body=")
	if rest != "" && !ok {
		return r, classify.New(classify.Usage, "what follows the URL is neither expect= nor body=")
	}
	r.body = body
	if r.method == "" {
		r.method = http.MethodGet
		if body != "" {
			r.method = http.MethodPost
		}
	}
	return r, nil
}

// On sends the request for on.
func (c controller) On(ctx context.Context) error { return c.on.send(ctx) }

// Off sends the request for off.
func (c controller) Off(ctx context.Context) error { return c.off.send(ctx) }

// Check connects, with a TLS handshake for https, and sends no request.
func (c controller) Check(ctx context.Context) error {
	conn, err := c.on.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// dial connects to the controller.
func (r request) dial(ctx context.Context) (conn net.Conn, err error) {
	if r.to.TLS() {
		conn, err = new(tls.Dialer).DialContext(ctx, "tcp", r.to.Host())
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", r.to.Host())
	}
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, classify.WithHint(classify.Wrap(err, unavailable.Kind(err, classify.PowerUnavailable, classify.PowerConnect), "cannot reach the power controller %s", r.to), "check the URL after --power")
}

// send sends the request and checks the response.
func (r request) send(ctx context.Context) error {
	req, err := r.to.Request(ctx, r.method, r.body, false)
	if err != nil {
		return classify.Wrap(err, classify.PowerCommand, "%s %s cannot be sent", r.method, r.to)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", contentType(r.body))
	}
	t := web.Transport()
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial(ctx) }
	t.DialTLSContext = t.DialContext
	resp, err := t.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return classify.Wrap(r.to.RedactError(err), classify.PowerCommand, "%s %s got no answer", r.method, r.to)
	}
	defer resp.Body.Close()
	return r.checkResponse(resp)
}

// contentType returns the type of JSON for a body that is JSON, otherwise the type that curl -d sends.
func contentType(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// checkResponse returns an error unless the response means success.
func (r request) checkResponse(resp *http.Response) error {
	if resp.StatusCode == r.expect || r.expect == 0 && resp.StatusCode/100 == 2 {
		return nil
	}
	err := error(classify.New(classify.PowerCommand, "%s %s was answered with %s", r.method, r.to, r.to.DescribeStatus(resp)))
	switch {
	case r.expect != 0:
		return classify.WithHint(err, "only %d counts as success, as expect= says", r.expect)
	case resp.StatusCode == http.StatusUnauthorized:
		return classify.WithHint(err, "put USER:PASSWORD@ before the host in the URL after --power")
	case resp.Header.Get("Location") != "":
		if to, lerr := r.to.Resolve(resp.Header.Get("Location")); lerr == nil {
			return classify.WithHint(err, "it wants to be asked at %s: write that after --power", to)
		}
	}
	return err
}

package linux

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
)

// Downloads connect by Config.Dial to an address: the board has no resolver.

var (
	errName   = errors.New("bad address")
	errScheme = errors.New("only http is in this simulation")
)

// get requests a URL. Redirections are not followed.
func (p *process) get(text string) (*http.Response, func(), error) {
	u, err := url.Parse(text)
	if err != nil || net.ParseIP(u.Hostname()) == nil {
		return nil, nil, errName
	}
	if _, _, up := p.net.address(); !up {
		return nil, nil, syscall.ENETUNREACH
	}
	if u.Scheme != "http" {
		return nil, nil, errScheme
	}
	t := &http.Transport{DialContext: p.cfg.Dial, DisableKeepAlives: true, DisableCompression: true}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, text, nil)
	if err != nil {
		return nil, nil, errName
	}
	req.Header.Set("User-Agent", "Wget")
	resp, err := t.RoundTrip(req)
	return resp, t.CloseIdleConnections, err
}

// sink opens the file of a download.
func (p *process) sink(name string) (io.Writer, error) {
	if name == "-" {
		return p.out, nil
	}
	return p.files.open(absolute(p.dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
}

// fileOf is the name of a download without -O.
func fileOf(text string) string {
	if u, err := url.Parse(text); err == nil && path.Base(u.Path) != "/" && path.Base(u.Path) != "." {
		return path.Base(u.Path)
	}
	return "index.html"
}

func wget(p *process) int {
	o, rest, ok := p.options("qcSO:T:t:Y:U:")
	if !ok || len(rest) == 0 {
		fmt.Fprintf(p.err, "%s\n\nUsage: wget [-qS] [-O FILE] URL...\n", toolset)
		return 1
	}
	for _, address := range rest {
		if code := p.wget(address, o['O'], o['q'] == ""); code != 0 {
			return code
		}
	}
	return 0
}

func (p *process) wget(address, to string, loud bool) int {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, _ := url.Parse(address)
	host := ""
	if u != nil {
		host = u.Hostname()
	}
	if loud && u != nil {
		fmt.Fprintf(p.err, "Connecting to %s (%[1]s)\n", u.Host)
	}
	resp, done, err := p.get(address)
	switch {
	case errors.Is(err, errName):
		return p.fail("bad address '%s'", host)
	case errors.Is(err, errScheme):
		return p.fail("%v", err)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNREFUSED), errors.As(err, new(*net.OpError)):
		return p.fail("can't connect to remote host (%s): %s", host, strerror(err))
	case err != nil:
		return p.fail("error getting response")
	}
	defer done()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return p.fail("server returned error: HTTP/1.1 %s", resp.Status)
	}
	if to == "" {
		to = fileOf(address)
	}
	w, err := p.sink(to)
	if err != nil {
		return p.fail("can't open '%s': %s", to, strerror(err))
	}
	if loud {
		fmt.Fprintf(p.err, "writing to %s\n", map[bool]string{true: "stdout", false: "'" + to + "'"}[to == "-"])
	}
	readErr, writeErr := transfer(p.ctx, w, resp.Body)
	switch {
	case writeErr != nil:
		return p.fail("write error: %s", strerror(writeErr))
	case readErr != nil:
		return p.fail("connection closed prematurely")
	}
	return 0
}

// The exit codes of curl that scripts use.
const (
	curlUsage   = 2
	curlHost    = 6
	curlConnect = 7
	curlHTTP    = 22
	curlWrite   = 23
	curlPartial = 18
)

func curl(p *process) int {
	o, rest, ok := p.options("fsSLkOo:m:")
	if !ok || len(rest) != 1 {
		fmt.Fprintln(p.err, "curl: try 'curl --help' for more information")
		return curlUsage
	}
	said := func(code int, format string, args ...any) int {
		if o['s'] == "" || o['S'] != "" {
			fmt.Fprintf(p.err, "curl: (%d) %s\n", code, fmt.Sprintf(format, args...))
		}
		return code
	}
	resp, done, err := p.get(rest[0])
	switch {
	case errors.Is(err, errName):
		return said(curlHost, "Could not resolve host: %s", rest[0])
	case err != nil:
		return said(curlConnect, "Failed to connect: %s", strerror(err))
	}
	defer done()
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest && o['f'] != "" {
		return said(curlHTTP, "The requested URL returned error: %d", resp.StatusCode)
	}
	to := o['o']
	if to == "" {
		to = "-"
	}
	if o['O'] != "" {
		to = fileOf(rest[0])
	}
	w, err := p.sink(to)
	if err != nil {
		return said(curlWrite, "%s", strerror(err))
	}
	switch readErr, writeErr := transfer(p.ctx, w, resp.Body); {
	case writeErr != nil:
		return said(curlWrite, "Failure writing output to destination")
	case readErr != nil:
		return said(curlPartial, "transfer closed with outstanding read data remaining")
	}
	return 0
}

// pause waits on the board's clock and returns an exit code.
func (p *process) pause(d time.Duration) int {
	if p.clock.Sleep(p.ctx, d) != nil {
		return 130
	}
	return 0
}

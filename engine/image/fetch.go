package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/web"
)

const (
	// fetchTries is how often a download is tried in a row without getting further.
	fetchTries = 5
	// stallTime is how long a server may send nothing.
	stallTime = 30 * time.Second
	// maxHops is how many redirections are followed.
	maxHops = 10
	// progressStep is how much comes between two reports of progress.
	progressStep = 1 << 20
)

// openWeb opens an image of the web. One that is kept is not fetched again, if its digest is asked for or the server says
// that it is still the same.
func (s Stager) openWeb(ctx context.Context, address string) (*Image, error) {
	from, err := web.Parse(address)
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.Usage, "the image's address cannot be used"), "check the address after --image")
	}
	if s.SHA256 != "" {
		if im, err := s.keptAs(ctx, from, strings.ToLower(s.SHA256)); im != nil || err != nil {
			return im, err
		}
	}
	known := s.Cache.recall(address)
	d, err := s.fetch(ctx, from, known.ETag)
	if err != nil {
		return nil, err
	}
	if d.same {
		d.to.Close()
		if im, err := s.keptAs(ctx, from, known.Key); im != nil || err != nil {
			return im, err
		}
		if d, err = s.fetch(ctx, from, ""); err != nil {
			return nil, err
		}
	}
	im, err := s.from(ctx, source{File: d.to, path: from.String(), name: from.Name(), own: true})
	if err != nil {
		return nil, err
	}
	key := im.source
	if key == "" { // of a raw one that is what was downloaded
		key = im.sum
		err = s.Cache.keep(im.f, key, im, nil, s.Clock.Now())
	}
	if err == nil {
		err = s.Cache.remember(address, origin{d.etag, key})
	}
	if err != nil {
		s.Note(fmt.Sprintf("what was downloaded is not kept for another run: %v", err))
	}
	return im, nil
}

// keptAs opens what is kept of an image of the web, nil if nothing is.
func (s Stager) keptAs(ctx context.Context, from web.Address, key string) (*Image, error) {
	im, err := s.kept(ctx, key)
	if im == nil || err != nil {
		return nil, err
	}
	if im.path, im.own = from.String(), true; im.sum != key {
		im.source = key
	}
	return im, nil
}

// fetch downloads an image into a file of its own, unless the server says that it is the one with an entity tag. A download
// that breaks off goes on where it was, if the server can tell that the image is still the same, and begins again
// otherwise. The proxy that the environment names is used.
func (s Stager) fetch(ctx context.Context, from web.Address, unless string) (*download, error) {
	to, err := s.Cache.scratch("download")
	if err != nil {
		return nil, err
	}
	d := &download{Stager: s, from: from, to: to, proxy: http.ProxyFromEnvironment, unless: unless, room: s.room(to, from.String(), "")}
	if err := d.run(ctx); err != nil {
		to.Close()
		return nil, err
	}
	return d, nil
}

// download is one under way.
type download struct {
	Stager
	from  web.Address
	to    *os.File
	proxy func(*http.Request) (*url.URL, error)

	at    web.Address // that was asked last, from or where it redirects to
	done  int64
	total int64  // 0 if it is not known
	etag  string // tells one version of the image from another, byte for byte; "" if the server does not say
	told  int64  // done at the last report of progress
	room  *room  // for what comes

	unless string // the entity tag of what is there already, "" if nothing is
	same   bool   // the server has nothing else
}

// run tries until the image is there.
func (d *download) run(ctx context.Context) error {
	best := int64(0)
	for n := 0; ; n++ {
		err := d.try(ctx)
		if err == nil {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return classify.Wrap(cause, "", "downloading %s", d.from)
		}
		if d.done > best {
			best, n = d.done, 0
		}
		err = d.explain(err)
		if n+1 >= fetchTries || classify.Facts(err).Class == classify.NonRetryable {
			return err
		}
		wait := classify.Backoff{}.Wait(n)
		d.Note(fmt.Sprintf("%s; again in %s", err, wait))
		if err := d.Clock.Sleep(ctx, wait); err != nil {
			return classify.Wrap(err, "", "downloading %s", d.from)
		}
	}
}

// try makes one request and takes what it brings.
func (d *download) try(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := func() { cancel(fmt.Errorf("the server sent nothing for %s", stallTime)) }
	stop := d.Clock.AfterFunc(stallTime, stall)
	defer func() { stop() }()
	resp, err := d.ask(ctx)
	if err == nil {
		defer resp.Body.Close()
		if err = d.place(resp); err == nil {
			err = d.take(resp.Body, func() {
				stop()
				stop = d.Clock.AfterFunc(stallTime, stall)
			})
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// ask requests what is missing and follows redirections.
func (d *download) ask(ctx context.Context) (*http.Response, error) {
	to := d.from
	for range maxHops {
		d.at = to
		resp, err := d.send(ctx, to)
		if err != nil {
			return nil, to.Safe(err)
		}
		location := resp.Header.Get("Location")
		if resp.StatusCode/100 != 3 || location == "" {
			return resp, nil
		}
		resp.Body.Close()
		if to, err = to.To(location); err != nil {
			return nil, classify.Fatal(fmt.Errorf("the server redirects to an address that cannot be used: %w", err))
		}
	}
	return nil, classify.Fatal(fmt.Errorf("the server redirects more than %d times", maxHops))
}

// send makes one request. The rest of an image is asked for only where a strong validator keeps two versions of it
// from being mixed. Source: RFC 9110, 13.1.5 and 14.2.
func (d *download) send(ctx context.Context, to web.Address) (*http.Response, error) {
	req, err := to.Request(ctx, http.MethodGet, "", false)
	if err != nil {
		return nil, err
	}
	t := web.Transport()
	t.Proxy = d.proxy
	if proxy, err := d.proxy(req); err == nil && proxy != nil {
		if req, err = to.Request(ctx, http.MethodGet, "", true); err != nil {
			return nil, err
		}
	}
	if d.done > 0 && d.etag == "" {
		d.done = 0
	}
	if d.done == 0 && d.unless != "" {
		req.Header.Set("If-None-Match", d.unless)
	}
	if d.done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.done))
		req.Header.Set("If-Range", d.etag)
	}
	return t.RoundTrip(req)
}

// place finds out where what follows belongs.
func (d *download) place(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusNotModified && d.unless != "":
		d.same = true
		return nil
	case code == http.StatusOK && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && d.SHA256 == "":
		return classify.Fatal(classify.WithHint(errors.New("the server does not say how long the image is, so that nobody could tell its end from a break"),
			"give its digest with --sha256, or have it served with a length"))
	case code == http.StatusOK:
		d.done, d.told, d.total, d.etag = 0, 0, max(resp.ContentLength, 0), ""
		if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // W/ would be a weak one
			d.etag = tag
		}
		if err := d.room.checkPacked(d.total, true); err != nil {
			return err
		}
		if err := d.to.Truncate(0); err != nil {
			return &stagingError{err}
		}
		return nil
	case code == http.StatusPartialContent:
		var from, last, total int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &last, &total)
		if err == nil && resp.Header.Get("ETag") == d.etag && from == d.done && d.done > 0 && last == total-1 && (d.total == 0 || total == d.total) {
			d.total = total
			return nil
		}
		return d.forget(fmt.Errorf("the server sent another part than it was asked for"))
	case code == http.StatusRequestedRangeNotSatisfiable && d.done > 0:
		return d.forget(fmt.Errorf("the image ends before byte %d, where the server broke off", d.done))
	}
	return &answer{resp.StatusCode, d.at.Refusal(resp)}
}

// forget has the next try begin again.
func (d *download) forget(err error) error {
	d.etag = ""
	return err
}

// answer is a status other than success.
type answer struct {
	code int
	text string
}

func (a *answer) Error() string { return "the server answers " + a.text }

// take copies what comes, and calls alive when something did.
func (d *download) take(body io.Reader, alive func()) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alive()
			if err := d.fits(d.done + int64(n)); err != nil {
				return err
			}
			if _, werr := d.file(d.to).WriteAt(buf[:n], d.done); werr != nil {
				return werr
			}
			d.done += int64(n)
			d.work(n)
			d.report(progressStep)
		}
		if err == io.EOF {
			d.report(1)
			return d.whole()
		}
		if err != nil {
			return err
		}
	}
}

// fits refuses what there is no room for, and what is more than was announced.
func (d *download) fits(n int64) error {
	if d.total > 0 && n > d.total {
		return d.forget(fmt.Errorf("the server sent more than the %d bytes that it announced", d.total))
	}
	return d.room.checkPacked(n, n == d.total)
}

// whole reports whether what came is all that was announced.
func (d *download) whole() error {
	switch {
	case d.total == 0 || d.done == d.total:
		return nil
	}
	return io.ErrUnexpectedEOF
}

// report tells the progress if there is some.
func (d *download) report(step int64) {
	if d.done-d.told >= step {
		d.told = d.done
		d.Progress("download", d.done, d.total)
	}
}

// explain says what failed, whether another attempt may help, and the way out.
func (d *download) explain(err error) error {
	var full *stagingError
	if errors.As(err, &full) {
		return d.Cache.noRoom(d.to, full.error, d.from.String(), "downloaded")
	}
	if classify.Facts(err).Kind == classify.ImageTooLarge {
		return err
	}
	fatal, hint := d.advice(err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the server broke off after %d bytes", d.done)
		if d.total > 0 {
			err = fmt.Errorf("the server broke off after %d of %d bytes", d.done, d.total)
		}
	}
	if fatal {
		err = classify.Fatal(err)
	}
	return classify.WithHint(classify.Wrap(err, classify.ImageFetch, "cannot download %s", d.from), "%s", hint)
}

// advice judges an error of a download.
func (d *download) advice(err error) (fatal bool, hint string) {
	const check = "check the address after --image, and that its server runs"
	var (
		a       *answer
		trust   *tls.CertificateVerificationError
		plain   tls.RecordHeaderError
		unknown *net.DNSError
	)
	switch {
	case errors.As(err, &a) && (a.code == http.StatusUnauthorized || a.code == http.StatusForbidden):
		return true, "the address may need USER:PASSWORD@ before its host, or it was signed and has expired"
	case errors.As(err, &a):
		again := a.code >= 500 || a.code == http.StatusRequestTimeout || a.code == http.StatusTooEarly || a.code == http.StatusTooManyRequests
		return !again, check
	case errors.As(err, &trust):
		return true, "set SSL_CERT_FILE to a file with the certificate that signs for the server, or download the image and name the file"
	case errors.As(err, &plain):
		return true, "the server does not speak TLS there: write http:// or another port"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return true, check
	}
	return false, check
}

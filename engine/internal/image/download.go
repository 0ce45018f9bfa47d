package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/web"
)

const (
	// maxDownloadTries is how often a download is tried in a row without progress.
	maxDownloadTries = 5
	// stallTimeout is how long a server may send nothing.
	stallTimeout = 30 * time.Second
	// maxRedirects is how many redirections are followed.
	maxRedirects = 10
	// progressStep is the bytes between two reports of progress.
	progressStep = 1 << 20
)

// openWeb opens an image by URL. It uses the cached one if that has the wanted digest, or if the server says that
// it is unchanged.
func (s *opener) openWeb(ctx context.Context, ref Ref) (*Image, error) {
	address := string(ref)
	from, err := web.Parse(address)
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.Usage, "the image's address cannot be used"), "check the address after --image")
	}
	if s.digest.kind == "sha256" && s.Format != FormatRaw {
		if im, err := s.lookupAs(ctx, ref, s.digest.hex); im != nil || err != nil {
			return im, err
		}
	}
	if s.Format == FormatRaw || s.needsFile() { // of which the cache keeps nothing
		return s.download(ctx, ref, from, &turn{opener: s})
	}
	t, err := s.take(ctx, addressKey(address), "downloads "+ref.String())
	if err != nil {
		return nil, err
	}
	defer t.release()
	if t.found.has(s.digest) {
		if im := t.image(ref); im != nil {
			return im, nil
		}
	}
	im, err := s.download(ctx, ref, from, t)
	t.end(ctx, im, err)
	return im, err
}

// download downloads an image and opens it, or opens the cached one if the server says that it is unchanged.
func (s *opener) download(ctx context.Context, ref Ref, from web.Address, t *turn) (*Image, error) {
	address := string(ref)
	known := s.knownOrigin(address)
	d, err := s.fetch(ctx, ref, from, known.ETag, t.endAlone)
	if err != nil {
		return nil, err
	}
	if d.notModified {
		d.to.Close()
		if t.found != nil && t.found.Entry == known.Key {
			if im := t.image(ref); im != nil {
				return im, nil
			}
		}
		if im, err := s.lookupAs(ctx, ref, known.Key); im != nil || err != nil {
			return im, err
		}
		if d, err = s.fetch(ctx, ref, from, "", t.endAlone); err != nil {
			return nil, err
		}
	}
	im, err := s.openSource(ctx, source{File: d.to, ref: ref, name: from.Name(), private: true})
	if err != nil {
		return nil, err
	}
	if s.Format == FormatRaw { // the cache is of decoded images
		return im, nil
	}
	key := im.source
	if key == "" { // a raw image is stored as it was downloaded
		key = im.sum
		err = s.Cache.store(im.f, key, im, nil, s.Clock.Now())
	}
	if err == nil {
		err = s.Cache.saveOrigin(address, origin{d.etag, key})
	}
	if err != nil {
		s.Observer.Note(fmt.Sprintf("what was downloaded is not kept for another run: %v", err))
	}
	return im, nil
}

// needsFile reports whether the image must have a digest that the cache does not know: it is computed from the
// file itself.
func (s *opener) needsFile() bool { return s.digest.kind != "" && s.digest.kind != "sha256" }

// knownOrigin returns what the cache has of an address.
func (s *opener) knownOrigin(address string) origin {
	if s.Format == FormatRaw || s.needsFile() {
		return origin{}
	}
	return s.Cache.lookupOrigin(address)
}

// lookupAs opens the cached image of a URL, nil if there is none.
func (s *opener) lookupAs(ctx context.Context, ref Ref, key string) (*Image, error) {
	im, err := s.lookup(ctx, key)
	if im == nil || err != nil {
		return nil, err
	}
	if im.ref, im.private = ref, true; im.sum != key {
		im.source = key
	}
	return im, nil
}

// fetch downloads an image into a scratch file, unless its entity tag is still unless. An interrupted download is
// continued if the server can identify the version of the image, and restarted otherwise. It uses the proxy of the
// environment. It calls untagged if the server does not identify the version: another run cannot learn whether it
// is the current one.
func (s *opener) fetch(ctx context.Context, ref Ref, from web.Address, unless string, untagged func()) (*download, error) {
	to, err := s.Cache.tempFile("download")
	if err != nil {
		return nil, err
	}
	d := &download{opener: s, from: from, to: to, proxy: http.ProxyFromEnvironment, ifNoneMatch: unless, untagged: untagged, room: s.bounds.room(to, ref, "")}
	if err := d.run(ctx); err != nil {
		to.Close()
		return nil, err
	}
	return d, nil
}

// download is a download in progress.
type download struct {
	*opener
	from  web.Address
	to    *os.File
	proxy func(*http.Request) (*url.URL, error)

	current  web.Address // of the last request: from, or a redirection
	done     int64
	total    int64  // 0 if it is not known
	etag     string // strong entity tag of the version that is downloaded; "" if the server sends none
	reported int64  // done at the last report of progress
	room     *room  // for the download

	ifNoneMatch string // entity tag of the cached image, "" if there is none
	notModified bool   // the cached image is current
	untagged    func() // is called if the server sends no strong entity tag
}

// run tries until the image is complete or an error is final.
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
		if n+1 >= maxDownloadTries || classify.Facts(err).Class == classify.Fatal {
			return err
		}
		wait := classify.Backoff{}.Wait(n)
		d.Observer.Note(fmt.Sprintf("%s; again in %s", err, wait))
		if err := d.Clock.Sleep(ctx, wait); err != nil {
			return classify.Wrap(err, "", "downloading %s", d.from)
		}
	}
}

// try makes one request and stores what the server sends.
func (d *download) try(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := func() { cancel(fmt.Errorf("%w for %s", errStalled, stallTimeout)) }
	stop := d.Clock.AfterFunc(stallTimeout, stall)
	defer func() { stop() }()
	resp, err := d.request(ctx)
	if err == nil {
		defer resp.Body.Close()
		if err = d.acceptResponse(resp); err == nil {
			err = d.copyBody(resp.Body, func() {
				stop()
				stop = d.Clock.AfterFunc(stallTimeout, stall)
			})
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// request requests the missing part and follows redirections.
func (d *download) request(ctx context.Context) (*http.Response, error) {
	to := d.from
	for range maxRedirects {
		d.current = to
		resp, err := d.send(ctx, to)
		if err != nil {
			return nil, to.RedactError(err)
		}
		location := resp.Header.Get("Location")
		if resp.StatusCode/100 != 3 || location == "" {
			return resp, nil
		}
		resp.Body.Close()
		if to, err = to.Resolve(location); err != nil {
			return nil, classify.MarkFatal(fmt.Errorf("the server redirects to an address that cannot be used: %w", err))
		}
	}
	return nil, classify.MarkFatal(fmt.Errorf("the server redirects more than %d times", maxRedirects))
}

// send makes one request. It requests the rest of an image only with a strong validator, which prevents two
// versions from being mixed. Source: RFC 9110, 13.1.5 and 14.2.
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
	if d.done == 0 && d.ifNoneMatch != "" {
		req.Header.Set("If-None-Match", d.ifNoneMatch)
	}
	if d.done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.done))
		req.Header.Set("If-Range", d.etag)
	}
	return t.RoundTrip(req)
}

// acceptResponse checks that the response continues or restarts the download.
func (d *download) acceptResponse(resp *http.Response) error {
	switch code := resp.StatusCode; {
	case code == http.StatusNotModified && d.ifNoneMatch != "":
		d.notModified = true
		return nil
	case code == http.StatusOK && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && d.Digest == "":
		return classify.MarkFatal(classify.WithHint(errors.New("the server does not say how long the image is, so that its end cannot be distinguished from a broken connection"),
			"give its digest with --sha256, or have it served with a length"))
	case code == http.StatusOK:
		if err := d.refuseContentType(resp); err != nil {
			return err
		}
		d.done, d.reported, d.total, d.etag = 0, 0, max(resp.ContentLength, 0), ""
		if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // a weak tag begins with W/
			d.etag = tag
		} else if d.digest.kind == "" { // a digest identifies it, too
			d.untagged()
		}
		if err := d.room.checkPacked(d.total, true); err != nil {
			return err
		}
		if err := d.to.Truncate(0); err != nil {
			return &diskError{err}
		}
		return nil
	case code == http.StatusPartialContent:
		var from, last, total int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &last, &total)
		if err == nil && resp.Header.Get("ETag") == d.etag && from == d.done && d.done > 0 && last == total-1 && (d.total == 0 || total == d.total) {
			d.total = total
			return nil
		}
		return d.restart(fmt.Errorf("the server sent another part than it was asked for"))
	case code == http.StatusRequestedRangeNotSatisfiable && d.done > 0:
		return d.restart(fmt.Errorf("the image ends before byte %d, where the server broke off", d.done))
	}
	return &statusError{resp.StatusCode, d.current.DescribeStatus(resp)}
}

// refuseContentType refuses what the server itself calls a text: a login, an error, a list of files.
func (d *download) refuseContentType(resp *http.Response) error {
	kind, ok := web.TextType(resp.Header)
	if !ok || d.Format != FormatAuto {
		return nil
	}
	return classify.WithHint(classify.New(classify.ImageFormat, "the server sends %s as a text, of the type %s, not as an image", d.from, kind),
		"look at it in a browser: it may be an error or a login; if it is the image, say in which format it is: --format raw, or --format xz")
}

// restart makes the next try begin again.
func (d *download) restart(err error) error {
	d.etag = ""
	return err
}

// copyBody stores the body. It calls onData whenever bytes arrive.
func (d *download) copyBody(body io.Reader, onData func()) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			onData()
			if err := d.fits(d.done + int64(n)); err != nil {
				return err
			}
			if _, werr := d.bounds.scratchFile(d.to).WriteAt(buf[:n], d.done); werr != nil {
				return werr
			}
			d.done += int64(n)
			d.work.add(n)
			d.report(progressStep)
		}
		if err == io.EOF {
			d.report(1)
			return d.checkComplete()
		}
		if err != nil {
			return err
		}
	}
}

// fits refuses more bytes than were announced, or than there is room for.
func (d *download) fits(n int64) error {
	if d.total > 0 && n > d.total {
		return d.restart(fmt.Errorf("the server sent more than the %d bytes that it announced", d.total))
	}
	return d.room.checkPacked(n, n == d.total)
}

// checkComplete returns an error if fewer bytes arrived than were announced.
func (d *download) checkComplete() error {
	switch {
	case d.total == 0 || d.done == d.total:
		return nil
	}
	return io.ErrUnexpectedEOF
}

// report reports the progress, if it is at least step bytes.
func (d *download) report(step int64) {
	if d.done-d.reported >= step {
		d.reported = d.done
		d.Observer.Progress("download", d.done, d.total)
	}
}

package image

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/unavailable"
)

// statusError is an unsuccessful response.
type statusError struct {
	code int
	text string
}

func (a *statusError) Error() string { return "the server answers " + a.text }

// explain returns the error of a try with a hint, marked as fatal if another try cannot help.
func (d *download) explain(err error) error {
	var full *diskError
	if errors.As(err, &full) {
		return d.Cache.errDiskFull(d.to, full.error, Ref(d.from.String()), "downloaded")
	}
	if kind := classify.Facts(err).Kind; kind == classify.ImageTooLarge || kind == classify.ImageFormat {
		return err
	}
	fatal, hint := d.advice(err)
	kind := classify.ImageFetch
	if !fatal && isUnavailable(err) {
		kind = classify.ImageUnavailable
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the server broke off after %d bytes", d.done)
		if d.total > 0 {
			err = fmt.Errorf("the server broke off after %d of %d bytes", d.done, d.total)
		}
	}
	if fatal {
		err = classify.MarkFatal(err)
	}
	return classify.WithHint(classify.Wrap(err, kind, "cannot download %s", d.from), "%s", hint)
}

// errStalled is the error of a server that stopped sending.
var errStalled = errors.New("the server sent nothing")

// isUnavailable reports whether an error that is not final is that of a server that is down, overloaded, or cannot be
// reached.
func isUnavailable(err error) bool {
	var a *statusError
	return errors.As(err, &a) || errors.Is(err, errStalled) || unavailable.Is(err)
}

// advice returns whether an error is final, and a hint.
func (d *download) advice(err error) (fatal bool, hint string) {
	const check = "check the address after --image, and that its server runs"
	var (
		a       *statusError
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

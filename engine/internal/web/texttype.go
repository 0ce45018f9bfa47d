package web

import (
	"mime"
	"net/http"
	"strings"
)

// textTypes are types of texts that do not begin with text/. Source: IANA, Media Types.
var textTypes = []string{
	"application/json", "application/xml", "application/javascript", "application/ecmascript", "application/yaml", "application/x-yaml",
	"application/pgp-signature", "application/pgp-keys", "application/x-bittorrent", "application/metalink4+xml", "application/pdf",
}

// TextType returns the type in the header of a response, and reports whether it is that of a text or a document.
func TextType(h http.Header) (kind string, ok bool) {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && kind == "" {
		kind, _, _ = strings.Cut(h.Get("Content-Type"), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") {
		return kind, true
	}
	for _, t := range textTypes {
		if kind == t {
			return kind, true
		}
	}
	return kind, false
}

package web

import (
	"net/http"
	"testing"
)

func TestTextType(t *testing.T) {
	for value, want := range map[string]bool{
		"text/html; charset=utf-8": true, "TEXT/PLAIN": true, "text/x; =broken": true, "application/json": true, "application/problem+json": true, "application/xhtml+xml": true, "image/svg+xml": true, "application/pgp-signature": true,
		"": false, "application/octet-stream": false, "application/x-xz": false, "application/gzip": false, "binary/octet-stream": false, "application/zip": false, "application/x-raw-disk-image": false, "nonsense": false,
	} {
		if kind, got := TextType(http.Header{"Content-Type": {value}}); got != want {
			t.Errorf("TextType(%q) = %q, %v; want %v", value, kind, got, want)
		}
	}
}

package engine

import (
	"io"

	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Image is an image on the station: unpacked, checked and open for reading until its run ends. Safe for concurrent use.
type Image interface {
	io.ReaderAt
	Path() string   // file or address, without what is secret in it
	Size() int64    // bytes, unpacked
	SHA256() string // of the unpacked image, hex
}

// Cache keeps unpacked images in a folder. Processes may share the folder. Safe for concurrent use.
type Cache struct{ images *image.Cache }

// CacheFromEnv returns the cache that FLASHLUA_CACHE (a folder, or none) and FLASHLUA_CACHE_SIZE (20G) of an environment
// name. It returns nil for none, and an error of kind usage if the folder or the size cannot be used.
func CacheFromEnv(getenv func(string) string) (*Cache, error) {
	c, err := image.CacheFromEnv(getenv)
	if c == nil || err != nil {
		return nil, err
	}
	return &Cache{c}, nil
}

func (c *Cache) inner() *image.Cache {
	if c == nil {
		return nil
	}
	return c.images
}

// ParseSize reads a number of bytes, or a number with K, M, G or T after it: 8G.
func ParseSize(text string) (int64, bool) { return image.ParseSize(text) }

// ParseDigest reads the SHA-256 of an image: 64 hex digits, or the path of a file as sha256sum writes it, from which the
// line of the image at path is taken. The error is of kind usage.
func ParseDigest(text, path string) (string, error) { return image.ParseDigest(text, path) }

// MaskAddress returns a web address without user, password and query. It returns any other text as it is.
func MaskAddress(text string) string { return web.Mask(text) }

// FileServer is an HTTP server of the station, which serves what a program offers. Safe for concurrent use.
type FileServer struct{ http *serve.HTTP }

// Port returns the port that the server listens on.
func (s *FileServer) Port() string { return s.http.Port() }

// OfferText serves a text until the program ends, and returns the path of its URL.
func (s *FileServer) OfferText(text string) (path string) {
	path, _ = s.http.Offer(serve.Offer{Content: serve.Text("file", text)})
	return path
}

// OfferImage serves an image until the program ends, and returns the path of its URL.
func (s *FileServer) OfferImage(im Image) (path string) {
	path, _ = s.http.Offer(serve.Offer{Content: serve.Content{Name: "file", Size: im.Size(), ReaderAt: im}})
	return path
}

package engine

import (
	"io"

	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/web"
)

// Image is an image on the station: decompressed, checked, and open for reading until its run ends. Safe for
// concurrent use.
type Image interface {
	io.ReaderAt
	Path() string   // file, or web address without user, password and query
	Size() int64    // bytes, decompressed
	SHA256() string // of the decompressed image, hex
}

// Cache keeps decompressed images in a directory, which processes may share. Safe for concurrent use.
type Cache struct{ images *image.Cache }

// CacheFromEnv returns the cache that an environment configures: FLASHLUA_CACHE is a directory, or none;
// FLASHLUA_CACHE_SIZE is its size, as in 20G. It returns nil for none, and an error of kind usage if the directory or
// the size cannot be used.
func CacheFromEnv(getenv func(string) string) (*Cache, error) {
	c, err := image.CacheFromEnv(getenv)
	if c == nil || err != nil {
		return nil, err
	}
	return &Cache{c}, nil
}

// Dir returns the directory of the cache.
func (c *Cache) Dir() string { return c.images.Dir }

// Limit returns the size in bytes that the cache may have.
func (c *Cache) Limit() int64 { return c.images.Limit }

func (c *Cache) inner() *image.Cache {
	if c == nil {
		return nil
	}
	return c.images
}

// ParseSize parses a number of bytes: digits, and K, M, G or T after them, as in 8G. It reports whether text is
// one.
func ParseSize(text string) (int64, bool) { return image.ParseSize(text) }

// Formats returns the values of the Format of a job.
func Formats() []string { return image.FormatValues() }

// ParseFormat returns an error if text is none of Formats.
func ParseFormat(text string) (string, error) {
	f, err := image.ParseFormat(text)
	return string(f), err
}

// ParseDigest returns the digest of the image at path as a job takes it. text is hex digits, KIND:HEX, or the path of
// a list of checksums, of sha256sum or BSD, with a line of that image. The error is of kind usage.
func ParseDigest(text, path string) (string, error) { return image.ParseDigest(text, path) }

// MaskAddress returns a web address without user, password and query. It returns other texts unchanged.
func MaskAddress(text string) string { return image.Ref(text).String() }

// RedactAddresses returns a text without the user and the password of each web address in it.
func RedactAddresses(text string) string { return web.Redact(text) }

// FileServer is an HTTP server of a program. Safe for concurrent use.
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

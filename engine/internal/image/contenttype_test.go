package image

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

// TestContentType holds that what a server sends as a text is refused at once, unless the format is given.
func TestContentType(t *testing.T) {
	packed := pack(t, packers["xz"], someImage())
	for _, tt := range []struct {
		kind   string
		format Format
		want   classify.Kind
		size   int
	}{
		{"text/plain", FormatAuto, classify.ImageFormat, 0},
		{"application/json", FormatAuto, classify.ImageFormat, 0},
		{"text/plain", "xz", "", len(someImage())},
		{"text/plain", "gzip", classify.ImageFormat, 0},
		{"text/html", FormatRaw, "", len(packed)},
		{"application/x-xz", FormatAuto, "", len(someImage())},
	} {
		s := newSite(t, func(s *site, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", tt.kind)
			whole(s, w, r)
		})
		s.content = packed
		s.Start()
		st := s.fetcher()
		st.Format, st.Cache = tt.format, &Cache{Dir: t.TempDir(), Limit: 1 << 30}
		for range 2 {
			im, err := st.Open(t.Context(), Ref(s.URL+"/disk.img.xz"))
			if f := classify.Facts(err); f.Kind != tt.want || err != nil && (f.Hint == "" || f.Class != classify.Fatal) {
				t.Errorf("Open of %s as %q = %v of kind %s; want %q", tt.kind, tt.format, err, f.Kind, tt.want)
			}
			if err != nil {
				continue
			}
			if im.Size() != int64(tt.size) {
				t.Errorf("Open of %s as %q has %d bytes; want %d", tt.kind, tt.format, im.Size(), tt.size)
			}
			im.Close()
		}
		if tt.want != "" && len(s.asked) != 2 {
			t.Errorf("Open of %s as %q asked %d times; want once each: %s", tt.kind, tt.format, len(s.asked), strings.Join(s.asked, ", "))
		}
	}
}

// TestRawIsNotOfTheCache holds that the cache, which has decoded images, is not used for the bytes as they are, nor
// the other way round.
func TestRawIsNotOfTheCache(t *testing.T) {
	packed := pack(t, packers["xz"], someImage())
	s := newSite(t, whole)
	s.content = packed
	s.Start()
	st := s.fetcher()
	st.Cache = &Cache{Dir: t.TempDir(), Limit: 1 << 30}
	for _, format := range []Format{FormatRaw, FormatAuto, FormatRaw, FormatAuto} {
		st.Format = format
		want := map[Format]int{FormatRaw: len(packed), FormatAuto: len(someImage())}[format]
		im, err := st.Open(t.Context(), Ref(s.URL+"/disk"))
		if err != nil || im.Size() != int64(want) {
			t.Fatalf("Open as %q = %v; want %d bytes", format, err, want)
		}
		im.Close()
	}
}

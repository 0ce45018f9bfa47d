package image

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRunsDownloadOnce downloads one address by several runs at once. The server sends the first answer when all
// others wait, or have asked, too.
func TestRunsDownloadOnce(t *testing.T) {
	const runs = 4
	first, second := content(1, 3<<20), content(2, 3<<20)
	sum := func(p []byte) string { return fmt.Sprintf("%x", sha256.Sum256(p)) }
	for name, tt := range map[string]struct {
		tags      bool // the server sends entity tags
		digest    string
		newer     bool // the server has another version afterwards
		downloads int64
		want      []byte // that the runs which waited get
	}{
		"a server with entity tags":           {true, "", false, 1, first},
		"a new version while others wait":     {true, "", true, 2, second},
		"a server without entity tags":        {false, "", false, runs, first},
		"a digest, without entity tags":       {false, sum(first), false, 1, first},
		"a digest, with a new version":        {true, sum(first), true, 1, first},
		"a digest of a kind that needs files": {true, "md5:" + md5Of(first), false, runs, first},
	} {
		t.Run(name, func(t *testing.T) {
			var downloads atomic.Int64
			proceed, asked := make(chan struct{}), make(chan struct{}, runs)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, tag := first, `"1"`
				if tt.newer && downloads.Load() > 0 {
					body, tag = second, `"2"`
				}
				if tt.tags {
					if r.Header.Get("If-None-Match") == tag {
						w.WriteHeader(http.StatusNotModified)
						return
					}
					w.Header().Set("ETag", tag)
				}
				downloads.Add(1)
				w.Header().Set("Content-Type", "application/octet-stream")
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.Write(body[:1])
				w.(http.Flusher).Flush()
				asked <- struct{}{}
				select {
				case <-proceed:
				case <-r.Context().Done():
				}
				w.Write(body[1:])
			}))
			defer s.Close()
			c := &Cache{Dir: t.TempDir(), Limit: 1 << 30}
			waiting, results := make(chan string, runs), make(chan opened, runs)
			run := func() {
				results <- Stager{Cache: c, Digest: tt.digest, Observer: Observer{Note: func(text string) {
					if strings.HasPrefix(text, "waits for ") {
						waiting <- text
					}
				}}}.opened(t.Context(), s.URL+"/disk.img")
			}
			go run()
			<-asked
			for range runs - 1 {
				go run()
			}
			waits := 0
			for n := 0; n < runs-1; n++ {
				select {
				case text := <-waiting:
					if want := "waits for another run of this process, which downloads " + s.URL + "/disk.img"; text != want {
						t.Errorf("note = %q; want %q", text, want)
					}
					if waits++; tt.downloads == runs { // it may come to that before the server's answer
						n--
					}
				case <-asked:
				}
			}
			close(proceed)
			got := map[string]int{}
			for range runs {
				r := <-results
				if r.err != nil {
					t.Errorf("Open = %v; want nil", r.err)
				}
				got[r.sum]++
			}
			want := map[string]int{sum(first): runs}
			if tt.newer && tt.digest == "" {
				want = map[string]int{sum(first): 1, sum(tt.want): runs - 1}
			}
			if !maps.Equal(got, want) || downloads.Load() != tt.downloads {
				t.Errorf("images = %v with %d downloads after %d waits; want %v, %d", got, downloads.Load(), waits, want, tt.downloads)
			}
		})
	}
}

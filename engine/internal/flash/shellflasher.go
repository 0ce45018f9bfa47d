package flash

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

//go:embed dut.sh
var dutScript string

// helper is the script without trailing newlines: a shell's command substitution removes them.
var helper = strings.TrimRight(dutScript, "\n")

// Shell runs commands on the board.
type Shell interface {
	Exec(ctx context.Context, cmd console.Command) (console.Result, error)
}

// ShellFlasher resolves targets and writes media through a board's shell. It is not safe for concurrent use.
type ShellFlasher struct {
	Shell    Shell
	HTTP     *serve.HTTP
	Station  string // the station's address as the board sees it
	Clock    clock.Clock
	Progress func(step string, done, total int64) // in bytes; may be nil; called from other goroutines

	loaded    bool               // the helper is in a variable of the shell
	jobs      string             // the path below which its jobs are served
	boardAddr string             // the address of the board's requests
	profiles  map[string]profile // by device
}

// Rejoin makes d and its writers continue through another shell of the same Linux.
func (d *ShellFlasher) Rejoin(sh Shell) {
	d.Shell, d.loaded = sh, false // the helper is in a variable of the other shell
}

// pathLength is the number of letters, of five bits each, in the path that is typed.
const pathLength = 6

// serve offers a content to the board's address only. It is served until withdraw is called.
func (d *ShellFlasher) serve(c serve.Content, sent func(int64)) (url string, withdraw func()) {
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: c, Peer: d.boardAddr, OnSent: sent})
	return d.url(path), withdraw
}

func (d *ShellFlasher) url(path string) string {
	return "http://" + d.Station + ":" + d.HTTP.Port() + path
}

// loadHelper stores the helper in a variable of the board's shell, checks that it arrived complete, and defines fj,
// which runs a job.
func (d *ShellFlasher) loadHelper(ctx context.Context) error {
	if d.loaded {
		return nil
	}
	var mu sync.Mutex // guards peer
	peer := ""
	d.jobs = "/" + rand.Text()[:pathLength]
	url := d.url(d.jobs)
	text := "station=" + url + "\n" + helper
	_, withdraw := d.HTTP.Offer(serve.Offer{Path: d.jobs, Content: serve.Text("flashlua.sh", text), OnRequest: func(from string) {
		mu.Lock()
		defer mu.Unlock()
		peer = from
	}})
	defer withdraw()
	sum := sha256.Sum256([]byte(text))
	cmd := fmt.Sprintf(`export FL="$(u=%s;wget -qO- $u||curl -fsS $u)";fj(){ sh -c "$FL" fl $1;};printf %%s "$FL"|sha256sum`, url)
	var res console.Result
	for range queryRetries { // console noise may damage the command or its output
		var err error
		res, err = d.Shell.Exec(ctx, console.Command{Text: cmd, What: "the fetch from the station"})
		if err != nil {
			return classify.Wrap(err, classify.NetHTTP, "the board cannot fetch from the station")
		}
		if d.loaded = strings.Contains(res.Output, hex.EncodeToString(sum[:])); d.loaded {
			mu.Lock()
			defer mu.Unlock()
			d.boardAddr = peer
			return nil
		}
		if digest.MatchString(res.Output) {
			break // the digest of another text: the board did not receive the helper
		}
	}
	return classify.WithHint(classify.WithConsole(classify.New(classify.NetHTTP, "the board cannot fetch from the station at %s", d.Station), res.Output),
		"check net.http in the policy, a firewall on the station, and that the board has wget or curl, and sha256sum")
}

var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

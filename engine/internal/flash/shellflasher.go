package flash

import (
	"context"
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
	ReadOnly bool                                 // nothing will be written: a write-protected medium is accepted
	Progress func(step string, done, total int64) // in bytes; may be nil; called from other goroutines

	loaded    bool               // the helper is in a variable of the shell
	boardAddr string             // the address of the board's requests
	profiles  map[string]profile // by device
}

// Rejoin makes d and its writers continue through another shell of the same Linux.
func (d *ShellFlasher) Rejoin(sh Shell) {
	d.Shell, d.loaded = sh, false // the helper is in a variable of the other shell
}

// serve offers a content to the board's address only. It is served until withdraw is called.
func (d *ShellFlasher) serve(c serve.Content, sent func(int64)) (url string, withdraw func()) {
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: c, Peer: d.boardAddr, OnSent: sent})
	return d.url(path), withdraw
}

func (d *ShellFlasher) url(path string) string {
	return "http://" + d.Station + ":" + d.HTTP.Port() + path
}

// loadHelper stores the helper in a variable of the board's shell and checks that it arrived complete.
func (d *ShellFlasher) loadHelper(ctx context.Context) error {
	if d.loaded {
		return nil
	}
	var mu sync.Mutex // guards peer
	peer := ""
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: serve.Text("flashlua.sh", helper), OnRequest: func(from string) {
		mu.Lock()
		defer mu.Unlock()
		peer = from
	}})
	defer withdraw()
	url := d.url(path)
	sum := sha256.Sum256([]byte(helper))
	var res console.Result
	for range queryRetries { // console noise may damage the command or its output
		var err error
		res, err = d.Shell.Exec(ctx, console.Command{Text: fmt.Sprintf(
			`export FLASHLUA="$(if command -v wget >/dev/null; then wget -q -O - %[1]s; else curl -fsS %[1]s; fi)"; printf %%s "$FLASHLUA" | sha256sum`, url)})
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

// exec runs a command of the helper.
func (d *ShellFlasher) exec(ctx context.Context, l limit, args ...string) (reply, error) {
	if err := d.loadHelper(ctx); err != nil {
		return reply{}, err
	}
	cmd := `sh -c "$FLASHLUA" flashlua`
	for _, a := range args {
		cmd += " " + console.Quote(a)
	}
	run := console.Command{Text: cmd}
	l.apply(&run)
	res, err := d.Shell.Exec(ctx, run)
	a := reply{fields: map[string][]string{}, text: res.Output}
	for _, m := range field.FindAllStringSubmatch(res.Output, -1) {
		a.fields[m[1]] = append(a.fields[m[1]], m[2])
	}
	return a, err
}

// queryRetries is the number of times that a command is run when console noise damages its output.
const queryRetries = 5

var checksum = regexp.MustCompile(`^([0-9a-f]{64})\b`)

// query runs a command whose output carries a checksum over command and output. It repeats the command if either
// was damaged.
func (d *ShellFlasher) query(ctx context.Context, args ...string) (a reply, err error) {
	for range queryRetries {
		if a, err = d.exec(ctx, limit{stall: queryTimeout}, append([]string{"sealed"}, args...)...); err != nil {
			return a, err
		}
		var lines string
		for _, m := range field.FindAllStringSubmatch(a.text, -1) {
			if m[1] != "seal" {
				lines += m[0] + "\n"
			}
		}
		if lines == "" {
			lines = "\n" // the checksum of an empty reply covers the newline that echo prints
		}
		sum := sha256.Sum256([]byte(strings.Join(args, " ") + "\n" + lines))
		if m := checksum.FindStringSubmatch(a.get("seal")); m != nil && m[1] == hex.EncodeToString(sum[:]) {
			return a, nil
		}
	}
	return a, classify.WithHint(newError(classify.ShellSync, a, "the board's answer is spoiled, %d times in a row", queryRetries),
		"something prints on the console all the time: find out what, and stop it")
}

// execChecked runs a command together with its checksum: the board runs it only if it arrived undamaged.
func (d *ShellFlasher) execChecked(ctx context.Context, l limit, args ...string) (a reply, err error) {
	sum := sha256.Sum256([]byte(strings.Join(args, " ") + "\n"))
	for range queryRetries {
		a, err = d.exec(ctx, l, append([]string{"checked", hex.EncodeToString(sum[:8])}, args...)...)
		if err != nil || a.get("error") != "mangled" {
			return a, err
		}
	}
	return a, classify.WithHint(newError(classify.ShellSync, a, "the board receives other commands than it is sent, %d times in a row", queryRetries),
		"the console loses bytes: check cable, speed and flow control")
}

var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

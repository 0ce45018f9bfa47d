// Package flash writes an image to a medium and proves that it is there.
//
// It owns the way a DUT writes and reads back, the refusal of unsafe targets, and receipts: only Verify makes one, and
// only for the right digest. It does not know how the shell was reached, nor when to try again.
package flash

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

//go:embed dut.sh
var dutScript string

// helper is the script as a shell's command substitution gives it.
var helper = strings.TrimRight(dutScript, "\n")

// Shell is what a DUT must offer.
type Shell interface {
	Exec(ctx context.Context, cmd console.Command) (console.Result, error)
}

// Target is where an image goes, as a policy names it: a device path or an address on the board's bus.
type Target struct {
	Name  string
	Path  string
	Sysfs string
	Part  string // label of a partition in it; "" is all of it

	ClearForceRO bool // an eMMC's boot partition is made writable for the time of the write
}

func (t Target) String() string {
	disk := t.Path
	if disk == "" {
		disk = "the disk at " + t.Sysfs
	}
	if t.Part != "" {
		return "partition " + t.Part + " of " + disk
	}
	return disk
}

// Medium is a target as the DUT knows it.
type Medium struct {
	Target  Target
	Device  string
	Size    int64    // bytes
	Sector  int64    // bytes, the logical one
	Extents []Extent // where it lies
}

// Image is what is written. ReadRange fails if a range is not what it was when the digest was made.
type Image interface {
	io.ReaderAt
	File() *os.File // that it is in
	Size() int64    // bytes
	SHA256() string // hex
	Ranges() []image.Range
	ReadRange(r image.Range, buf []byte) error
	CheckUnchanged() error
}

// Receipt proves that a medium holds an image. Only Verify makes a valid one.
type Receipt struct {
	Target Target
	Device string
	Size   int64
	SHA256 string
	valid  bool
}

// Valid reports whether the read-back gave the right digest.
func (r Receipt) Valid() bool { return r.valid }

// ShellFlasher flashes through a board's shell.
type ShellFlasher struct {
	Shell    Shell
	HTTP     *serve.HTTP
	Station  string // the station's address as the board sees it
	Clock    clock.Clock
	ReadOnly bool                                 // nothing will be written: a write-protected medium will do
	Progress func(step string, done, total int64) // in bytes; may be nil, called from other goroutines

	loaded    bool
	boardAddr string // the address from which the board asks
	profiles  map[string]profile
}

// serve serves a content to the board alone.
func (d *ShellFlasher) serve(c serve.Content, sent func(int64)) (url string, withdraw func()) {
	path, withdraw := d.HTTP.Offer(serve.Offer{Content: c, Peer: d.boardAddr, OnSent: sent})
	return d.url(path), withdraw
}

func (d *ShellFlasher) url(path string) string {
	return "http://" + d.Station + ":" + d.HTTP.Port() + path
}

// loadHelper puts the helper into a variable of the board's shell and checks that it arrived whole.
func (d *ShellFlasher) loadHelper(ctx context.Context) error {
	if d.loaded {
		return nil
	}
	var mu sync.Mutex
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
	for range queryRetries { // noise may spoil the command as well as its answer
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
			break // of something else: that is what the board got
		}
	}
	return classify.WithHint(classify.WithConsole(classify.New(classify.NetHTTP, "the board cannot fetch from the station at %s", d.Station), res.Output),
		"check net.http in the policy, a firewall on the station, and that the board has wget or curl, and sha256sum")
}

// reply is what the helper said.
type reply struct {
	fields map[string][]string
	text   string
}

func (a reply) get(key string) string {
	if v := a.fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// number gives -1 for what is none. An exit code comes twice, so that one that noise spoiled is none, too.
func (a reply) number(key string) int64 { return number(a.get(key)) }

// numbers are all of a key.
func (a reply) numbers(key string) (all []int64) {
	for _, v := range a.fields[key] {
		all = append(all, number(v))
	}
	return all
}

func number(text string) int64 {
	text, again, twice := strings.Cut(text, "=")
	if twice && again != text {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > maxNumber {
		return -1
	}
	return n
}

// maxNumber bounds the numbers of a board's answers, so that products of them fit: more sectors than any medium has.
const maxNumber = 1 << 50

var field = regexp.MustCompile(`(?m)^([a-z0-9.]+)=(.*)$`)

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

// queryRetries is how often the board is asked again when console noise spoiled its answer.
const queryRetries = 5

var checksum = regexp.MustCompile(`^([0-9a-f]{64})\b`)

// query runs a command whose answer is sealed, again if the question or the answer was spoiled on the way.
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
			lines = "\n" // an empty answer is sealed as echo prints it
		}
		sum := sha256.Sum256([]byte(strings.Join(args, " ") + "\n" + lines))
		if m := checksum.FindStringSubmatch(a.get("seal")); m != nil && m[1] == hex.EncodeToString(sum[:]) {
			return a, nil
		}
	}
	return a, classify.WithHint(newError(classify.ShellSync, a, "the board's answer is spoiled, %d times in a row", queryRetries),
		"something prints on the console all the time: find out what, and stop it")
}

// execChecked runs a command that the board runs only if it arrived as it was meant.
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

func newError(kind classify.Kind, a reply, format string, args ...any) error {
	return classify.WithConsole(classify.New(kind, format, args...), a.text)
}

var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

// hasNumbers reports whether all of these answers arrived as numbers.
func (a reply) hasNumbers(keys ...string) bool {
	for _, k := range keys {
		if a.number(k) < 0 {
			return false
		}
	}
	return true
}

// errGarbled is the error of an answer that noise spoiled.
func errGarbled(a reply, what string, m Medium) error {
	return classify.WithHint(newError(classify.ConsoleGarbled, a, "what became of %s %s arrived garbled", what, m.Device),
		"the console loses or changes bytes: check cable, speed and flow control")
}

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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/serve"
)

//go:embed dut.sh
var dutScript string

// helper is the script as a shell's command substitution gives it.
var helper = strings.TrimRight(dutScript, "\n")

// MiB is the block in which a DUT reads and writes.
const mib = 1 << 20

// fetchStall is how long the board may fetch nothing while it writes: a card's own housekeeping takes seconds.
const fetchStall = time.Minute

// Shell is what a DUT must offer.
type Shell interface {
	Exec(ctx context.Context, cmd console.Command) (console.Result, error)
}

// Target is where an image goes, as a policy names it: a device path or an address on the board's bus.
type Target struct {
	Name  string
	Path  string
	Sysfs string
}

func (t Target) String() string {
	if t.Path != "" {
		return t.Path
	}
	return "the disk at " + t.Sysfs
}

// Medium is a target as the DUT knows it.
type Medium struct {
	Target Target
	Device string
	Size   int64 // bytes
	Sector int64 // bytes, the logical one
}

// Image is what is written.
type Image interface {
	io.ReaderAt
	Size() int64    // bytes
	SHA256() string // hex
	Unchanged() error
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

// DUT flashes through a board's shell.
type DUT struct {
	Shell    Shell
	HTTP     *serve.HTTP
	Station  string // the station's address as the board sees it
	Clock    clock.Clock
	ReadOnly bool                    // nothing will be written: a write-protected medium will do
	Progress func(done, total int64) // of the write; may be nil, called from other goroutines

	loaded bool
}

func (d *DUT) url(path string) string { return "http://" + d.Station + ":" + d.HTTP.Port() + path }

// load puts the helper into a variable of the board's shell and checks that it arrived whole.
func (d *DUT) load(ctx context.Context) error {
	if d.loaded {
		return nil
	}
	path, withdraw := d.HTTP.Offer(serve.Text("flashlua.sh", helper), nil)
	defer withdraw()
	url := d.url(path)
	sum := sha256.Sum256([]byte(helper))
	var res console.Result
	for range askTries { // noise may spoil the command as well as its answer
		var err error
		res, err = d.Shell.Exec(ctx, console.Command{Text: fmt.Sprintf(
			`FLASHLUA="$(if command -v wget >/dev/null; then wget -q -O - %[1]s; else curl -fsS %[1]s; fi)"; printf %%s "$FLASHLUA" | sha256sum`, url)})
		if err != nil {
			return classify.Wrap(err, classify.NetHTTP, "the board cannot fetch from the station")
		}
		if d.loaded = strings.Contains(res.Output, hex.EncodeToString(sum[:])); d.loaded {
			return nil
		}
		if digest.MatchString(res.Output) {
			break // of something else: that is what the board got
		}
	}
	return classify.WithHint(classify.WithConsole(classify.New(classify.NetHTTP, "the board cannot fetch from the station at %s", d.Station), res.Output),
		"check net.http in the policy, a firewall on the station, and that the board has wget or curl, and sha256sum")
}

// answer is what the helper said.
type answer struct {
	fields map[string][]string
	text   string
}

func (a answer) get(key string) string {
	if v := a.fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// number gives -1 for what is none. An exit code comes twice, so that one that noise spoiled is none, too.
func (a answer) number(key string) int64 {
	text, again, twice := strings.Cut(a.get(key), "=")
	if twice && again != text {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

var field = regexp.MustCompile(`(?m)^([a-z]+)=(.*)$`)

// call runs a command of the helper. Without a limit of its own it ends with ctx.
func (d *DUT) call(ctx context.Context, limit time.Duration, args ...string) (answer, error) {
	if err := d.load(ctx); err != nil {
		return answer{}, err
	}
	cmd := `sh -c "$FLASHLUA" flashlua`
	for _, a := range args {
		cmd += " " + console.Quote(a)
	}
	res, err := d.Shell.Exec(ctx, console.Command{Text: cmd, Timeout: limit})
	a := answer{fields: map[string][]string{}, text: res.Output}
	for _, m := range field.FindAllStringSubmatch(res.Output, -1) {
		a.fields[m[1]] = append(a.fields[m[1]], m[2])
	}
	return a, err
}

const infoTime = 30 * time.Second

// patience is how long the board may take for n bytes, and more: 512 KiB/s after five minutes.
func patience(n int64) time.Duration {
	return 5*time.Minute + time.Duration(n>>19)*time.Second
}

// askTries is how often the board is asked again when console noise spoiled its answer.
const askTries = 5

var seal = regexp.MustCompile(`^([0-9a-f]{64})\b`)

// ask runs a command whose answer is sealed, again if the question or the answer was spoiled on the way.
func (d *DUT) ask(ctx context.Context, args ...string) (a answer, err error) {
	for range askTries {
		if a, err = d.call(ctx, infoTime, append([]string{"sealed"}, args...)...); err != nil {
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
		if m := seal.FindStringSubmatch(a.get("seal")); m != nil && m[1] == hex.EncodeToString(sum[:]) {
			return a, nil
		}
	}
	return a, classify.WithHint(fail(classify.ShellSync, a, "the board's answer is spoiled, %d times in a row", askTries),
		"something prints on the console all the time: find out what, and stop it")
}

// checked runs a command that the board runs only if it arrived as it was meant.
func (d *DUT) checked(ctx context.Context, limit time.Duration, args ...string) (a answer, err error) {
	sum := sha256.Sum256([]byte(strings.Join(args, " ") + "\n"))
	for range askTries {
		a, err = d.call(ctx, limit, append([]string{"checked", hex.EncodeToString(sum[:8])}, args...)...)
		if err != nil || a.get("error") != "mangled" {
			return a, err
		}
	}
	return a, classify.WithHint(fail(classify.ShellSync, a, "the board receives other commands than it is sent, %d times in a row", askTries),
		"the console loses bytes: check cable, speed and flow control")
}

// Resolve finds a target on the board and refuses one that must not be written.
func (d *DUT) Resolve(ctx context.Context, t Target, size int64) (Medium, error) {
	device := t.Path
	if device == "" {
		a, err := d.ask(ctx, "find_sysfs", t.Sysfs)
		if err != nil {
			return Medium{}, err
		}
		switch found := a.fields["device"]; len(found) {
		case 0:
			return Medium{}, missing(t, a)
		case 1:
			device = found[0]
		default:
			return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s is ambiguous, it is %s", t.Name, t, strings.Join(found, " and "))
		}
	}
	a, err := d.ask(ctx, "info", device)
	if err != nil {
		return Medium{}, err
	}
	m := Medium{Target: t, Device: a.get("device"), Size: a.number("sectors") * 512, Sector: a.number("sector")}
	switch {
	case a.get("error") == "missing":
		return Medium{}, missing(t, a)
	case a.get("error") == "notblock":
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s is not a block device", t.Name, t)
	case a.get("error") == "blind":
		return Medium{}, classify.WithConsole(classify.New(classify.TargetUnsafe, "target %s: the board cannot tell whether %s is mounted: it has no grep or no /proc", t.Name, t), a.text)
	case a.get("protected") != "" && !d.ReadOnly:
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s is read-only", t.Name, a.get("protected"))
	case a.get("used") != "":
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s", t.Name, strings.Join(a.fields["used"], ", "))
	case m.Sector <= 0 || m.Size <= 0:
		return Medium{}, classify.WithConsole(classify.New(classify.TargetMissing, "target %s: the board does not tell the size of %s", t.Name, device), a.text)
	case m.padded(size) > m.Size:
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: %s has %d bytes, the image has %d", t.Name, m.Device, m.Size, size)
	}
	return m, nil
}

func missing(t Target, a answer) error {
	return classify.WithConsole(classify.WithHint(classify.New(classify.TargetMissing, "target %s: %s is not on the board", t.Name, t),
		"check targets in the policy against /sys/class/block on the board"), a.text)
}

// padded is size, rounded up to whole sectors.
func (m Medium) padded(size int64) int64 { return (size + m.Sector - 1) / m.Sector * m.Sector }

// padding lets an image end with zeros.
type padding struct{ Image }

func (p padding) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.Image.ReadAt(b, off)
	if err != io.EOF {
		return n, err
	}
	clear(b[n:])
	return len(b), nil
}

// Write streams an image to the medium, padded to whole sectors, and flushes it. That it arrived is for Verify to say.
func (d *DUT) Write(ctx context.Context, m Medium, im Image) error {
	total := m.padded(im.Size())
	if err := d.load(ctx); err != nil {
		return err
	}
	ctx, sent, stop := d.watch(ctx, total)
	defer stop()
	path, withdraw := d.HTTP.Offer(serve.Content{Name: "image", Size: total, ReaderAt: padding{im}}, sent.add)
	defer withdraw()
	a, err := d.checked(ctx, patience(total), "write", d.url(path), m.Device)
	switch {
	case err != nil:
		return classify.Wrap(err, "", "cannot write the image to %s", m.Device)
	case a.get("error") == "gone":
		return fail(classify.FlashWrite, a, "%s went away", m.Device)
	case a.number("dd") > 0:
		return fail(classify.FlashWrite, a, "writing %s failed: dd exited %d", m.Device, a.number("dd"))
	case !a.legible("fetch", "dd", "sync"):
		return garbled(a, "writing", m)
	case a.number("fetch") != 0: // what was sent may be counted a moment later than it arrived; Verify has the last word
		return fail(classify.NetHTTPCut, a, "the transfer broke off after %d of %d bytes: the board's fetch exited %d", min(sent.count(), total), total, a.number("fetch"))
	case a.number("sync") != 0:
		return fail(classify.FlashWrite, a, "writing %s did not end as it must", m.Device)
	}
	return nil
}

func fail(kind classify.Kind, a answer, format string, args ...any) error {
	return classify.WithConsole(classify.New(kind, format, args...), a.text)
}

var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

// legible reports whether all of these answers arrived as numbers.
func (a answer) legible(keys ...string) bool {
	for _, k := range keys {
		if a.number(k) < 0 {
			return false
		}
	}
	return true
}

// garbled is the error of an answer that noise spoiled.
func garbled(a answer, what string, m Medium) error {
	return classify.WithHint(fail(classify.ConsoleGarbled, a, "what became of %s %s arrived garbled", what, m.Device),
		"the console loses or changes bytes: check cable, speed and flow control")
}

// Verify reads the image's bytes back past the board's cache and compares their digest.
func (d *DUT) Verify(ctx context.Context, m Medium, im Image) (Receipt, error) {
	size := im.Size()
	a, err := d.checked(ctx, patience(size), "verify", m.Device,
		strconv.FormatInt(size/mib, 10), strconv.FormatInt(size%mib, 10), strconv.FormatInt(m.Sector, 10))
	if err != nil {
		return Receipt{}, classify.Wrap(err, "", "cannot read %s back", m.Device)
	}
	got, codes := a.get("sum"), []string{"dd"}
	if size%mib != 0 {
		codes = append(codes, "rest")
	}
	if size < mib {
		codes = codes[len(codes)-1:]
	}
	switch {
	case a.get("error") == "cached":
		return Receipt{}, fail(classify.VerifyRead, a, "%s cannot be read past the board's cache: neither direct reads nor drop_caches work", m.Device)
	case a.get("error") != "":
		return Receipt{}, fail(classify.VerifyRead, a, "%s cannot be read back: it is %s", m.Device, a.get("error"))
	case !digest.MatchString(got) || got != a.get("again") || !a.legible(codes...):
		return Receipt{}, garbled(a, "reading back", m)
	case slices.ContainsFunc(codes, func(k string) bool { return a.number(k) != 0 }):
		return Receipt{}, fail(classify.VerifyRead, a, "%s cannot be read back: dd exited %d", m.Device, max(a.number("dd"), a.number("rest")))
	}
	if err := im.Unchanged(); err != nil {
		return Receipt{}, err
	}
	if got != im.SHA256() {
		return Receipt{}, fail(classify.VerifyMismatch, a, "%s does not hold the image: sha256 %s, want %s", m.Device, got, im.SHA256())
	}
	return Receipt{m.Target, m.Device, size, got, true}, nil
}

// transfer counts what the board fetched.
type transfer struct {
	mu       sync.Mutex
	n        int64
	at       time.Time // of the last byte
	over     bool
	now      func() time.Time
	progress func(n int64)
}

// add counts n more bytes. It is called from the server's goroutines, and does nothing once the transfer is over.
func (t *transfer) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.n += n
	t.at = t.now()
	t.progress(t.n)
}

func (t *transfer) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func (t *transfer) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// watch ends ctx when the board has fetched nothing for fetchStall and still wants more.
func (d *DUT) watch(ctx context.Context, total int64) (context.Context, *transfer, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &transfer{at: d.Clock.Now(), now: d.Clock.Now, progress: func(n int64) {
		if d.Progress != nil {
			d.Progress(min(n, total), total)
		}
	}}
	var check func()
	check = func() {
		t.mu.Lock()
		idle, done := d.Clock.Now().Sub(t.at), t.n >= total
		t.mu.Unlock()
		switch {
		case done || ctx.Err() != nil:
		case idle >= fetchStall:
			cancel(classify.New(classify.ConsoleStall, "the board fetched nothing for %s, after %d of %d bytes", fetchStall, t.count(), total))
		default:
			d.Clock.AfterFunc(fetchStall-idle, check)
		}
	}
	d.Clock.AfterFunc(fetchStall, check)
	return ctx, t, func() {
		t.end()
		cancel(context.Canceled)
	}
}

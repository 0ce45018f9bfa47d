package engine

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Policy is a board: how it behaves, and what to do with it.
//
// Safe for concurrent use while nothing changes its fields: runs that are under way at the same time may share a policy,
// if its functions are safe for that. Those of bindings are. Within a run, one goroutine at a time calls them; state that
// they keep for a run belongs in PerRun.
type Policy struct {
	Name          string
	Description   string // in a line, for people
	Tested        string // where it was run, "QEMU, every commit"; "" is never on hardware
	Dir           string // where relative file names begin
	Console       Console
	UBoot         uboot.Config
	Linux         shell.Config
	Files         map[string]File // what U-Boot loads, by a name of the policy's own
	Boot          string          // the U-Boot command that starts Linux
	BootArgs      string          // the kernel's command line; "" leaves the board's own
	Targets       map[string]Target
	DefaultTarget string
	Net           Net
	Limits        Limits
	PowerAfter    PowerAfter
	OffTime       time.Duration // how long a power cycle leaves the board off

	// Flash does the work. It is called once per attempt and ends with ctx.
	Flash func(ctx context.Context, s *Session) error
	// Reach brings the board to a place by the default sequence. It ends with ctx.
	Transition func(ctx context.Context, s *Session, to BoardState) error
	// Classify and Backoff override the built-in rules; they may be nil. They end with ctx.
	Classify func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error)
	Backoff  func(ctx context.Context, n int, err error, next func(n int, err error) time.Duration) (time.Duration, error)
}

// Console is how a board's console is opened and typed at. Plain data: safe for concurrent use while nothing changes it.
type Console struct {
	Line   transport.Line
	Typing console.Typing
	Watch  console.Watch
	Reopen time.Duration // how long a port that vanished may take to come back; 0: DefaultReopen
}

// DefaultReopen is enough for an adapter that has to enumerate again, and for a server that restarts.
const DefaultReopen = 10 * time.Second

// File is something that U-Boot loads into RAM. Plain data: safe for concurrent use while nothing changes it.
type File struct {
	Path    string
	Address uint64
}

// Net is what the board is told about the station and itself, and where the station listens. Empty fields are found out.
// Plain data: safe for concurrent use while nothing changes it.
type Net struct {
	HTTP   string // the station's address for HTTP as the board sees it
	TFTP   string // likewise for TFTP
	Listen string // the address that the station's servers listen on; "" is every address

	Address netip.Prefix // the board's own, where it cannot ask by DHCP
	Gateway netip.Addr   // its router then; not valid is none
}

// Limits bound a run. A zero field takes the default. Plain data: safe for concurrent use while nothing changes it.
type Limits struct {
	Retries *int          // attempts after the first; default 3
	Total   time.Duration // default 60 min
	Attempt time.Duration // default 30 min, or Total if that is less
	Jitter  float64       // spread of the wait between attempts, 0 to 1; default none
}

// MaxDuration is the longest time that a policy or an operator may ask for.
const MaxDuration = 720 * time.Hour

// DefaultOffTime discharges most boards.
const DefaultOffTime = 2 * time.Second

// The limits of a policy that says nothing.
const (
	DefaultRetries = 3
	DefaultTotal   = time.Hour
	DefaultAttempt = 30 * time.Minute
)

const (
	maxRetries = 1000

	// attemptReserve is what an attempt needs to end, besides switching power.
	attemptReserve = 2 * time.Second
	// cleanupTimeout bounds one entry of the clean-up stack.
	cleanupTimeout = 500 * time.Millisecond
	// hurriedCleanupTimeout is what is left of it when Engine.Hurry is closed.
	hurriedCleanupTimeout = 50 * time.Millisecond
	// defaultPowerTimeout bounds one action of a power driver that does not ask for more.
	defaultPowerTimeout = 15 * time.Second
	// hookTimeout bounds one call of a policy's classify or backoff that waits for something. Its work has limits of its own,
	// which a loaded station must not reach later than this.
	hookTimeout = 10 * time.Minute
	// scriptReturnGrace is how long a cancelled policy may take to return.
	scriptReturnGrace = 2 * time.Second
)

// PowerState is what becomes of the board's power. Its values are constants: safe for concurrent use.
type PowerState string

const (
	PowerOff  PowerState = "off"
	PowerOn   PowerState = "on"
	PowerKeep PowerState = "keep"
)

// PowerAfter is the power state for each outcome. An empty field means off.
// Plain data: safe for concurrent use while nothing changes it.
type PowerAfter struct{ Success, Failure, Cancel PowerState }

// Job is what the operator asks for. Plain data: safe for concurrent use while nothing changes it.
type Job struct {
	Image    string        // file or web address
	SHA256   string        // that the image must have, hex; "" for any
	MaxSize  int64         // bytes that an image may have when it is unpacked; 0 is no limit
	Parts    []Part        // partitions to write, in this order, instead of Image
	Port     string        // console, as transport.Open takes it
	Power    string        // as power.Open takes it
	Target   string        // "" is the policy's default
	FilesDir string        // "" is the policy's own
	TFTPDir  string        // root of a TFTP server that is there already, which serves the policy's files; "" is our own server
	Retries  *int          // nil is the policy's
	Timeout  time.Duration // 0 is the policy's total

	VerifyOnly bool // compare the medium with the image, and write nothing
	DryRun     bool // plan, and touch nothing: no port, no server, no power
}

// Part is an image for a partition of the target, or for all of it.
// Plain data: safe for concurrent use while nothing changes it.
type Part struct {
	Label  string // of the partition; "" is the whole target
	Image  string // file or web address
	SHA256 string // that the image must have, hex; "" for any
}

// parts are what the job is to write.
func (j Job) parts() []Part {
	if len(j.Parts) > 0 {
		return j.Parts
	}
	return []Part{{Image: j.Image, SHA256: j.SHA256}}
}

// What a run is for, as its report names it.
const (
	ModeFlash  = "flash"
	ModeVerify = "verify"
	ModeDryRun = "dry-run"
)

// Mode is what the job is for.
func (j Job) Mode() string {
	switch {
	case j.DryRun:
		return ModeDryRun
	case j.VerifyOnly:
		return ModeVerify
	}
	return ModeFlash
}

// CheckLimits refuses a policy whose single attempt and its clean-up do not fit its total.
func (p *Policy) CheckLimits() error {
	_, err := p.limits(Job{}, defaultPowerTimeout)
	return err
}

// limits are the policy's and the job's together, for a driver whose actions take up to power.
func (p *Policy) limits(j Job, power time.Duration) (Limits, error) {
	l := p.Limits
	if l.Total == 0 {
		l.Total = DefaultTotal
	}
	if need := l.Attempt + attemptReserve + power; l.Attempt > 0 && need > l.Total {
		return l, classify.WithHint(
			classify.New(classify.ConfigPlan, "one attempt of %s and its clean-up of %s do not fit the total of %s", l.Attempt, attemptReserve+power, l.Total),
			"raise limits.total or lower limits.attempt")
	}
	if j.Timeout > MaxDuration {
		return l, classify.New(classify.Usage, "a total of %s is more than %s", j.Timeout, MaxDuration)
	}
	if j.Timeout > 0 {
		l.Total = j.Timeout
	}
	if l.Attempt == 0 {
		l.Attempt = DefaultAttempt
	}
	l.Attempt = min(l.Attempt, l.Total)
	n := DefaultRetries
	if l.Retries != nil {
		n = *l.Retries
	}
	if j.Retries != nil {
		n = *j.Retries
	}
	if n > maxRetries {
		return l, classify.New(classify.Usage, "%d retries are more than %d", n, maxRetries)
	}
	l.Retries = &n
	return l, nil
}

// target finds the medium to write.
func (p *Policy) target(name string) (Target, error) {
	if name == "" {
		name = p.DefaultTarget
	}
	known := slices.Sorted(maps.Keys(p.Targets))
	t, ok := p.Targets[name]
	switch {
	case len(known) == 0:
		return t, classify.WithHint(classify.New(classify.ConfigPolicy, "board %s has no targets", p.Name), `add targets = { disk = "/dev/…" } to the policy`)
	case name == "" && len(known) == 1:
		return p.Targets[known[0]], nil
	case name == "":
		return t, classify.WithHint(classify.New(classify.Usage, "board %s has more than one target", p.Name), "name one with --target: %s", strings.Join(known, ", "))
	case !ok:
		return t, classify.WithHint(classify.New(classify.Usage, "board %s has no target %q", p.Name, name), "it has %s", strings.Join(known, ", "))
	}
	return t, nil
}

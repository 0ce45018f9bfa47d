package engine

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/transport"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Policy describes a board, and what to do with it.
//
// Safe for concurrent use while nothing changes its fields: concurrent runs may share a policy if its functions
// are safe for that. Those of package bindings are. Within a run, one goroutine at a time calls them; state that
// they keep for a run belongs in PerRun.
type Policy struct {
	Name          string
	Variant       string   // the variant of the board that it describes; "" is none
	Variants      []string // that its script has, sorted
	Description   string   // one line, for people
	Script        Script   // that describes it; the zero value if it is none
	SHA256        string   // of its script and of every setting but secrets, hex; "" is not known
	Tested        string   // where it was tested, "QEMU, every commit"; "" is nowhere
	Dir           string   // base of relative file names
	Console       Console
	Consoles      map[string]Console // of the board besides the first, by name
	UBoot         uboot.Config
	Linux         shell.Config
	Files         map[string]File // what the boot loader loads, by the policy's names
	LoadsAllFiles bool            // Flash loads all Files at once: the plan refuses those that overlap in RAM
	LoadsNoFiles  bool            // Flash loads none of Files, which need not be on the station
	Boot          string          // the U-Boot command that starts Linux
	BootArgs      string          // the kernel's command line; "" keeps the board's own
	Method        Method          // what writes the images; "": the policy's own Flash does not say
	Targets       map[string]Target
	DefaultTarget string
	Args          map[string]Argument // what it takes from the operator, by name
	Net           Net
	Limits        Limits
	Outputs       map[string]Output // what the station switches next to the board, by name
	PowerAfter    PowerAfter
	OffTime       time.Duration // time between off and on in a power cycle

	// Flash flashes the board. It is called once per attempt, and must end with ctx.
	Flash func(ctx context.Context, s *Session) error
	// ChooseTarget chooses the target of the job's images, unless the operator named one: it returns the name. It is
	// called once per attempt, when U-Boot has answered, and otherwise before the first write to that target. ub is
	// U-Boot's prompt, sh the shell of the write; one of them is nil. It may be nil, and must end with ctx.
	ChooseTarget func(ctx context.Context, s *Session, ub *uboot.UBoot, sh *shell.Shell) (name string, err error)
	// Check is called once after a flash was verified, unless Job.NoCheck. An error is fatal: there is no other
	// attempt, and Classify is not asked. The medium stays verified. The session refuses to write. Check may be nil,
	// and must end with ctx.
	Check func(ctx context.Context, s *Session, verified *Report) error
	// Transition brings the board to a state by the default sequence. It must end with ctx.
	Transition func(ctx context.Context, s *Session, to BoardState) error
	// Classify and Backoff override the built-in rules; they may be nil. They must end with ctx.
	Classify func(ctx context.Context, err error, next func(error) classify.Class) (classify.Class, error)
	Backoff  func(ctx context.Context, n int, err error, next func(n int, err error) time.Duration) (time.Duration, error)
}

// Console is how to open a board's console and type on it. Plain data: safe for concurrent use while nothing
// changes it.
type Console struct {
	Line   transport.Line
	Typing console.Typing
	Watch  console.Watch
	Ready  string        // text that the port prints when it leads to the board; "": it does so once it is open
	Reopen time.Duration // how long a lost port may take to return; 0 is DefaultReopen, less is not at all
}

// DefaultReopen is enough for a USB adapter that enumerates again, and for a console server that restarts.
const DefaultReopen = 10 * time.Second

// Net is the network configuration of the board and the station. Empty fields are detected.
// Plain data: safe for concurrent use while nothing changes it.
type Net struct {
	HTTP       string // the station's address as the board sees it, for HTTP; "" is Listen, or detected
	TFTP       string // the same for TFTP
	NoTFTP     bool   // there is no TFTP server: the board loads by HTTP
	TFTPWindow int    // blocks that the TFTP server sends before an acknowledgement; 0 adapts to the board
	Listen     string // address that the station's servers listen on; "" is every address

	Address netip.Prefix // the board's, if it has no DHCP
	Gateway netip.Addr   // the board's router, if Address is set; not valid is none
}

// listenAddress returns the address in Listen, "" if it is none or stands for every address.
func (n *Net) listenAddress() string {
	if a, err := netip.ParseAddr(n.Listen); err != nil || a.IsUnspecified() {
		return ""
	}
	return n.Listen
}

// describe returns the name of the board, with its variant.
func (p *Policy) describe() string {
	if p.Variant == "" {
		return p.Name
	}
	return p.Name + ", variant " + p.Variant
}

// DefaultOffTime is long enough to discharge most boards.
const DefaultOffTime = 2 * time.Second

// target returns the target of a name, or the default target for "".
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
		return t, classify.WithHint(classify.New(classify.Usage, "board %s has no target %q", p.Name, name), "it has %s%s", strings.Join(known, ", "), cmp.Or(p.targetAt(name), suggest.Nearest(name, known)))
	}
	return t, nil
}

// targetAt returns, for a hint, which target a medium is that was named as Linux or U-Boot names it.
func (p *Policy) targetAt(medium string) string {
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		if t := p.Targets[name]; medium != "" && (medium == t.Path || medium == t.Sysfs || medium == t.UBoot) {
			return "; " + medium + " is " + name
		}
	}
	return ""
}

package flash

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// LoadWay is a way to load from the station. Plain data: safe for concurrent use.
type LoadWay struct {
	Command string        // of U-Boot
	Kind    classify.Kind // of the error of what arrived damaged
}

// UBootFlasher resolves targets and writes media with the commands of a U-Boot. It is not safe for concurrent use.
type UBootFlasher struct {
	Prompt   ubootmedia.Prompt
	Fetch    Fetch
	Way      func() LoadWay // of Fetch
	RAM      RAM            // that nothing else uses; the zero RAM is found by bdinfo
	Line     int            // bytes of a command that U-Boot takes, its frame included
	Clock    clock.Clock
	Progress func(step string, done, total int64) // in bytes; may be nil; called from other goroutines
	Resume   *Resume                              // of earlier attempts; may be nil

	board *ubootBoard // nil until it is asked
}

// Fetch has the board load a content to an address in RAM. acked is called with the bytes that the board has, from
// other goroutines. It may write up to bufferPad bytes of RAM after the content.
type Fetch func(ctx context.Context, c serve.Content, address uint64, acked func(n int64)) error

// ubootBoard is what a flasher found out about a board.
type ubootBoard struct {
	commands map[string]bool
	ram      RAM
	buffers              // of ram
	digest   ubootDigest // of the proof
	quick    ubootDigest // of what needs no proof
	packer   packer
}

// Resume remembers which blocks of an image writers wrote to a medium. A later writer of the same image compares
// them before it writes. Safe for concurrent use.
type Resume struct {
	mu  sync.Mutex
	all map[string]map[int64]bool // guarded by mu: offsets of blocks, by medium and image
}

func (r *Resume) key(m Medium, im Image) string { return m.Device + " " + im.SHA256() }

// wrote records blocks.
func (r *Resume) wrote(m Medium, im Image, s ranges) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]map[int64]bool{}
	}
	at := r.all[r.key(m, im)]
	if at == nil {
		at = map[int64]bool{}
		r.all[r.key(m, im)] = at
	}
	for _, x := range s {
		at[x.Off] = true
	}
}

// written returns the ranges of an image of which blocks were recorded.
func (r *Resume) written(m Medium, im Image) (s ranges) {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.all[r.key(m, im)]
	for _, x := range im.Ranges() {
		if slices.ContainsFunc(ranges{x}.blocks(), func(b image.Range) bool { return at[b.Off] }) {
			s = append(s, x)
		}
	}
	return s
}

// ask finds out what the board's U-Boot can do, once.
func (d *UBootFlasher) ask(ctx context.Context) (*ubootBoard, error) {
	if d.board != nil {
		return d.board, nil
	}
	commands, err := ubootmedia.Commands(ctx, d.Prompt)
	if err != nil {
		return nil, err
	}
	if !commands["mw"] { // to fill the buffer before a read
		return nil, ubootmedia.NoCommand("mw")
	}
	b := &ubootBoard{commands: commands, packer: newPacker(commands, d.Clock)}
	ram := d.RAM
	if ram == (RAM{}) {
		if ram, err = d.findRAM(ctx); err != nil {
			return nil, err
		}
	}
	b.ram = ram
	if b.buffers, err = ram.split(maxBuffer); err != nil {
		return nil, err
	}
	if b.digest, err = d.findDigest(ctx, b); err != nil {
		return nil, err
	}
	if b.quick = b.digest; commands["crc32"] {
		b.quick = crc
	}
	if commands["blkcache"] { // a read must come from the medium
		if _, err := ubootmedia.Run(ctx, d.Prompt, "blkcache configure 0 0"); err != nil {
			return nil, err
		}
	}
	d.board = b
	return b, nil
}

// Resolve finds a target by U-Boot's name of it.
func (d *UBootFlasher) Resolve(ctx context.Context, t Target, readOnly bool) (Medium, error) {
	if t.UBoot == "" {
		return Medium{}, classify.WithHint(classify.New(classify.ConfigPolicy, "target %s: U-Boot has no name for %s", t.Name, t),
			"set uboot in the policy's target, as in { uboot = \"mmc 0\" }, or write by a Linux in RAM")
	}
	b, err := d.ask(ctx)
	if err != nil {
		return Medium{}, err
	}
	on, err := ubootmedia.Open(d.Prompt, t.UBoot, t.options())
	if err != nil {
		return Medium{}, err
	}
	g, err := ubootmedia.SelectSteady(ctx, on, b.check)
	if err != nil {
		return Medium{}, classify.Wrap(err, "", "target %s: U-Boot cannot use %s", t.Name, t.UBoot)
	}
	if g.Unit > image.BlockSize {
		return Medium{}, classify.New(classify.TargetUnsafe, "target %s: the erase blocks of %s have %d bytes, more than the %d that can be written", t.Name, t.UBoot, g.Unit, image.BlockSize)
	}
	length := g.Size
	if length == 0 { // not known: it shares what follows
		length = 1 << 62
	}
	return Medium{
		Target: t, Device: t.UBoot, Size: g.Size, Sector: g.Sector, uboot: on, unit: g.Unit, whole: g.Whole, readOnly: readOnly,
		Extents: []Extent{{Disk: "U-Boot's " + g.Disk, First: g.First, Length: length}},
	}, nil
}

// Prepare implements Flasher. U-Boot needs no preparation.
func (d *UBootFlasher) Prepare(context.Context, Medium) error { return nil }

// Writer implements Flasher. It reads the last sector that the image needs, if U-Boot does not say how large the
// medium is.
func (d *UBootFlasher) Writer(ctx context.Context, m Medium, im Image, beforeWrite func()) (Writer, error) {
	b, err := d.ask(ctx)
	if err != nil {
		return nil, err
	}
	w := &UBootWriter{Medium: m, dut: d, board: b, im: im, beforeWrite: beforeWrite, unverified: im.Ranges()}
	var seed [4]byte
	rand.Read(seed[:])
	w.poison = binary.BigEndian.Uint32(seed[:])
	if need := roundUp(im.Size(), m.Sector); m.Size == 0 {
		if _, err = m.uboot.Select(ctx, b.check); err == nil {
			err = m.uboot.Read(ctx, b.check, need-m.Sector, m.Sector)
		}
		if classify.Facts(err).Kind == classify.VerifyRead {
			return nil, classify.WithConsole(classify.New(classify.TargetUnsafe, "target %s: %s is smaller than the image of %d bytes, or cannot be read", m.Target.Name, m.Device, im.Size()), classify.Facts(err).Console)
		}
	}
	if m.whole && err == nil {
		err = w.makeRoom()
	}
	if !m.readOnly && err == nil {
		err = ubootmedia.CheckWritable(ctx, m.uboot, b.check, 0, roundUp(im.Size(), m.unit))
	}
	if err != nil {
		return nil, classify.Wrap(err, "", "target %s cannot be written", m.Target.Name)
	}
	return w, nil
}

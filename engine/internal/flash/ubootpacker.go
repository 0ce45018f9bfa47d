package flash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/pierrec/lz4/v4"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// packing is a way to send less: the station packs, and U-Boot unpacks in RAM.
type packing struct {
	command string // of U-Boot
	pack    func(w io.Writer, r io.Reader) error
	args    func(from, to uint64, room int64) string
}

// packings are those that U-Boot may unpack, and that the station packs faster than a network sends.
var packings = []packing{
	{"unzip", packGzip, func(from, to uint64, _ int64) string { return fmt.Sprintf("unzip %x %x", from, to) }},
	{"unlz4", packLZ4, func(from, to uint64, room int64) string { return fmt.Sprintf("unlz4 %x %x %x", from, to, room) }},
}

func packGzip(w io.Writer, r io.Reader) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

func packLZ4(w io.Writer, r io.Reader) error {
	z := lz4.NewWriter(w)
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

// packer chooses how a piece is sent: the cheapest way by what the pieces before it took. The zero packer sends
// all pieces as they are.
type packer struct {
	clock clock.Clock
	ways  []packing
	tried int // ways that unpacked a piece

	sendRate float64            // bytes a second; 0 if not known
	unpack   map[string]float64 // bytes of output a second, by command
	ratio    map[string]float64 // packed bytes per byte, of the last piece
}

func newPacker(commands map[string]bool, clk clock.Clock) packer {
	p := packer{clock: clk, unpack: map[string]float64{}, ratio: map[string]float64{}}
	for _, w := range packings {
		if commands[w.command] {
			p.ways = append(p.ways, w)
		}
	}
	return p
}

// wireShare is how much more than its time a byte on the network costs: others use the network, too.
const wireShare = 3

// choose returns the way of the next piece, nil to send it as it is.
func (p *packer) choose() *packing {
	if p.tried < len(p.ways) { // each is measured once
		return &p.ways[p.tried]
	}
	best, cost := (*packing)(nil), wireShare/max(p.sendRate, 1)
	for i, w := range p.ways {
		rate := p.unpack[w.command]
		if rate == 0 { // the piece that shows it is still on its way
			return &p.ways[i]
		}
		if c := wireShare*p.ratio[w.command]/max(p.sendRate, 1) + 1/rate; c < cost {
			best, cost = &p.ways[i], c
		}
	}
	return best
}

// drop must be called when U-Boot did not unpack a piece.
func (p *packer) drop(w *packing) {
	for i := range p.ways {
		if p.ways[i].command == w.command {
			p.ways = append(p.ways[:i:i], p.ways[i+1:]...)
			return
		}
	}
}

// sent records how long a transfer took.
func (p *packer) sent(n int64, took time.Duration) {
	if n >= mib {
		p.sendRate = float64(n) / max(took.Seconds(), 1e-3)
	}
}

// parcel is a piece as it is sent.
type parcel struct {
	serve.Content
	way *packing // nil: as it is
}

// worthPacking is the largest share of its size that a piece may have after it was packed.
const worthPacking = 0.95

// packPiece returns a piece as it is sent in a way.
func packPiece(s *stream, way *packing) (parcel, error) {
	plain := parcel{serve.Content{Name: "piece", Size: s.size, ReaderAt: s}, nil}
	if way == nil {
		return plain, nil
	}
	var b bytes.Buffer
	if err := way.pack(&b, io.NewSectionReader(s, 0, s.size)); err != nil {
		return parcel{}, err
	}
	if float64(b.Len()) > worthPacking*float64(s.size) {
		return plain, nil
	}
	return parcel{serve.Content{Name: "piece", Size: int64(b.Len()), ReaderAt: bytes.NewReader(b.Bytes())}, way}, nil
}

// unpacked matches how much U-Boot unpacked. Source: U-Boot, cmd/unzip.c and cmd/unlz4.c.
var unpacked = regexp.MustCompile(`Uncompressed size: (\d+)`)

// unpackStall is the longest silence of a board that unpacks a piece.
const unpackStall = 5 * time.Minute

// receive has the board load a piece, and unpack it to the data buffer.
func (d *UBootFlasher) receive(ctx context.Context, x parcel, size int64, acked func(int64)) error {
	b := d.board
	to := b.data
	if x.way != nil {
		to = b.packed
	}
	began := d.Clock.Now()
	if err := d.Fetch(ctx, x.Content, to, acked); err != nil {
		return err
	}
	b.packer.sent(x.Size, d.Clock.Now().Sub(began))
	if x.way == nil {
		return nil
	}
	began = d.Clock.Now()
	res, err := d.Prompt.Exec(ctx, console.Command{Text: x.way.args(b.packed, b.data, b.size), Stall: unpackStall})
	if err != nil {
		return err
	}
	m := unpacked.FindStringSubmatch(res.Output)
	if res.Code != 0 || m == nil || m[1] != strconv.FormatInt(size, 10) {
		return classify.WithConsole(classify.New(errUnpack, "U-Boot's %s did not unpack a piece of %d bytes", x.way.command, size), res.Output)
	}
	if size >= mib {
		b.packer.unpack[x.way.command] = float64(size) / max(d.Clock.Now().Sub(began).Seconds(), 1e-3)
		b.packer.ratio[x.way.command] = float64(x.Size) / float64(size)
	}
	return nil
}

// errUnpack is the kind of a piece that was not unpacked. The piece is sent again as it is.
const errUnpack = classify.UBootExit

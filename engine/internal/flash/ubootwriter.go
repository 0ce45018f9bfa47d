package flash

import (
	"context"
	"fmt"
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/ubootmedia"
)

// UBootWriter writes an image with the commands of U-Boot. It implements Writer.
type UBootWriter struct {
	Medium Medium

	dut         *UBootFlasher
	board       *ubootBoard
	im          Image
	beforeWrite func()
	poison      uint32 // fills the buffer before each read
	unverified  ranges // to be read back by the next Verify
	wrong       ranges // blocks that the last Verify read back wrong
	counts      Counts
	old         oldRuns
	done, total int64 // bytes of this write
}

// Counts implements Writer.
func (w *UBootWriter) Counts() Counts { return w.counts }

// Distrust implements Writer.
func (w *UBootWriter) Distrust() { w.unverified = w.im.Ranges() }

// Write implements Writer. The image is padded to whole sectors; the rest of an erase block keeps its content.
// Ranges are compared first, and those that are right not written, if an earlier attempt wrote them, or a sample
// suggests it.
func (w *UBootWriter) Write(ctx context.Context) error {
	if name := w.dut.Way().Command; !w.board.commands[name] { // before the old content is destroyed
		return ubootmedia.NoCommand(name)
	}
	if err := w.selectMedium(ctx); err != nil {
		return err
	}
	all := ranges(w.im.Ranges())
	if w.Medium.whole {
		w.counts.Written, w.unverified = all.size(), all
		return w.writeWhole(ctx, false)
	}
	likely, err := w.sampleMedium(ctx)
	if err != nil {
		return err
	}
	wrong, compared := all.blocks(), ranges(nil)
	w.old = oldRuns{}
	if maybe := all.withKinds(likely).union(w.dut.Resume.written(w.Medium, w.im)); len(maybe) > 0 {
		bad, err := w.mismatchedRanges(ctx, "compare", maybe)
		switch {
		case classify.Facts(err).Kind == classify.VerifyRead: // a read error may disappear after a write
		case err != nil:
			return err
		default:
			wrong, compared = all.without(maybe).blocks().union(bad), maybe
		}
	}
	w.counts.Written, w.counts.Skipped = wrong.size(), all.size()-wrong.size()
	if w.unverified, err = w.toVerify(ctx, wrong, compared); err != nil {
		return err
	}
	return w.writeRanges(ctx, wrong, false)
}

// toVerify returns what Verify must read after the blocks in wrong were written. What was compared before is read
// once more if the write may change it.
func (w *UBootWriter) toVerify(ctx context.Context, wrong, compared ranges) (ranges, error) {
	all := ranges(w.im.Ranges())
	if len(compared) < len(all) {
		return all, nil
	}
	if len(wrong) == 0 {
		return nil, nil
	}
	alias, err := w.mayAlias(ctx)
	if alias || err != nil {
		return all, err
	}
	// The partition table is cleared and written again, and both ends of the image may be those of the medium.
	last := all[len(all)-1].Off + all[len(all)-1].Len
	return wrong.union(slices.DeleteFunc(all.blocks(), func(b image.Range) bool { return b.Off >= mib && b.Off < last-mib })), nil
}

// Repair implements Writer.
func (w *UBootWriter) Repair(ctx context.Context) error {
	if err := w.selectMedium(ctx); err != nil {
		return err
	}
	bad := w.wrong
	w.wrong = nil
	w.counts.Rewritten += len(bad)
	if w.Medium.whole {
		return w.writeWhole(ctx, true)
	}
	return w.writeRanges(ctx, bad, true)
}

// selectMedium makes U-Boot use the medium, which another writer or a script may have changed.
func (w *UBootWriter) selectMedium(ctx context.Context) error {
	g, err := w.Medium.uboot.Select(ctx, w.board.check)
	if err == nil && !w.Medium.has(g) {
		g, err = ubootmedia.SelectSteady(ctx, w.Medium.uboot, w.board.check)
	}
	if err == nil && !w.Medium.has(g) {
		err = classify.New(classify.TargetMissing, "target %s: %s is another medium now", w.Medium.Target.Name, w.Medium.Device)
	}
	return err
}

// writeRanges writes blocks, those with the partition table last. If others are written, it first overwrites the
// old partition table with zeros, so that a half-written medium boots from neither. checkRAM has the board hash
// what arrived before it is written.
func (w *UBootWriter) writeRanges(ctx context.Context, wrong ranges, checkRAM bool) error {
	first, _ := ranges(w.im.Ranges()).blocks().splitBootRanges()
	others := wrong.without(first)
	if len(others) == 0 {
		first = wrong
	}
	all := others.union(first)
	cleared := all.ofKind(image.Zero)
	if len(others) > 0 && w.Medium.unit == w.Medium.Sector { // an erase block is not worn for it
		cleared = others.ofKind(image.Zero).union(first)
	}
	empty, tail := w.splitTail(cleared)
	zeros := empty.cut(w.Medium, w.board.size)
	var pieces [][]ddRun
	for _, part := range []ranges{others, first} {
		data := part.ofKind(image.Data)
		if len(tail) > 0 && part.contains(tail[0]) {
			data = data.union(tail)
		}
		probes := max(len(w.board.packer.ways)-w.board.packer.tried-len(pieces), 0)
		pieces = append(pieces, data.pieces(w.Medium, w.board.size, probes)...)
	}
	w.total = w.Medium.padded(all.size())
	w.done = w.total // blocks that are written twice count once
	for _, r := range slices.Concat(append(pieces, zeros)...) {
		w.done -= r.len
	}
	if err := w.writeZeros(ctx, zeros); err != nil {
		return err
	}
	w.dut.Resume.wrote(w.Medium, w.im, others.ofKind(image.Zero))
	return w.writePieces(ctx, pieces, checkRAM)
}

// splitTail splits off the last block of the image if it ends in the middle of an erase block: what follows in the
// erase block must keep its content, so that the block is written as data.
func (w *UBootWriter) splitTail(s ranges) (whole, tail ranges) {
	if len(s) == 0 {
		return nil, nil
	}
	last := s[len(s)-1]
	if (last.Off+last.Len)%w.Medium.unit == 0 || w.Medium.unit == w.Medium.Sector || last.Kind != image.Zero {
		return s, nil
	}
	return s[:len(s)-1], s[len(s)-1:]
}

// writeZeros fills runs from a buffer that it clears.
func (w *UBootWriter) writeZeros(ctx context.Context, runs []ddRun) error {
	if len(runs) == 0 {
		return nil
	}
	b := w.board
	longest := slices.MaxFunc(runs, func(x, y ddRun) int { return int(x.len - y.len) }).len
	if err := w.dut.fill(ctx, b.data, 0, longest); err != nil {
		return err
	}
	for _, r := range runs {
		if err := w.write(ctx, b.data, r); err != nil {
			return err
		}
		w.done += r.len
		w.progress(w.done)
	}
	return nil
}

// writePieces sends pieces, and has the board write each. The station packs a piece while the one before it is
// sent.
func (w *UBootWriter) writePieces(ctx context.Context, pieces [][]ddRun, checkRAM bool) error {
	type packed struct {
		parcel
		err error
	}
	b := w.board
	prepare := func(runs []ddRun) chan packed {
		way, ready := b.packer.choose(), make(chan packed, 1)
		if len(runs) == 0 {
			return nil
		}
		if way != nil && b.packer.tried < len(b.packer.ways) {
			b.packer.tried++
		}
		go func() {
			p, err := packPiece(newStream(w.im, runs), way)
			ready <- packed{p, err}
		}()
		return ready
	}
	var next chan packed
	for i, runs := range pieces {
		if next == nil {
			next = prepare(runs)
		}
		p := <-next
		next = nil
		if i+1 < len(pieces) {
			next = prepare(pieces[i+1])
		}
		if p.err != nil {
			return classify.Wrap(p.err, classify.ImageRead, "cannot read the image")
		}
		if err := w.writePiece(ctx, runs, p.parcel, checkRAM); err != nil {
			return err
		}
	}
	return nil
}

// writePiece sends one piece, and has the board write it.
func (w *UBootWriter) writePiece(ctx context.Context, runs []ddRun, p parcel, checkRAM bool) error {
	s := newStream(w.im, runs)
	before := w.done
	total := w.total // by value: an acknowledgement may come from another goroutine after the load
	acked := func(n int64) { reportWrite(w.dut.Progress, before+s.size*n/max(p.Size, 1), total) }
	err := w.dut.receive(ctx, p, s.size, acked)
	if p.way != nil && classify.Facts(err).Kind == errUnpack {
		w.board.packer.drop(p.way)
		if p, err = packPiece(s, nil); err == nil {
			err = w.dut.receive(ctx, p, s.size, acked)
		}
	}
	if err == nil && checkRAM {
		err = w.checkArrived(ctx, s)
	}
	if err != nil {
		return err
	}
	for i, r := range runs { // after the load, which may write more than the piece
		if err := w.readTail(ctx, w.board.data+uint64(s.offsets[i]), r); err != nil {
			return err
		}
	}
	for i, r := range runs {
		if err := w.write(ctx, w.board.data+uint64(s.offsets[i]), r); err != nil {
			return err
		}
		w.dut.Resume.wrote(w.Medium, w.im, ranges{{Off: r.off, Len: r.len}}.blocks())
	}
	w.done += s.size
	w.progress(w.done)
	return nil
}

// readTail reads the rest of the erase block in which a run ends to where the run's data will end in RAM.
func (w *UBootWriter) readTail(ctx context.Context, ram uint64, r ddRun) error {
	end := roundUp(r.off+r.len, w.Medium.unit)
	if end == r.off+r.len {
		return nil
	}
	return w.Medium.uboot.Read(ctx, ram+uint64(r.len), r.off+r.len, end-r.off-r.len)
}

// write has the board write a run, whose data is in RAM, up to the end of its erase block.
func (w *UBootWriter) write(ctx context.Context, ram uint64, r ddRun) error {
	w.beforeWrite()
	return w.Medium.uboot.Write(ctx, ram, r.off, roundUp(r.off+r.len, w.Medium.unit)-r.off)
}

// checkArrived returns an error if what is in RAM is not the piece that was sent.
func (w *UBootWriter) checkArrived(ctx context.Context, s *stream) error {
	var parts []span
	for i, r := range s.runs {
		from := w.board.data + uint64(s.offsets[i])
		parts = append(parts, span{from, from + uint64(r.len)})
	}
	got, err := w.dut.hash(ctx, w.board.quick, parts...)
	if err != nil {
		return err
	}
	for i, r := range s.runs {
		want, err := w.quickDigest(r.off, r.len)
		if err != nil {
			return err
		}
		if got[i] != want {
			return classify.WithHint(classify.New(w.dut.Way().Kind, "bytes %d to %d of the image arrived damaged in the board's RAM", r.off, r.off+r.len-1),
				"check the cable and the switch; if it is so at each try, the board's RAM or uboot.ram in the policy may be wrong")
		}
	}
	return nil
}

// fill has the board fill n bytes of RAM with a word.
func (d *UBootFlasher) fill(ctx context.Context, ram uint64, word uint32, n int64) error {
	_, err := ubootmedia.Run(ctx, d.Prompt, fmt.Sprintf("mw.l %x %x %x", ram, word, (n+3)/4))
	return err
}

func (w *UBootWriter) progress(done int64) { reportWrite(w.dut.Progress, done, w.total) }

package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"

	"github.com/therootcompany/xz"
)

const (
	// maxBlock is the largest decoded block, in bytes; by default xz makes blocks of 24 MiB.
	maxBlock = 64 << 20
	// maxBlocks bounds the index in memory; blocks of 64 KiB make an image of 4 GiB.
	maxBlocks = 1 << 16
	// maxMemory bounds the buffers and the decoders' dictionaries together, in bytes.
	maxMemory = 160 << 20
	// headerSize is the size of a stream's header, and of its footer.
	headerSize = 12
)

// cpus are the number of CPUs, and how many of them are reserved until useAllCPUs is closed.
type cpus struct {
	all, reservedCPUs int
	useAllCPUs        <-chan struct{}
}

// checks are the integrity checks that the decoder knows: none, CRC32, CRC64 and SHA-256. Others are refused here,
// because the check of a stream without blocks is not looked at otherwise.
var checks = []byte{0, 1, 4, 10}

// block is a block of an xz file, which can be decoded without the others.
type block struct {
	start    int64 // of its header, in the file
	unpadded int64 // without the zeros up to a multiple of four
	unpacked int64
	flags    [2]byte // of its stream
}

func (b *block) padded() int64 { return (b.unpadded + 3) &^ 3 }

// decodeXZBlocks decodes the blocks of an xz file of size bytes in parallel. It is not ok if that is of no use, or
// if anything in the file's structure is unusual: decodeXZ then returns an error or decodes it. The file is
// checked as strictly: the structure here, and each block, with its record in the index, by the same decoder. The
// reader returns the same bytes; the number of bytes before an error may differ. It ends with ctx, or with Close,
// which waits for its goroutines. The error is only that ctx has ended.
func decodeXZBlocks(ctx context.Context, r io.ReaderAt, size int64, c cpus) (rc io.ReadCloser, ok bool, err error) {
	list, err := readIndexes(ctx, r, size)
	if err != nil || len(list) < 2 {
		return nil, false, err
	}
	var largest, dict int64
	for i := range list {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, false, context.Cause(ctx)
		}
		d := dictionary(r, &list[i])
		if d == 0 || d > maxWindow || list[i].unpacked > maxBlock {
			return nil, false, nil
		}
		largest, dict = max(largest, list[i].unpacked), max(dict, d)
	}
	workers, buffers := planWorkers(min(c.all, len(list)), largest, dict)
	if workers < 2 {
		return nil, false, nil
	}
	x := &blocks{r: r, todo: list, jobs: make(chan *job, buffers)}
	x.ctx, x.cancel = context.WithCancel(ctx)
	for i := range workers {
		x.workers.Go(func() {
			if i > 0 && i >= c.all-c.reservedCPUs {
				select {
				case <-c.useAllCPUs:
				case <-x.ctx.Done():
					return
				}
			}
			x.work(uint32(dict))
		})
	}
	for range min(buffers, len(list)) {
		x.dispatch(make([]byte, largest))
	}
	return x, true, nil
}

// planWorkers returns as many workers as there is memory for, and the number of buffers. One buffer more than
// workers keeps all of them busy while it is read; without it, they are still faster than one.
func planWorkers(workers int, largest, dict int64) (int, int) {
	for ; workers > 1; workers-- {
		for buffers := workers + 1; buffers >= workers; buffers-- {
			if int64(workers)*dict+int64(buffers)*largest <= maxMemory {
				return workers, buffers
			}
		}
	}
	return 0, 0
}

// readIndexes returns the blocks of all streams. It reads from the last stream to the first, because the start of
// a stream is known only from its end. It returns none unless streams and their padding are the whole file.
func readIndexes(ctx context.Context, r io.ReaderAt, size int64) ([]block, error) {
	var streams [][]block
	total := 0
	for at := size; at > 0; {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		list, start, ok := stream(r, skipPadding(r, at))
		total += len(list) + 1
		if !ok || total > maxBlocks {
			return nil, nil
		}
		streams, at = append(streams, list), start
	}
	var all []block
	for i := len(streams) - 1; i >= 0; i-- {
		all = append(all, streams[i]...)
	}
	return all, nil
}

// skipPadding returns the end of the stream whose padding ends at end, -1 if there is none.
func skipPadding(r io.ReaderAt, end int64) int64 {
	tail := make([]byte, min(end, 4096))
	if !readAt(r, tail, end-int64(len(tail))) {
		return -1
	}
	zeros := len(tail) - len(bytes.TrimRight(tail, "\x00"))
	if zeros%4 != 0 || zeros == len(tail) {
		return -1
	}
	return end - int64(zeros)
}

// stream returns the blocks of the stream that ends at end, and its start.
func stream(r io.ReaderAt, end int64) (list []block, start int64, ok bool) {
	var foot, head [headerSize]byte
	if end < 2*headerSize+8 || !readAt(r, foot[:], end-headerSize) || string(foot[10:]) != "YZ" || !crcOK(foot[4:10], foot[:4]) {
		return nil, 0, false
	}
	if foot[8] != 0 || !bytes.Contains(checks, foot[9:10]) {
		return nil, 0, false
	}
	indexSize := (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	if indexSize > min(end-2*headerSize, maxBlocks*16) {
		return nil, 0, false
	}
	raw := make([]byte, indexSize)
	if !readAt(r, raw, end-headerSize-indexSize) {
		return nil, 0, false
	}
	list, sum, ok := index(raw, end-2*headerSize-indexSize)
	start = end - 2*headerSize - indexSize - sum
	if !ok || start < 0 || !readAt(r, head[:], start) || head != header([2]byte(foot[8:10])) {
		return nil, 0, false
	}
	at := start + headerSize
	for i := range list {
		list[i].start, list[i].flags = at, [2]byte(foot[8:10])
		at += list[i].padded()
	}
	return list, start, true
}

// index reads the records of an index whose blocks take at most maxSize bytes, and returns their total size.
func index(raw []byte, maxSize int64) (list []block, sum int64, ok bool) {
	body, crc := raw[:len(raw)-4], raw[len(raw)-4:]
	if body[0] != 0 || !crcOK(body, crc) {
		return nil, 0, false
	}
	v := vli{body[1:], true}
	count := v.next()
	if count > min(maxBlocks, int64(len(v.rest)/2)) {
		return nil, 0, false
	}
	list = make([]block, count)
	for i := range list {
		b := &list[i]
		b.unpadded, b.unpacked = v.next(), v.next()
		if !v.ok || b.unpadded < 5 || b.unpadded > maxSize-sum {
			return nil, 0, false
		}
		sum += b.padded()
	}
	return list, sum, v.ok && sum <= maxSize && len(v.rest) < 4 && len(bytes.Trim(v.rest, "\x00")) == 0
}

// vli reads the variable-length integers of the xz format.
type vli struct {
	rest []byte
	ok   bool
}

// next returns the next integer, 0 if there is none. Like xz, it accepts only the shortest form.
func (v *vli) next() int64 {
	n, size := binary.Uvarint(v.rest)
	if size <= 0 || size > 9 || size > 1 && v.rest[size-1] == 0 {
		v.ok = false
		return 0
	}
	v.rest = v.rest[size:]
	return int64(n)
}

// dictionary returns the dictionary size that a block needs, 0 if its header does not contain it. The decoder
// checks the header against the format and against that size.
func dictionary(r io.ReaderAt, b *block) int64 {
	raw := make([]byte, min(1024, b.padded()))
	if !readAt(r, raw, b.start) || raw[0] == 0 || len(raw) < (int(raw[0])+1)*4 {
		return 0
	}
	flags := raw[1]
	v := vli{raw[2 : int(raw[0])*4], true}
	for bit := byte(0x40); bit != 0; bit <<= 1 {
		if flags&bit != 0 {
			v.next() // a size
		}
	}
	for range flags & 3 { // filters before the last
		v.next()
		properties := v.next()
		v.rest = v.rest[min(properties, int64(len(v.rest))):]
	}
	if !v.ok || len(v.rest) < 3 || v.rest[0] != 0x21 || v.rest[1] != 1 || v.rest[2] > 39 {
		return 0
	}
	return int64(2+v.rest[2]&1) << (v.rest[2]>>1 + 11)
}

func readAt(r io.ReaderAt, p []byte, at int64) bool {
	if at < 0 {
		return false
	}
	n, _ := r.ReadAt(p, at)
	return n == len(p)
}

func crcOK(content, sum []byte) bool {
	return crc32.ChecksumIEEE(content) == binary.LittleEndian.Uint32(sum)
}

// header returns the header of a stream.
func header(flags [2]byte) [headerSize]byte {
	h := [headerSize]byte{0xfd, '7', 'z', 'X', 'Z', 0, flags[0], flags[1]}
	binary.LittleEndian.PutUint32(h[8:], crc32.ChecksumIEEE(flags[:]))
	return h
}

// trailer returns the index and the footer of a stream that has only this block.
func (b *block) trailer() []byte {
	t := binary.AppendUvarint([]byte{0, 1}, uint64(b.unpadded))
	return appendFooter(binary.AppendUvarint(t, uint64(b.unpacked)), b.flags)
}

// appendFooter completes an index that ends after its records, and appends the stream's footer.
func appendFooter(t []byte, flags [2]byte) []byte {
	for len(t)%4 != 0 {
		t = append(t, 0)
	}
	foot := append(binary.LittleEndian.AppendUint32(nil, uint32(len(t)/4)), flags[:]...)
	t = binary.LittleEndian.AppendUint32(t, crc32.ChecksumIEEE(t))
	t = binary.LittleEndian.AppendUint32(t, crc32.ChecksumIEEE(foot))
	return append(append(t, foot...), "YZ"...)
}

// standaloneStream returns a stream of one block: the decoder checks the block against its record.
func (b *block) standaloneStream(r io.ReaderAt) io.Reader {
	head := header(b.flags)
	return io.MultiReader(bytes.NewReader(head[:]), io.NewSectionReader(r, b.start, b.padded()), bytes.NewReader(b.trailer()))
}

// blocks reads the content of blocks, in order. Each buffer belongs to one job from dispatch until it was read
// completely.
type blocks struct {
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	r       io.ReaderAt
	todo    []block
	jobs    chan *job // buffered for all buffers
	pending []*job    // in order
	current *job      // that is being read
	rest    []byte    // of it
	err     error     // after rest
}

// job is a block that is being decoded. Its content and error are set when done is closed.
type job struct {
	block
	content []byte
	err     error
	done    chan struct{}
}

// dispatch passes the next block to the workers, if there is one.
func (x *blocks) dispatch(buffer []byte) {
	if len(x.todo) == 0 {
		return
	}
	j := &job{block: x.todo[0], content: buffer, done: make(chan struct{})}
	x.todo = x.todo[1:]
	x.pending = append(x.pending, j)
	x.jobs <- j
}

func (x *blocks) work(dict uint32) {
	z, _ := xz.NewReader(nil, dict)
	for {
		select {
		case <-x.ctx.Done():
			return
		case j := <-x.jobs:
			var n int
			n, j.err = j.decode(z, &reader{x.ctx, j.standaloneStream(x.r), func(int) {}})
			j.content = j.content[:n]
			close(j.done)
		}
	}
}

// decode decodes a stream of this block into content. Reaching its end proves that all was checked.
func (j *job) decode(z *xz.Reader, in io.Reader) (int, error) {
	if err := z.Reset(in); err != nil {
		return 0, dataError(err)
	}
	n, err := io.ReadFull(z, j.content[:j.unpacked])
	if err != nil {
		return n, dataError(err)
	}
	if more, err := z.Read(make([]byte, 1)); more != 0 || err != io.EOF {
		return n, dataError(err)
	}
	return n, nil
}

// dataError returns the error of a block that does not match its record, unless the decoder returned one.
func dataError(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return xz.ErrData
	}
	return err
}

// Read implements io.Reader.
func (x *blocks) Read(p []byte) (int, error) {
	for len(x.rest) == 0 && x.err == nil && len(p) > 0 {
		x.err = x.advance()
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, x.err
}

// advance waits for the next block, and passes the buffer of the previous one to another. It returns the error
// that follows the content.
func (x *blocks) advance() error {
	if x.current != nil {
		x.dispatch(x.current.content[:cap(x.current.content)])
		x.current = nil
	}
	if len(x.pending) == 0 {
		return io.EOF
	}
	select {
	case <-x.ctx.Done():
	case <-x.pending[0].done:
	}
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	x.current, x.pending = x.pending[0], x.pending[1:]
	x.rest = x.current.content
	return x.current.err
}

// Close stops the workers.
func (x *blocks) Close() error {
	x.cancel()
	x.workers.Wait()
	return nil
}

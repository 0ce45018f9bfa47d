package report

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/visible"
)

const (
	// chunkSize is how many bytes of the console one element of the page has, before they are compressed.
	chunkSize = 256 << 10
	// plainLines and plainSize bound a section that is in the page as plain text; so do plainTotal all of them.
	plainLines, plainSize, plainTotal = 200, 16 << 10, 1 << 20
	// tailLines is how many last lines of another section are in the page as plain text.
	tailLines = 10
	// maxConsoleSize is how many bytes of transcripts a page has: of more, the last ones of each run.
	maxConsoleSize = 192 << 20
)

// section is the part of a console that belongs to a step. A short one is plain text in the page. A long one is in
// chunks that the page decompresses when it is unfolded, and its last lines are plain text, too.
type section struct {
	Lines  int
	Size   int64  // bytes
	Plain  string // all lines, or the last ones
	Chunks []int  // indexes in chunks; none if Plain has all
	Counts []int  // lines of each chunk

	buf   []byte
	lines int // in buf
	tail  []string
}

// chunks are the compressed parts of consoles, deflated and in base64.
type chunks struct {
	all   [][]byte
	plain int // bytes of plain text so far
	buf   bytes.Buffer
	w     *flate.Writer
}

// add adds a line to a section.
func (c *chunks) add(s *section, line string) error {
	s.buf = append(append(s.buf, line...), '\n')
	s.lines++
	s.Lines++
	s.Size += int64(len(line)) + 1
	if s.tail = append(s.tail, line); len(s.tail) > 4*tailLines {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailLines:]...)
	}
	if len(s.buf) >= chunkSize {
		return c.flush(s)
	}
	return nil
}

// flush makes a chunk of what is not in one yet.
func (c *chunks) flush(s *section) error {
	if s.lines == 0 {
		return nil
	}
	c.buf.Reset()
	if c.w == nil {
		c.w, _ = flate.NewWriter(nil, flate.BestSpeed) // the level is valid
	}
	c.w.Reset(&c.buf)
	if _, err := c.w.Write(s.buf); err != nil {
		return err
	}
	if err := c.w.Close(); err != nil {
		return err
	}
	s.Chunks, s.Counts = append(s.Chunks, len(c.all)), append(s.Counts, s.lines)
	c.all = append(c.all, base64.StdEncoding.AppendEncode(nil, c.buf.Bytes()))
	s.buf, s.lines = s.buf[:0], 0
	return nil
}

// finish sets the plain text of a section.
func (c *chunks) finish(s *section) error {
	if len(s.Chunks) == 0 && s.Lines <= plainLines && len(s.buf) <= plainSize && c.plain+len(s.buf) <= plainTotal {
		s.Plain = string(s.buf)
		c.plain += len(s.buf)
	} else {
		if err := c.flush(s); err != nil {
			return err
		}
		var b strings.Builder
		for _, line := range s.tail[max(0, len(s.tail)-tailLines):] {
			if len(line) > 400 {
				line = strings.ToValidUTF8(line[:400], "") + " …"
			}
			b.WriteString(line + "\n")
		}
		s.Plain = b.String()
	}
	s.buf, s.tail = nil, nil
	return nil
}

// line is a line of a transcript.
type line struct {
	at   time.Time
	name string // of the flash and the console, with a blank at its end; "" is the board's first console
	mark byte   // < from the board, > to it, # a remark
	text string
}

// stamp is the form of the time of a line.
const stamp = "2006-01-02T15:04:05.000Z"

// parseLine reads a line of a transcript.
func parseLine(raw string) (l line, ok bool) {
	if len(raw) < len(stamp)+2 || raw[len(stamp)] != ' ' {
		return l, false
	}
	var err error
	if l.at, err = time.Parse(stamp, raw[:len(stamp)]); err != nil {
		return l, false
	}
	rest := raw[len(stamp)+1:]
	i := 0
	for ; !isMark(rest, i); i++ {
		next := strings.IndexByte(rest[i:], ' ')
		if next < 0 {
			return l, false
		}
		i += next
	}
	l.name, l.mark = rest[:i], rest[i]
	if len(rest) > i+2 {
		l.text = rest[i+2:]
	}
	return l, true
}

// isMark reports whether the direction of a line is at i.
func isMark(rest string, i int) bool {
	return i < len(rest) && strings.IndexByte("<>#", rest[i]) >= 0 && (i+1 == len(rest) || rest[i+1] == ' ')
}

// flashOf returns the number of the flash in the name of a console, "[2 sim] ", and 0 if there is none.
func flashOf(name string) int {
	rest, ok := strings.CutPrefix(name, "[")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(digits)
	return n
}

// shown returns a line as the page shows it: without the date.
func (l line) shown() string {
	return l.at.Format("15:04:05.000") + " " + visible.Line(l.name) + string(l.mark) + " " + visible.Line(l.text)
}

// readConsole calls add for each line of the transcripts, in their order. ok is false for a line without a time.
// budget is how many bytes are read at most: of more, the last ones.
func (r *run) readConsole(budget int64, add func(l line, raw string, ok bool) error) error {
	var sizes []int64
	total := int64(0)
	for _, path := range r.transcripts {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		sizes, total = append(sizes, st.Size()), total+st.Size()
	}
	skip := max(0, total-budget)
	if skip > 0 {
		r.remark("the console has %s, and the page has the last %s of it", inBytes(float64(total)), inBytes(float64(budget)))
	}
	for i, path := range r.transcripts {
		from := min(skip, sizes[i])
		skip -= from
		if err := r.readTranscript(path, from, add); err != nil {
			return err
		}
	}
	return nil
}

// readTranscript reads a transcript from a byte on: without the line in which that is.
func (r *run) readTranscript(path string, from int64, add func(l line, raw string, ok bool) error) error {
	f, err := input.Open(path)
	if err != nil {
		r.remark("%s cannot be read: %v", path, withoutPath(err))
		return nil
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	in, damage := bufio.NewReaderSize(f, 64<<10), damage{path: path, what: "line of a transcript"}
	for n := 1; ; n++ {
		raw, whole, err := bounded.Line(in, maxLine)
		if err != nil && err != io.EOF {
			r.remark("%s cannot be read to its end: %v", path, withoutPath(err))
			return nil
		}
		if len(raw) > 0 && (n > 1 || from == 0) {
			l, ok := parseLine(string(raw))
			if !ok || !whole {
				damage.add(n, whole)
			}
			if err := add(l, string(raw), ok); err != nil {
				return err
			}
		}
		if err == io.EOF {
			r.remarks = append(r.remarks, damage.remarks()...)
			return nil
		}
	}
}

// consoles puts the lines of a run's console into the sections of the steps of its timelines, by the numbers of
// their flashes. A line that names no flash belongs to the flash at its time, if there is only one.
func (r *run) consoles(c *chunks, budget int64, lines map[int]*timeline, owners map[int][]owner) error {
	var last *step
	spans := spansOf(lines)
	put := func(s *step, text string) error {
		if s.console == nil {
			s.console = &section{}
		}
		last = s
		return c.add(s.console, text)
	}
	err := r.readConsole(budget, func(l line, raw string, ok bool) error {
		if !ok {
			if last == nil {
				last = lines[0].around
			}
			return put(last, "             ? "+visible.Line(raw))
		}
		number := flashOf(l.name)
		if number == 0 {
			number = flashAt(spans, l.at)
		}
		t := lines[number]
		if t == nil {
			number, t = 0, lines[0]
		}
		return put(ownerAt(owners[number], l.at, t.around), l.shown())
	})
	if err != nil {
		return fmt.Errorf("the console cannot be read: %w", err)
	}
	for _, n := range slices.Sorted(maps.Keys(lines)) {
		for _, s := range lines[n].steps() {
			if s.console != nil {
				if err := c.finish(s.console); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// span is the flash to which unnamed lines belong from a time on; 0 is none, or several.
type span struct {
	from   time.Time
	number int
}

// spansOf returns the spans of flashes, in the order of time.
func spansOf(lines map[int]*timeline) (spans []span) {
	type change struct {
		at     time.Time
		number int
		begins bool
	}
	var changes []change
	for _, n := range slices.Sorted(maps.Keys(lines)) {
		if t := lines[n]; n != 0 {
			changes = append(changes, change{t.begin.Truncate(time.Millisecond), n, true}, change{t.end.Add(time.Millisecond), n, false})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	active := map[int]bool{}
	for _, c := range changes {
		if delete(active, c.number); c.begins {
			active[c.number] = true
		}
		number := 0
		if len(active) == 1 {
			number = slices.Collect(maps.Keys(active))[0]
		}
		spans = append(spans, span{c.at, number})
	}
	return spans
}

// flashAt returns the number of the only flash at a time, 0 if there is none or more than one.
func flashAt(spans []span, at time.Time) int {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].from.After(at) })
	if i == 0 {
		return 0
	}
	return spans[i-1].number
}

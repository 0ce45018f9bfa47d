package image

import "sync/atomic"

// Observer is called while a Stager opens an image. Each function may be nil. None may block, because staging
// waits for it.
//
// Note, MinSize and Range are called by the goroutine of Open, one at a time; Range in the order of the image.
// When an image is decoded again, Range begins again with another Image. Progress may be called by several
// goroutines concurrently. Slow is called at most once, by any goroutine. After Open has returned nothing is
// called, except Progress and Slow while a read of standard input that ctx interrupted is still blocked.
type Observer struct {
	Progress func(step string, done, total int64) // in bytes; total is 0 while it is not known
	Note     func(text string)                    // says why staging takes longer, or why not, for people
	Slow     func()                               // staging has read or decoded more than slowAfter bytes
	MinSize  func(size int64)                     // the image has at least so many bytes; it may have more
	Range    func(im *Image, r Range)             // ReadRange can read r; the image may yet turn out to be damaged
}

// withDefaults returns o with functions that do nothing in place of nil.
func (o Observer) withDefaults() Observer {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Slow == nil {
		o.Slow = func() {}
	}
	if o.MinSize == nil {
		o.MinSize = func(int64) {}
	}
	if o.Range == nil {
		o.Range = func(*Image, Range) {}
	}
	return o
}

// ranges returns a function that reports the ranges of im.
func (o Observer) ranges(im *Image) func(Range) { return func(r Range) { o.Range(im, r) } }

// slowAfter is how many bytes are staged in less than half a second.
const slowAfter = 32 << 20

// workMeter counts the bytes that were read or decoded. It is safe for concurrent use.
type workMeter struct {
	done  atomic.Int64
	slow  func() // called once, after slowAfter bytes
	alive aliveSigns
}

// add counts n bytes.
func (m *workMeter) add(n int) {
	if now := m.done.Add(int64(n)); now >= slowAfter && now-int64(n) < slowAfter {
		m.slow()
	}
	m.alive.show()
}

// markSlow counts as many bytes as take half a second.
func (m *workMeter) markSlow() {
	if !m.isSlow() {
		m.add(slowAfter)
	}
}

// isSlow reports whether slowAfter bytes were counted.
func (m *workMeter) isSlow() bool { return m.done.Load() >= slowAfter }

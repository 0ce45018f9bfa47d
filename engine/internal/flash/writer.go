package flash

import "context"

// Writer makes a medium hold an image and proves it. ShellWriter and BlockWriter implement it. Its methods must
// not be called concurrently.
type Writer interface {
	// Write writes the parts that the medium does not hold yet.
	Write(ctx context.Context) error
	// Verify reads the image back, past every cache, and returns the only valid receipt. It skips what Write
	// compared and left, unless that may alias what Write wrote. It writes nothing. A mismatch is of kind
	// classify.VerifyMismatch.
	Verify(ctx context.Context) (Receipt, error)
	// Repair writes the parts that the last Verify found wrong. The next Verify reads the whole image.
	Repair(ctx context.Context) error
	// Distrust makes the next Verify read the whole image, because something else wrote to the disk.
	Distrust()
	// Counts returns what was done so far.
	Counts() Counts
}

// Counts says what a writer did.
type Counts struct {
	Written   int64 // bytes
	Skipped   int64 // bytes that were right already and were not written
	Rewritten int   // ranges that read back wrong and were written again
}

// reportWrite reports the progress of a write, in bytes. progress may be nil. It is safe for concurrent use if progress
// is.
func reportWrite(progress func(step string, done, total int64), done, total int64) {
	if progress != nil {
		progress("write", max(min(done, total), 0), total)
	}
}

package flash

import "context"

// Writer makes a medium hold an image and proves it. Writing and LocalWriting are its implementations. Its methods are
// called one at a time.
type Writer interface {
	// Write writes what the medium does not hold yet.
	Write(ctx context.Context) error
	// Verify reads the image back, past every cache, unless Write read it already and wrote nothing. It writes nothing.
	Verify(ctx context.Context) (Receipt, error)
	// Repair writes what the last Verify read back wrong. The next Verify reads all of the image.
	Repair(ctx context.Context) error
	// Distrust has the next Verify read all of the image: something else wrote to the disk.
	Distrust()
	// Counts returns what was done so far.
	Counts() Counts
}

// Counts are what a writer did.
type Counts struct {
	Written   int64 // bytes
	Skipped   int64 // bytes that were right already
	Rewritten int   // ranges that read back wrong and were written again
}

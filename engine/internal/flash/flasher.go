package flash

import "context"

// Flasher finds targets on a board, and makes writers for them. ShellFlasher and UBootFlasher implement it. Its methods
// must not be called concurrently.
type Flasher interface {
	// Resolve finds a target. It refuses a target that must not be written, unless readOnly says that nothing will be.
	Resolve(ctx context.Context, t Target, readOnly bool) (Medium, error)
	// Prepare measures how fast a medium is read, while its image is staged. It writes nothing.
	Prepare(ctx context.Context, m Medium) error
	// Writer returns a writer of im to a medium. beforeWrite is called before each command that changes the medium. It
	// writes nothing.
	Writer(ctx context.Context, m Medium, im Image, beforeWrite func()) (Writer, error)
}

package serve

// burst is how many blocks of a window are sent at once. A network card that holds fewer blocks loses the last ones,
// and the client, which waits for them, does not acknowledge any: after two such flights in short order half as many
// blocks are sent at once, and after a number of flights that arrived, twice as many. A client waits for a whole
// window before it acknowledges, so a smaller burst ends with a block that the client cannot use yet.
type burst struct {
	window int64 // blocks that the client expects before it acknowledges
	size   int64 // blocks that are sent at once, at most window
	clean  int64 // flights in a row that arrived
	enough int64 // of them, before the size is doubled
	grown  bool  // the size was doubled, and not halved since
	score  int64 // increases with each flight that was not acknowledged in time, decreases with each that arrived
}

const (
	firstEnough   = 64
	maxEnough     = 1 << 20
	lateScore     = 8               // of a flight that was not acknowledged in time
	shrinkScore   = 2*lateScore - 4 // two of them, with few flights between them
	hopelessScore = 12 * lateScore
)

func newBurst(window int64) burst { return burst{window: window, size: window, enough: firstEnough} }

// next returns how many of the blocks that are left are sent, and whether a block that the client cannot use follows.
func (b *burst) next(left int64) (n int64, probe bool) {
	if b.size == b.window || left <= b.size+1 {
		return min(left, b.window), false // the last block of a file is acknowledged at once
	}
	return b.size, true
}

// arrived records a flight that was acknowledged as a whole.
func (b *burst) arrived() {
	b.score = max(b.score-1, 0)
	if b.clean++; b.size < b.window && b.clean >= b.enough {
		b.size, b.clean, b.grown = min(2*b.size, b.window), 0, true
	}
}

// late records a flight that was not acknowledged in time.
func (b *burst) late() {
	b.score += lateScore
	early := b.grown && b.clean < b.enough // the size was doubled too early
	if early {
		b.enough = min(4*b.enough, maxEnough)
	} else if b.score < shrinkScore {
		return
	}
	b.clean, b.size, b.grown = 0, max(b.size/2, 1), false
}

// hopeless reports whether the client should ask for another window.
func (b *burst) hopeless() bool { return b.window > 1 && b.score > hopelessScore }

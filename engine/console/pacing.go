package console

import "time"

// Pacing is how fast a board is typed at: Chunk bytes are written at once, 0 for all, with Delay after each chunk.
type Pacing struct {
	Chunk int
	Delay time.Duration
}

// Pace sets the pacing of what is typed from now on. Nil is that of Config.Typing.
func (c *Console) Pace(p *Pacing) {
	if p == nil {
		p = &Pacing{c.sender.typing.Chunk, c.sender.typing.Delay}
	}
	c.sender.pacing.Store(p)
}

// Cost returns how long the delays take in all, if so many lines are typed that have so many bytes.
func (p Pacing) Cost(lines, bytes int) time.Duration {
	if p.Chunk > 0 {
		return time.Duration((bytes+p.Chunk-1)/p.Chunk) * p.Delay
	}
	return time.Duration(lines) * p.Delay
}

package classify

import (
	"math/rand/v2"
	"time"
)

// Backoff computes the wait between two attempts: 2^n seconds, at most a minute, spread by Jitter.
//
//	n     0  1  2  3  4   5   6   7
//	wait  1s 2s 4s 8s 16s 32s 60s 60s
//
// Safe for concurrent use if Rand is nil; Rand itself is for one goroutine.
type Backoff struct {
	Jitter float64    // 0.2 spreads a wait evenly over 80 to 120 %; the cap holds
	Rand   *rand.Rand // source of the jitter, seeded by the caller; nil is no jitter
}

// Wait returns the wait after the n-th failed attempt, n counted from 0.
func (b Backoff) Wait(n int) time.Duration {
	const limit = time.Minute
	wait := limit
	if n = max(n, 0); n < 32 {
		wait = min(time.Second<<n, limit)
	}
	if b.Rand != nil {
		wait += time.Duration(b.Jitter * (2*b.Rand.Float64() - 1) * float64(wait))
	}
	return min(wait, limit)
}

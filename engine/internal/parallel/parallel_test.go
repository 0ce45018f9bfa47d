package parallel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRun holds what is started, in what order, how many at a time, and why the rest is not. Every piece of work
// takes as many seconds as its number, from 1, on a virtual clock.
func TestRun(t *testing.T) {
	ended := errors.New("ended")
	for _, tt := range []struct {
		name    string
		n       int
		limits  Limits
		fail    []int // pieces
		end     time.Duration
		done    []int // as they ended
		skipped []int
		why     Reason
		most    int // at a time
	}{
		{"none", 0, Limits{AtOnce: 3}, nil, 0, nil, nil, Reason{}, 0},
		{"one at a time", 3, Limits{AtOnce: 1}, nil, 0, []int{0, 1, 2}, nil, Reason{}, 1},
		{"no number", 3, Limits{}, nil, 0, []int{0, 1, 2}, nil, Reason{}, 1},
		{"two at a time", 5, Limits{AtOnce: 2}, []int{0, 1, 2, 3, 4}, 0, []int{0, 1, 2, 3, 4}, nil, Reason{}, 2},
		{"more at a time than there are", 3, Limits{AtOnce: 99}, nil, 0, []int{0, 1, 2}, nil, Reason{}, 3},
		{"stop after the first", 4, Limits{AtOnce: 1, StopAfter: 1}, []int{1}, 0, []int{0, 1}, []int{2, 3}, Reason{Failed: 1}, 1},
		{"those under way end", 5, Limits{AtOnce: 3, StopAfter: 1}, []int{0}, 0, []int{0, 1, 2}, []int{3, 4}, Reason{Failed: 1}, 3},
		{"canary succeeds", 4, Limits{AtOnce: 3, Canary: 1}, []int{2}, 0, []int{0, 1, 2, 3}, nil, Reason{}, 3},
		{"canary fails", 4, Limits{AtOnce: 3, Canary: 1}, []int{0}, 0, []int{0}, []int{1, 2, 3}, Reason{Failed: 1, Canary: true}, 1},
		{"one of two canaries fails", 4, Limits{AtOnce: 3, Canary: 2}, []int{0}, 0, []int{0, 1}, []int{2, 3}, Reason{Failed: 1, Canary: true}, 2},
		{"more canaries than there are", 2, Limits{AtOnce: 3, Canary: 9}, []int{0}, 0, []int{0, 1}, nil, Reason{}, 2},
		{"the end of the context", 5, Limits{AtOnce: 2}, []int{0, 1, 2}, 2500 * time.Millisecond, []int{0, 1, 2, 3}, []int{4}, Reason{Cause: ended, Failed: 3}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.end > 0 {
					time.AfterFunc(tt.end, func() { cancel(ended) })
				}
				var (
					mu        sync.Mutex // guards what follows
					done      []int
					now, most int
				)
				var skipped []int
				Run(ctx, tt.n, tt.limits, Work{
					Do: func(i int) bool {
						mu.Lock()
						now++
						most = max(most, now)
						mu.Unlock()
						time.Sleep(time.Duration(i+1) * time.Second)
						mu.Lock()
						defer mu.Unlock()
						now--
						done = append(done, i)
						return !slices.Contains(tt.fail, i)
					},
					Skip: func(i int, why Reason) {
						skipped = append(skipped, i)
						if why != tt.why {
							t.Errorf("Skip(%d, %+v); want %+v", i, why, tt.why)
						}
					},
				})
				got, want := fmt.Sprint(done, skipped, most), fmt.Sprint(tt.done, tt.skipped, tt.most)
				if got != want {
					t.Errorf("done, skipped and most at a time: %s; want %s", got, want)
				}
			})
		})
	}
}

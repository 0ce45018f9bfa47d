// Package suggest finds the known name that a mistyped one was meant to be.
//
// It knows nothing of Lua, options or policies: its callers bring the names.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// Name returns "; did you mean NAME?" with the known name nearest to word, or "; known are …" with all of them
// if none is near. It is appended to an error about word.
func Name(word string, known []string) string {
	if best := Closest(word, known); best != "" {
		return DidYouMean(best)
	}
	sorted := slices.Sorted(slices.Values(known))
	return "; known are " + strings.Join(slices.Compact(sorted), ", ")
}

// Nearest is Name, but returns "" if no known name is near.
func Nearest(word string, known []string) string {
	return DidYouMean(Closest(word, known))
}

// DidYouMean returns "; did you mean NAME?", and "" for "".
func DidYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", name)
}

// Closest returns the known name with the smallest distance to word, or "" if all are too far.
func Closest(word string, known []string) string {
	best, limit := "", (len(word)+1)/3+1
	for _, k := range known {
		d := Distance(word, k)
		if len(word) > 3 && strings.HasPrefix(k, word[:3]) {
			d-- // a common prefix makes a name likelier than another one at the same distance
		}
		if d < limit {
			best, limit = k, d
		}
	}
	return best
}

// Distance returns the number of bytes to insert, delete, replace or swap between two words (optimal string
// alignment).
func Distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

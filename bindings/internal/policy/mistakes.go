package policy

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Mistake is one wrong key of a policy, or of the operator's settings. Plain data.
type Mistake struct {
	Key     string // dotted
	Err     error  // its text begins with the place: "file:line: "
	Missing bool   // the key is required, and not there
}

// Mistakes is the error of a policy with wrong keys: all of them, sorted by line. Members of the error tree are the
// errors of the keys.
type Mistakes struct {
	All     []Mistake
	Partial Result // with the default in the place of each wrong value
}

// Error returns the texts of Unwrap, one a line.
func (m *Mistakes) Error() string { return errors.Join(m.Unwrap()...).Error() }

// maxShown is how many mistakes an error shows.
const maxShown = 10

// Unwrap returns the errors of the first keys, and one that counts the others.
func (m *Mistakes) Unwrap() []error {
	var all []error
	for _, x := range m.All[:min(len(m.All), maxShown)] {
		all = append(all, x.Err)
	}
	if more := len(m.All) - maxShown; more > 0 {
		all = append(all, classify.New(classify.ConfigPolicy, "and %d more: flashlua check lists all", more))
	}
	return all
}

// addMistake records a mistake at a place, "file:line", "file" or "--set".
func (d *decoder) addMistake(where, key string, wrong *classify.Error) {
	file, text, _ := strings.Cut(where, ":")
	line, err := strconv.Atoi(text)
	if err != nil {
		line = math.MaxInt
	}
	d.mistakes = append(d.mistakes, placedMistake{Mistake{Key: key, Err: wrong}, file != d.file, line})
}

// addMissing records that a key is required.
func (d *decoder) addMissing(key string, wrong *classify.Error) {
	d.addMistake(d.file, key, wrong)
	d.mistakes[len(d.mistakes)-1].Missing = true
}

// placedMistake is a mistake with what it is sorted by.
type placedMistake struct {
	Mistake
	elsewhere bool // not in the policy's own file
	line      int
}

// mistaken reports whether a key, or one below it, is wrong.
func (d *decoder) mistaken(key string) bool {
	return slices.ContainsFunc(d.mistakes, func(m placedMistake) bool { return m.Key == key || strings.HasPrefix(m.Key, key+".") })
}

// err returns the mistakes that were found, nil if there are none.
func (d *decoder) err(partial Result) error {
	slices.SortStableFunc(d.mistakes, func(a, b placedMistake) int {
		switch {
		case a.elsewhere != b.elsewhere && a.elsewhere:
			return 1
		case a.elsewhere != b.elsewhere:
			return -1
		}
		return cmp.Compare(a.line, b.line)
	})
	if len(d.mistakes) == 0 {
		return nil
	}
	m := &Mistakes{Partial: partial}
	for _, x := range d.mistakes {
		m.All = append(m.All, x.Mistake)
	}
	return m
}

package results

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Summary is what the runs of a time have in common, by station and board. Its JSON form is that of flashlua results
// --json. Plain data: safe for concurrent use while nothing changes it.
type Summary struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Runs     int       `json:"runs"`
	Groups   []Group   `json:"groups"`             // flaky ones first
	Warnings []string  `json:"warnings,omitempty"` // lines that are not results
}

// State is how reliable a station is. Its values are constants: safe for concurrent use.
type State string

// The states.
const (
	Flaky   State = "flaky"   // some runs failed or needed another try, others succeeded
	Failing State = "failing" // no run succeeded
	Steady  State = "steady"  // every run succeeded at once
	Idle    State = "idle"    // no run touched the board
)

// Group is the runs of a station with a board. Plain data: safe for concurrent use while nothing changes it.
type Group struct {
	Station     string     `json:"station"` // name, or the console port without one, or the machine without either
	Board       string     `json:"board"`
	State       State      `json:"state"`
	Runs        int        `json:"runs"`        // all
	Refused     int        `json:"refused"`     // of runs: nothing was touched
	Interrupted int        `json:"interrupted"` // of runs: ended by a signal
	Verified    int        `json:"verified"`    // of runs: succeeded
	Retried     int        `json:"retried"`     // of verified: needed another try of a step, or another attempt
	Share       float64    `json:"share"`       // verified of the runs that are neither refused nor interrupted; 0 if there are none
	Kinds       []Count    `json:"kinds"`       // of failures, also of those after which another try succeeded; most frequent first
	Steps       []StepTime `json:"steps"`       // the slowest first
	Median      int64      `json:"median_ns"`   // duration of a verified run; 0 if there is none
	Last        time.Time  `json:"last"`        // end of the last run
	LastResult  string     `json:"last_result"` // result of the last run
	LastKind    string     `json:"last_kind,omitempty"`
}

// Count is how many runs had a kind of failure. Plain data: safe for concurrent use while nothing changes it.
type Count struct {
	Kind string `json:"kind"`
	Runs int    `json:"runs"`
}

// StepTime is the median time of a step. Plain data: safe for concurrent use while nothing changes it.
type StepTime struct {
	Step   string `json:"step"`
	Median int64  `json:"median_ns"`
	Runs   int    `json:"runs"` // in which it succeeded
}

// Summarise summarises records.
func Summarise(all []Record, since, until time.Time) *Summary {
	s := &Summary{Since: since, Until: until, Runs: len(all), Groups: []Group{}}
	groups := map[[2]string]*collector{}
	for _, r := range all {
		key := [2]string{cmp.Or(r.Station, r.Port, r.Host), r.Board}
		if groups[key] == nil {
			groups[key] = &collector{Group: Group{Station: key[0], Board: key[1]}, kinds: map[string]int{}, steps: map[string][]int64{}}
		}
		groups[key].add(r)
	}
	for _, c := range groups {
		s.Groups = append(s.Groups, c.group())
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.State.rank(), b.State.rank()), cmp.Compare(b.unsteady(), a.unsteady()),
			cmp.Compare(a.Station, b.Station), cmp.Compare(a.Board, b.Board))
	})
	return s
}

func (s State) rank() int { return slices.Index([]State{Flaky, Failing, Steady, Idle}, s) }

// attempted returns the number of runs that count.
func (g Group) attempted() int { return g.Runs - g.Refused - g.Interrupted }

// unsteady returns the share of runs that did not succeed at once.
func (g Group) unsteady() float64 {
	if g.attempted() == 0 {
		return 0
	}
	return 1 - float64(g.Verified-g.Retried)/float64(g.attempted())
}

// collector collects the runs of a group.
type collector struct {
	Group
	kinds map[string]int
	steps map[string][]int64
	took  []int64
}

func (c *collector) add(r Record) {
	c.Runs++
	if !r.Time.Before(c.Last) {
		c.Last, c.LastResult, c.LastKind = r.Time, r.Result, r.Kind
	}
	kinds := map[string]bool{}
	for _, f := range r.Failures {
		kinds[f.Kind] = true
	}
	kinds[r.Kind] = true
	delete(kinds, "")
	for kind := range kinds {
		c.kinds[kind]++
	}
	for step, took := range r.Steps {
		c.steps[step] = append(c.steps[step], int64(took))
	}
	switch {
	case r.Succeeded():
		c.Verified++
		c.took = append(c.took, int64(r.Duration))
		if r.Attempts > 1 || len(r.Failures) > 0 {
			c.Retried++
		}
	case !r.Touched():
		c.Refused++
	case r.Interrupted():
		c.Interrupted++
	}
}

func (c *collector) group() Group {
	g := c.Group
	n := g.attempted()
	switch {
	case n == 0:
		g.State = Idle
	case g.Verified == 0:
		g.State = Failing
	case g.Verified-g.Retried < n:
		g.State = Flaky
	default:
		g.State = Steady
	}
	if n > 0 {
		g.Share = float64(g.Verified) / float64(n)
	}
	g.Median, g.Kinds, g.Steps = median(c.took), []Count{}, []StepTime{}
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		g.Kinds = append(g.Kinds, Count{kind, c.kinds[kind]})
	}
	slices.SortStableFunc(g.Kinds, func(a, b Count) int { return cmp.Compare(b.Runs, a.Runs) })
	for _, step := range slices.Sorted(maps.Keys(c.steps)) {
		g.Steps = append(g.Steps, StepTime{step, median(c.steps[step]), len(c.steps[step])})
	}
	slices.SortStableFunc(g.Steps, func(a, b StepTime) int { return cmp.Compare(b.Median, a.Median) })
	return g
}

// median returns the median of all, of two in the middle their mean, 0 for none. It sorts all.
func median(all []int64) int64 {
	slices.Sort(all)
	n := len(all)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return all[n/2]
	}
	return all[n/2-1] + (all[n/2]-all[n/2-1])/2
}

package lab

import (
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// Inventory is the stations of a lab. Safe for concurrent use: it never changes.
type Inventory struct {
	stations []Station      // in the order of compareNames
	byName   map[string]int // index in stations
	uses     map[string][]use
}

// use is a connection of a station that is not off.
type use struct {
	station Station
	connection
}

// NewInventory returns an inventory. If several stations have the same name, it has the last one.
func NewInventory(stations []Station) *Inventory {
	in := &Inventory{byName: map[string]int{}, uses: map[string][]use{}}
	for _, s := range stations {
		if at, ok := in.byName[s.Name]; ok {
			in.stations[at] = s
			continue
		}
		in.byName[s.Name] = len(in.stations)
		in.stations = append(in.stations, s)
	}
	slices.SortFunc(in.stations, func(a, b Station) int { return compareNames(a.Name, b.Name) })
	for i, s := range in.stations {
		in.byName[s.Name] = i
		if s.Off != "" {
			continue
		}
		for _, c := range s.connections() {
			in.uses[c.key] = append(in.uses[c.key], use{s, c})
		}
	}
	return in
}

// Find returns the station of exactly that name.
func (in *Inventory) Find(name string) (Station, bool) {
	i, ok := in.byName[name]
	if !ok {
		return Station{}, false
	}
	return in.stations[i], true
}

// Names returns the names of all stations, sorted.
func (in *Inventory) Names() []string {
	names := make([]string, len(in.stations))
	for i, s := range in.stations {
		names[i] = s.Name
	}
	return names
}

// Select returns the stations that have all of the tags, sorted by name. Without tags it returns all stations.
func (in *Inventory) Select(tags ...string) []Station {
	var all []Station
	for _, s := range in.stations {
		if s.HasTags(tags...) {
			all = append(all, s)
		}
	}
	return all
}

// Tags returns every tag of a station, sorted.
func (in *Inventory) Tags() []string {
	seen := map[string]bool{}
	var all []string
	for _, s := range in.stations {
		for _, tag := range s.Tags {
			if !seen[tag] {
				seen[tag] = true
				all = append(all, tag)
			}
		}
	}
	slices.SortFunc(all, compareNames)
	return all
}

// Problem is something wrong with a station. Plain data: safe for concurrent use while nothing changes it.
type Problem struct {
	Station string
	Field   string // that is wrong, "args.serial" or "power"; "" is the whole station
	Err     error
	Missing bool // the field is not there: a flag may have it
	Shared  bool // another station has the same console or outlet
}

// Check returns what is wrong with the stations: each by itself, and between them. It opens nothing.
func (in *Inventory) Check() []Problem {
	var all []Problem
	for _, s := range in.stations {
		all = append(all, s.Check()...)
	}
	return slices.Concat(all, in.checkCase(), in.checkShared())
}

// CheckConsoles returns the consoles of a station that other stations have, too: a run would type to their boards. It
// looks at s, not at the station of the inventory that has its name.
func (in *Inventory) CheckConsoles(s Station) (all []Problem) {
	for _, ours := range s.connections() {
		if ours.key == "" || ours.what == outletText {
			continue
		}
		for _, other := range in.uses[ours.key] {
			if other.station.Name != s.Name {
				all = append(all, shared(s, ours, other.station, other.connection))
			}
		}
	}
	return all
}

// shared returns the problem of a console or an outlet that another station has, too.
func shared(s Station, c connection, other Station, theirs connection) Problem {
	return Problem{
		Station: s.Name, Field: c.field, Shared: true,
		Err: classify.New(classify.ConfigLab, "%s has the same %s as %s of station %s: give each board its own, or take one of the stations out of use with off", c.field, c.what, theirs.field, other.Name),
	}
}

// checkCase returns the stations whose names differ in case alone: people confuse them, and so do some file systems.
func (in *Inventory) checkCase() (all []Problem) {
	first := map[string]string{}
	for _, s := range in.stations {
		folded := strings.ToLower(s.Name)
		if other, ok := first[folded]; ok {
			all = append(all, Problem{Station: s.Name, Err: classify.New(classify.ConfigLab, "the name differs from that of %s in upper and lower case alone: rename one of them", other)})
			continue
		}
		first[folded] = s.Name
	}
	return all
}

// checkShared returns the stations with a console or an outlet of another station: a run would switch or type to the
// wrong board. A station that is off may share everything with the one that replaces it.
func (in *Inventory) checkShared() (all []Problem) {
	first := map[string]use{}
	for _, s := range in.stations {
		if s.Off != "" {
			continue
		}
		for _, c := range s.connections() {
			other, taken := first[c.key]
			switch {
			case c.key == "":
			case !taken:
				first[c.key] = use{s, c}
			case other.station.Name != s.Name: // the engine refuses what a run cannot use twice
				all = append(all, shared(s, c, other.station, other.connection))
			}
		}
	}
	return all
}

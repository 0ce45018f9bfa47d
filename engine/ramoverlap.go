package engine

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/flashlua/flashlua/classify"
)

// Overlap is a file that U-Boot would load over another one. Plain data: safe for concurrent use while nothing
// changes it.
type Overlap struct {
	Name string // of the file with the higher address, in the policy
	Err  error  // of kind config.policy
}

// Overlaps returns the files of a policy that share RAM, by their addresses and sizes. It returns none unless
// LoadsAllFiles is set. size returns the bytes of a file by its name, 0 if that is not known. Of files at the value of
// a variable, only those at the same variable are known to overlap.
func (p *Policy) Overlaps(size func(name string) int64) (found []Overlap) {
	if !p.LoadsAllFiles {
		return nil
	}
	var all []ramRange
	byVariable := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		f := p.Files[name]
		if f.NoAddress {
			continue
		}
		if f.Variable == "" {
			all = append(all, ramRange{name, f.Address, size(name)})
			continue
		}
		if before, taken := byVariable[f.Variable]; taken {
			err := classify.New(classify.ConfigPolicy, "files.%s and files.%s overlap in RAM: both begin at ${%s}", before, name, f.Variable)
			found = append(found, Overlap{name, classify.WithHint(err, "give files.%s the address of another variable, or a number", name)})
			continue
		}
		byVariable[f.Variable] = name
	}
	return append(found, overlaps(all)...)
}

// ramRange is where a file is loaded.
type ramRange struct {
	name    string
	address uint64
	size    int64 // 0: not known
}

// end returns the first address after the file, which has one byte at least.
func (r ramRange) end() uint64 { return r.address + uint64(max(r.size, 1)) }

// suggestedAlignment is that of an address in a hint.
const suggestedAlignment = 64 << 10

func overlaps(all []ramRange) (found []Overlap) {
	slices.SortFunc(all, func(a, b ramRange) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.name, b.name))
	})
	for i, r := range all {
		for _, before := range all[:i] {
			if r.address >= before.end() {
				continue
			}
			err := classify.New(classify.ConfigPolicy, "files.%s and files.%s overlap in RAM: both begin at %#x", before.name, r.name, r.address)
			if r.address > before.address {
				err = classify.New(classify.ConfigPolicy, "files.%s and files.%s overlap in RAM: %[1]s has %[3]d bytes and takes %#[4]x to %#[5]x, %[2]s begins at %#[6]x",
					before.name, r.name, before.size, before.address, before.end(), r.address)
			}
			free := (max(r.end(), before.end()) + suggestedAlignment - 1) / suggestedAlignment * suggestedAlignment
			if r.address > before.address {
				free = (before.end() + suggestedAlignment - 1) / suggestedAlignment * suggestedAlignment
			}
			found = append(found, Overlap{r.name, classify.WithHint(err, "give files.%s another address, from %#x on; a kernel needs more room than its file", r.name, free)})
			break
		}
	}
	return found
}

// checkFilesApart returns an error if files that are loaded together share RAM. A load writes least bytes or more.
func checkFilesApart(files []bootFile, least int64) error {
	var all []ramRange
	for _, f := range files {
		all = append(all, ramRange{f.name, f.Address, max(f.size, least)})
	}
	return checkOverlaps(overlaps(all))
}

// checkOverlaps returns the error of files that would be loaded over each other.
func checkOverlaps(found []Overlap) error {
	var all []error
	for _, o := range found {
		all = append(all, o.Err)
	}
	return errors.Join(all...)
}

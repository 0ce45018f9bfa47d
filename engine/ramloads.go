package engine

import (
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/uboot"
)

// ramLoads are the files that one prompt of U-Boot has in RAM. The zero value has none. One goroutine at a time uses
// it.
type ramLoads struct {
	prompt *uboot.UBoot
	files  []ramRange
}

// check returns an error if a load that writes least bytes or more would replace a part of an earlier file with what is
// after the content of f. A content over an earlier file is the policy's decision.
func (l *ramLoads) check(ub *uboot.UBoot, f bootFile, least int64) error {
	if l.prompt != ub || f.size >= least {
		return nil
	}
	own, written := ramRange{f.name, f.Address, f.size}, ramRange{f.name, f.Address, least}
	for _, r := range l.files {
		if r.overlaps(written) && !r.overlaps(own) {
			err := classify.New(classify.ConfigPolicy, "files.%s overlaps files.%s, which is loaded already: %[1]s has %[3]d bytes, but its load by HTTP writes %[4]d, from %#[5]x on; %[2]s begins at %#[6]x",
				f.name, r.name, f.size, least, f.Address, r.address)
			return classify.WithHint(err, "put %d bytes or more between the addresses of the two files, or load files.%s first", least, f.name)
		}
	}
	return nil
}

// add records a load. Files that its content replaced are forgotten.
func (l *ramLoads) add(ub *uboot.UBoot, f bootFile) {
	if l.prompt != ub {
		*l = ramLoads{prompt: ub}
	}
	own := ramRange{f.name, f.Address, f.size}
	l.files = append(slices.DeleteFunc(l.files, own.overlaps), own)
}

// overlaps reports whether two files share a byte of RAM.
func (r ramRange) overlaps(x ramRange) bool { return r.address < x.end() && x.address < r.end() }

package qemu

import (
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// hang limits what takes seconds: it ends a test that hangs, and is long enough for a slow machine.
const hang = time.Hour

// lost are the kinds of an attempt that ends because packets were lost. A slow machine loses some, and the next
// attempt loads again: no test may depend on it, unless it is about them.
var lost = []classify.Kind{classify.NetDHCPTimeout, classify.NetTFTPTimeout, classify.NetTFTPCut}

// failures returns the kinds of the attempts that failed, without those that lost packets.
func failures(all []*engine.Attempt) (kinds []classify.Kind) {
	for _, a := range all {
		if kind := classify.Kind(a.Kind); a.Error != "" && !slices.ContainsFunc(lost, kind.Is) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

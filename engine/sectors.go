package engine

import (
	"fmt"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// checkSectors compares the sectors for which the partition table of an image was made with those of a medium, of
// sector bytes; 0 is not known. A table for others cannot be found: that is an error if strict, otherwise a warning.
func (r *run) checkSectors(im *image.Image, device string, sector int64, strict bool) error {
	made := im.TableSectorSize()
	if made == 0 || sector == 0 || made == sector {
		return nil
	}
	text := fmt.Sprintf("the partition table of the image %s is for sectors of %d bytes, and %s has sectors of %d bytes: its partitions will not be found", im.Path(), made, device, sector)
	if strict {
		return classify.WithHint(classify.New(classify.TargetUnsafe, "%s", text), "build the image for sectors of %d bytes, or use another medium; without --strict this is a warning", sector)
	}
	if r.ledger.warn(text) {
		r.events.note("warning: " + text)
	}
	return nil
}

package engine

import (
	"os"

	"github.com/flashlua/flashlua/engine/internal/image"
)

// JobFiles are the files of the station that a job reads, next to its script. Plain data: safe for concurrent use
// while nothing changes it.
type JobFiles struct {
	Images    []string          // paths of the images, and of their block maps that exist
	BootFiles map[string]string // paths of the policy's boot files by name
	Appended  map[string]string // paths of the files that are appended to boot files, by the names of those
}

// StationFiles returns the files that a job reads. It does not check whether images and boot files exist.
func (j Job) StationFiles(p *Policy) JobFiles {
	all := JobFiles{BootFiles: map[string]string{}, Appended: map[string]string{}}
	for _, part := range j.parts() {
		if ref := image.Ref(part.Image); ref == "" || ref.IsStdin() || ref.IsURL() {
			continue
		}
		all.Images = append(all.Images, part.Image)
		if j.NoBlockMap {
			continue
		}
		for _, path := range image.BlockMaps(part.Image) {
			if _, err := os.Stat(path); err == nil {
				all.Images = append(all.Images, path)
			}
		}
	}
	for name := range p.Files {
		all.BootFiles[name] = j.file(p, name)
		if path := j.appended(p, name); path != "" {
			all.Appended[name] = path
		}
	}
	return all
}

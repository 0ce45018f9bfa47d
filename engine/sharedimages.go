package engine

import (
	"context"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// SharedImages are open images that several runs use, so that each is unpacked once: PlanAll adds them, and the
// runs of an Engine whose field Images has them use them. The zero value has none. Safe for concurrent use; Close must
// be called after the runs.
type SharedImages struct {
	mu  sync.Mutex // guards all
	all map[imageKey]*image.Image
}

// imageKey is what the content of a staged image depends on.
type imageKey struct {
	from    image.Ref
	digest  string
	options imageOptions
}

// find returns an open image, nil if there is none. s may be nil.
func (s *SharedImages) find(key imageKey) *image.Image {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key]
}

// add adds an open image.
func (s *SharedImages) add(key imageKey, im *image.Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[imageKey]*image.Image{}
	}
	s.all[key] = im
}

// hasStdin reports whether the standard input was read.
func (s *SharedImages) hasStdin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.all {
		if key.from.IsStdin() {
			return true
		}
	}
	return false
}

// open opens the images of a job that are not open yet.
func (s *SharedImages) open(ctx context.Context, e Engine, j Job) error {
	for _, key := range j.imageKeys() {
		if s.find(key) != nil {
			continue
		}
		if key.from.IsStdin() && s.hasStdin() {
			return classify.New(classify.Usage, "two images cannot come by the standard input")
		}
		r := e.newRun("", ModeFlash, key.options)
		im := &stagedImage{from: key.from, digest: key.digest}
		opening := newStaging(r.stager(key.options), r.events, im)
		stop := opening.start(ctx, 0)
		if err := opening.wait(ctx, opening.done); err != nil {
			stop()
			return err
		}
		s.add(key, im.image())
	}
	return nil
}

// digests returns the SHA-256 of each image of a job, "" for one that is not open.
func (s *SharedImages) digests(j Job) []string {
	var all []string
	for _, key := range j.imageKeys() {
		digest := ""
		if im := s.find(key); im != nil {
			digest = im.SHA256()
		}
		all = append(all, digest)
	}
	return all
}

// Close closes the images.
func (s *SharedImages) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, im := range s.all {
		im.Close()
	}
	s.all = nil
	return nil
}

// imageKeys returns the keys of the job's images, in the order of its parts.
func (j Job) imageKeys() []imageKey {
	var keys []imageKey
	for _, part := range j.parts() {
		keys = append(keys, imageKey{image.Ref(part.Image), part.SHA256, imageOptions{j.MaxSize, j.Format, j.NoBlockMap}})
	}
	return keys
}

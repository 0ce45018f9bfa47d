package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
)

// resolveTargets plans the media: each image and its target. If the policy chooses the target later, it checks every
// target that may be chosen.
func (r *boardRun) resolveTargets(context.Context) error {
	if !r.choosesTarget() || len(r.policy.Targets) == 0 {
		target, err := r.policy.target(r.job.Target)
		if err == nil {
			err = r.checkParts(target)
		}
		if err != nil {
			return err
		}
		r.planned = target
	} else {
		for _, name := range slices.Sorted(maps.Keys(r.policy.Targets)) {
			if err := r.checkParts(r.policy.Targets[name]); err != nil {
				return err
			}
		}
	}
	if err := r.checkMethod(); err != nil {
		return err
	}
	for _, p := range r.job.parts() {
		m := &medium{stagedImage: &stagedImage{from: image.Ref(p.Image), digest: p.SHA256}, label: p.Label}
		if r.planned != (Target{}) {
			m.target = partOn(r.planned, p.Label)
		}
		r.parts = append(r.parts, plannedPart{m.stagedImage, m.label})
		r.addMedium(m)
	}
	return nil
}

// partOn returns the partition of a target, the target itself for the label "".
func partOn(t Target, label string) flash.Target {
	if label != "" {
		t.Part = label
	}
	return flash.Target(t)
}

// checkParts returns an error if the images of the job cannot be written to a target.
func (r *boardRun) checkParts(target Target) error {
	if err := target.Check(); err != nil {
		return err
	}
	piped, taken := false, map[string]bool{}
	for _, p := range r.job.parts() {
		stdin := image.Ref(p.Image).IsStdin()
		if stdin && piped {
			return classify.New(classify.Usage, "two images cannot come by the standard input")
		}
		piped = piped || stdin
		t := target
		if p.Label != "" {
			if t.Part != "" {
				return classify.WithHint(classify.New(classify.Usage, "target %s is the partition %s already: %s cannot be a partition of it", t.Name, t.Part, p.Label),
					"name another target with --target, which is a whole medium")
			}
			t.Part = p.Label
		}
		if taken[t.Part] || len(r.job.parts()) > 1 && p.Label == "" {
			return classify.WithHint(classify.New(classify.TargetUnsafe, "target %s: more than one image would be written to %s", t.Name, t),
				"each image needs a place of its own: give every part another label, and write the whole target in a run of its own")
		}
		taken[t.Part] = true
	}
	return nil
}

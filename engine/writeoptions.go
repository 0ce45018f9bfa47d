package engine

import (
	"context"
	"path/filepath"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// WriteOptions choose what Session.WriteTo writes, and where. Plain data: safe for concurrent use.
type WriteOptions struct {
	Target string      // name of a target of the policy; "" is Session.Target
	Image  string      // a file, relative to the policy's files, or a web address; "" is the job's images
	Load   LoadOptions // how U-Boot gets the parts of an image: by TFTP or over the console
}

// mediaToWrite returns the media of a write, and the staging of their images.
func (s *Session) mediaToWrite(ctx context.Context, p Prompt, o WriteOptions) ([]*medium, *staging, error) {
	if err := o.Load.checkForWrite(p); err != nil {
		return nil, nil, err
	}
	if s.choice.choosing {
		return nil, nil, classify.New(classify.ConfigPolicy, "the policy's target function writes: it only chooses the target, and flash writes")
	}
	target, err := s.targetOf(ctx, p, o)
	if err != nil {
		return nil, nil, err
	}
	if o.Image == "" || s.run.isJobImage(o.Image) {
		if err := s.run.checkParts(target); err != nil {
			return nil, nil, err
		}
		if err := s.run.staging.useAllCPUs(); err != nil {
			return nil, nil, err
		}
		return s.run.place(target, true), s.run.staging, nil
	}
	images, err := s.run.ownImage(ctx, o.Image)
	if err != nil {
		return nil, nil, err
	}
	return []*medium{s.run.ledger.place(images.images[0], "", partOn(target, ""), true)}, images, nil
}

// targetOf returns the target of a write.
func (s *Session) targetOf(ctx context.Context, p Prompt, o WriteOptions) (Target, error) {
	if o.Target == "" {
		ub, _ := p.(*uboot.UBoot)
		sh, _ := p.(*shell.Shell)
		err := s.chooseTarget(ctx, ub, sh)
		return s.Target(), err
	}
	t, ok := s.run.policy.Targets[o.Target]
	named := s.run.job.Target
	switch {
	case !ok:
		return t, classify.WithHint(classify.New(classify.ConfigPolicy, "write: board %s has no target %q", s.run.policy.Name, o.Target), "it has %s", s.run.policy.targetNames())
	case (o.Image == "" || s.run.isJobImage(o.Image)) && named != "" && named != o.Target:
		return t, classify.WithHint(classify.New(classify.ConfigPolicy, "the policy writes the image to target %s, and --target says %s", o.Target, named),
			"leave out --target if the policy chooses the target")
	}
	return t, t.Check()
}

// refOf returns the place of an image that the policy names.
func (r *boardRun) refOf(name string) image.Ref {
	if from := image.Ref(name); from.IsURL() || from.IsStdin() {
		return from
	}
	return image.Ref(r.job.path(r.policy, name))
}

// isJobImage reports whether an image that the policy names is that of the job.
func (r *boardRun) isJobImage(name string) bool {
	a, b := r.refOf(name), image.Ref(r.job.Image)
	if len(r.job.Parts) > 0 || a.IsStdin() || b == "" {
		return false
	}
	one, err := filepath.Abs(string(a))
	other, oerr := filepath.Abs(string(b))
	return a == b || !a.IsURL() && !b.IsURL() && err == nil && oerr == nil && one == other
}

// ownImage returns the staging of an image that the policy chose, which it starts if it is not staged yet.
func (r *boardRun) ownImage(ctx context.Context, name string) (*staging, error) {
	from := r.refOf(name)
	if from.IsStdin() {
		return nil, classify.New(classify.ConfigPolicy, "write: the image - is the standard input, which only the operator can choose")
	}
	if s := r.ownImages[from]; s != nil && s.isReady() && s.err == nil {
		return s, nil
	}
	if err := r.grants.canReadImage(string(from)); err != nil {
		return nil, err
	}
	s := newStaging(r.stager(imageOptions{r.job.MaxSize, r.job.Format, r.job.NoBlockMap}), r.events, &stagedImage{from: from})
	if err := s.checkExist(ctx); err != nil {
		return nil, classify.MarkFatal(err)
	}
	r.cleanups.push("image", s.start(ctx, 0))
	if r.ownImages == nil {
		r.ownImages = map[image.Ref]*staging{}
	}
	r.ownImages[from] = s
	return s, nil
}

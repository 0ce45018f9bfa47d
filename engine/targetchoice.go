package engine

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// targetChoice is the target that a policy chose in an attempt.
type targetChoice struct {
	target Target // the zero target: none yet

	// While the policy chooses: the prompt or the shell that it may use.
	choosing bool
	uboot    *uboot.UBoot
	shell    *shell.Shell
}

// choosesTarget reports whether the policy chooses the target in each attempt. A target that the operator named is
// final.
func (r *boardRun) choosesTarget() bool {
	return r.policy.ChooseTarget != nil && r.job.Target == "" && r.mode != ModeConsole
}

// chooseTarget has the policy choose the target of the job's images, if it does and has not chosen in this attempt.
func (s *Session) chooseTarget(ctx context.Context, ub *uboot.UBoot, sh *shell.Shell) error {
	if !s.run.choosesTarget() || s.checking || s.choice.choosing || s.choice.target != (Target{}) {
		return nil
	}
	s.choice = targetChoice{choosing: true, uboot: ub, shell: sh}
	name, err := s.run.policy.ChooseTarget(ctx, s, ub, sh)
	s.choice = targetChoice{}
	if err != nil {
		return err
	}
	t, ok := s.run.policy.Targets[name]
	if !ok {
		return classify.WithHint(classify.New(classify.ScriptResult, "the policy's target function chose %q, which is no target of board %s", name, s.run.policy.Name),
			"it has %s", s.run.policy.targetNames())
	}
	s.choice.target = t
	s.run.place(t, false)
	s.Note("the policy chose the target " + name)
	return nil
}

// place returns the media of the job's images on a target. asked is that of the ledger's place.
func (r *boardRun) place(t Target, asked bool) (media []*medium) {
	for _, p := range r.parts {
		media = append(media, r.ledger.place(p.stagedImage, p.label, partOn(t, p.label), asked))
	}
	return media
}

// targetNames returns the names of the targets, for people.
func (p *Policy) targetNames() string { return strings.Join(slices.Sorted(maps.Keys(p.Targets)), ", ") }

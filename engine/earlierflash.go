package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
)

// Repeats returns "" if the report of an earlier run says that this flash is done: it verified the same content of the
// images, by the same policy with the same arguments, on the same target of the board at the same port. Else it returns
// why not, for people. shared has the images, as PlanAll opened them. What a person did to the board since is
// not known.
func (f Flash) Repeats(ctx context.Context, earlier *Report, shared *SharedImages) (why string) {
	p, j := f.Policy, f.Job
	r := Engine{}.newBoardRun(p, j, j.Mode())
	if err := r.resolveArguments(ctx); err != nil {
		return "the arguments differ"
	}
	checked := earlier.Check != nil && earlier.Check.Result == CheckPassed
	switch {
	case earlier.Result != ResultVerified || earlier.Exit != ExitVerified || earlier.Mode != ModeFlash || j.Mode() != ModeFlash:
		return "it did not end verified"
	case earlier.Target.State != Verified || earlier.Board != p.Name || p.SHA256 == "" || earlier.PolicySHA256 != p.SHA256:
		return "the policy differs"
	case !sameArguments(earlier.Args, r.report.Args):
		return "the arguments differ"
	case earlier.Port != masked(r.secrets, j.Port) || earlier.Simulated != IsSimulated(j.Port):
		return "the port differs"
	case r.runsCheck() && !checked:
		return "the policy's check did not pass"
	case len(earlier.Parts) != len(j.Parts):
		return "the partitions differ"
	}
	images := shared.digests(j)
	if slices.Contains(images, "") || !slices.Equal(earlier.imageDigests(), images) {
		return "the image differs"
	}
	for i, part := range j.Parts {
		if earlier.Parts[i].Label != part.Label {
			return "the partitions differ"
		}
	}
	t, err := p.target(j.Target)
	if r.choosesTarget() || err != nil || earlier.Target.Name != t.Name {
		return "the target differs, or the policy chooses it on the board"
	}
	return ""
}

// imageDigests returns the SHA-256 of the images that a run was asked to write.
func (r *Report) imageDigests() []string {
	if len(r.Parts) == 0 {
		return []string{r.Image.SHA256}
	}
	var all []string
	for _, p := range r.Parts {
		all = append(all, p.Image.SHA256)
	}
	return all
}

// sameArguments reports whether the JSON forms are equal, because the values of an earlier run come from JSON.
func sameArguments(a, b Arguments) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

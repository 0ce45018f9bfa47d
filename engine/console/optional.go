package console

import (
	"context"
	"slices"

	"github.com/flashlua/flashlua/classify"
)

// optionalKinds are the kinds of a command that failed, or whose answer did not come. Families count.
var optionalKinds = []classify.Kind{
	classify.ConsoleTimeout, classify.ConsoleStall, classify.ConsoleEcho, classify.ConsoleGarbled, classify.ConsoleOverflow, classify.ConsoleGap,
	classify.ShellExit, classify.ShellSync, classify.UBootExit, classify.UBootSync, classify.VerifyRead, classify.NetHTTP,
}

// Optional reports whether the run may continue after an optional step failed with err. It is false for what ends
// more than the step: the end of ctx, a board or a console that is lost, an abort, a bug.
func Optional(ctx context.Context, err error) bool {
	kind := classify.Facts(err).Kind
	return context.Cause(ctx) == nil && slices.ContainsFunc(optionalKinds, kind.Is)
}

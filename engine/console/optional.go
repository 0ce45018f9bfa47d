package console

import (
	"context"
	"slices"

	"github.com/flashlua/flashlua/classify"
)

// dispensable are the kinds of a command that failed, or whose answer did not come. Families count.
var dispensable = []classify.Kind{
	classify.ConsoleTimeout, classify.ConsoleStall, classify.ConsoleEcho, classify.ConsoleGarbled, classify.ConsoleOverflow, classify.ConsoleGap,
	classify.ShellExit, classify.ShellSync, classify.UBootExit, classify.UBootSync, classify.VerifyRead, classify.NetHTTP,
}

// Optional reports whether a step that need not succeed may fail with err and the run go on. It is false for what ends more
// than the step: the end of ctx, a board or a console that is lost, a text that means failure, a bug.
func Optional(ctx context.Context, err error) bool {
	kind := classify.Facts(err).Kind
	return context.Cause(ctx) == nil && slices.ContainsFunc(dispensable, kind.Is)
}

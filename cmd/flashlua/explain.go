package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

func (env Env) explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "explain a kind of error, and what to do about it", ArgsUsage: "[KIND]",
		Description: "KIND is the kind in the last line of a failure, or a family of kinds such as net.dhcp. Without KIND, all are listed.\n\n" +
			"  flashlua explain verify.mismatch",
		OnUsageError: onUsageError,
		BashComplete: func(c *cli.Context) {
			for _, k := range classify.Kinds() {
				fmt.Fprintln(c.App.Writer, k)
			}
		},
		Action: env.explain,
	}
}

func (env Env) explain(c *cli.Context) error {
	switch c.NArg() {
	case 0:
		w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
		for _, k := range classify.Kinds() {
			fmt.Fprintf(w, "%s\t%s\t%s\n", k, classify.Kind(k).Class(), classify.Kind(k).Summary())
		}
		return stdoutError(w.Flush())
	case 1:
	default:
		return usageErrorFor("explain", "unexpected argument %q", c.Args().Get(1))
	}
	k := classify.Kind(c.Args().First())
	if !classify.Known(k) {
		return classify.WithHint(classify.New(classify.Usage, "unknown kind %q%s", k, bindings.DidYouMean(string(k), classify.Kinds())), "flashlua explain lists the kinds; scripts may define kinds of their own")
	}
	_, err := fmt.Fprint(env.Stdout, explainText(k))
	return stdoutError(err)
}

// explainText describes a kind: its meaning, class, advice and more specific kinds.
func explainText(k classify.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", k, k.Summary())
	retry := "is not retried"
	if k.Class() == classify.Retry {
		retry = "is retried"
	}
	fmt.Fprintf(&b, "  by default it %s\n", retry)
	if k.Temporary() {
		fmt.Fprintf(&b, "  before anything was touched it is exit %d: the same command may succeed later\n", engine.ExitTempFail)
	}
	if k.Advice() != "" {
		fmt.Fprintf(&b, "  what to do: %s\n", k.Advice())
	}
	var below []string
	for _, x := range classify.Kinds() {
		if x := classify.Kind(x); x != k && x.Is(k) {
			below = append(below, string(x))
		}
	}
	if len(below) > 0 {
		fmt.Fprintf(&b, "  more specific kinds: %s\n", strings.Join(below, ", "))
	}
	return b.String()
}

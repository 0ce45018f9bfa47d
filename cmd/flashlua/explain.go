package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/classify"
)

func (env Env) explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "say what a kind of error means, and what to do", ArgsUsage: "[KIND]",
		Description: "KIND is what stands in the last line of a failure, or a family of kinds, as net.dhcp. Without one, all are listed.\n\n" +
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
		return usageErrorFor("explain", "%q is one argument too many", c.Args().Get(1))
	}
	k := classify.Kind(c.Args().First())
	if !classify.Known(k) {
		return classify.WithHint(classify.New(classify.Usage, "there is no kind %q%s", k, bindings.DidYouMean(string(k), classify.Kinds())), "flashlua explain lists them; a kind that a script makes is explained by who wrote it")
	}
	_, err := fmt.Fprint(env.Stdout, explainText(k))
	return stdoutError(err)
}

// explainText describes a kind: its meaning, class, advice and more specific kinds.
func explainText(k classify.Kind) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", k, k.Summary())
	tried := "is not tried again, unless the policy says so"
	if k.Class() == classify.Retry {
		tried = "is tried again"
	}
	fmt.Fprintf(&b, "  by default it %s\n", tried)
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
		fmt.Fprintf(&b, "  of its kind: %s\n", strings.Join(below, ", "))
	}
	return b.String()
}

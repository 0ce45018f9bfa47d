package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// WriteMarkdown writes a table of the runs, and the cause, the hint and the last console lines of each failure.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("### flashlua\n\n| result | board | target | state | attempts | time |\n|---|---|---|---|---:|---:|\n")
	if v := r.command; v != nil {
		fmt.Fprintf(&b, "| %s | %s | | | | |\n", badge(outcomeOf(v), v), r.commandTitle())
	}
	for _, x := range r.runs {
		markdownRow(&b, x.title(), x.verdict, x.resumed)
		for _, f := range x.flashes() {
			markdownRow(&b, fmt.Sprintf("%s, flash %d: %s", x.title(), f.Run, visible.Line(f.Board)), f, false)
		}
	}
	if v := r.command; v != nil {
		markdownFailure(&b, r.commandTitle(), v)
	}
	for _, x := range r.runs {
		markdownFailure(&b, x.title(), x.verdict)
		for _, f := range x.flashes() {
			if outcomeOf(f) != Skipped {
				markdownFailure(&b, fmt.Sprintf("%s, flash %d", x.title(), f.Run), f)
			}
		}
	}
	for _, text := range r.allRemarks() {
		fmt.Fprintf(&b, "\n> %s\n", markdown(text))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// allRemarks returns what is missing or damaged, except what a report without a page does not show.
func (r *Report) allRemarks() []string {
	all := append([]string(nil), inlines(r.remarks)...)
	for _, x := range r.runs {
		if x.noVerdict != "" {
			all = append(all, visible.Line(x.noVerdict))
		}
	}
	return all
}

// badge shows an outcome, with the exit code of a failure.
func badge(o Outcome, v *engine.Report) string {
	mark, name := "❌", string(o)
	switch o {
	case Succeeded:
		mark, name = "✅", string(v.Result)
	case Planned:
		mark = "📋"
	case Skipped:
		mark = "⏭️"
	case Refused:
		mark = "⛔"
	}
	text := mark + " **" + markdown(visible.Line(name)) + "**"
	if v != nil && v.Exit != engine.ExitVerified && o != Skipped {
		text += fmt.Sprintf(" (exit %d)", v.Exit)
	}
	return text
}

func markdownRow(b *strings.Builder, title string, v *engine.Report, resumed bool) {
	if v == nil {
		fmt.Fprintf(b, "| %s | %s | | unknown | | |\n", badge(Killed, v), markdown(title))
		return
	}
	result := badge(outcomeOf(v), v)
	if resumed {
		result += " by an earlier run"
	}
	if v.Simulated {
		title += " (simulated)"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %s |\n", result, markdown(title), markdown(targetText(v)), markdown(visible.Line(string(v.Target.State))), v.Attempt, inSeconds(v.Duration))
}

// markdownFailure writes the cause of a failure, and the warnings of a success.
func markdownFailure(b *strings.Builder, title string, v *engine.Report) {
	o := outcomeOf(v)
	if o == Succeeded || o == Planned {
		for _, text := range append(earlierAttempts(v), prefixed("warning: ", inlines(v.Warnings))...) {
			fmt.Fprintf(b, "\n> %s: %s\n", markdown(title), markdown(text))
		}
		return
	}
	fmt.Fprintf(b, "\n#### %s: <code>%s</code>\n\n**%s**\n", markdown(title), markdown(kindOf(v)), markdown(messageOf(v)))
	if v != nil {
		for i, cause := range causes(v) {
			if i == 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(b, "- caused by: %s\n", markdown(cause))
		}
	}
	if hint := hintOf(v); hint != "" {
		fmt.Fprintf(b, "\n💡 %s\n", markdown(hint))
	}
	if v == nil {
		return
	}
	for _, text := range append(earlierAttempts(v), prefixed("also: ", inlines(v.Secondary))...) {
		fmt.Fprintf(b, "\n> %s\n", markdown(text))
	}
	if lines := lastLines(v); len(lines) > 0 {
		fmt.Fprintf(b, "\n<details><summary>The last %s of the console</summary>\n\n<pre>", plural(len(lines), "line"))
		for _, line := range lines {
			b.WriteString(literal(line) + "\n")
		}
		b.WriteString("</pre></details>\n")
	}
}

// special are the characters that can be markup or a mention within a line.
const special = "\\`*_{}[]<>#|~&\"'@"

// markdown escapes a text, so that none of it is markup or a mention.
func markdown(text string) string {
	var b strings.Builder
	for _, r := range strings.ReplaceAll(text, "\n", " ") {
		if r < 0x80 && strings.ContainsRune(special, r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// literal escapes a line in an element pre. Some readers of markdown end the element at a blank line.
func literal(line string) string {
	if strings.TrimSpace(line) == "" {
		return "&nbsp;"
	}
	return strings.ReplaceAll(html.EscapeString(line), "@", "&#64;")
}

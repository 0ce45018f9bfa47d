package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/internal/page"
	"github.com/flashlua/flashlua/engine/visible"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.js
	pageScript string
)

// retryClass is the class of a failure after which another attempt is possible. It is not shown after the last
// one.
const retryClass = "retry"

// The page, as its template sees it.
type (
	pageView struct {
		Title        string
		Style        template.CSS
		Policy       string // of the content
		Remarks      []string
		Command      *resultView
		CommandTitle string
		Runs         []runView
	}
	runView struct {
		ID       string
		Title    string
		Open     bool
		Result   resultView
		Facts    []factView
		Remarks  []string
		Timeline timelineView
		Flashes  []runView // of a program
	}
	resultView struct {
		Outcome  Outcome
		Word     string // the result, or the outcome without a verdict
		Exit     string
		State    string
		Kind     string
		Message  string
		Causes   []string
		Hint     string
		Rule     string
		Stopped  string
		Step     string
		Also     []string
		Warnings []string
		Console  string
		Detail   string
		Target   string
		Attempts string
		Time     string
		Resumed  bool
	}
	factView     struct{ Name, Value string }
	timelineView struct {
		Plan     string
		Overview template.HTML
		Attempts []attemptView
		Around   stepView
	}
	attemptView struct {
		Title, Time, Error, Kind, Decision, Wait string
		Failed, Open                             bool
		Steps                                    []stepView
		Between                                  stepView
	}
	stepView struct {
		Name, Time, Error, Kind, Retry string
		Failed                         bool
		Depth                          int
		Bar                            template.CSS
		Notes                          []string
		Plot                           *plot
		Console                        *section
		Where                          string // for the results of the search
	}
)

// WriteHTML writes a page that needs no other file. Without JavaScript it has everything but the search, and of a
// long console only the last lines of each step.
func (r *Report) WriteHTML(w io.Writer) error {
	sum := sha256.Sum256([]byte(pageScript))
	view := pageView{Title: "flashlua report", Style: page.Style(), Remarks: inlines(r.remarks)}
	view.Policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if r.command != nil {
		failure := resultOf(r.command)
		view.Command, view.CommandTitle = &failure, r.commandTitle()
	}
	c := &chunks{}
	budget := int64(maxConsoleSize / max(1, len(r.runs)))
	for i, x := range r.runs {
		one := *x // of which the remarks change
		one.remarks = slices.Clone(x.remarks)
		v, err := one.view(fmt.Sprintf("run-%d", i+1), c, budget)
		if err != nil {
			return err
		}
		v.Open = len(r.runs) == 1 || len(r.runs) <= 8 && v.Result.Outcome != Succeeded
		view.Runs = append(view.Runs, v)
	}
	if len(r.runs) == 1 && r.command == nil {
		view.Title = view.Runs[0].Title + ": " + view.Runs[0].Result.Word
	}
	t, err := template.New("page").Funcs(template.FuncMap{"join": joinInts}).Parse(pageText) // not at the start of every command
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	return writeChunks(w, c.all)
}

// writeChunks writes the end of the page: an element for each chunk, which no browser executes, and the script. A
// chunk in base64 cannot end its element.
func writeChunks(w io.Writer, all [][]byte) error {
	for i, chunk := range all {
		if _, err := fmt.Fprintf(w, "<script type=\"text/plain\" id=\"chunk-%d\">", i); err != nil {
			return err
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "</script>\n"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "<script>"+pageScript+"</script>\n</body>\n</html>\n")
	return err
}

func joinInts(all []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ","), "[]")
}

// view returns what the page shows of a run.
func (r *run) view(id string, c *chunks, budget int64) (runView, error) {
	numbers := map[int]bool{0: true}
	for _, e := range r.events {
		numbers[e.Run] = true
	}
	lines, owners := map[int]*timeline{}, map[int][]owner{}
	for n := range numbers {
		lines[n], owners[n] = timelineOf(r.events, n)
	}
	if err := r.consoles(c, budget, lines, owners); err != nil {
		return runView{}, err
	}
	v := runView{ID: id, Title: r.title(), Result: resultOf(r.verdict), Facts: r.facts(), Timeline: lines[0].view("", r.verdict), Remarks: inlines(r.remarks)}
	v.Result.Resumed = r.resumed
	if r.verdict == nil {
		v.Remarks = append([]string{visible.Line(r.noVerdict)}, v.Remarks...)
	}
	verdicts := map[int]*engine.Report{}
	for _, f := range r.flashes() {
		verdicts[f.Run], numbers[f.Run] = f, true
	}
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		f, t := verdicts[n], lines[n]
		if n == 0 || f == nil && t == nil {
			continue
		}
		if t == nil {
			t, _ = timelineOf(nil, n)
		}
		one := runView{ID: fmt.Sprintf("%s-%d", id, n), Title: fmt.Sprintf("flash %d", n), Result: resultOf(f), Timeline: t.view(fmt.Sprintf("flash %d, ", n), f)}
		if f != nil {
			one.Title += ": " + visible.Line(f.Board)
			one.Facts = factsOf(f)
		} else if r.verdict != nil {
			one.Result = resultView{Outcome: Skipped, Word: "not in the verdict"} // which has the last flashes only
		}
		one.Open = one.Result.Outcome != Succeeded && one.Result.Outcome != Skipped
		v.Flashes = append(v.Flashes, one)
	}
	return v, nil
}

// resultOf returns what the page shows of a verdict.
func resultOf(v *engine.Report) resultView {
	r := resultView{Outcome: outcomeOf(v)}
	if r.Word = string(r.Outcome); v == nil {
		r.Kind, r.Message, r.Hint, r.State = kindOf(v), noVerdict, noVerdictHint, "unknown"
		return r
	}
	if r.Outcome == Succeeded {
		r.Word = string(v.Result)
	} else if r.Outcome != Planned {
		r.Kind, r.Message, r.Hint, r.Causes = kindOf(v), messageOf(v), hintOf(v), causes(v)
		r.Step, r.Stopped, r.Detail = visible.Line(v.Step), visible.Line(v.StopReason), visible.Text(v.Detail)
		if v.Class != "" && v.Class != retryClass {
			r.Rule = visible.Line(v.Class + " by rule " + v.Rule)
		}
		r.Console = strings.Join(inlines(v.Console), "\n")
	} else {
		r.Message = messageOf(v)
	}
	r.Exit, r.State, r.Target = fmt.Sprint(int(v.Exit)), visible.Line(string(v.Target.State)), targetText(v)
	r.Attempts, r.Time = fmt.Sprint(v.Attempt), inSeconds(v.Duration)
	r.Also, r.Warnings = inlines(v.Secondary), inlines(v.Warnings)
	for _, l := range v.Lost {
		r.Warnings = append(r.Warnings, visible.Line(fmt.Sprintf("output that was not read in time is missing: %d lines of %s", l.Lines, l.Output)))
	}
	return r
}

// facts returns what is known of a run besides its result.
func (r *run) facts() []factView {
	if r.verdict == nil {
		return nil
	}
	all := factsOf(r.verdict)
	add := func(name, value string) {
		if value != "" {
			all = append(all, factView{visible.Line(name), visible.Line(value)})
		}
	}
	if at := r.started(); !at.IsZero() {
		add("started", at.Format("2006-01-02 15:04:05 UTC"))
	}
	add("station", r.verdict.Station)
	add("place", r.verdict.Place)
	add("power", r.verdict.Power)
	add("host", r.verdict.Host)
	add("script", r.verdict.Script.Path)
	add("flashlua", strings.TrimSpace(r.verdict.Version+" "+r.verdict.Commit))
	add("run id", r.verdict.RunID)
	return all
}

// factsOf returns what a verdict says besides its result.
func factsOf(v *engine.Report) (all []factView) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, factView{visible.Line(name), visible.Line(value)})
		}
	}
	add("board", strings.TrimSpace(v.Board+" "+v.Variant))
	add("mode", string(v.Mode))
	if add("port", v.Port); v.Simulated {
		add("simulated", "the board was simulated")
	}
	parts := v.Parts
	if len(parts) == 0 {
		parts = []engine.PartReport{{Image: v.Image, Target: v.Target}}
	}
	for _, p := range parts {
		text := p.Image.Path
		if p.Image.Size > 0 {
			text += ", " + inBytes(float64(p.Image.Size))
		}
		add(strings.TrimSpace("image "+p.Label), text)
		add("sha256", p.Image.SHA256)
		target := p.Target.Name
		if p.Target.Device != "" {
			target += " (" + p.Target.Device + ")"
		}
		add("target", target)
		if p.Target.Rewritten > 0 {
			add("rewritten", plural(p.Target.Rewritten, "range")+" that read back wrong at first")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Args)) {
		add("argument "+name, fmt.Sprint(v.Args[name]))
	}
	if c := v.Check; c != nil {
		add("check", strings.TrimSpace(fmt.Sprintf("%s %s%s", c.Result, c.Reason, c.Error)))
	}
	if v.Waited > 0 {
		add("waited", inSeconds(v.Waited)+" for the board")
	}
	if v.Returned != nil {
		if raw, err := json.Marshal(v.Returned); err == nil {
			add("returned", string(raw))
		}
	}
	add("policy sha256", v.PolicySHA256)
	return all
}

// view returns what the page shows of a timeline. v is its verdict, which has the attempts if there are no events.
func (t *timeline) view(prefix string, v *engine.Report) timelineView {
	view := timelineView{Plan: visible.Text(t.plan), Overview: t.overview(), Around: t.around.view(prefix, time.Time{}, 0)}
	for i, a := range t.attempts {
		one := attemptView{Title: a.title(), Time: inSeconds(a.end.Sub(a.begin)), Error: visible.Line(a.failure.Error), Kind: visible.Line(a.failure.Kind), Failed: a.failed()}
		if a.number == 0 {
			one.Title, one.Failed = "after the attempts", false
			for _, s := range a.steps {
				one.Failed = one.Failed || s.failed()
			}
		} else if !a.ended {
			one.Error = "it has no end: the run was killed"
		}
		if f := a.failure; f.Class != "" && (a.wait > 0 || f.Class != retryClass) {
			one.Decision = visible.Line(f.Class + " by rule " + f.Rule)
		}
		if a.wait > 0 {
			one.Wait = inSeconds(a.wait)
		}
		one.Open = i == len(t.attempts)-1 || len(t.attempts) <= 3
		where := prefix + a.title() + ", "
		for _, s := range a.steps {
			one.Steps = append(one.Steps, s.view(where, a.begin, a.end.Sub(a.begin)))
		}
		if a.between != t.around {
			one.Between = a.between.view(where, time.Time{}, 0)
		}
		view.Attempts = append(view.Attempts, one)
	}
	if len(t.attempts) == 0 && v != nil {
		for _, a := range v.Attempts {
			if a == nil {
				continue
			}
			one := attemptView{Title: fmt.Sprintf("attempt %d", a.Number), Time: inSeconds(a.Duration), Error: visible.Line(a.Error), Kind: visible.Line(a.Kind), Failed: a.Error != "", Wait: visible.Line(a.Wait)}
			if a.Class != "" && (a.Wait != "" || a.Class != retryClass) {
				one.Decision = visible.Line(a.Class + " by rule " + a.Rule)
			}
			view.Attempts = append(view.Attempts, one)
		}
	}
	return view
}

// view returns what the page shows of a step of an attempt.
func (s *step) view(where string, begin time.Time, attempt time.Duration) stepView {
	v := stepView{Name: visible.Line(s.name), Error: visible.Line(s.err), Kind: visible.Line(s.kind), Retry: s.retry, Depth: min(s.depth, 4), Plot: plotOf(s.progress), Console: s.console}
	v.Where = where + v.Name
	if attempt > 0 {
		v.Time, v.Failed = inSeconds(s.end.Sub(s.begin)), s.failed()
		from := 100 * s.begin.Sub(begin).Seconds() / attempt.Seconds()
		width := 100 * s.end.Sub(s.begin).Seconds() / attempt.Seconds()
		v.Bar = template.CSS(fmt.Sprintf("margin-left:%.2f%%;width:%.2f%%", min(from, 99), max(width, 0.5)))
		if !s.ended {
			v.Error = "it has no end: the run was killed"
		}
	}
	for _, e := range s.notes {
		v.Notes = append(v.Notes, noteText(e))
	}
	return v
}

// noteText describes an event that is no step.
func noteText(e engine.Event) string {
	text := visible.Text(e.Text)
	switch e.Type {
	case engine.EventNote:
	case engine.EventUnknown:
		text = "unknown error: " + visible.Text(e.Error)
	case engine.EventOutput:
		text = "output " + visible.Line(e.Output) + " " + text
	default:
		text = strings.TrimSpace(string(e.Type) + " " + text)
	}
	if e.Error != "" && e.Type != engine.EventUnknown {
		text += ": " + visible.Text(e.Error)
	}
	return e.Time.UTC().Format("15:04:05.000 ") + text
}

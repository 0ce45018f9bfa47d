package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// Finding is a mistake in a script. Plain data: safe for concurrent use while nothing changes it.
type Finding struct {
	File         string
	Line, Column int // from 1
	Message      string
	Rule         string
}

// position matches a script and a line at the beginning of an error.
var position = regexp.MustCompile(`(?:^|: )([^\s:][^:\n]*\.lua):(\d+):`)

// finding returns where the failure is, if its chain names a line of a script. Otherwise File is "".
func finding(v *engine.Report) (f Finding) {
	f.Message, f.Rule = messageOf(v), kindOf(v)
	if v != nil {
		for _, text := range append([]string{v.Error}, v.Chain...) {
			if m := position.FindStringSubmatch(text); m != nil {
				f.File = m[1]
				f.Line, _ = strconv.Atoi(m[2])
				return f
			}
		}
	}
	return f
}

// command returns a workflow command of GitHub.
func command(name, title string, f Finding, text string) string {
	var properties []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			properties = append(properties, name+"="+strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(value))
		}
	}
	add("file", visible.Line(f.File))
	add("line", strconv.Itoa(f.Line))
	add("col", strconv.Itoa(f.Column))
	add("title", visible.Line(title))
	text = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(strings.TrimSuffix(visible.Text(text), "\n"))
	if len(properties) > 0 {
		name += " "
	}
	return "::" + name + strings.Join(properties, ",") + "::" + text + "\n"
}

// WriteGitHub writes workflow commands of GitHub: an error for each failure, a notice for each success, warnings,
// and the last console lines of a failure in a group.
func (r *Report) WriteGitHub(w io.Writer) error {
	var b strings.Builder
	if v := r.command; v != nil {
		gitHubResult(&b, "stations", v)
	}
	for _, x := range r.runs {
		for _, f := range x.flashes() {
			gitHubResult(&b, fmt.Sprintf("%s, flash %d: %s", x.title(), f.Run, f.Board), f)
		}
		gitHubResult(&b, x.title(), x.verdict)
	}
	for _, text := range r.allRemarks() {
		b.WriteString(command("warning", "flashlua: incomplete artefacts", Finding{}, text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func gitHubResult(b *strings.Builder, title string, v *engine.Report) {
	switch outcomeOf(v) {
	case Succeeded:
		text := fmt.Sprintf("%s on %s in %s, %s", visible.Line(v.Image.Path), targetText(v), inSeconds(v.Duration), attempts(v.Attempt))
		if v.Mode == engine.ModeProgram {
			text = "the program ended in " + inSeconds(v.Duration)
		}
		b.WriteString(command("notice", title+": "+string(v.Result), Finding{}, text))
	case Planned:
		b.WriteString(command("notice", title+": planned", Finding{}, messageOf(v)))
		return
	case Skipped:
		b.WriteString(command("warning", title+": skipped", Finding{}, messageOf(v)))
		return
	default:
		text := []string{messageOf(v)}
		if v != nil {
			text = append(text, prefixed("Caused by: ", causes(v))...)
			text = append(text, prefixed("Also: ", inlines(v.Secondary))...)
		}
		if hint := hintOf(v); hint != "" {
			text = append(text, "Hint: "+hint)
		}
		b.WriteString(command("error", title+": "+kindOf(v), finding(v), strings.Join(text, "\n")))
	}
	if v == nil {
		return
	}
	for _, text := range append(earlierAttempts(v), inlines(v.Warnings)...) {
		b.WriteString(command("warning", title, Finding{}, text))
	}
	if lines := lastLines(v); len(lines) > 0 {
		gitHubGroup(b, "the last console lines of "+title, lines)
	}
}

// attempts returns "attempt N".
func attempts(n int) string { return fmt.Sprintf("attempt %d", n) }

// gitHubGroup writes lines in a group. No command in them is executed: the runner stops until it reads the token,
// which is a digest of the lines, so that the lines cannot contain it.
func gitHubGroup(b *strings.Builder, title string, lines []string) {
	text := strings.Join(lines, "\n")
	token := fmt.Sprintf("flashlua-%x", sha256.Sum256([]byte(text)))
	b.WriteString(command("group", "", Finding{}, visible.Line(title)))
	fmt.Fprintf(b, "::stop-commands::%s\n%s\n::%s::\n::endgroup::\n", token, text, token)
}

// WriteGitHubFindings writes findings as workflow commands of GitHub, which annotate their lines.
func WriteGitHubFindings(w io.Writer, all []Finding) error {
	var b strings.Builder
	for _, f := range all {
		b.WriteString(command("error", "flashlua check: "+f.Rule, f, f.Message))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The report of GitLab's Code Quality: a list of these.
type (
	quality struct {
		Description string          `json:"description"`
		CheckName   string          `json:"check_name"`
		Fingerprint string          `json:"fingerprint"`
		Severity    string          `json:"severity"`
		Location    qualityLocation `json:"location"`
	}
	qualityLocation struct {
		Path  string       `json:"path"`
		Lines qualityLines `json:"lines"`
	}
	qualityLines struct {
		Begin int `json:"begin"`
	}
)

// qualityOf returns an entry of a report. seen counts the entries with the same fingerprint, which must differ.
// The line is no part of the fingerprint: an older finding would be a new one after each line that is inserted
// before it.
func qualityOf(f Finding, severity, owner string, seen map[string]int) quality {
	path := filepath.ToSlash(filepath.Clean(visible.Line(f.File)))
	key := strings.Join([]string{owner, path, f.Rule, f.Message}, "\x00")
	seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
	return quality{visible.Line(f.Message), visible.Line(f.Rule), fmt.Sprintf("%x", sum[:20]), severity, qualityLocation{path, qualityLines{max(1, f.Line)}}}
}

// WriteGitLabFindings writes findings as a report of GitLab's Code Quality.
func WriteGitLabFindings(w io.Writer, all []Finding) error {
	entries, seen := []quality{}, map[string]int{}
	for _, f := range all {
		entries = append(entries, qualityOf(f, "major", "", seen))
	}
	return writeQuality(w, entries)
}

// WriteGitLab writes failures and warnings as a report of GitLab's Code Quality. Its entries need a file: the
// script that the failure names, otherwise the script of the board.
func (r *Report) WriteGitLab(w io.Writer) error {
	entries, seen := []quality{}, map[string]int{}
	add := func(owner, board string, v *engine.Report) {
		severity := map[Outcome]string{Refused: "major", Bug: "blocker", Failed: "critical", Killed: "critical", Skipped: "minor"}[outcomeOf(v)]
		if severity != "" {
			f := finding(v)
			f.File, f.Message = cmp.Or(f.File, board), owner+": "+f.Message
			if hint := hintOf(v); hint != "" {
				f.Message += "; hint: " + strings.ReplaceAll(hint, "\n", " ")
			}
			entries = append(entries, qualityOf(f, severity, owner, seen))
		}
		if v != nil {
			for _, text := range inlines(v.Warnings) {
				entries = append(entries, qualityOf(Finding{File: board, Message: owner + ": " + text, Rule: "warning"}, "minor", owner, seen))
			}
		}
	}
	if v := r.command; v != nil {
		add("flashlua", "lab.lua", v)
	}
	for _, x := range r.runs {
		add(x.title(), x.script(), x.verdict)
		for _, f := range x.flashes() {
			add(fmt.Sprintf("%s, flash %d", x.title(), f.Run), cmp.Or(f.Board, x.script()), f)
		}
	}
	return writeQuality(w, entries)
}

func writeQuality(w io.Writer, entries []quality) error {
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

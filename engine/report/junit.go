package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/visible"
)

// The elements of JUnit XML, in the order of Jenkins's schema jenkins-junit.xsd. GitLab reads of a case its name,
// classname, time, and the text of failure, error, skipped and system-out; Jenkins and the actions of GitHub also
// read attributes and properties. So the text has all that the attributes have.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Time     string       `xml:"time,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr,omitempty"`
		Hostname   string           `xml:"hostname,attr,omitempty"`
		ID         int              `xml:"id,attr"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`
		took       time.Duration
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   string        `xml:"skipped,omitempty"`
		Error     *junitFailure `xml:"error"`
		Failure   *junitFailure `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
)

// WriteJUnit writes JUnit XML: a suite for each run, in which a case is a board, or each flash of a program and
// the program.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{Name: "flashlua"}
	var took time.Duration
	add := func(s junitSuite) {
		s.ID = len(all.Suites)
		s.Time = xmlSeconds(s.took)
		for _, c := range s.Cases {
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != "":
				s.Skipped++
			}
		}
		all.Tests, all.Failures, all.Errors, took = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, took+s.took
		all.Suites = append(all.Suites, s)
	}
	if v := r.command; v != nil {
		add(junitSuite{Name: "flashlua", Cases: []junitCase{caseOf("stations", "flashlua.run", v)}})
	}
	for _, x := range r.runs {
		add(x.suite())
	}
	all.Time = xmlSeconds(took)
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	return err
}

// suite returns the suite of a run.
func (r *run) suite() junitSuite {
	s := junitSuite{Name: r.title()}
	if at := r.started(); !at.IsZero() {
		s.Timestamp = at.Format("2006-01-02T15:04:05")
	}
	class := "flashlua." + r.mode()
	v := r.verdict
	for _, f := range r.flashes() {
		s.Cases = append(s.Cases, caseOf(fmt.Sprintf("%d %s", f.Run, visible.Line(f.Board)), class+"."+r.title(), f))
	}
	c := caseOf(r.title(), class, v)
	s.Cases = append(s.Cases, c)
	if v == nil {
		s.Cases[0].Error.Text += visible.Line(r.noVerdict) + "\n"
		return s
	}
	s.took, s.Hostname = v.Duration, visible.Line(r.verdict.Host)
	s.Properties = r.properties()
	return s
}

// caseOf returns the case of a board, a flash or a program.
func caseOf(name, class string, v *engine.Report) junitCase {
	c := junitCase{Name: name, Classname: class, Time: xmlSeconds(0)}
	if v != nil {
		c.Time = xmlSeconds(v.Duration)
	}
	failure := &junitFailure{Type: kindOf(v), Message: messageOf(v), Text: describeFailure(v)}
	switch outcomeOf(v) {
	case Succeeded:
		c.SystemOut = strings.Join(append(earlierAttempts(v), prefixed("warning: ", inlines(v.Warnings))...), "\n")
	case Planned, Skipped:
		c.Skipped = messageOf(v)
		c.SystemOut = c.Skipped // Jenkins does not show the text of skipped
	case Refused, Bug, Killed:
		c.Error = failure
	default:
		c.Failure = failure
	}
	return c
}

func prefixed(prefix string, all []string) []string {
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}

// properties returns what a suite says of its run, and of each flash of a program with its number as a prefix.
func (r *run) properties() *junitProperties {
	p := &junitProperties{}
	add := func(name, value string) {
		if value != "" {
			p.All = append(p.All, junitProperty{name, visible.Line(value)})
		}
	}
	of := func(prefix string, v *engine.Report) {
		add(prefix+"board", v.Board)
		add(prefix+"variant", v.Variant)
		add(prefix+"port", v.Port)
		add(prefix+"image", v.Image.Path)
		add(prefix+"sha256", v.Image.SHA256)
		add(prefix+"policy_sha256", v.PolicySHA256)
		add(prefix+"target", v.Target.Name)
		add(prefix+"device", v.Target.Device)
		add(prefix+"target_state", string(v.Target.State))
		add(prefix+"attempts", strconv.Itoa(v.Attempt))
		add(prefix+"exit", strconv.Itoa(int(v.Exit)))
		if v.Simulated {
			add(prefix+"simulated", "true")
		}
	}
	add("version", r.verdict.Version)
	add("commit", r.verdict.Commit)
	add("run_id", r.verdict.RunID)
	add("result", string(r.verdict.Result))
	of("", r.verdict)
	for _, f := range r.flashes() {
		prefix := strconv.Itoa(f.Run) + "."
		add(prefix+"result", string(f.Result))
		of(prefix, f)
	}
	if r.resumed {
		add("resumed", "true")
	}
	return p
}

// xmlSeconds returns a duration in seconds as JUnit has it.
func xmlSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", max(0, d).Seconds()) }

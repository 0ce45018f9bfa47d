package lab

import (
	"encoding/json"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// Summary is what a run on many stations did. Its JSON form is summary.json. Plain data: safe for concurrent use while
// nothing changes it.
type Summary struct {
	Result   engine.Result    `json:"result"` // verified or planned, if all stations are; else failed
	Exit     engine.ExitCode  `json:"exit"`
	Error    string           `json:"error,omitempty"` // why no station was started
	Kind     string           `json:"kind,omitempty"`  // of Error
	Hint     string           `json:"hint,omitempty"`  // what to do about Error
	Counts   Counts           `json:"counts"`
	Started  time.Time        `json:"started"`
	Duration time.Duration    `json:"duration_ns"`
	Stations []StationSummary `json:"stations"` // in the order of the stations
}

// Counts are the numbers of stations by their results. Plain data: safe for concurrent use while nothing changes it.
type Counts struct {
	Stations int `json:"stations"`
	Verified int `json:"verified"` // with the resumed ones; in a dry run: those whose plan can work
	Resumed  int `json:"resumed"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"` // not started
}

// StationSummary is one station of a summary. Plain data: safe for concurrent use while nothing changes it.
type StationSummary struct {
	Station  string          `json:"station"`
	RunID    string          `json:"run_id"` // of its verdict
	Board    string          `json:"board"`
	Port     string          `json:"port,omitempty"`
	Result   engine.Result   `json:"result"`
	Resumed  bool            `json:"resumed"` // by an earlier run, to which the other fields belong
	Exit     engine.ExitCode `json:"exit"`
	Kind     string          `json:"kind,omitempty"`
	Error    string          `json:"error,omitempty"`
	State    engine.State    `json:"state"` // of the target
	SHA256   string          `json:"sha256,omitempty"`
	Attempts int             `json:"attempts"`
	Duration time.Duration   `json:"duration_ns"`
}

// Count returns the numbers of stations by their results.
func Count(results []Result) (c Counts) {
	c.Stations = len(results)
	for _, r := range results {
		switch {
		case r.Resumed:
			c.Resumed++
			c.Verified++
		case r.Verified():
			c.Verified++
		case r.Report.Result == engine.ResultSkipped:
			c.Skipped++
		default:
			c.Failed++
		}
	}
	return c
}

// Summarize returns the summary of results.
func Summarize(results []Result, started time.Time, took time.Duration) *Summary {
	s := &Summary{
		Result: engine.ResultFailed, Exit: Exit(results), Counts: Count(results),
		Started: started.UTC(), Duration: took, Stations: []StationSummary{},
	}
	if s.Exit == engine.ExitVerified && len(results) > 0 {
		s.Result = results[0].Report.Result
	}
	for _, r := range results {
		rep := r.Report
		s.Stations = append(s.Stations, StationSummary{
			Station: r.Station.Name, RunID: rep.RunID, Board: rep.Board, Port: rep.Port, Result: rep.Result, Resumed: r.Resumed, Exit: rep.Exit,
			Kind: rep.Kind, Error: rep.Error, State: rep.Target.State, SHA256: rep.Image.SHA256, Attempts: rep.Attempt, Duration: rep.Duration,
		})
	}
	return s
}

// Refuse records why no station was started.
func (s *Summary) Refuse(err error) {
	rep := engine.RefusedReport(err)
	s.Result, s.Exit, s.Error, s.Kind, s.Hint = rep.Result, rep.Exit, rep.Error, rep.Kind, rep.Hint
}

// MarshalIndent returns the summary: indented JSON, and a newline.
func (s *Summary) MarshalIndent() ([]byte, error) {
	raw, err := json.MarshalIndent(s, "", "  ")
	return append(raw, '\n'), err
}

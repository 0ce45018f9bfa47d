package main

import (
	"fmt"
	"time"

	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/results"
	"github.com/flashlua/flashlua/engine/visible"
)

// lastAge is how far back the last result of a station is searched.
const lastAge = 90 * 24 * time.Hour

// lastResult is the result of the last run of a station.
type lastResult struct {
	Time   time.Time `json:"time"`
	Result string    `json:"result"`
	Kind   string    `json:"kind,omitempty"` // of the failure
}

// String describes the result for people. r may be nil.
func (r *lastResult) String() string {
	if r == nil {
		return ""
	}
	text := r.Result
	if r.Kind != "" {
		text += ", " + r.Kind
	}
	return text + " " + r.Time.Local().Format("2006-01-02 15:04")
}

// lastResults returns the last result of each station in the folder of resultsVariable, none if that is not set. It
// prints what cannot be read.
func (env Env) lastResults() map[string]*lastResult {
	dir := env.getenv(resultsVariable)
	if dir == "" {
		return nil
	}
	all, remarks, err := results.Folder(dir).Read(clock.Real{}.Now().Add(-lastAge))
	if err != nil {
		remarks = append(remarks, fmt.Sprintf("the results in %s cannot be read: %v", dir, err))
	}
	for _, remark := range remarks {
		fmt.Fprintln(env.Stderr, visible.Text(remark))
	}
	last := map[string]*lastResult{}
	for _, r := range all {
		if before := last[r.Station]; r.Station != "" && (before == nil || before.Time.Before(r.Time)) {
			last[r.Station] = &lastResult{r.Time, r.Result, r.Kind}
		}
	}
	return last
}

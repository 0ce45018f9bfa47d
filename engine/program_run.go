package engine

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// maxRuns bounds the flashes in a program's report. A program may run for days.
const maxRuns = 1000

// maxReturned bounds the JSON of what a program returns, in bytes.
const maxReturned = 1 << 20

// runName names a run within a program: its number, from 1, and its board and port.
type runName struct {
	number      int
	board, port string
	shared      bool // other runs of the program take place at the same time
}

// name adds the name to an event.
func (n runName) name(e *Event) {
	e.Run, e.Board, e.Port, e.Shared = n.number, n.board, n.port, n.shared
}

// ProgramRun is one flash of a program. Its events and its report have its number. One goroutine at a time uses
// it.
type ProgramRun struct {
	program *Program
	name    runName
}

// NewRun returns the next flash of the program.
func (p *Program) NewRun() *ProgramRun {
	return &ProgramRun{program: p, name: runName{number: p.runs.next()}}
}

// Describe sets the names of the board and of its console port, which the events have from then on.
func (x *ProgramRun) Describe(board, port string) {
	x.name.board, x.name.port = board, masked(x.program.run.secrets, port)
}

// Note sends a text for people to the events of the program, with the name of the flash.
func (x *ProgramRun) Note(text string) {
	e := Event{Type: EventNote, Text: text}
	x.name.name(&e)
	x.program.run.events.emit(e)
}

// programRuns are the reports of the flashes of a program. Safe for concurrent use.
type programRuns struct {
	mu       sync.Mutex // guards what follows
	begun    int
	reports  []*Report
	returned any
}

func (r *programRuns) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	return r.begun
}

func (r *programRuns) add(rep *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reports = append(r.reports, rep); len(r.reports) > maxRuns {
		r.reports[0] = nil
		r.reports = r.reports[1:]
	}
}

// report adds the reports to that of the program.
func (r *programRuns) report(rep *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rep.Runs, rep.Returned = append([]*Report(nil), r.reports...), r.returned
}

// Return sets what the program returns: nil, or what encoding/json decodes JSON to. It returns an error for a
// value that is too large for a report.
func (p *Program) Return(v any) error {
	raw, err := json.Marshal(v)
	if err == nil && len(raw) > maxReturned {
		err = fmt.Errorf("it has %d bytes as JSON, more than %d", len(raw), maxReturned)
	}
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.ScriptResult, "what the program returned cannot be part of the verdict"),
			"return a table of texts, numbers, booleans and such tables, or nothing")
	}
	p.runs.mu.Lock()
	defer p.runs.mu.Unlock()
	p.runs.returned = v
	return nil
}

// maskedValue returns v, as encoding/json decodes JSON, without the secrets.
func maskedValue(secrets *console.Secrets, v any) any {
	switch v := v.(type) {
	case string:
		return masked(secrets, v)
	case []any:
		all := make([]any, len(v))
		for i, x := range v {
			all[i] = maskedValue(secrets, x)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for k, x := range v {
			all[masked(secrets, k)] = maskedValue(secrets, x)
		}
		return all
	}
	return v
}

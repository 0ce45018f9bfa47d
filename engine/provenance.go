package engine

import (
	"crypto/rand"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// SchemaVersion is the version of the format of verdict and events. A version adds fields; only the next one may
// change or remove a field.
const SchemaVersion = 1

// ModulePath is the path of the module of flashlua.
const ModulePath = "github.com/flashlua/flashlua"

// Script is the Lua script that describes a board, or is a program. Plain data: safe for concurrent use.
type Script struct {
	Path   string `json:"path"`   // of its file, boards/NAME.lua for a board that comes with flashlua
	SHA256 string `json:"sha256"` // of its text, hex
}

// Build is the version of flashlua in the running process. Plain data: safe for concurrent use.
type Build struct {
	Version  string    // of the module, as Go prints it; "(devel)" if it is not known
	Commit   string    // of the repository, hex; "" if it is not known
	Date     time.Time // of the commit; the zero time if it is not known
	Modified bool      // the source differs from that of the commit
}

// ReadBuild returns the version of flashlua in the running process, also as a module of another program. Safe for
// concurrent use.
var ReadBuild = sync.OnceValue(func() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildOf(&debug.BuildInfo{})
	}
	return buildOf(info)
})

// buildOf returns the version of flashlua in a program.
func buildOf(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version}
	if info.Main.Path != ModulePath {
		b.Version = ""
		for _, m := range info.Deps {
			if m.Path == ModulePath {
				b.Version = m.Version
			}
		}
	} else {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			case "vcs.time":
				b.Date, _ = time.Parse(time.RFC3339, s.Value)
			}
		}
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

// NewRunID returns a name for a run: 26 letters and digits at random.
func NewRunID() string { return rand.Text() }

// identify sets what every report has: the format, the run, the program and the host that made it.
func (r *Report) identify(runID string) {
	b := ReadBuild()
	r.Schema, r.RunID, r.Version, r.Commit = SchemaVersion, runID, b.Version, b.Commit
	r.Host, _ = os.Hostname()
}

// EndAt sets the end of a run that has none, and the beginning of one that did not begin.
func (r *Report) EndAt(at time.Time) {
	if r.Ended == "" {
		r.Ended = timeOf(at)
	}
	if r.Started == "" {
		r.Started = r.Ended
	}
}

// EndEvent returns the event that ends the run.
func (r *Report) EndEvent(at time.Time) Event {
	return Event{Time: at, Type: EventEnd, RunID: r.RunID, Text: string(r.Result), Error: r.Error, Kind: r.Kind, Rule: r.Rule}
}

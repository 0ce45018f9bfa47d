package engine

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/transport"
)

// Job is what the operator asks of a board's run. Plain data: safe for concurrent use while nothing changes it.
type Job struct {
	Image    string            // file or web address
	SHA256   string            // that the image must have, hex, or KIND:HEX of another digest; "" for any
	MaxSize  int64             // bytes that an image may have, decompressed; 0 is no limit
	Format   string            // of all image files, one of Formats; "" is "auto"
	Parts    []Part            // partitions to write, in this order, instead of Image
	Station  string            // name of the station in a lab, which the run holds; "" holds the consoles alone
	Place    string            // of a coordinator, for the report: what it has is Port and Power; "" is none
	Port     string            // console, as transport.Open takes it
	Consoles map[string]string // ports of the policy's other consoles, by name
	Power    string            // as power.Open takes it
	Outputs  map[string]string // drivers of the policy's outputs, by name, as power.Open takes them
	Target   string            // "" is the policy's default
	FilesDir string            // "" is the policy's own
	Files    map[string]string // files of the station instead of the policy's, by name; FilesDir is not their base
	TFTPDir  string            // root of an existing TFTP server, for the policy's files; "" is a server of the run
	Retries  *int              // nil is the policy's
	Timeout  time.Duration     // 0 is the policy's total

	Args       map[string]string // values of the policy's arguments, by name
	SecretArgs []string          // names in Args whose values no record may show

	NoBlockMap bool // ignore block maps next to the images
	Strict     bool // what is only a warning otherwise is an error
	NoCheck    bool // skip the policy's Check
	VerifyOnly bool // compare the medium with the image, and write nothing
	DryRun     bool // check the plan, and open no port, server or power driver
}

// Part is an image for a partition of the target, or for all of it.
// Plain data: safe for concurrent use while nothing changes it.
type Part struct {
	Label  string // of the partition; "" is the whole target
	Image  string // file or web address
	SHA256 string // that the image must have, hex, or KIND:HEX of another digest; "" for any
}

// parts returns what the job is to write.
func (j Job) parts() []Part {
	if len(j.Parts) > 0 {
		return j.Parts
	}
	return []Part{{Image: j.Image, SHA256: j.SHA256}}
}

// file returns the path of a policy's file on the station.
func (j Job) file(p *Policy, name string) string {
	if replaced, ok := j.Files[name]; ok {
		return replaced
	}
	return j.path(p, p.Files[name].Path)
}

// path returns where a file of the policy is on the station.
func (j Job) path(p *Policy, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cmp.Or(j.FilesDir, p.Dir), path)
}

// appended returns the path on the station of the file that is appended to a policy's file, "" if there is none.
func (j Job) appended(p *Policy, name string) string {
	path := p.Files[name].Append
	if path == "" {
		return ""
	}
	return j.path(p, path)
}

// checkFiles returns an error if a file that is to be replaced is none of the policy's.
func (j Job) checkFiles(p *Policy) error {
	for _, name := range slices.Sorted(maps.Keys(j.Files)) {
		if _, ok := p.Files[name]; ok {
			continue
		}
		known := slices.Sorted(maps.Keys(p.Files))
		if len(known) == 0 {
			return classify.New(classify.Usage, "board %s has no files, and so no file %q to replace", p.Name, name)
		}
		return classify.WithHint(classify.New(classify.Usage, "board %s has no file %q to replace", p.Name, name), "it has %s", knownNames(name, known))
	}
	return nil
}

// Mode is the purpose of a run, as its report names it. Its values are constants: safe for concurrent use.
type Mode string

// The modes.
const (
	ModeFlash   Mode = "flash"
	ModeVerify  Mode = "verify"
	ModeDryRun  Mode = "dry-run"
	ModeConsole Mode = "console"
	ModeProgram Mode = "program"
	ModeWrite   Mode = "write" // of a medium of the station
)

// Mode returns the purpose of the job.
func (j Job) Mode() Mode {
	switch {
	case j.DryRun:
		return ModeDryRun
	case j.VerifyOnly:
		return ModeVerify
	}
	return ModeFlash
}

// withSchemes returns the job with the scheme of each port that is the bare path of a device.
func (j Job) withSchemes() Job {
	j.Port = transport.WithScheme(j.Port)
	j.Consoles = maps.Clone(j.Consoles)
	for name, spec := range j.Consoles {
		j.Consoles[name] = transport.WithScheme(spec)
	}
	return j
}

// Connections returns all ports and drivers of the job, as the operator named them.
func (j Job) Connections() []string {
	return slices.Concat([]string{j.Port, j.Power}, slices.Sorted(maps.Values(j.Outputs)), slices.Sorted(maps.Values(j.Consoles)))
}

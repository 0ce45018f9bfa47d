package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
)

// remoteProtocol is the version of the messages: both sides must have the same one.
const remoteProtocol = 1

// remoteRequest says what to run on another host.
type remoteRequest struct {
	Protocol       int
	Args           []string // command line after the program's name
	RunID          string
	Station        string            // of the lab; "" is none
	Env            map[string]string // variables
	Secrets        map[string]string // by the values env:NAME and file:PATH of the command line that name them
	Files          []remoteFile
	Stdout, Stderr terminalSize
	Events         bool // the events are wanted
	Transcript     bool // the transcript is wanted
	Stdin          bool // the standard input is the image
}

// remoteFile is a file that the run reads.
type remoteFile struct {
	Name   string // relative to the folder of the run
	SHA256 string
	Size   int64

	path string // here
}

// remoteInterrupt is a request to end a run.
type remoteInterrupt struct {
	Name   string // SIGINT
	Number int
}

// outsidePrefix begins the path, in the folder of a run, of a file that has no path below the working directory.
const outsidePrefix = ".outside"

// remoteName returns the path of a file in the folder of a run: the same one for a path below the working directory.
func remoteName(path string) string {
	if filepath.IsLocal(path) {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return outsidePrefix + filepath.Clean(path)
}

// localName replaces the paths that remoteName returned by the original ones.
func localName(text string) string { return strings.ReplaceAll(text, outsidePrefix+"/", "/") }

// remoteVariables are the variables of the environment that a run on another host gets from here: those of labgrid,
// which name a coordinator of the user, and those of the terminal.
func (env Env) remoteVariables() map[string]string {
	all := map[string]string{}
	for _, name := range []string{"LG_COORDINATOR", "LG_USERNAME", "LG_HOSTNAME", "LG_PROXY", "LG_TOKEN", "TERM", "CI", "NO_COLOR"} {
		all[name] = env.getenv(name)
	}
	return all
}

// keptHere are the flags that mean nothing on the other host.
var keptHere = []string{"on", "on-binary", "lab", "out", "verdict", "events", "transcript", "results", "junit", "summary"}

// notSent are the flags that the other host does not get: keptHere, and those that only variables and defaults can set,
// because the run of one board does not take them.
var notSent = slices.Concat(keptHere, onlyForMany, onlyForPrograms)

// remoteRequestOf returns the request for a job. It reads the secrets.
func (env Env) remoteRequestOf(c *cli.Context, s loadedScript, job engine.Job) (remoteRequest, error) {
	r := remoteRequest{Protocol: remoteProtocol, Station: job.Station, Env: env.remoteVariables(), Secrets: map[string]string{}, Stdin: job.Image == "-"}
	paths := map[string]string{} // by the name of the remote file
	name := func(path string) string {
		paths[filepath.Clean(remoteName(path))] = path
		return remoteName(path)
	}
	script := s.spec
	if !s.script.Embedded {
		if script = name(s.spec); !isScript(script) {
			script = "./" + script
		}
	}
	for _, file := range filesOfScript(s.script, s.spec) {
		name(filepath.Join(filepath.Dir(s.spec), file))
	}
	files := job.StationFiles(s.script.Policy)
	for _, path := range files.Images {
		name(path)
	}
	r.Args = []string{c.Command.Name}
	for _, boot := range slices.Sorted(maps.Keys(files.BootFiles)) {
		if path := files.BootFiles[boot]; name(path) != path || job.Files[boot] != "" {
			r.Args = append(r.Args, "--file="+boot+"="+remoteName(path))
		}
	}
	for _, boot := range slices.Sorted(maps.Keys(files.Appended)) {
		path := files.Appended[boot]
		dir := cmp.Or(job.FilesDir, filepath.Dir(s.spec))
		if below, err := filepath.Rel(dir, path); err != nil || !filepath.IsLocal(below) {
			return r, usageError("--on: the file %s, which is appended to files.%s, is not in the folder %s", path, boot, dir)
		}
		name(path)
	}
	for _, f := range c.Command.Flags {
		flag := f.Names()[0]
		if !c.IsSet(flag) || flag == "file" || slices.Contains(notSent, flag) {
			continue
		}
		var values []string
		if _, ok := f.(*cli.GenericFlag); ok { // for which Value panics
			values = *c.Generic(flag).(*repeated)
		} else {
			values = []string{fmt.Sprint(c.Value(flag))}
		}
		for _, v := range values {
			r.Args = append(r.Args, "--"+flag+"="+env.remoteValue(&r, flag, v, job, files.Images))
		}
	}
	r.Args = append(r.Args, "--", script)
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		r.Files = append(r.Files, remoteFile{Name: name, path: paths[name]})
	}
	return r, nil
}

// remoteValue returns the value of a flag as the other host needs it, and adds the secret that it names to the request.
func (env Env) remoteValue(r *remoteRequest, flag, value string, job engine.Job, images []string) string {
	mapped := func(path string) string {
		if slices.Contains(images, path) {
			return remoteName(path)
		}
		return path
	}
	key, rest, _ := strings.Cut(value, "=")
	switch flag {
	case "image":
		return mapped(value)
	case "part":
		label, file, _ := strings.Cut(value, ":")
		return label + ":" + mapped(file)
	case "files":
		return remoteName(value)
	case "sha256":
		return job.SHA256
	case "arg", "set":
		if isSecretRef(rest) {
			if secret, err := env.readSecret(rest); err == nil { // an error of a value that is a secret was one before
				r.Secrets[rest] = secret
			}
		}
		return key + "=" + rest
	}
	return value
}

// hashFiles sets the sizes and digests of the files.
func (r *remoteRequest) hashFiles() error {
	for i := range r.Files {
		f := &r.Files[i]
		in, err := openRegular(f.path)
		if err != nil {
			return err
		}
		f.SHA256, f.Size, err = digestOf(in)
		in.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// loadedScript is a script that a command line names, or that of its station.
type loadedScript struct {
	cli     *cli.Context // with the fields of the station
	spec    string
	station *chosen // nil is none
	script  *bindings.Script
	options bindings.Options
}

// stationName returns the name of the station, "" without one.
func (s loadedScript) stationName() string {
	if s.station == nil {
		return ""
	}
	return "station " + s.station.Name
}

// takes reports whether the script takes a flag.
func (s loadedScript) takes(flag string) bool {
	if s.script.Program != nil {
		return slices.Contains(programFlags, flag)
	}
	return !slices.Contains(onlyForPrograms, flag) && !slices.Contains(onlyForMany, flag)
}

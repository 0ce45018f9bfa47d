package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// remoteRunName is the command that a flashlua of another host starts. It is not for people: it reads and writes
// frames.
const remoteRunName = "remote-run"

// remoteSilence is how long the other host may be silent. It sends a ping every pingTime.
const (
	remoteSilence = time.Minute
	pingTime      = 5 * time.Second
)

// remoteRun runs a command line for a flashlua of another host: it reads frames from the standard input and writes
// frames to the standard output. The loss of the connection ends the run as SIGHUP does. cache is the folder for files.
func (env Env) remoteRun(cache remoteCache) int {
	clk := clock.Real{}
	signals, stop := env.Signals()
	defer stop()
	out := &frameWriter{w: env.Stdout}
	refused := func(err error) int {
		out.write(frameRefused, []byte(err.Error()))
		return int(engine.ExitPlan)
	}
	request, err := readRequest(env.stdin())
	if err != nil {
		return refused(err)
	}
	dir, remove, err := receiveFiles(env.Stdin, out, cache, request, clk.Now())
	if err != nil {
		return refused(err)
	}
	defer remove()
	if err := os.Chdir(dir); err != nil {
		return refused(err)
	}
	defer os.Chdir("/")
	r := newRemoteRunner(env, request, out)
	defer r.close()
	if request.Stdin {
		if err := r.openStdin(); err != nil {
			return refused(err)
		}
	}
	go r.readSignals(signals)
	go r.readFrames(clk, env.Stdin)
	out.write(frameRunning, nil)
	code := r.env(env).run()
	r.sendEnd(clk, code)
	return code
}

// readRequest reads the request, which is the first frame.
func readRequest(in io.Reader) (r remoteRequest, err error) {
	kind, payload, err := readFrame(in)
	switch {
	case err != nil:
		return r, err
	case kind != frameRequest:
		return r, fmt.Errorf("%s is for flashlua run --on alone", remoteRunName)
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return r, err
	}
	if r.Protocol != remoteProtocol {
		return r, fmt.Errorf("this flashlua is of another version: it has the messages %d, and the request has %d", remoteProtocol, r.Protocol)
	}
	return r, nil
}

// receiveFiles receives the files that are missing, and returns the folder of the run with all files.
func receiveFiles(in io.Reader, out *frameWriter, cache remoteCache, r remoteRequest, now time.Time) (dir string, remove func(), err error) {
	if err := cache.prepare(now); err != nil {
		return "", nil, err
	}
	missing, sent := []int{}, map[string]bool{}
	for i, f := range r.Files {
		if err := f.check(); err != nil {
			return "", nil, err
		}
		if !sent[f.SHA256] && !cache.has(f, now) {
			missing, sent[f.SHA256] = append(missing, i), true
		}
	}
	if err := out.writeJSON(frameMissing, missing); err != nil {
		return "", nil, err
	}
	for _, i := range missing {
		if err := cache.receive(r.Files[i], &fileReader{in: in}); err != nil {
			return "", nil, err
		}
	}
	if dir, remove, err = cache.newRun(); err != nil {
		return "", nil, err
	}
	for _, f := range r.Files {
		if err := cache.place(f, dir); err != nil {
			remove()
			return "", nil, err
		}
	}
	return dir, remove, nil
}

// fileReader reads the content of a file from frames.
type fileReader struct {
	in   io.Reader
	rest []byte
}

func (r *fileReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		kind, payload, err := readFrame(r.in)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the connection ended: %w", io.ErrUnexpectedEOF)
		case kind == frameFileEnd:
			return 0, io.EOF
		case kind == frameFile:
			r.rest = payload
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// env returns the environment of the command line.
func (r *remoteRunner) env(env Env) Env {
	own := env.withoutVariables().Getenv // the request has the values that the environment of the other host gave
	env.Args = append([]string{"flashlua"}, r.request.Args...)
	env.Stdin = r.stdin
	env.Stdout = &frameOutput{r.out, frameStdout, r.request.Stdout}
	env.Stderr = &frameOutput{r.out, frameStderr, r.request.Stderr}
	env.remote = r
	env.Getenv = func(name string) string {
		if value, ok := r.request.Env[name]; ok {
			return value
		}
		return own(name)
	}
	env.Terminal = func(w io.Writer) int { return sizeOf(w).Width }
	env.Height = func(w io.Writer) int { return sizeOf(w).Height }
	return env
}

func sizeOf(w io.Writer) terminalSize {
	if o, ok := w.(*frameOutput); ok {
		return o.size
	}
	return terminalSize{}
}

// executable returns the path of this program, to copy it to another host.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

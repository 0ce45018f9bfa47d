package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

func onFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on", Usage: "run on another `HOST`, ssh:HOST, with its ports, power and network; the files of this one are copied there"},
		&cli.StringFlag{Name: "on-binary", Usage: "flashlua of the same version for the host of --on, `FILE`", DefaultText: "this program"},
	}
}

// runOn runs the command on the host of --on. The run there prints, and sends its artefacts.
func (env Env) runOn(c *cli.Context) error {
	inv, end := env.begin(clock.Real{})
	defer end()
	out, err := until(inv, drainTime, func() (artefacts, error) { return env.openArtefacts(c, inv.clk) })
	defer out.close()
	env = env.apart(out)
	if err == nil {
		var r *remoteClient
		if r, err = env.startOn(inv, c, out); err == nil {
			report, lost := r.follow(inv)
			if lost {
				return env.finish(inv, report, out)
			}
			env.saveOutputs(inv, report, out)
			if report.Exit != 0 {
				return exitCode(report.Exit)
			}
			return nil
		}
	}
	return env.finish(inv, refusal(c, inv.clk, out, err), out)
}

// startOn starts the run on the host of --on: when it returns, all files are there.
func (env Env) startOn(inv *invocation, c *cli.Context, out artefacts) (*remoteClient, error) {
	host, err := parseRemoteHost(c.String("on"))
	if err != nil {
		return nil, err
	}
	level, err := levelOf(c)
	if err != nil {
		return nil, err
	}
	p := env.newPrinter(inv.clk, level)
	defer p.end()
	s, err := env.loadScript(inv, c, out, p.note, func(string) {}) // the run there prints what the script prints
	if err != nil {
		return nil, err
	}
	for _, text := range env.describeVariables(s.cli, s.stationName(), s.takes) {
		p.note(text)
	}
	if s.script.Program != nil {
		return nil, usageError("%s is a program: --on is for a board's policy", s.script.File)
	}
	job, err := jobOf(s.cli)
	if err == nil {
		err = env.readArguments(s.cli, &job)
	}
	if err != nil {
		return nil, err
	}
	if s.station != nil {
		job.Station = s.station.Name
	}
	request, err := env.remoteRequestOf(s.cli, s, job)
	if err != nil {
		return nil, err
	}
	request.RunID = out.runID
	request.Events, request.Transcript = true, out.transcript != nil
	request.Stdout, request.Stderr = env.sizeOf(env.Stdout), env.sizeOf(env.Stderr)
	r := &remoteClient{env: env, out: out, script: s.script.File, mode: modeOf(c.Command.Name, job.DryRun), image: engine.MaskAddress(job.Image)}
	program, err := until(inv, 0, func() (remoteProgram, error) {
		if err := request.hashFiles(); err != nil {
			return remoteProgram{}, err
		}
		return newRemoteProgram(c.String("on-binary"))
	})
	if err != nil {
		return nil, err
	}
	if r.conn, err = connect(inv.Context, host, program, p.note); err != nil {
		return nil, err
	}
	if err := r.send(inv.Context, request, p); err != nil {
		r.conn.close()
		return nil, err
	}
	return r, nil
}

func (env Env) sizeOf(w io.Writer) (s terminalSize) {
	if s.Width = env.Terminal(w); s.Width > 0 && env.Height != nil {
		s.Height = env.Height(w)
	}
	return s
}

// remoteClient is the side of a run on another host that asked for it.
type remoteClient struct {
	env    Env
	conn   *remoteConn
	out    artefacts
	script string
	mode   engine.Mode
	image  string

	attempt int // the last one that an event named
	taken   chan struct{}
}

// send sends the request and the files that are missing there. It returns when the run there begins.
func (r *remoteClient) send(ctx context.Context, request remoteRequest, p *printer) error {
	stop := context.AfterFunc(ctx, func() { r.conn.cmd.Process.Kill() })
	defer stop()
	err := r.sendRequest(request, p)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (r *remoteClient) sendRequest(request remoteRequest, p *printer) error {
	failed := func(err error) error {
		if code := r.conn.close(); code != 0 {
			return r.conn.host.connectError(code, r.conn.stderr.String())
		}
		return classify.Wrap(err, classify.RemoteUnavailable, "the connection to %s ended before the run began", r.conn.host)
	}
	if err := r.conn.frames.writeJSON(frameRequest, request); err != nil {
		return failed(err)
	}
	for {
		kind, payload, err := readFrame(r.conn.stdout)
		if err != nil {
			return failed(err)
		}
		switch kind {
		case frameRunning:
			return nil
		case frameRefused:
			return classify.WithHint(classify.New(classify.RemoteStart, "flashlua on %s cannot run: %s", r.conn.host, visible.Line(string(payload))),
				"~/.cache/flashlua there must be writable, with space for the image")
		case frameMissing:
			var missing []int
			if err := json.Unmarshal(payload, &missing); err != nil {
				return failed(err)
			}
			if err := r.sendFiles(request.Files, missing, p); err != nil {
				if classify.Facts(err).Kind != "" {
					return err
				}
				return failed(err)
			}
		}
	}
}

// sendFiles sends files. Their progress is that of a step.
func (r *remoteClient) sendFiles(files []remoteFile, missing []int, p *printer) error {
	for _, i := range missing {
		f, err := openRegular(files[i].path)
		if err != nil {
			return err
		}
		err = r.sendFile(f, files[i], p)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *remoteClient) sendFile(f *os.File, file remoteFile, p *printer) error {
	if file.Size >= largeFile {
		p.note("copying " + file.path + " to " + r.conn.host.String())
	}
	buf := make([]byte, fileChunk)
	for done := int64(0); ; {
		n, err := f.Read(buf)
		if n > 0 {
			if err := r.conn.frames.write(frameFile, buf[:n]); err != nil {
				return err
			}
			if done += int64(n); file.Size >= largeFile {
				p.event(engine.Event{Time: p.clk.Now(), Type: engine.EventProgress, Text: "copy", Done: done, Total: file.Size})
			}
		}
		if err == io.EOF {
			return r.conn.frames.write(frameFileEnd, nil)
		}
		if err != nil {
			return classify.Wrap(err, classify.ImageRead, "%s cannot be read", file.path)
		}
	}
}

// largeFile is the size in bytes from which the copy of a file is shown.
const largeFile = 1 << 20

package main

import (
	"context"
	"encoding/json"
	"io"
	"syscall"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/visible"
)

// follow passes on the outputs of the run there until it ends, and returns its report. Signals here go there. If the
// connection is lost, follow returns a report that says so: the state of the board is not known then.
func (r *remoteClient) follow(inv *invocation) (report *engine.Report, lost bool) {
	over := make(chan struct{})
	defer close(over)
	r.taken = make(chan struct{}, stdinWindow)
	go r.sendSignals(inv, over)
	go r.sendPings(inv.clk, over)
	if r.image == "-" {
		go r.sendStdin(r.env.stdin(), over)
	}
	code := -1
	for code < 0 {
		kind, payload, err := readFrame(r.conn.stdout)
		if err != nil {
			break
		}
		switch kind {
		case frameReport:
			report = &engine.Report{}
			if json.Unmarshal([]byte(localName(string(payload))), report) != nil {
				report = nil
			}
		case frameExit:
			if json.Unmarshal(payload, &code) != nil {
				code = -1
			}
		default:
			r.pass(kind, payload)
		}
	}
	if code < 0 || report == nil || int(report.Exit) != code || code == 0 && report.Result == engine.ResultFailed {
		r.conn.cmd.Process.Kill()
		r.conn.close()
		return r.lost(), true
	}
	r.conn.close()
	return report, false
}

// pass writes one piece of an output.
func (r *remoteClient) pass(kind frameKind, payload []byte) {
	text := payload
	if kind != frameTranscript {
		text = []byte(localName(string(payload)))
	}
	switch kind {
	case frameStdout:
		r.env.Stdout.Write(text)
	case frameStderr:
		r.env.Stderr.Write(text)
	case frameEvent:
		var e engine.Event
		if json.Unmarshal(text, &e) == nil {
			r.attempt = max(r.attempt, e.Attempt)
			r.out.results.event(e)
		}
		if r.out.events != nil {
			r.out.events.Write(text)
		}
	case frameTranscript:
		if r.out.transcript != nil {
			r.out.transcript.Write(text)
		}
	case frameStdinTaken:
		<-r.taken
	}
}

// lost returns the report of a run whose connection was lost. It did not succeed, and the board may have been touched.
func (r *remoteClient) lost() *engine.Report {
	said := ""
	if text := r.conn.stderr.String(); text != "" {
		said = ": " + visible.Line(lastLine(text))
	}
	err := classify.WithHint(classify.New(classify.RemoteLost, "the connection to %s was lost during the run%s", r.conn.host, said),
		"the run there ends by itself and sets the power; then read the medium with flashlua verify --on ssh:%s, or flash again", r.conn.host)
	report := engine.RefusedReport(err)
	report.Mode, report.Board, report.Image.Path = r.mode, r.script, r.image
	report.Attempt, report.Target.State, report.Exit = max(r.attempt, 1), engine.Unknown, engine.ExitFatal
	report.Retry = false
	r.out.event(report.EndEvent(clock.Real{}.Now()))
	return report
}

// sendSignals sends the first two requests to end there.
func (r *remoteClient) sendSignals(inv *invocation, over <-chan struct{}) {
	select {
	case <-inv.Done():
	case <-over:
		return
	}
	number := int(engine.RefusedReport(context.Cause(inv)).Exit - engine.ExitSignal)
	request := remoteInterrupt{exitSignals[syscall.Signal(number)], number}
	r.conn.frames.writeJSON(frameInterrupt, request)
	select {
	case <-inv.signalContext.hurry:
		r.conn.frames.writeJSON(frameInterrupt, request)
	case <-over:
	}
}

// sendPings sends a ping every pingTime, so that the host notices the loss of the connection.
func (r *remoteClient) sendPings(clk clock.Clock, over <-chan struct{}) {
	for {
		late, stop := clock.After(clk, pingTime)
		select {
		case <-late:
		case <-over:
			stop()
			return
		}
		if r.conn.frames.write(framePing, nil) != nil {
			return
		}
	}
}

// sendStdin sends the standard input, at most stdinWindow pieces ahead of what was taken there.
func (r *remoteClient) sendStdin(in io.Reader, over <-chan struct{}) {
	send := func(piece []byte) bool {
		select {
		case r.taken <- struct{}{}:
			return r.conn.frames.write(frameStdin, piece) == nil
		case <-over:
			return false
		}
	}
	buf := make([]byte, fileChunk)
	for in != nil {
		n, err := in.Read(buf)
		if n > 0 && !send(buf[:n]) {
			return
		}
		if err != nil {
			break
		}
	}
	send(nil)
}

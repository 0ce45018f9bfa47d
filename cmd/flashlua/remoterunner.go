package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
)

// stdinWindow is how many frames of the standard input may be on their way.
const stdinWindow = 16

// remoteRunner is a run for another host. Its outputs are frames, and frames end it. It is safe for concurrent use.
type remoteRunner struct {
	request remoteRequest
	out     *frameWriter
	exit    func(code int)
	stdin   *os.File    // nil without
	input   chan []byte // of stdin; an empty one is its end

	ctx    context.Context // cancelled by the first request to end
	cancel context.CancelCauseFunc
	hurry  chan struct{} // closed by the second request
	lost   chan struct{} // closed when the connection is lost
	done   chan struct{} // closed by close

	verdictIn, verdictOut *os.File // a pipe
	reported              chan struct{}

	mu       sync.Mutex // guards requests
	requests int
}

func newRemoteRunner(env Env, request remoteRequest, out *frameWriter) *remoteRunner {
	r := &remoteRunner{
		request: request, out: out, exit: env.Exit, input: make(chan []byte, stdinWindow),
		hurry: make(chan struct{}), lost: make(chan struct{}), done: make(chan struct{}), reported: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

func (r *remoteRunner) close() {
	close(r.done)
	r.cancel(nil)
}

// interrupt handles a request to end the run: the first one cancels it, the second one lets it wait for the power
// driver alone, and a further one ends the process.
func (r *remoteRunner) interrupt(i remoteInterrupt) {
	r.mu.Lock()
	r.requests++
	n := r.requests
	r.mu.Unlock()
	switch n {
	case 1:
		r.cancel(engine.InterruptedBy(i.Name, i.Number))
	case 2:
		close(r.hurry)
	default:
		r.exit(int(engine.ExitSignal) + i.Number)
	}
}

// readSignals handles the signals of this process.
func (r *remoteRunner) readSignals(signals <-chan os.Signal) {
	for {
		select {
		case s := <-signals:
			r.interrupt(remoteInterrupt{exitSignals[s], signalNumber(s)})
		case <-r.done:
			return
		}
	}
}

// readFrames handles the frames of the other host until the connection is lost, which ends the run. The other host
// sends pings, so that its silence is noticed, too.
func (r *remoteRunner) readFrames(clk clock.Clock, in io.Reader) {
	alive := make(chan struct{}, 1)
	go func() {
		defer close(alive)
		for {
			kind, payload, err := readFrame(in)
			if err != nil {
				return
			}
			r.handle(kind, payload)
			select {
			case alive <- struct{}{}:
			default:
			}
		}
	}()
	for silent := false; !silent; {
		late, stop := clock.After(clk, remoteSilence)
		select {
		case _, ok := <-alive:
			silent = !ok
		case <-late:
			silent = true
		case <-r.done:
			stop()
			return
		}
		stop()
	}
	close(r.lost)
	if r.ctx.Err() == nil {
		r.interrupt(remoteInterrupt{"the loss of the connection (SIGHUP)", int(syscall.SIGHUP)})
	}
}

func (r *remoteRunner) handle(kind frameKind, payload []byte) {
	switch kind {
	case frameInterrupt:
		var i remoteInterrupt
		if json.Unmarshal(payload, &i) == nil {
			r.interrupt(i)
		}
	case frameStdin:
		select {
		case r.input <- payload:
		default: // more than the window
		}
	}
}

// openStdin starts to pass on the standard input of the other host.
func (r *remoteRunner) openStdin() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	r.stdin = read
	go func() {
		defer write.Close()
		for {
			select {
			case p := <-r.input:
				if len(p) == 0 {
					return
				}
				if _, err := write.Write(p); err != nil {
					return
				}
				r.out.write(frameStdinTaken, nil)
			case <-r.done:
				return
			}
		}
	}()
	return nil
}

// artefacts returns the outputs that the request names. The verdict is always one.
func (r *remoteRunner) artefacts(clk clock.Clock) (a artefacts, err error) {
	a.verdict, a.runID = &verdict{}, r.request.RunID
	if r.verdictIn, r.verdictOut, err = os.Pipe(); err != nil {
		return a, err
	}
	a.verdict.f = r.verdictOut
	go func() {
		defer close(r.reported)
		text, err := io.ReadAll(r.verdictIn)
		if err == nil && len(text) > 0 {
			r.out.write(frameReport, text)
		}
	}()
	if r.request.Events {
		a.events = newSink("events", &frameOutput{frames: r.out, kind: frameEvent}, eventsMark(clk, a.runID))
	}
	if r.request.Transcript {
		a.transcript = newSink("transcript", &frameOutput{frames: r.out, kind: frameTranscript}, transcriptMark(clk))
	}
	return a, nil
}

// sendEnd sends the exit code after everything else. It ends early if the connection is lost.
func (r *remoteRunner) sendEnd(clk clock.Clock, code int) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if r.verdictOut != nil {
			r.verdictOut.Close()
			<-r.reported
		}
		r.out.writeJSON(frameExit, code)
	}()
	select {
	case <-sent:
	case <-r.lost:
		late, stop := clock.After(clk, briefTime)
		defer stop()
		select {
		case <-sent:
		case <-late:
		}
	}
}

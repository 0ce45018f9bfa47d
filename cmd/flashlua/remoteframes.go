package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// frameKind is the kind of a message between a flashlua and the one that runs for it on another host.
type frameKind byte

const (
	// To the other host.
	frameRequest   frameKind = 'q' // remoteRequest as JSON, first
	frameFile      frameKind = 'f' // part of the content of a file that is missing there
	frameFileEnd   frameKind = 'z' // the end of that file
	frameStdin     frameKind = 'i' // part of the standard input; empty is its end
	frameInterrupt frameKind = 's' // a request to end: remoteInterrupt as JSON
	framePing      frameKind = 'p' // the connection exists

	// From the other host.
	frameMissing    frameKind = 'n' // indexes of the files that are missing there, as JSON
	frameRunning    frameKind = 'g' // all files are there, and the run begins
	frameRefused    frameKind = 'u' // the request cannot be served: the message
	frameStdout     frameKind = 'o'
	frameStderr     frameKind = 'e'
	frameEvent      frameKind = 'v' // a line of the events
	frameTranscript frameKind = 't' // a line of the transcript
	frameStdinTaken frameKind = 'a' // a frameStdin was taken
	frameReport     frameKind = 'r' // the verdict
	frameExit       frameKind = 'x' // the exit code as JSON, last
)

// maxFrame is the longest payload in bytes. The longest ones are verdicts, and what a queue of a sink holds.
const maxFrame = 64 << 20

// fileChunk is the payload in bytes of a frame of a file.
const fileChunk = 256 << 10

// frameWriter writes frames. It is safe for concurrent use.
type frameWriter struct {
	mu sync.Mutex // one frame at a time is written to w
	w  io.Writer
}

func (f *frameWriter) write(kind frameKind, payload []byte) error {
	frame := make([]byte, 5, 5+len(payload))
	frame[0] = byte(kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.w.Write(append(frame, payload...))
	return err
}

func (f *frameWriter) writeJSON(kind frameKind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(kind, payload)
}

// readFrame reads one frame. Its error at the end of r between two frames is io.EOF.
func readFrame(r io.Reader) (frameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a message of %d bytes", n)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return frameKind(head[0]), payload, nil
}

// frameOutput writes each text as a frame of one kind. It is the standard output or error of a run for another host.
type frameOutput struct {
	frames *frameWriter
	kind   frameKind
	size   terminalSize
}

func (o *frameOutput) Write(p []byte) (int, error) {
	if err := o.frames.write(o.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// terminalSize is the size of a terminal, zero for anything else.
type terminalSize struct{ Width, Height int }

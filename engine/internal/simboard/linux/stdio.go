package linux

import (
	"context"
	"io"
	"sync"
)

// keyboard is the terminal as a command's standard input.
type keyboard struct {
	t   *terminal
	ctx context.Context
}

func (k keyboard) Read(b []byte) (int, error) { return k.t.readLine(k.ctx, b) }

// buffers are the buffers of transfer: no more of an image than one is in memory at a time.
var buffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// transfer copies a stream. It returns the error of the reader and that of the writer.
func transfer(ctx context.Context, w io.Writer, r io.Reader) (readErr, writeErr error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for ctx.Err() == nil {
		n, err := r.Read(*buf)
		if n > 0 {
			if _, werr := w.Write((*buf)[:n]); werr != nil {
				return nil, werr
			}
		}
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
	return context.Cause(ctx), nil
}

// copyOut copies a stream and returns what failed.
func (p *process) copyOut(w io.Writer, r io.Reader) error {
	readErr, writeErr := transfer(p.ctx, w, r)
	if readErr != nil {
		return readErr
	}
	return writeErr
}

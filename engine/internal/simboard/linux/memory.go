package linux

import (
	"bufio"
	"io"
	"strings"
	"syscall"
)

// holding counts what a program keeps of its input: it may keep as much as the board's RAM disk holds.
type holding struct{ used int }

// keep counts a line that is kept, and reports whether there is room for it.
func (m *holding) keep(line string) bool {
	m.used += len(line) + 16 // a string's own size
	return m.used <= treeLimit
}

// forget counts a line that is not kept any more.
func (m *holding) forget(line string) { m.used -= len(line) + 16 }

// readLine reads a line with its end, or fails if it does not fit into memory.
func readLine(in *bufio.Reader) (string, error) {
	var line strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		if line.Len()+len(part) > treeLimit {
			return "", syscall.ENOMEM
		}
		line.Write(part)
		if err != bufio.ErrBufferFull {
			return line.String(), err
		}
	}
}

// kept is an output that the shell collects in memory, for `$(…)`.
type kept struct {
	io.Writer
	size interface{ Len() int }
}

// keptOutput limits the size of an output that the shell collects.
func keptOutput(w io.Writer) io.Writer {
	if size, ok := w.(interface{ Len() int }); ok {
		return kept{w, size}
	}
	return w
}

func (k kept) Write(p []byte) (int, error) {
	if k.size.Len()+len(p) > treeLimit {
		return 0, syscall.ENOMEM
	}
	return k.Writer.Write(p)
}

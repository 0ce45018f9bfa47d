package linux

import (
	"bufio"
	"io"
	"strings"
	"syscall"
)

// holding is what a program may keep of what it reads: as much as the board's RAM disk holds.
type holding struct{ used int }

// keep counts a line that is kept, and reports whether there is room for it.
func (m *holding) keep(line string) bool {
	m.used += len(line) + 16 // a string's own size
	return m.used <= treeLimit
}

// forget counts a line that is kept no more.
func (m *holding) forget(line string) { m.used -= len(line) + 16 }

// readLine reads a line with its end, of a length that fits into memory.
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

// kept is an output that the shell keeps, for `$(…)`.
type kept struct {
	io.Writer
	size interface{ Len() int }
}

// keptOutput bounds an output, if it is one that the shell keeps.
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

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
)

// artefactBegins is how each artefact begins, by its flag.
var artefactBegins = map[string]*regexp.Regexp{
	"verdict":    regexp.MustCompile(`^\{\s*"result": "`),
	"events":     regexp.MustCompile(`^\{"time":"`),
	"transcript": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [<>#] `),
}

// foreign returns an error if the file at path has content that is not such an artefact: flashlua did not make it, and
// must not remove it. An empty file has nothing to lose.
func foreign(path, flag string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO without a writer would hang
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return err
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if n > 0 && !artefactBegins[flag].Match(head[:n]) {
		return fmt.Errorf("%s would be replaced, and flashlua did not make it: move it away, or name another path", path)
	}
	return nil
}

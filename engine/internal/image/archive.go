package image

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// archive lists the members of an archive, of which exactly one must be a file: the image. Directories do not
// count, nor what macOS adds.
type archive struct {
	tool    string // command that unpacks FILE
	first   string // the file that is the image
	files   []string
	members int // that count, files or not
	special string
}

// maxNamed is how many members a message names.
const maxNamed = 8

// add adds a member that is no directory. It reports whether it is the image.
func (a *archive) add(name string, isFile bool) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "._") || base == ".DS_Store" || strings.HasPrefix(strings.TrimPrefix(name, "./"), "__MACOSX/") {
		return false
	}
	if a.members++; len(a.files) < maxNamed {
		a.files = append(a.files, clip([]byte(strings.ToValidUTF8(name, "?")), 80))
	}
	if !isFile {
		a.special = name
	}
	if a.members == 1 && isFile {
		a.first = name
		return true
	}
	return false
}

// check returns an error unless the archive has exactly one member, a file.
func (a *archive) check() error {
	if a.members == 1 && a.special == "" {
		return nil
	}
	return &archiveError{a}
}

// archiveError is the error of an archive that is no packed image.
type archiveError struct{ *archive }

func (e *archiveError) Error() string {
	var b strings.Builder
	switch {
	case e.members == 0:
		return "there is no file in it"
	case e.members == 1:
		return fmt.Sprintf("what is in it is no file: %q", e.special)
	}
	fmt.Fprintf(&b, "it has %d files: %q", e.members, e.files[0])
	for _, name := range e.files[1:] {
		fmt.Fprintf(&b, ", %q", name)
	}
	if more := e.members - len(e.files); more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// errMember is the error of an archive whose member cannot be unpacked here.
var errMember = errors.New("its file is encrypted, or compressed in a way that is not known here")

// member is implemented by the content of an archive.
type member interface {
	memberName() string // path of the file in the archive
}

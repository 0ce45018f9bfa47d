package input

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnlyRegularFilesAreOpened: opening anything else is an error and does not wait.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(in("file"), []byte("12345"), 0o600), unix.Mkfifo(in("fifo"), 0o600), unix.Mkfifo(in("written"), 0o600),
		os.Symlink("fifo", in("link")), os.Symlink("file", in("good")), os.Mkdir(in("folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(in("written"), os.O_RDWR, 0) // a FIFO with a writer that writes nothing
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	l, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, tt := range []struct {
		path  string
		limit int64
		want  string // the end of the content, or of the error
		err   bool
	}{
		{in("file"), 5, "12345", false},
		{in("good"), 9, "12345", false},
		{in("file"), 4, "it has more than 4 bytes", true},
		{in("fifo"), 9, ErrNotRegular.Error(), true},
		{in("written"), 9, ErrNotRegular.Error(), true},
		{in("link"), 9, ErrNotRegular.Error(), true},
		{in("folder"), 9, ErrNotRegular.Error(), true},
		{os.DevNull, 9, ErrNotRegular.Error(), true},
		{in("socket"), 9, "no such device or address", true},
		{in("missing"), 9, "no such file or directory", true},
	} {
		got, err := Read(tt.path, tt.limit)
		if err != nil {
			got = []byte(err.Error())
		}
		if (err != nil) != tt.err || !strings.HasSuffix(string(got), tt.want) {
			t.Errorf("Read(%s, %d) = %s, %v; want %s", filepath.Base(tt.path), tt.limit, got, err, tt.want)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"process 12 (flashlua)\n":            "process 12 (flashlua)",
		"\x1b]0;title\x07a\x00b\x9bc\nd":     "]0;titleab?c",
		strings.Repeat("x", 100):             strings.Repeat("x", 24),
		"\n\n two\r\n":                       "two",
		"\u202eright to left\u2028 \u200b x": "right to left",
	} {
		if got := Line(strings.NewReader(text), 24); got != want {
			t.Errorf("Line(%q, 24) = %q; want %q", text, got, want)
		}
	}
}

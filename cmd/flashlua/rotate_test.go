package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestATranscriptIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.log")
	r, err := newRotating(path)
	if err != nil {
		t.Fatal(err)
	}
	r.limit = 10
	for _, line := range []string{"one\n", "two\n", "three\n", "a line that is longer than all\n", "four\n"} {
		if n, err := r.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	r.Close()
	for p, want := range map[string]string{path: "four\n", aside(path): "a line that is longer than all\n"} {
		if got, err := os.ReadFile(p); string(got) != want {
			t.Errorf("%s: %q, %v; want %q", p, got, err, want)
		}
	}
	null, err := newRotating(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	null.limit = 1
	for range 3 {
		if _, err := null.Write([]byte("line\n")); err != nil {
			t.Error(err)
		}
	}
}

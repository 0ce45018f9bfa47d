package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/console"
)

// TestForeignKnowsArtefacts holds that artefactPrefix matches what a run writes.
func TestForeignKnowsArtefacts(t *testing.T) {
	var transcript bytes.Buffer
	console.NewTranscript(&transcript).Note(time.Unix(0, 0), "a remark")
	event, err := json.Marshal(engine.Event{Type: engine.EventNote})
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := (&engine.Report{}).MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string][]byte{"verdict": verdict, "events": event, "transcript": transcript.Bytes()}
	for flag := range artefactNames {
		for of, text := range made {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := checkArtefact(path, flag); (err == nil) != (of == flag) {
				t.Errorf("checkArtefact(%q, %s) = %v; want success %t", text, flag, err, of == flag)
			}
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, t.TempDir(), filepath.Join(t.TempDir(), "gone")} {
		if err := checkArtefact(path, "events"); err != nil {
			t.Errorf("checkArtefact(%s) = %v; want nil", path, err)
		}
	}
}

// TestATranscriptIsRotated holds that each part of a transcript begins with its first line, which names the run.
func TestATranscriptIsRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.log")
	r, err := newRotatingFile(path)
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
	for p, want := range map[string]string{path: "one\nfour\n", rotatedName(path): "one\na line that is longer than all\n"} {
		if got, err := os.ReadFile(p); string(got) != want {
			t.Errorf("%s: %q, %v; want %q", p, got, err, want)
		}
	}
	null, err := newRotatingFile(os.DevNull)
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

// TestARotatedTranscriptReplacesNoOtherFile holds that a file NAME.1 that is no transcript is not replaced,
// whether it existed before the run or was created during it.
func TestARotatedTranscriptReplacesNoOtherFile(t *testing.T) {
	for _, tt := range []struct {
		name, there string
		ok          bool
	}{
		{"notes", "my notes\n", false},
		{"a log with times", "2026-11-28 10:00:00 started\n", false},
		{"an image", "\x00\x00\x00", false},
		{"an empty file", "", true},
		{"a transcript", "2026-11-28T10:00:00.000Z < U-Boot 2026.01\n", true},
		{"the end of a transcript that was cut", "2026-11-28T10:00:00.000Z # x", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.log")
			put := func(p, text string) {
				if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			put(path, "2026-11-27T10:00:00.000Z < before\n")
			put(rotatedName(path), tt.there)
			if r, err := newRotatingFile(path); (err == nil) != tt.ok {
				t.Errorf("newRotatingFile = %v; want success %t", err, tt.ok)
			} else if err == nil {
				r.Close()
			}
			if got, _ := os.ReadFile(path); !tt.ok && len(got) == 0 {
				t.Error("the refused run truncated the existing transcript")
			}
			os.Remove(rotatedName(path))
			r, err := newRotatingFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { r.Close() }()
			r.limit = 1
			put(rotatedName(path), tt.there)
			for i := range 3 {
				if _, err := r.Write([]byte("line\n")); (err == nil) != (tt.ok || i == 0) {
					t.Errorf("Write %d = %v; want success %t", i, err, tt.ok)
				}
			}
			if got, _ := os.ReadFile(rotatedName(path)); (string(got) != tt.there) != tt.ok {
				t.Errorf("NAME.1 = %q; want %q", got, tt.there)
			}
		})
	}
	image := filepath.Join(t.TempDir(), "t.log.1")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newRotatingFile(image[:len(image)-2], image); err == nil {
		t.Error("newRotatingFile = nil; want an error: the run reads NAME.1")
	}
}

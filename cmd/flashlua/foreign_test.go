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

// TestForeignKnowsArtefacts holds artefactBegins to what a run writes.
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
			if err := foreign(path, flag); (err == nil) != (of == flag) {
				t.Errorf("foreign(%q, %s) = %v; want success %t", text, flag, err, of == flag)
			}
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, t.TempDir(), filepath.Join(t.TempDir(), "gone")} {
		if err := foreign(path, "events"); err != nil {
			t.Errorf("foreign(%s) = %v; want nil", path, err)
		}
	}
}

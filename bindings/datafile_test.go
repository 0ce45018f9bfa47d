package bindings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestDataFiles loads data files of the embedder's file system and of the station, and refuses those that are too
// long.
func TestDataFiles(t *testing.T) {
	const script = `local d = json.load("d/x.json") return { name = d.name, flash = function() end }`
	const data = "\ufeff{ \"name\": \"bench\" }"
	long := data + strings.Repeat(" ", maxDataFile)
	files := fstest.MapFS{"b/board.lua": {Data: []byte(script)}, "b/d/x.json": {Data: []byte(data)}}
	if p, err := Load("b/board.lua", Options{FS: files}); err != nil || p.Name != "bench" {
		t.Errorf("Load = %v, %v; want the policy bench", p, err)
	}
	files["b/d/x.json"].Data = []byte(long)
	if _, err := Load("b/board.lua", Options{FS: files}); err == nil || !strings.Contains(err.Error(), "it has more than 4194304 bytes") {
		t.Errorf("Load with a long file = %v; want a refusal", err)
	}
	if _, err := LoadText("board.lua", script, Options{}); err == nil || !strings.Contains(err.Error(), "the script lies in no folder") {
		t.Errorf("LoadText = %v; want a refusal", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct{ name, text string }{{"board.lua", script}, {"d/x.json", long}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(filepath.Join(dir, "board.lua"), Options{}); err == nil || !strings.Contains(err.Error(), "it has more than 4194304 bytes") {
		t.Errorf("Load with a long file on the station = %v; want a refusal", err)
	}
}

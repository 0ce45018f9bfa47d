package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutDirOfAnotherRun holds that a run that finds its directory of --out in use is refused, and leaves what is
// there.
func TestOutDirOfAnotherRun(t *testing.T) {
	dir := t.TempDir()
	image, out := filepath.Join(dir, "x.raw"), filepath.Join(dir, "out")
	if err := os.WriteFile(image, []byte("an image"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := claimOutDir(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdict := filepath.Join(out, artefactNames["verdict"])
	if err := os.WriteFile(verdict, []byte(`{ "result": "verified"`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", "sim", "--image", image, "--port", "sim:", "--dry-run"},
		{"run", "sim", "--no-such-flag"},
	} {
		var stdout, stderr strings.Builder
		env := Env{
			Args: append([]string{"flashlua"}, args...), Stdout: &stdout, Stderr: &stderr, Signals: noSignals,
			Terminal: func(io.Writer) int { return 0 },
			Getenv: func(name string) string {
				return map[string]string{"FLASHLUA_OUT": out, "FLASHLUA_LOCKS": dir, cacheVariable: "none"}[name]
			},
		}
		if code := env.run(); code != 2 {
			t.Errorf("%q beside another run = %d; want 2\n%s", args, code, &stderr)
		}
		if args[len(args)-1] == "--dry-run" && !strings.Contains(stderr.String(), "another run writes to it") {
			t.Errorf("%q prints\n%s\nwant that another run writes to the directory", args, &stderr)
		}
		if text, err := os.ReadFile(verdict); err != nil || string(text) != `{ "result": "verified"` {
			t.Errorf("verdict of the other run = %q, %v; want it unchanged", text, err)
		}
	}
	lock.Close()
	if lock, err = claimOutDir(out, nil); err != nil {
		t.Errorf("claimOutDir after the end of the other run: %v", err)
	}
	lock.Close()
}

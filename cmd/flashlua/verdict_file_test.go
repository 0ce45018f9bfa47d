package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnlyWhatAKilledRunLeftIsRemoved holds that removeStaleVerdicts leaves all other files with similar names.
func TestOnlyWhatAKilledRunLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	alive, err := newVerdictTemp(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	kept := []string{
		filepath.Base(alive.Name()), ".verdict-mine", ".verdict-123", ".verdict-00000000-1", verdictTempPrefix() + "notes", verdictTempPrefix() + "7.bak", "verdict.json",
		verdictTempPrefix() + "folder", verdictTempPrefix() + "22", verdictTempPrefix() + "33", verdictTempPrefix() + "44", "other",
	}
	for _, name := range kept[1:] {
		switch name {
		case verdictTempPrefix() + "folder":
			err = os.Mkdir(path(name), 0o700)
		case verdictTempPrefix() + "22":
			err = unix.Mkfifo(path(name), 0o600)
		case verdictTempPrefix() + "33":
			err = os.Symlink("other", path(name))
		case "other":
			err = os.Link(path(verdictTempPrefix()+"44"), path(name))
		default:
			err = os.WriteFile(path(name), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		f, err := newVerdictTemp(dir)
		if err != nil {
			t.Fatal(err)
		}
		f.Close() // drops the lock, as the end of the process does
	}
	removeStaleVerdicts(dir)
	var got []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(kept)
	if !slices.Equal(got, kept) {
		t.Errorf("files = %q, %v; want %q", got, err, kept)
	}
}

// TestVerdictKeepsItsLock holds that a verdict is not taken for that of a killed run before it has its name.
func TestVerdictKeepsItsLock(t *testing.T) {
	dir := t.TempDir()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				removeStaleVerdicts(dir)
			}
		}
	}()
	for range 100 {
		v, err := openVerdict(filepath.Join(dir, "verdict.json"), nil)
		if err == nil {
			err = v.put([]byte("{}"))
		}
		if err != nil {
			t.Errorf("put() = %v; want no error", err)
			break
		}
	}
	close(stop)
	<-done
}

package engine

import (
	"os"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

func TestOverlaps(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		files map[string]File
		sizes map[string]int64
		want  string // names of the files that are reported, with a part of each text
		hint  string
	}{
		"apart":              {map[string]File{"a": {Address: 0x1000}, "b": {Address: 0x2000}}, map[string]int64{"a": 0x1000}, "", ""},
		"one byte too many":  {map[string]File{"a": {Address: 0x1000}, "b": {Address: 0x2000}}, map[string]int64{"a": 0x1001}, "b: a has 4097 bytes and takes 0x1000 to 0x2001, b begins at 0x2000", "from 0x10000 on"},
		"the same address":   {map[string]File{"a": {Address: 0x2000}, "b": {Address: 0x2000}}, nil, "b: both begin at 0x2000", "from 0x10000 on"},
		"within":             {map[string]File{"big": {Address: 16 * mib}, "in": {Address: 17 * mib}}, map[string]int64{"big": 8 * mib, "in": 5}, "in: big has 8388608 bytes", "from 0x1800000 on"},
		"not the next one":   {map[string]File{"a": {Address: 0}, "b": {Address: 0x100}, "c": {Address: 0x5000}}, map[string]int64{"a": 0x6000}, "b: a has; c: a has", "from 0x10000 on"},
		"sizes are unknown":  {map[string]File{"a": {Address: 0x1000}, "b": {Address: 0x1001}}, nil, "", ""},
		"one at a variable":  {map[string]File{"a": {Address: 0}, "b": {Variable: "loadaddr"}}, map[string]int64{"a": 0x1000}, "", ""},
		"the same variable":  {map[string]File{"a": {Variable: "loadaddr"}, "b": {Variable: "loadaddr"}}, nil, "b: both begin at ${loadaddr}", "the address of another variable"},
		"the end of a space": {map[string]File{"a": {Address: 1<<32 - 1}, "b": {Address: 1 << 32}}, map[string]int64{"a": 1}, "", ""},
	} {
		p := &Policy{Name: "p", Files: tt.files, LoadsAllFiles: true}
		found := p.Overlaps(func(name string) int64 { return tt.sizes[name] })
		want := strings.Split(tt.want, "; ")
		if tt.want == "" {
			want = nil
		}
		if len(found) != len(want) {
			t.Errorf("%s: Overlaps() = %v; want %q", name, found, want)
			continue
		}
		for i, o := range found {
			file, text, _ := strings.Cut(want[i], ": ")
			f := classify.Facts(o.Err)
			if o.Name != file || !strings.Contains(o.Err.Error(), text) || f.Kind != classify.ConfigPolicy || i == 0 && !strings.Contains(f.Hint, tt.hint) {
				t.Errorf("%s: overlap %d = %s: %v, hint %q; want %q, hint %q", name, i, o.Name, o.Err, f.Hint, want[i], tt.hint)
			}
		}
		p.LoadsAllFiles = false
		if found := p.Overlaps(func(string) int64 { return mib }); found != nil {
			t.Errorf("%s: Overlaps() of a policy that loads single files = %v; want none", name, found)
		}
	}
}

// TestPlanRefusesOverlaps holds that the sizes on the station count, and that files which are loaded together are
// checked before a load.
func TestPlanRefusesOverlaps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(dir+"/"+name, make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &Policy{Name: "p", Dir: dir, Files: map[string]File{"a": {Path: "a", Address: 0x1000}, "b": {Path: "b", Address: 0x2000}}, LoadsAllFiles: true}
	if _, err := findBootFiles(t.Context(), clock.Real{}, p, Job{}); classify.Facts(err).Kind != classify.ConfigPolicy {
		t.Errorf("findBootFiles of files that overlap = %v; want an error of kind %s", err, classify.ConfigPolicy)
	}
	p.LoadsAllFiles = false
	files, err := findBootFiles(t.Context(), clock.Real{}, p, Job{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		names []string
		kind  classify.Kind
	}{{[]string{"a", "b"}, classify.ConfigPolicy}, {nil, classify.ConfigPolicy}, {[]string{"b"}, ""}} {
		all, err := files.list(p, tt.names)
		if err == nil {
			err = checkFilesApart(all, 0)
		}
		if got := classify.Facts(err).Kind; got != tt.kind {
			t.Errorf("checkFilesApart(%q) = %v; want an error of kind %q", tt.names, err, tt.kind)
		}
	}
	small := []bootFile{{name: "a", File: File{Address: 0x1000}, size: 1}, {name: "b", File: File{Address: 0x1200}, size: 1}}
	if err := checkFilesApart(small, 0); err != nil {
		t.Errorf("checkFilesApart of files that are apart = %v; want nil", err)
	}
	if err := checkFilesApart(small, minHTTP); classify.Facts(err).Kind != classify.ConfigPolicy {
		t.Errorf("checkFilesApart of files that are apart by less than a load writes = %v; want an error of kind %s", err, classify.ConfigPolicy)
	}
}

package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// TestFindBootFiles: the files are found in the folder of the job or the policy, and each has a TFTP name of its
// own.
func TestFindBootFiles(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, path := range []string{dir + "/Image", dir + "/sub/Image", other + "/Image"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(path), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	policy := &Policy{Name: "b", Dir: dir, Files: map[string]File{"kernel": {Path: "Image"}, "other": {Path: dir + "/sub/Image"}}}
	for _, tt := range []struct {
		job  Job
		path string
	}{{Job{}, dir + "/Image"}, {Job{FilesDir: other}, other + "/Image"}} {
		found, err := findBootFiles(t.Context(), clock.Real{}, policy, tt.job)
		if err != nil {
			t.Fatal(err)
		}
		f := found.files["kernel"]
		if f.Path != tt.path || f.tftpName != "Image" || f.size != int64(len(tt.path)) || found.files["other"].tftpName != "other-Image" {
			t.Errorf("findBootFiles with FilesDir %q = %+v; want kernel at %s as Image, other as other-Image", tt.job.FilesDir, found.files, tt.path)
		}
	}
	job := Job{FilesDir: other, Files: map[string]string{"kernel": dir + "/sub/Image"}}
	found, err := findBootFiles(t.Context(), clock.Real{}, policy, job)
	if f := found.files["kernel"]; err != nil || f.Path != dir+"/sub/Image" {
		t.Errorf("findBootFiles with another kernel = %+v, %v; want %s", found.files, err, dir+"/sub/Image")
	}
	for name, want := range map[string]classify.Kind{"kernel": classify.ImageMissing, "kernle": classify.Usage} {
		job.Files = map[string]string{name: dir + "/none"}
		if _, err := findBootFiles(t.Context(), clock.Real{}, policy, job); classify.Facts(err).Kind != want {
			t.Errorf("findBootFiles with another %s = %v; want an error of kind %s", name, err, want)
		}
	}
	policy.Files["kernel"] = File{Path: "sub"}
	if _, err := findBootFiles(t.Context(), clock.Real{}, policy, Job{}); classify.Facts(err).Kind != classify.ImageMissing {
		t.Errorf("findBootFiles of a folder = %v; want an error of kind %s", err, classify.ImageMissing)
	}
}

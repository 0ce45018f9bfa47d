package image

import (
	"fmt"
	"testing"
)

// TestRefMasksItself holds that no verb that a message uses shows the secrets of an address.
func TestRefMasksItself(t *testing.T) {
	for ref, want := range map[Ref]string{
		"disk.img.xz":                     "disk.img.xz",
		Stdin:                             "-",
		"http://me:s3cret@host/a?key=abc": "http://host/a?…",
		"https://me:s3cret/x@host/":       "https://…",
	} {
		if got := fmt.Sprint(ref); got != want {
			t.Errorf("Sprint(%q) = %q; want %q", string(ref), got, want)
		}
		if got := fmt.Sprintf("%s %v %q", ref, ref, ref); got != fmt.Sprintf("%s %s %q", want, want, want) {
			t.Errorf("Sprintf of %q = %q; want %q three times", string(ref), got, want)
		}
	}
}

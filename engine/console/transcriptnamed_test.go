package console

import (
	"strings"
	"testing"
	"time"
)

// TestTranscriptNamed holds that the lines of two consoles do not mix, and that a secret of one is masked in both.
func TestTranscriptNamed(t *testing.T) {
	var out strings.Builder
	first := NewTranscript(&out)
	secrets := NewSecrets()
	first.Hide(secrets)
	mcu := first.Named("mcu")
	at := time.Unix(0, 0)
	first.Record(at, false, []byte("U-Bo"))
	mcu.Record(at, false, []byte("ready\nbo"))
	first.Record(at, false, []byte("ot\n"))
	mcu.Record(at, true, []byte("pin\n"))
	secrets.Add("s3cret")
	first.Record(at, false, []byte("s3cret\n"))
	mcu.Record(at, false, []byte("s3cret\n"))
	mcu.Note(at, "on")
	mcu.Record(at, false, []byte("end"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	const want = `mcu < ready
< U-Boot
mcu < bo
mcu > pin
< ********
mcu < ********
mcu # on
mcu < end
`
	if got := strings.ReplaceAll(out.String(), "1970-01-01T00:00:00.000Z ", ""); got != want {
		t.Errorf("transcript = %s; want %s", got, want)
	}
}

package labfile

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

const (
	stubFile = "../../../scripts/meta/flashlua.lua"
	document = "../../../docs/lab.md"
)

var (
	fieldRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(.*?)` \\| (.*) \\|$")
	stubPart = regexp.MustCompile(`(?s)^(.*-- begin of the station:[^\n]*\n)(.*?)(-- end of the station\n.*)$`)
	link     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestStubHasEveryField holds docs/lab.md to the fields that are read, and the stub's class of a station to the
// meanings in that document. UPDATE=1 writes the class.
func TestStubHasEveryField(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	rows := fieldRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(fields) {
		t.Fatalf("%s describes %d fields; want %d", document, len(rows), len(fields))
	}
	var want strings.Builder
	want.WriteString("---@class flashlua.station a board of a lab, and what connects it\n")
	for i, f := range fields {
		name, kind, meaning := rows[i][1], strings.ReplaceAll(rows[i][2], `\|`, "|"), rows[i][3]
		if name != f.Name || kind != string(f.Kind) {
			t.Errorf("row %d of %s = %s, %s; want %s, %s", i+1, document, name, kind, f.Name, f.Kind)
		}
		if name != "board" {
			name += "?"
		}
		fmt.Fprintf(&want, "---%s\n---@field %s %s\n", link.ReplaceAllString(meaning, "$1"), name, kind)
	}
	want.WriteString("\n")
	raw, err := os.ReadFile(stubFile)
	if err != nil {
		t.Fatal(err)
	}
	parts := stubPart.FindStringSubmatch(string(raw))
	switch {
	case parts == nil:
		t.Fatalf("%s has no part for the station", stubFile)
	case parts[2] == want.String():
	case os.Getenv("UPDATE") != "":
		if err := os.WriteFile(stubFile, []byte(parts[1]+want.String()+parts[3]), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: the class of a station differs; UPDATE=1 go test -run TestStubHasEveryField ./bindings/internal/labfile writes it", stubFile)
	}
}

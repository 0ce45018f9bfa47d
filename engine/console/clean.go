package console

import (
	"regexp"
	"strings"
)

// escapes are the terminal control sequences that boards print: CSI, OSC, two-byte ones.
var escapes = regexp.MustCompile(`\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_78=>])`)

// lineEnds makes line ends \n and removes NULs.
var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n", "\x00", "")

// clean makes console bytes text: line ends become \n; escape sequences, NULs and single carriage returns are
// removed; bytes that are not UTF-8 become the replacement character.
func clean(raw string) string {
	s := escapes.ReplaceAllString(raw, "")
	s = lineEnds.Replace(s)
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\r", "\n"), "\uFFFD")
}

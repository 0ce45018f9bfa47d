package console

import "strings"

var lineEnds = strings.NewReplacer("\r\r\n", "\n", "\r\n", "\n")

// clean makes console bytes text: what a terminal shows of them. Line ends and single carriage returns become \n, bytes
// that are not UTF-8 become the replacement character.
func clean(raw string) string {
	text, _ := show([]byte(raw), true)
	s := lineEnds.Replace(string(text))
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\r", "\n"), "\uFFFD")
}

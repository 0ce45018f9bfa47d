package flash

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// reply is the output of a helper command.
type reply struct {
	fields map[string][]string
	text   string
}

func (a reply) get(key string) string {
	if v := a.fields[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// number returns the number of a field, -1 if the field is not a number. The board prints an exit code twice, so
// that a damaged one is not a number either.
func (a reply) number(key string) int64 { return number(a.get(key)) }

// numbers returns the numbers of all fields with a key.
func (a reply) numbers(key string) (all []int64) {
	for _, v := range a.fields[key] {
		all = append(all, number(v))
	}
	return all
}

func number(text string) int64 {
	text, again, twice := strings.Cut(text, "=")
	if twice && again != text {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > maxNumber {
		return -1
	}
	return n
}

// maxNumber bounds the numbers in a board's output, so that products of them fit into an int64. It is more sectors
// than any medium has.
const maxNumber = 1 << 50

var field = regexp.MustCompile(`(?m)^([a-z0-9.]+)=(.*)$`)

// hasNumbers reports whether all of these fields are numbers.
func (a reply) hasNumbers(keys ...string) bool {
	for _, k := range keys {
		if a.number(k) < 0 {
			return false
		}
	}
	return true
}

// newError returns an error with what the tools of the board printed, without the lines of the reply itself.
func newError(kind classify.Kind, a reply, format string, args ...any) error {
	return classify.WithConsole(classify.New(kind, format, args...), a.printed())
}

// printed returns what the tools of the board printed.
func (a reply) printed() string {
	return strings.TrimSpace(strings.ReplaceAll(field.ReplaceAllString(a.text, ""), "\n\n", "\n"))
}

// errGarbled returns the error of a reply that console noise damaged.
func errGarbled(a reply, what string, m Medium) error {
	return classify.WithHint(classify.WithConsole(classify.New(classify.ConsoleGarbled, "what became of %s %s arrived garbled", what, m.Device), a.text),
		"the console loses or changes bytes: check cable, speed and flow control")
}

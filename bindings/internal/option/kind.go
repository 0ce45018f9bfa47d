package option

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// Kind says which values an option takes. Its text is the option's type in the LuaCATS stub, but for a function,
// whose parameters the stub names as well.
type Kind string

// The kinds. A number without a unit is no duration: its unit could only be guessed.
const (
	String     Kind = "string"
	Number     Kind = "number"
	Integer    Kind = "integer" // from 0 up
	Boolean    Kind = "boolean"
	Duration   Kind = "duration"                             // "90s"
	Pause      Kind = "pause"                                // a duration that may be "0s"
	Size       Kind = "size"                                 // bytes, or "8G"
	PowerState Kind = "power_state"                          // one of engine.PowerAfterStates
	LoadWay    Kind = "load_way"                             // as engine.LoadOptions.By
	StationWay Kind = "station_way"                          // one of engine.StationWays
	Class      Kind = `"retry"|"fatal"`                      // of an error
	Prompts    Kind = "string|string[]"                      // one text to wait for, or several
	Texts      Kind = "table<string, string>"                // names and their texts
	Values     Kind = "table<string, string|number|boolean>" // names and their values
	Aborts     Kind = "table<string, string|false>"
	Memory     Kind = "memory" // a range of RAM, { address, size }
	Func       Kind = "function"
	Any        Kind = "any"
)

// Other is a value of which only the type is looked at, by the name that Lua's type() returns.
type Other string

const (
	table    Other = "table"
	function Other = "function"
)

// Parse returns the Go value of an option: an int for an Integer, an int64 for a Size, a time.Duration, an
// engine.PowerState, an engine.LoadWay, a classify.Class, and v itself for the other kinds. v is a string, a float64, a
// bool or an Other. The error completes "option NAME …".
func (k Kind) Parse(v any) (any, error) {
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch k {
	case Any:
		return v, nil
	case Number:
		return v, check(isNumber, "must be a number, not a %s", typeOf(v))
	case Integer:
		ok := isNumber && number >= 0 && number == math.Trunc(number) && number <= math.MaxInt32
		return int(number), check(ok, "must be a whole number from 0 up")
	case Boolean:
		_, ok := v.(bool)
		return v, check(ok, "must be true or false, not a %s", typeOf(v))
	case Duration:
		if !isText {
			return nil, fmt.Errorf(`must be a duration with its unit, "90s" or "5m", not a %s`, typeOf(v))
		}
		return ParseDuration(text)
	case Pause:
		if d, err := time.ParseDuration(text); isText && err == nil && d == 0 {
			return d, nil
		}
		return Duration.Parse(v)
	case Size:
		return parseSize(v)
	case Prompts:
		return v, check(isText || v == table, "must be a text, or a list of texts, not a %s", typeOf(v))
	case Texts, Values:
		return v, check(v == table, "must be a table, not a %s", typeOf(v))
	case Memory:
		return v, check(v == table, `must be { address, size }, as in { 0x42000000, "256M" }, not a %s`, typeOf(v))
	case Aborts:
		return v, check(v == table, `must be a table, { ["text"] = "what it means" }, not a %s`, typeOf(v))
	case Func:
		return v, check(v == function, "must be a function, not a %s", typeOf(v))
	}
	switch {
	case !isText:
		return nil, fmt.Errorf("must be a string, not a %s", typeOf(v))
	case k == PowerState:
		return parsePowerState(text)
	case k == LoadWay:
		return engine.LoadWay(text), check(engine.LoadWay(text).Valid(), `must be "tftp", "http", "serial" or a partition as U-Boot's load takes it, "usb 0:1", not %q`, text)
	case k == StationWay:
		return engine.LoadWay(text), check(slices.Contains(engine.StationWays, engine.LoadWay(text)), "must be %s, not %q", OneOf(engine.StationWays), text)
	case k == Class:
		return parseClass(text)
	}
	return text, nil
}

// check returns an error if a value is not as it must be.
func check(ok bool, format string, a ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, a...)
}

// typeOf returns Lua's name of a value's type.
func typeOf(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case Other:
		return string(v)
	}
	return "nil"
}

// OneOf returns the values, quoted, for the text of an error: "a", "b" or "c".
func OneOf[T ~string](values []T) string {
	var all []string
	for _, v := range values {
		all = append(all, strconv.Quote(string(v)))
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

func parsePowerState(text string) (engine.PowerState, error) {
	s := engine.PowerState(text)
	return s, check(slices.Contains(engine.PowerAfterStates, s), "must be %s, not %q", OneOf(engine.PowerAfterStates), text)
}

func parseClass(text string) (classify.Class, error) {
	for _, c := range []classify.Class{classify.Retry, classify.Fatal} {
		if text == c.String() {
			return c, nil
		}
	}
	return classify.None, fmt.Errorf(`must be "retry" or "fatal", not %q`, text)
}

// ParseDuration reads a duration with its unit, "1m30s": more than 0 and at most engine.MaxDuration.
func ParseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`must be a duration with its unit, "90s" or "5m", not %q`, text)
	}
	if d > engine.MaxDuration {
		return 0, fmt.Errorf("must be at most %s", engine.MaxDuration)
	}
	return d, nil
}

// parseSize reads a number of bytes from 1 up: a whole number that a float64 holds exactly, or a text as
// engine.ParseSize reads it.
func parseSize(v any) (int64, error) {
	var n int64
	ok := false
	switch v := v.(type) {
	case float64:
		n, ok = int64(v), v == math.Trunc(v) && v < 1<<53
	case string:
		n, ok = engine.ParseSize(v)
	}
	if !ok || n <= 0 {
		return 0, fmt.Errorf(`must be a number of bytes from 1 up, or a text with K, M, G or T after a number, "8G"`)
	}
	return n, nil
}

package lua51

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/flashlua/flashlua/bindings/internal/vm"
)

// format is string.format: C's printf with Lua's %q. As in later versions of Lua, %s takes any value, so that
// errors can be formatted.
func format(c *vm.Args) ([]lua.LValue, error) {
	f := Text(c, 1, "format")
	var out strings.Builder
	held := c.Watchdog().Draft()
	defer held.Release()
	next := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			out.WriteByte(f[i])
			continue
		}
		if i++; i < len(f) && f[i] == '%' {
			out.WriteByte('%')
			continue
		}
		spec, verb, n := formatSpec(f[i:])
		if verb == 0 {
			c.Fail("invalid conversion %q", "%"+f[i:min(i+3, len(f))])
		}
		i += n - 1
		next++
		text := formatOne(c, next, spec, verb)
		if out.Len()+len(text) > MaxString {
			return nil, errStringLimit(c)
		}
		out.WriteString(text)
		held.Add(len(text))
	}
	return vm.Ret(lua.LString(out.String()))
}

// formatSpec splits "-5.2f…" into "-5.2" and 'f', and returns their length. The verb is 0 if it is not valid.
func formatSpec(s string) (spec string, verb byte, n int) {
	digits := func(i int) int {
		end := i
		for end < len(s) && end < i+2 && isDigit(s[end]) {
			end++
		}
		return end
	}
	i := 0
	for i < len(s) && i < 5 && strings.IndexByte("-+ #0", s[i]) >= 0 {
		i++
	}
	i = digits(i)
	if i < len(s) && s[i] == '.' {
		i = digits(i + 1)
	}
	if i >= len(s) || strings.IndexByte("cdiouxXeEfgGqs", s[i]) < 0 {
		return "", 0, 0
	}
	return s[:i], s[i], i + 1
}

// formatOne formats argument i.
func formatOne(c *vm.Args, i int, spec string, verb byte) string {
	switch verb {
	case 'c':
		return fmt.Sprintf("%"+strings.ReplaceAll(spec, "0", "")+"s", string([]byte{byte(toInt(numberArg(c, i, "character")))}))
	case 'd', 'i':
		return formatInt(spec, 'd', toInt64(numberArg(c, i, "number")))
	case 'u':
		return formatInt(strings.ReplaceAll(strings.ReplaceAll(spec, "+", ""), " ", ""), 'd', uint64(toInt64(numberArg(c, i, "number"))))
	case 'o', 'x', 'X':
		return formatInt(strings.ReplaceAll(strings.ReplaceAll(spec, "+", ""), " ", ""), verb, uint64(toInt64(numberArg(c, i, "number"))))
	case 'q':
		return quoted(Text(c, i, "string"))
	case 's':
		text := c.State.ToString(c.Ctx, c.Any(i, "value"))
		if spec == "" {
			return text
		}
		return formatText(spec, text)
	}
	f := numberArg(c, i, "number")
	if math.IsInf(f, 0) || f != f {
		return formatOdd(spec, verb, f)
	}
	return formatFloat(spec, verb, f)
}

// formatInt formats an integer as C does: a precision disables the flag 0, and # adds no prefix to a zero.
func formatInt(spec string, verb byte, n any) string {
	if strings.Contains(spec, ".") {
		head, tail, _ := strings.Cut(spec, ".")
		head = withoutZeroFlag(head)
		if tail == "" {
			tail = "0"
		}
		spec = head + "." + tail
	}
	if n == uint64(0) {
		spec = strings.ReplaceAll(spec, "#", "")
	}
	return fmt.Sprintf("%"+spec+string(verb), n)
}

// withoutZeroFlag removes the flag 0 from flags and width.
func withoutZeroFlag(head string) string {
	i := 0
	var flags strings.Builder
	for ; i < len(head) && strings.IndexByte("-+ #0", head[i]) >= 0; i++ {
		if head[i] != '0' {
			flags.WriteByte(head[i])
		}
	}
	return flags.String() + head[i:]
}

// formatText formats a text with %s. Width and precision count bytes.
func formatText(spec, text string) string {
	head, precision, cut := strings.Cut(spec, ".")
	if cut {
		n, _ := strconv.Atoi(precision)
		text = text[:min(len(text), n)]
	}
	width, _ := strconv.Atoi(strings.TrimLeft(head, "-+ #0"))
	pad := strings.Repeat(" ", max(width-len(text), 0))
	if strings.Contains(head, "-") {
		return text + pad
	}
	return pad + text
}

// formatFloat formats a number as C does: the default precision is 6, and an empty one is 0.
func formatFloat(spec string, verb byte, f float64) string {
	head, precision, given := strings.Cut(spec, ".")
	switch {
	case !given:
		precision = "6"
	case precision == "":
		precision = "0"
	}
	if (verb == 'g' || verb == 'G') && precision == "0" {
		precision = "1"
	}
	return fmt.Sprintf("%"+head+"."+precision+string(verb), f)
}

// formatOdd formats an infinity or a NaN as C does.
func formatOdd(spec string, verb byte, f float64) string {
	text := "nan"
	if math.IsInf(f, 0) {
		text = "inf"
	}
	head, _, _ := strings.Cut(spec, ".")
	switch {
	case math.Signbit(f):
		text = "-" + text
	case strings.Contains(head, "+"):
		text = "+" + text
	case strings.Contains(head, " "):
		text = " " + text
	}
	if verb == 'E' || verb == 'G' {
		text = strings.ToUpper(text)
	}
	return formatText(withoutZeroFlag(head), text)
}

// quoted returns a string literal that Lua reads as s.
func quoted(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, b := range []byte(s) {
		switch b {
		case '"', '\\', '\n':
			out.WriteByte('\\')
			out.WriteByte(b)
		case '\r':
			out.WriteString(`\r`)
		case 0:
			out.WriteString(`\000`)
		default:
			out.WriteByte(b)
		}
	}
	out.WriteByte('"')
	return out.String()
}

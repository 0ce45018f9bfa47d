package linux

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// date prints or sets the board's clock, which is independent of the station's.
func date(p *process) int {
	o, rest, ok := p.options("us:d:IR")
	if !ok {
		return 1
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case o['I'] != "":
		format = "%F"
	case o['R'] != "":
		format = "%a, %d %b %Y %T +0000"
	}
	now := p.now()
	for _, a := range rest {
		if form, ok := strings.CutPrefix(a, "+"); ok {
			format = form
			continue
		}
		at, ok := timeArgument(a, now)
		if !ok {
			return p.fail("invalid date '%s'", a)
		}
		now = at
		p.setDate(at)
	}
	if text := o['s'] + o['d']; text != "" {
		at, ok := dateOf(text)
		if !ok {
			return p.fail("invalid date '%s'", text)
		}
		if now = at; o['s'] != "" {
			p.setDate(at)
		}
	}
	fmt.Fprintln(p.out, strftime(format, now))
	return 0
}

// dateLayouts are the layouts of package time for the conversions of strftime.
var dateLayouts = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'F': "2006-01-02", 'D': "01/02/06", 'T': "15:04:05", 'R': "15:04", 'Z': "MST", 'z': "-0700", 'a': "Mon", 'A': "Monday",
	'b': "Jan", 'h': "Jan", 'B': "January",
}

// strftime formats a time as the C library does. A conversion that it does not know stays as it is.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; {
		case dateLayouts[c] != "":
			b.WriteString(t.Format(dateLayouts[c]))
		case c == 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case c == 'n':
			b.WriteByte('\n')
		case c == 't':
			b.WriteByte('\t')
		case c == '%':
			b.WriteByte('%')
		default:
			b.WriteString(format[i-1 : i+1])
		}
	}
	return b.String()
}

// timeArgument reads MMDDhhmm[[CC]YY][.ss], the argument without an option.
func timeArgument(text string, now time.Time) (time.Time, bool) {
	for _, form := range []string{"010215042006", "0102150406", "01021504"} {
		for _, seconds := range []string{".05", ""} {
			t, err := time.Parse(form+seconds, text)
			if err != nil {
				continue
			}
			if t.Year() == 0 {
				t = t.AddDate(now.Year(), 0, 0)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

func dateOf(text string) (time.Time, bool) {
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		n, err := strconv.ParseInt(seconds, 10, 64)
		return time.Unix(n, 0).UTC(), err == nil
	}
	for _, form := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "200601021504.05", "200601021504", "2006.01.02-15:04:05", time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

package lab

import (
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/transport"
)

// Check returns what is wrong with a station by itself. It opens nothing, and does not look at the board's policy.
func (s Station) Check() (all []Problem) {
	report := func(field string, err error) {
		if err != nil {
			all = append(all, Problem{Station: s.Name, Field: field, Err: err})
		}
	}
	wrong := func(field, format string, a ...any) { report(field, classify.New(classify.ConfigLab, format, a...)) }
	missing := func(format string, a ...any) {
		all = append(all, Problem{Station: s.Name, Err: classify.New(classify.ConfigLab, format, a...), Missing: true})
	}
	report("", CheckName(s.Name))
	if s.Board == "" {
		wrong("", "board is missing: the path of a policy, or the name of a board that comes with flashlua")
	}
	_, simulated := transport.Simulated(s.Port)
	switch {
	case s.Port != "" && s.Labgrid != "":
		wrong("port", "port and labgrid exclude each other: the place has its own console")
	case s.Port == "" && s.Labgrid == "":
		missing("port is missing: the board's console, one of %s", strings.Join(append(transport.Examples(), "sim:"), ", "))
	case simulated && s.Power != "":
		wrong("power", "power must be left out: a simulated board has its own")
	case s.Port != "" && !simulated && s.Power == "":
		missing(`power is missing: the power driver, one of %s; with "none" you reset the board by hand`, strings.Join(power.Examples(), ", "))
	}
	for _, c := range s.connections() {
		report(c.field, c.check())
	}
	for _, tag := range s.Tags {
		if !isName(tag) {
			wrong("tags", `the tag %q is not valid: write 1 to %d letters, digits, "-", "_", "." or "+", a letter or a digit first`, tag, maxName)
		}
	}
	sorted := slices.Sorted(slices.Values(s.Tags))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			wrong("tags", "the tag %q is there twice", sorted[i])
		}
	}
	return all
}

// check returns an error if the specification names no kind of port or driver.
func (c connection) check() error {
	var err error
	_, simulated := transport.Simulated(c.spec)
	switch {
	case c.what == "place" || simulated && c.field == "port":
		return nil
	case c.what == "console":
		err = transport.Check(c.spec)
	default:
		_, err = power.Open(c.spec)
	}
	if err == nil && c.spec == "none" && c.field != "power" {
		return classify.New(classify.ConfigLab, `%s: "none" switches nothing: leave it out, or name a driver`, c.field)
	}
	if err == nil {
		return nil
	}
	f := classify.Facts(err)
	text := err.Error()
	if f.Hint != "" {
		text += ": " + f.Hint
	}
	return classify.New(classify.ConfigLab, "%s: %s", c.field, text)
}

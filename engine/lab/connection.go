package lab

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/engine/transport"
)

// connection is a console or an outlet of a station.
type connection struct {
	field string // of the station
	what  string // for people
	spec  string
	key   string // equal for specifications of the same thing; "" for what each board may have, such as none
}

// outletText is connection.what of a power driver and of an output.
const outletText = "outlet"

// connections returns what a station is connected to.
func (s Station) connections() []connection {
	var all []connection
	console := func(field, spec string) {
		if spec != "" {
			all = append(all, connection{field, "console", spec, consoleKey(spec)})
		}
	}
	outlet := func(field, spec string) {
		if spec != "" {
			all = append(all, connection{field, outletText, spec, outletKey(spec)})
		}
	}
	console("port", s.Port)
	for _, name := range slices.Sorted(maps.Keys(s.Consoles)) {
		console("consoles."+name, s.Consoles[name])
	}
	if s.Labgrid != "" {
		key := "place " + s.Labgrid
		if strings.HasPrefix(s.Labgrid, "+") { // any place with these tags
			key = ""
		}
		all = append(all, connection{"labgrid", "place", s.Labgrid, key})
	}
	outlet("power", s.Power)
	for _, name := range slices.Sorted(maps.Keys(s.Outputs)) {
		outlet("outputs."+name, s.Outputs[name])
	}
	return all
}

// consoleKey returns the same text for specifications that lead to the same console as far as they show it: the
// schemes of a console server differ in what they type, and a device has several names.
func consoleKey(spec string) string {
	scheme, address, _ := strings.Cut(transport.WithScheme(spec), ":")
	switch {
	case transport.Check(spec) != nil: // a simulated board, or none
		return ""
	case scheme == "tcp" || scheme == "telnet" || scheme == "rfc2217":
		return "network console " + strings.ToLower(address)
	case scheme == "serial":
		if device, err := filepath.EvalSymlinks(address); err == nil {
			address = device
		}
	}
	return scheme + " console " + address
}

// outletKey returns the same text for specifications of the same outlet, "" for none and manual, which have none.
func outletKey(spec string) string {
	if !strings.Contains(spec, ":") {
		return ""
	}
	return "outlet " + spec
}

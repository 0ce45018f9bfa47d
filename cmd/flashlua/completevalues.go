package main

import (
	"bufio"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/simulate"
	"github.com/flashlua/flashlua/engine/transport"
)

// completedLine is a command line to the left of the cursor.
type completedLine struct {
	env   Env
	flags []string // the words after the command, with its flags
	args  []string // those that are neither flags nor their values
}

// values returns the possible values of a flag at the cursor, where cur stands. known is false for a flag of which
// nothing is known but that a file may be meant.
func (l completedLine) values(name, cur string) (all []string, known bool) {
	key, _, hasKey := strings.Cut(cur, "=")
	after := func(values []string) []string { // KEY=VALUE
		for i, v := range values {
			values[i] = key + "=" + v
		}
		return values
	}
	switch name {
	case "port":
		return l.env.portValues(cur), true
	case "power":
		return powerValues(), true
	case "format":
		return engine.Formats(), true
	case "at":
		return []string{string(engine.BoardUBoot), string(engine.BoardLinux)}, true
	case placeFlagName:
		return l.env.places(), true
	case "on":
		return sshHosts(l.env.getenv("HOME")), true
	case "tag":
		if lab := l.lab(); lab != nil {
			all = lab.Inventory.Tags()
		}
		return all, true
	case "board":
		return bindings.Boards(), false
	case "console":
		if hasKey {
			return after(l.env.portValues("")), true
		}
	case "output":
		if hasKey {
			return after(powerValues()), true
		}
	}
	s := l.script(name == "set")
	if s == nil || s.Policy == nil {
		return nil, name == "set" || name == "arg" || name == "target" || name == "variant"
	}
	p := s.Policy
	switch name {
	case "target":
		return slices.Sorted(maps.Keys(p.Targets)), true
	case "variant":
		return p.Variants, true
	case "console":
		return assignments(slices.Sorted(maps.Keys(p.Consoles))), true
	case "output":
		return assignments(slices.Sorted(maps.Keys(p.Outputs))), true
	case "arg":
		return assignments(slices.Sorted(maps.Keys(p.Args))), true
	case "set":
		for _, x := range s.Settings {
			all = append(all, x.Key)
		}
		return assignments(all), true
	case "file":
		return assignments(slices.Sorted(maps.Keys(p.Files))), !hasKey
	}
	return nil, false
}

// assignments returns each name with the = that its value follows.
func assignments(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = name + "="
	}
	return all
}

// portValues returns the serial ports of this machine, and what every other port begins with; after sim: the settings
// of the simulated board.
func (env Env) portValues(cur string) (all []string) {
	if _, simulated := transport.Simulated(cur); simulated && strings.Contains(cur, ":") {
		before := cur[:strings.LastIndexAny(cur, ":,")+1]
		for _, s := range simulate.Settings() {
			all = append(all, before+s.Name+"=")
		}
		return all
	}
	for _, p := range env.Ports() {
		all = append(all, transport.WithScheme(p.Name))
	}
	return append(all, schemesOf(portExamples())...)
}

func powerValues() []string { return schemesOf(power.Examples()) }

// schemesOf returns what the specifications of each kind begin with.
func schemesOf(examples []string) (all []string) {
	for _, x := range examples {
		scheme, _, found := strings.Cut(strings.Trim(x, `"'`), ":")
		if found {
			scheme += ":"
		}
		if !slices.Contains(all, scheme) {
			all = append(all, scheme)
		}
	}
	return all
}

// lab returns the lab file of the line, nil if there is none that loads.
func (l completedLine) lab() *bindings.Lab {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("lab", flagValue(l.flags, "lab"), "")
	lab, err := l.env.openLab(cli.NewContext(nil, set, nil), nil)
	if err != nil {
		return nil
	}
	return lab
}

// script returns the script or the station's board that the line names, nil if there is none that loads. With orNone, a
// line without a script has the policy of an unknown board.
func (l completedLine) script(orNone bool) *bindings.Script {
	spec := flagValue(l.flags, "board")
	if spec == "" && len(l.args) > 0 {
		spec = l.args[0]
		if lab := l.lab(); lab != nil {
			if s, ok := lab.Inventory.Find(spec); ok {
				spec = s.Board
			}
		}
	}
	if spec == "" && orNone {
		s, _ := bindings.InspectText("unknown", "return { flash = function() end }", bindings.Options{})
		return s
	}
	s, err := bindings.Inspect(spec, bindings.Options{})
	if err != nil {
		return nil
	}
	return s
}

// sshHosts returns the hosts that the configuration of ssh in home names, as --on takes them.
func sshHosts(home string) (all []string) {
	f, err := input.OpenFile(filepath.Join(home, ".ssh", "config"), os.O_RDONLY, 0)
	if err != nil || home == "" {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || !strings.EqualFold(words[0], "host") {
			continue
		}
		for _, host := range words[1:] {
			if !strings.ContainsAny(host, "*?!") {
				all = append(all, "ssh:"+host)
			}
		}
	}
	return all
}

package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// good returns a station without faults.
func good(name string) Station {
	return Station{Name: name, Board: "sim", Port: "tcp:ser1:" + name, Power: "command:pdu " + name + " {}"}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"bench-7", "b", "7", "café", "板", "a.b", "rack1_slot2+x", strings.Repeat("a", 64)} {
		if err := CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v; want nil", name, err)
		}
	}
	for _, name := range []string{"", "-v", "--image", ".hidden", "..", "a/b", `a\b`, "a b", "a\n", "a:b", "a=b", "mine.lua", "mine.LUA", "a\xff", "e\u0301", "a*", strings.Repeat("a", 65)} {
		if CheckName(name) == nil {
			t.Errorf("CheckName(%q) = nil; want an error", name)
		}
	}
}

func TestInventory(t *testing.T) {
	tagged := good("bench-2")
	tagged.Tags = []string{"arm64", "fast"}
	in := NewInventory([]Station{good("bench-10"), good("bench-1"), tagged, good("alpha"), good("bench-1")})
	if got := fmt.Sprint(in.Names()); got != "[alpha bench-1 bench-2 bench-10]" {
		t.Errorf("Names() = %s; want them in the order of their numbers", got)
	}
	for _, tt := range []struct {
		tags []string
		want int
	}{{nil, 4}, {[]string{"arm64"}, 1}, {[]string{"arm64", "fast"}, 1}, {[]string{"arm64", "slow"}, 0}} {
		if got := in.Select(tt.tags...); len(got) != tt.want {
			t.Errorf("Select(%q) = %v; want %d stations", tt.tags, got, tt.want)
		}
	}
	if s, ok := in.Find("bench-2"); !ok || s.Name != "bench-2" {
		t.Errorf(`Find("bench-2") = %v, %t; want it`, s, ok)
	}
	if s, ok := in.Find("Bench-2"); ok {
		t.Errorf(`Find("Bench-2") = %v; want none`, s)
	}
	if got := in.Tags(); !slices.Equal(got, []string{"arm64", "fast"}) {
		t.Errorf("Tags() = %q; want arm64, fast", got)
	}
}

func TestCompareNames(t *testing.T) {
	sorted := []string{"", "1", "2", "10", "a", "a1", "a1b", "a01b2", "a1b10", "a2", "b", "é"}
	for i := range sorted {
		for j := range sorted {
			if got := compareNames(sorted[i], sorted[j]); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("compareNames(%q, %q) = %d; want the order of %q", sorted[i], sorted[j], got, sorted)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	with := func(change func(*Station)) []Station {
		s := good("a")
		change(&s)
		return []Station{s}
	}
	pair := func(change func(a, b *Station)) []Station {
		a, b := good("a"), good("b")
		change(&a, &b)
		return []Station{a, b}
	}
	for name, tt := range map[string]struct {
		stations []Station
		want     string // field and part of the message of the only problem; "" is none
	}{
		"good":           {with(func(*Station) {}), ""},
		"simulated":      {with(func(s *Station) { s.Port, s.Power = "sim:dhcp=1", "" }), ""},
		"labgrid":        {with(func(s *Station) { s.Port, s.Power, s.Labgrid = "", "", "shelf1" }), ""},
		"labgrid+power":  {with(func(s *Station) { s.Port, s.Labgrid = "", "shelf1" }), ""},
		"name":           {with(func(s *Station) { s.Name = "-v" }), ": the name"},
		"no board":       {with(func(s *Station) { s.Board = "" }), ": board is missing"},
		"no port":        {with(func(s *Station) { s.Port = "" }), ": port is missing"},
		"no power":       {with(func(s *Station) { s.Power = "" }), ": power is missing"},
		"both":           {with(func(s *Station) { s.Labgrid = "shelf1" }), "port: port and labgrid"},
		"sim with power": {with(func(s *Station) { s.Port = "sim:" }), "power: power must be left out"},
		"bad port":       {with(func(s *Station) { s.Port = "ttyUSB0" }), `port: port: "ttyUSB0" is not a console port`},
		"bad power":      {with(func(s *Station) { s.Power = "pdu" }), `power: power: "pdu" is not a power driver`},
		"bad output":     {with(func(s *Station) { s.Outputs = map[string]string{"reset": "gpio:3"} }), "outputs.reset: outputs.reset: "},
		"none output":    {with(func(s *Station) { s.Outputs = map[string]string{"reset": "none"} }), `outputs.reset: outputs.reset: "none"`},
		"bad console":    {with(func(s *Station) { s.Consoles = map[string]string{"mcu": "sim:"} }), "consoles.mcu: consoles.mcu: "},
		"bad tag":        {with(func(s *Station) { s.Tags = []string{"a b"} }), "tags: the tag"},
		"tag twice":      {with(func(s *Station) { s.Tags = []string{"x", "y", "x"} }), `tags: the tag "x" is there twice`},
		"case":           {pair(func(a, b *Station) { a.Name, b.Name = "É1", "é1" }), ": the name differs"},
		"same port":      {pair(func(a, b *Station) { b.Port = a.Port }), "port: port has the same console as port of station a"},
		"same server":    {pair(func(a, b *Station) { a.Port, b.Port = "tcp:Ser1:4001", "rfc2217:ser1:4001" }), "port: port has the same console"},
		"same second":    {pair(func(a, b *Station) { b.Consoles = map[string]string{"mcu": a.Port} }), "consoles.mcu: consoles.mcu has the same console"},
		"same outlet":    {pair(func(a, b *Station) { b.Outputs = map[string]string{"reset": a.Power} }), "outputs.reset: outputs.reset has the same outlet as power of station a"},
		"same place":     {pair(func(a, b *Station) { a.Port, b.Port, a.Labgrid, b.Labgrid = "", "", "p", "p" }), "labgrid: labgrid has the same place"},
		"same tags":      {pair(func(a, b *Station) { a.Port, b.Port, a.Labgrid, b.Labgrid = "", "", "+board=imx8", "+board=imx8" }), ""},
		"no outlet":      {pair(func(a, b *Station) { a.Power, b.Power = "none", "none" }), ""},
		"by hand":        {pair(func(a, b *Station) { a.Power, b.Power = "manual", "manual" }), ""},
		"two simulated":  {pair(func(a, b *Station) { a.Port, b.Port, a.Power, b.Power = "sim:", "sim:", "", "" }), ""},
		"replaced":       {pair(func(a, b *Station) { b.Port, a.Off = a.Port, "broken" }), ""},
	} {
		got := NewInventory(tt.stations).Check()
		switch {
		case tt.want == "" && len(got) == 0:
		case len(got) == 1 && tt.want != "" && strings.HasPrefix(got[0].Field+": "+got[0].Err.Error(), tt.want):
		default:
			t.Errorf("%s: Check() = %v; want %q alone", name, got, tt.want)
		}
	}
}

func TestCheckConsoles(t *testing.T) {
	a, b := good("a"), good("b")
	b.Port, b.Power = a.Port, a.Power
	in := NewInventory([]Station{a, b})
	for _, s := range []Station{a, b} {
		if got := in.CheckConsoles(s); len(got) != 1 || got[0].Field != "port" || got[0].Station != s.Name {
			t.Errorf("CheckConsoles(%s) = %v; want the port alone", s.Name, got)
		}
	}
	a.Port = "sim:"
	if got := in.CheckConsoles(a); len(got) > 0 {
		t.Errorf("CheckConsoles of another port = %v; want nothing", got)
	}
}

// TestCheckOfManyStations checks as many stations as would take minutes if each were compared with each.
func TestCheckOfManyStations(t *testing.T) {
	var all []Station
	for i := range 100_000 {
		all = append(all, good(fmt.Sprint(i)))
	}
	if got := NewInventory(all).Check(); len(got) > 0 {
		t.Errorf("Check() = %v; want nothing", got[0])
	}
}

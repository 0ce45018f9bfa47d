package labgrid

import (
	"maps"
	"testing"

	"github.com/flashlua/flashlua/classify"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Request{
		"labgrid:bench-1":                {Name: "bench-1"},
		"labgrid:rack/1 left":            {Name: "rack/1 left"},
		"labgrid:+TOKEN":                 {Token: "TOKEN"},
		"labgrid:+":                      {},
		"labgrid:+board=rpi4":            {Tags: map[string]string{"board": "rpi4"}},
		"labgrid:+board=rpi4,ram_mib=64": {Tags: map[string]string{"board": "rpi4", "ram_mib": "64"}},
	} {
		got, err := Parse(text)
		if err != nil || got.Name != want.Name || got.Token != want.Token || !maps.Equal(got.Tags, want.Tags) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("Parse(%q).String() = %q; want the same", text, got)
		}
	}
	for _, text := range []string{"", "bench-1", "labgrid:", "labgrid:+board=", "labgrid:+=x", "labgrid:+b=x", "labgrid:+Board=x", "labgrid:+board=x,board=y", "labgrid:+board=x,"} {
		if got, err := Parse(text); classify.Facts(err).Kind != classify.Usage {
			t.Errorf("Parse(%q) = %+v, %v; want an error of kind usage", text, got, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	env := func(all map[string]string) func(string) string {
		return func(name string) string { return all[name] }
	}
	for _, test := range []struct {
		env           map[string]string
		address, user string
	}{
		{map[string]string{"USER": "u"}, "127.0.0.1:20408", "u"},
		{map[string]string{"LOGNAME": "l", "USER": "u"}, "127.0.0.1:20408", "l"},
		{map[string]string{"LG_COORDINATOR": "lab", "LG_USERNAME": "x", "USER": "u"}, "lab:20408", "x"},
		{map[string]string{"LG_COORDINATOR": "lab:1", "USER": "u"}, "lab:1", "u"},
		{map[string]string{"LG_COORDINATOR": "::1", "USER": "u"}, "[::1]:20408", "u"},
		{map[string]string{"LG_COORDINATOR": "[::1]", "USER": "u"}, "[::1]:20408", "u"},
		{map[string]string{"LG_COORDINATOR": "lab", "LG_CROSSBAR": "ws://old/ws", "USER": "u"}, "lab:20408", "u"},
	} {
		c, err := FromEnv(env(test.env))
		if err != nil || c.address() != test.address || c.User != test.user {
			t.Errorf("FromEnv(%v) = %s, %s, %v; want %s, %s", test.env, c.address(), c.User, err, test.address, test.user)
		}
	}
	for _, all := range []map[string]string{{"LG_PROXY": "gate"}, {"LG_CROSSBAR": "ws://old/ws"}} {
		if _, err := FromEnv(env(all)); classify.Facts(err).Kind != classify.Usage {
			t.Errorf("FromEnv(%v) = %v; want an error of kind usage", all, err)
		}
	}
}

func TestSimilar(t *testing.T) {
	var all []*place
	for _, name := range []string{"rpi4-left", "rpi4-right", "imx8", "beagle"} {
		all = append(all, &place{name: name})
	}
	for name, want := range map[string]string{"rpi4": "rpi4-left, rpi4-right", "IMX8": "imx8", "beagel": "beagle", "zynq": ""} {
		if got := list(similar(name, all)); got != want {
			t.Errorf("similar(%q) = %q; want %q", name, got, want)
		}
	}
}

func TestFnmatch(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "a/b", true},
		{"exp-*", "exp-1", true},
		{"exp", "exp-1", false},
		{"e?p", "exp", true},
		{"[!e]xp", "exp", false},
		{`a\b`, `a\b`, true},
	} {
		if got := fnmatch(test.pattern, test.text); got != test.want {
			t.Errorf("fnmatch(%q, %q) = %t; want %t", test.pattern, test.text, got, test.want)
		}
	}
}

// FuzzOutput holds that no message of a coordinator is more than an error.
func FuzzOutput(f *testing.F) {
	r := message(nil).message(resourcePath, message(nil).text(pathExporter, "e").text(pathGroup, "g").text(pathName, "n")).text(resourceClass, "C")
	p := message(nil).text(placeName, "p").texts(placeTags, map[string]string{"a": "b"}).double(placeChanged, 1)
	f.Add([]byte(message(nil).message(outSync, message(nil).number(syncID, 1)).
		message(outUpdate, message(nil).message(updateResource, r)).message(outUpdate, message(nil).message(updatePlace, p))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d decoder
		d.output(b)
		d.reservations(b)
	})
}

package simboard

import (
	"slices"
	"testing"
)

func TestNetworkCommands(t *testing.T) {
	for text, want := range map[string]usedCommands{
		"":                                   {},
		"usb start; virtio scan":             {},
		"mw.l 10 1 && i2c dev 0; gpio set 5": {names: []string{"mw.l", "i2c", "gpio"}},
		"if test -n ${x}; then run a b; else phy rst; fi": {names: []string{"phy"}, variables: []string{"a", "b"}},
		"nosuch; virtoi scan":                             {},
		"echo 'never closed":                              {},
		"while true; do":                                  {},
		"$x y; setenv a 'phy'":                            {},
	} {
		got := parseUsedCommands(text)
		slices.Sort(got.names)
		slices.Sort(want.names)
		if !slices.Equal(got.names, want.names) || !slices.Equal(got.variables, want.variables) {
			t.Errorf("parseUsedCommands(%s) = %+v; want %+v", text, got, want)
		}
	}
}

// TestBoardHasItsNetworkCommands holds that a board has the commands of its configuration, and no others.
func TestBoardHasItsNetworkCommands(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		b.used = parseUsedCommands("gpio set 5; run netinit")
		b.want(t, "gpio set 5; run netinit", "", 0)
		b.want(t, "i2c dev 0", "Unknown command 'i2c' - try 'help'", 1)
		b.want(t, "run other", "## Error: \"other\" not defined", 1)
		b.want(t, "setenv netinit 'echo mine'; run netinit", "mine", 0)
	})
}

package uboot

import (
	"slices"
	"testing"
)

func TestSplitChain(t *testing.T) {
	for line, want := range map[string][]string{
		"usb start":                            {"usb start"},
		"pci enum; usb start":                  {"pci enum", "usb start"},
		" usb reset;; setenv ethact eth1 ; ":   {"usb reset", "setenv ethact eth1"},
		"usb stop || true; usb start && mii x": {"usb stop || true", "usb start && mii x"},
		`setenv a 'x; y'; echo "b;c"`:          {`setenv a 'x; y'`, `echo "b;c"`},
		`echo a\;b; echo 'it"s;'`:              {`echo a\;b`, `echo 'it"s;'`},
		"if true; then usb start; fi; dhcp":    {"if true; then usb start; fi; dhcp"},
		"echo a; for i in 1 2; do echo; done":  {"echo a; for i in 1 2; do echo; done"},
		"usb start # no; more":                 {"usb start"},
		"setenv a b#c; usb start":              {"setenv a b#c", "usb start"},
		"iffy; echo then":                      {"iffy", "echo then"},
	} {
		if got := splitChain(line); !slices.Equal(got, want) {
			t.Errorf("splitChain(%s) = %q; want %q", line, got, want)
		}
	}
}

package engine

import (
	"testing"

	"github.com/flashlua/flashlua/engine/uboot"
)

// TestRAMLoads holds that a load which writes more than its file does not replace a file that was loaded before it.
func TestRAMLoads(t *testing.T) {
	const base = 0x82000000
	file := func(name string, address uint64, size int64) bootFile {
		return bootFile{name: name, File: File{Address: address}, size: size}
	}
	first := new(uboot.UBoot)
	for name, tt := range map[string]struct {
		prompt *uboot.UBoot
		next   bootFile
		ok     bool
	}{
		"before it, small":            {first, file("b", base-16, 1), false},
		"just far enough before it":   {first, file("b", base-minHTTP, 1), true},
		"one byte too near":           {first, file("b", base-minHTTP+1, 1), false},
		"before it, large":            {first, file("b", base-minHTTP, minHTTP), true},
		"after it":                    {first, file("b", base+100, 1), true},
		"over it on purpose":          {first, file("b", base, 1), true},
		"the same one again":          {first, file("a", base, 100), true},
		"empty, before it":            {first, file("b", base-16, 0), false},
		"at another prompt of U-Boot": {new(uboot.UBoot), file("b", base-16, 1), true},
	} {
		var l ramLoads
		l.add(first, file("a", base, 100))
		if err := l.check(tt.prompt, tt.next, minHTTP); (err == nil) != tt.ok {
			t.Errorf("%s: check = %v; want ok %t", name, err, tt.ok)
		}
		l.add(tt.prompt, tt.next)
		if err := l.check(tt.prompt, tt.next, minHTTP); (err == nil) != tt.ok && tt.prompt == first {
			t.Errorf("%s: check after the load = %v; want ok %t", name, err, tt.ok)
		}
	}
}

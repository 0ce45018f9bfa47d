package bindings

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/scripts"
)

func TestEveryBoardLoads(t *testing.T) {
	for _, name := range Boards() {
		s, err := Inspect(name, Options{})
		if err != nil || s.Policy.Name != name || s.Policy.Description == "" || !s.Embedded {
			t.Errorf("Inspect(%s) = %+v, %v; want a board with its name and a description", name, s, err)
			continue
		}
		if lines := bytes.Count(s.Text, []byte("\n")); lines >= 40 {
			t.Errorf("%s has %d lines; want fewer than 40: what boards share belongs into a library", name, lines)
		}
	}
	libs, _ := fs.Glob(scripts.FS, "lib/*.lua")
	for _, lib := range libs {
		name := strings.ReplaceAll(strings.TrimSuffix(lib, ".lua"), "/", ".")
		if _, err := loadText(t, fmt.Sprintf("require(%q)\n%sreturn board", name, board), nil); err != nil {
			t.Errorf("a policy that requires %s: %v; want it to load", lib, err)
		}
	}
}

// settingsOf returns the values of a script's keys as text.
func settingsOf(t *testing.T, lua string) map[string]string {
	t.Helper()
	s, err := inspect(source{name: "board.lua", text: []byte(lua)}, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, lua)
	}
	got := map[string]string{}
	for _, x := range s.Settings {
		got[x.Key] = fmt.Sprint(x.Value)
	}
	return got
}

const k3 = "local k3 = require('lib.k3')\n"

func TestK3FillsIn(t *testing.T) {
	got := settingsOf(t, k3+`return k3.board {
		uboot = { prompt = "J7 => " }, files = { kernel = "Image", dtb = "a.dtb", extra = { "x", 1 } }, targets = { emmc = { sysfs = "4f80000" } },
	}`)
	for key, want := range map[string]string{
		"uboot.prompt": "J7 => ", "uboot.autoboot": "Hit any key to stop autoboot", "linux.prompt": "# ", "console.baud": "115200",
		"files.kernel": "[Image 2181038080]", "files.dtb": "[a.dtb 2281701376]", "files.extra": "[x 1]",
		"boot": "booti ${kernel_addr} - ${dtb_addr}", "bootargs": "console=ttyS2,115200n8", "tested": "",
	} {
		if got[key] != want {
			t.Errorf("%s = %s; want %s", key, got[key], want)
		}
	}
	got = settingsOf(t, k3+`return k3.board { files = { kernel = { "Image", 5 }, dtb = "a.dtb", initrd = "i.gz" }, bootargs = "quiet" }`)
	if got["boot"] != "booti ${kernel_addr} ${initrd_addr}:${initrd_size} ${dtb_addr}" || got["files.kernel"] != "[Image 5]" || got["bootargs"] != "quiet" {
		t.Errorf("with an initrd, the settings are %v; want its address and size in boot", got)
	}
	s, err := InspectText("board.lua", k3+`return k3.board {
		files = { kernel = "Image", dtb = "a.dtb" }, targets = { emmc = "/dev/mmcblk0" },
		variants = { ram = { files = { kernel = { "uImage", append = "b.dtb" }, initrd = "i.gz" } } },
	}`, Options{Variant: "ram"})
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Policy.Files; f["kernel"].Path != "uImage" || f["kernel"].Address != 0x82000000 || f["initrd"].Address != 0x88080000 || !strings.Contains(s.Policy.Boot, "${initrd_addr}:${initrd_size}") {
		t.Errorf("the variant has files %+v, boot %q; want the addresses of the family and the initrd in boot", f, s.Policy.Boot)
	}
	// Two boards of one family share nothing.
	got = settingsOf(t, k3+`k3.board({}).uboot.prompt = "changed => "; return k3.board {}`)
	if got["uboot.prompt"] != "=> " {
		t.Errorf("uboot.prompt = %q after another board was changed; want %q", got["uboot.prompt"], "=> ")
	}
}

func TestK3Refuses(t *testing.T) {
	for lua, want := range map[string]string{
		"return k3.board {\n\tuboot = { promt = 'x' },\n}":          "board.lua:3: uboot.promt is not a policy key; did you mean prompt?",
		"return k3.board {\n\n\ttarget = {},\n}":                    "board.lua:4: target must be a function, not a table; did you mean targets?",
		"local b = k3.board {}\nb.uboot.kyes = ' '\nreturn b":       "board.lua:3: uboot.kyes is not a policy key; did you mean keys?",
		"return k3.board { uboot = '=> ' }":                         "board.lua:2: uboot must be a table, not a string",
		"return k3.board { files = 'Image' }":                       "board.lua:2: files must be a table, not a string",
		"return k3.board { files = { kernle = 'Image' } }":          `board.lua:2: files.kernle must be { "file", address }`,
		"return k3.board { files = { kernel = {} } }":               `board.lua:2: files.kernel must be { "file", address }`,
		"return k3.board { console = { baud = 'fast' } }":           "board.lua:2: console.baud must be a number",
		"return k3.board('ti')":                                     "board.lua:2: k3.board takes the board's table, not a string",
		"return k3.board()":                                         "board.lua:2: k3.board takes the board's table, not a nil",
		"return k3:board {}":                                        "is not a policy key",
		"return k3.bord {}":                                         "board.lua:2: attempt to call field 'bord' (a nil value)",
		"return k3.board { limits = { total = 60 } }":               "board.lua:2: limits.total must be a duration",
		"return k3.board { targets = {}, default_target = 'emmc' }": "board.lua:2: default_target names \"emmc\", which is not in targets",
	} {
		_, err := inspect(source{name: "board.lua", text: []byte(k3 + lua)}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\t%v; want %q", lua, err, want)
		}
	}
}

func TestUnknownBoard(t *testing.T) {
	p, err := DefaultPolicy(Options{Set: map[string]string{"console.baud": "9600"}})
	if err != nil || p.Console.Line.Baud != 9600 || p.Flash == nil {
		t.Errorf("DefaultPolicy = %+v, %v; want one at 9600 baud", p, err)
	}
	if _, err := DefaultPolicy(Options{Set: map[string]string{"console.bod": "9600"}}); classify.Facts(err).Kind != classify.Usage {
		t.Errorf("DefaultPolicy with an unknown key = %v; want an error of kind usage", err)
	}
}

func TestAPasswordIsNotShown(t *testing.T) {
	got := settingsOf(t, board+"board.linux = { password = 'hunter2' } return board")
	if got["linux.password"] != "********" {
		t.Errorf("linux.password = %s; want stars", got["linux.password"])
	}
}

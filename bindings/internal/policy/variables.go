package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine"
)

// variable matches the value of a variable in a command of U-Boot.
var variable = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// rejectMisspelled records variables in the policy's U-Boot commands, and in other texts of the script, that look
// like one that flashlua sets for a file, NAME_addr or NAME_size, and are none. Others may be U-Boot's own, and so
// may one that the script mentions.
func (s *section) rejectMisspelled(p *engine.Policy, in Input) {
	if len(p.Files) == 0 || s.mistaken("files") {
		return
	}
	var set []string
	for name := range p.Files {
		set = append(set, name+"_addr", name+"_size")
	}
	slices.Sort(set)
	reported := map[string]bool{}
	meant := func(name string) string {
		is := misspelled(name, set)
		if is == "" || reported[name] || in.Mentions != nil && in.Mentions(name) {
			return ""
		}
		reported[name] = true
		return is
	}
	const text = "${%s}, which flashlua does not set; did you mean ${%s}? If it is a variable of U-Boot's own, name it in a comment"
	commands := []struct{ section, key, text string }{{"", "boot", p.Boot}, {"", "bootargs", p.BootArgs}, {"uboot.", "network", p.UBoot.Network}}
	for _, c := range commands {
		for _, m := range variable.FindAllStringSubmatch(c.text, -1) {
			name := m[1] + m[2]
			if is := meant(name); is != "" {
				(&section{decoder: s.decoder, path: c.section}).fail(c.key, "uses "+text, name, is)
			}
		}
	}
	if in.Uses == nil {
		return
	}
	for _, u := range in.Uses() {
		if is := meant(u.Name); is != "" {
			s.addMistake(u.Where, "", classify.New(classify.ConfigPolicy, "%s: this uses "+text, u.Where, u.Name, is))
		}
	}
}

// ubootVariables are variables of U-Boot that are near to those of files with usual names. Source: U-Boot,
// doc/develop/bootstd/overview.rst, doc/usage/environment.rst and the environments of its boards.
var ubootVariables = strings.Fields(`bootm_size dtbo_addr dtbo_size env_addr env_size fdt_addr fdt_size fit_addr fit_size image_addr image_size
	img_addr img_size initrd_addr initrd_size kernel_addr kernel_size load_addr load_size ramdisk_addr ramdisk_size script_addr script_size
	spl_addr spl_size uboot_addr uboot_size`)

// misspelled returns the variable of set that name was meant to be, "" if it is in set, or near to none.
func misspelled(name string, set []string) string {
	at := strings.LastIndexByte(name, '_')
	if at < 0 || slices.Contains(set, name) || slices.Contains(ubootVariables, name) {
		return ""
	}
	for _, meant := range set {
		cut := strings.LastIndexByte(meant, '_')
		if strings.EqualFold(name, meant) || nearStem(name[:at], meant[:cut]) && nearSuffix(name[at+1:], meant[cut+1:]) {
			return meant
		}
	}
	return ""
}

// nearStem reports whether a is the name of a file, or a misspelling of it: one letter in a name of four, two in
// one of six, or two that are swapped.
func nearStem(a, meant string) bool {
	if a == meant {
		return true
	}
	d := suggest.Distance(a, meant)
	switch digits := "0123456789"; {
	case strings.Trim(a, digits) == strings.Trim(meant, digits): // another one of several
		return false
	case len(meant) >= 6:
		return d <= 2
	case len(meant) >= 4:
		return d == 1
	}
	return d == 1 && len(a) == len(meant) && sorted(a) == sorted(meant)
}

// nearSuffix reports whether a is "addr" or "size", or a misspelling of it.
func nearSuffix(a, meant string) bool {
	return suggest.Distance(a, meant) <= 1 || meant == "addr" && (strings.HasPrefix(a, "addr") || strings.HasPrefix(a, "adr"))
}

func sorted(word string) string {
	letters := []byte(word)
	slices.Sort(letters)
	return string(letters)
}

package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/flash"
)

// Method is what writes the images. Its values are constants: safe for concurrent use.
type Method string

// The methods.
const (
	ByLinux Method = "linux" // a Linux in RAM, by its shell
	ByUBoot Method = "uboot" // U-Boot, by its own commands
)

// Methods are all methods. It must not be changed.
var Methods = []Method{ByLinux, ByUBoot}

// canWrite reports whether the method finds a target. One that the policy does not name may find every target.
func (m Method) canWrite(t Target) bool {
	switch m {
	case ByLinux:
		return flash.Target(t).InLinux()
	case ByUBoot:
		return t.UBoot != ""
	}
	return true
}

// describe returns the method as a part of the plan, "" if it is not known.
func (m Method) describe() string {
	switch m {
	case ByLinux:
		return ", by a Linux in RAM"
	case ByUBoot:
		return ", by U-Boot"
	}
	return ""
}

// finds returns a target with the names by which the method finds it.
func (m Method) finds(t flash.Target) flash.Target {
	if m == ByUBoot && t.UBoot != "" {
		t.Path, t.Sysfs = "", ""
	}
	return t
}

// CheckMethod returns an error, of kind config.policy, if the policy's method cannot write a target of the policy.
func (p *Policy) CheckMethod(t Target) error {
	if p.Method.canWrite(t) {
		return nil
	}
	var err error
	hint := fmt.Sprintf(`add uboot = %q, its name in U-Boot, to the target, or write it by a Linux in RAM with method = "linux"`, ubootName(t.Path))
	if p.Method == ByUBoot {
		err = classify.New(classify.ConfigPolicy, "target %s has no name in U-Boot, which writes it: the policy has method = \"uboot\"", t.Name)
	} else {
		err = classify.New(classify.ConfigPolicy, "target %s, %s, is a medium of U-Boot, and a Linux in RAM writes it: the policy has method = \"linux\"", t.Name, t)
		hint = `have U-Boot write it with method = "uboot", or --set method=uboot, or add path or sysfs, by which Linux finds it`
	}
	var others []string
	for _, name := range slices.Sorted(maps.Keys(p.Targets)) {
		if p.Method.canWrite(p.Targets[name]) {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		hint += "; --target can be " + strings.Join(others, ", ")
	}
	return classify.WithHint(err, "%s", hint)
}

// ubootNames has an example of U-Boot's name for the devices of a driver of Linux.
var ubootNames = map[string]string{"vd": "virtio 0", "nvme": "nvme 0", "sd": "scsi 0"}

// ubootName returns an example of U-Boot's name for a device of Linux.
func ubootName(path string) string {
	for driver, name := range ubootNames {
		if strings.HasPrefix(path, "/dev/"+driver) {
			return name
		}
	}
	return "mmc 0"
}

// checkMethod returns an error if the policy's method cannot write the planned target, or none of those that the policy
// chooses from.
func (r *boardRun) checkMethod() (err error) {
	if r.planned != (Target{}) {
		err = r.policy.CheckMethod(r.planned)
	} else {
		for _, name := range slices.Sorted(maps.Keys(r.policy.Targets)) {
			if err = r.policy.CheckMethod(r.policy.Targets[name]); err == nil {
				break
			}
		}
	}
	if err != nil || r.policy.Method != ByUBoot || !r.policy.LoadsNoFiles {
		return err
	}
	if ram := r.policy.UBoot.RAM; ram.Size > 0 {
		if err := flash.RAM(ram).Check(); err != nil {
			return classify.WithHint(err, "make uboot.ram in the policy larger, or remove it: then `bdinfo` says which RAM is free")
		}
	}
	return nil
}

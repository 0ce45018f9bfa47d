package ubootmedia

import (
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// kind is a kind of medium that a policy can name.
type kind struct {
	form    string // for people
	pattern *regexp.Regexp
	open    func(p Prompt, m []string, o Options) (Medium, error) // m are the matches of pattern
}

// kinds are all of them. A name matches one at most.
var kinds = []kind{
	{"mmc N", regexp.MustCompile(`^mmc (\d+)(?:\.(\d|boot0|boot1|user))?$`), openMMC},
	{"virtio N, nvme N, scsi N, sata N, usb N, ide N", regexp.MustCompile(`^(virtio|nvme|scsi|sata|usb|ide) (\d+)$`), openBlock},
	{"sf BUS:CS", regexp.MustCompile(`^sf (?:\d+:)?\d+$`), openSF},
	{"nor ADDRESS", regexp.MustCompile(`^nor ((?:0x)?[0-9a-fA-F]+)(?:/((?:0x)?[0-9a-fA-F]+))?$`), openNOR},
	{"mtd NAME", regexp.MustCompile(`^mtd ([\w.@+,:-]+)$`), openMTD},
	{"nand N", regexp.MustCompile(`^nand (\d+)$`), openNAND},
	{"ubi PART:VOLUME", regexp.MustCompile(`^ubi ([\w.@+,-]+):([\w.@+,-]+)$`), openUBI},
}

// Options are what a policy says of a medium in addition to its name.
type Options struct {
	Part   string // GPT label of a partition; "" is the whole medium
	Offset int64  // bytes from the begin of the medium or of the partition
	Layout string // SkipBad for a NAND chip; "" for all others
}

// CheckName returns an error if a name is not that of a medium, such as `mmc 0`, or cannot have the options.
func CheckName(name string, o Options) error {
	_, err := Open(nil, name, o)
	return err
}

// Open returns a medium by its name. It runs no command.
func Open(p Prompt, name string, o Options) (Medium, error) {
	for _, k := range kinds {
		if m := k.pattern.FindStringSubmatch(name); m != nil {
			return k.open(p, m, o)
		}
	}
	var forms []string
	for _, k := range kinds {
		forms = append(forms, k.form)
	}
	return nil, classify.WithHint(classify.New(classify.ConfigPolicy, "%q is not the name of a medium in U-Boot", name), "it must be one of %s", strings.Join(forms, ", "))
}

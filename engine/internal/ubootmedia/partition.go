package ubootmedia

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// partition is a partition of a GPT.
type partition struct {
	label       string
	first, last int64 // blocks
}

// partitionLine matches a partition in the output of part list. Source: U-Boot, part_print_efi in disk/part_efi.c.
var partitionLine = regexp.MustCompile(`(?m)^\s*\d+\t0x([0-9a-f]+)\t0x([0-9a-f]+)\t"(.*)"\s*$`)

// parsePartitions returns what part list prints of a GPT.
func parsePartitions(text string) (all []partition) {
	for _, m := range partitionLine.FindAllStringSubmatch(text, -1) {
		p := partition{label: m[3]}
		p.first, _ = parseHex(m[1])
		p.last, _ = parseHex(m[2])
		all = append(all, p)
	}
	return all
}

// findPart finds the partition of the medium, and sets its offset and size. It searches the list of all partitions:
// part start takes a label such as 1 for the number of a partition, and the first of two with one label.
func (b *block) findPart(ctx context.Context, g *Geometry) error {
	list := "part list " + b.name()
	out, err := RunSteady(ctx, b.Prompt, list)
	if err != nil {
		return err
	}
	all := parsePartitions(out)
	found := slices.DeleteFunc(slices.Clone(all), func(p partition) bool { return p.label != b.Part || p.last < p.first })
	switch len(found) {
	case 0:
		return classify.WithHint(classify.WithConsole(classify.New(classify.TargetMissing, "%s has no partition %q", b.name(), b.Part), out), "%s", labelsHint(all))
	case 1:
		b.first, g.Size = found[0].first*g.Sector, (found[0].last-found[0].first+1)*g.Sector
		return nil
	}
	return classify.WithHint(classify.WithConsole(classify.New(classify.TargetUnsafe, "%s has %d partitions %q", b.name(), len(found), b.Part), out),
		"give each a label of its own, or set offset instead of part; `%s` at U-Boot's prompt lists them", list)
}

// labelsHint says which partitions a disk has.
func labelsHint(all []partition) string {
	var labels []string
	for _, p := range all {
		labels = append(labels, p.label)
	}
	if len(labels) == 0 {
		return "the disk has no GPT with a partition: is it the right one?"
	}
	return "its partitions are " + strings.Join(labels, ", ")
}

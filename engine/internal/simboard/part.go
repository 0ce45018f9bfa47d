package simboard

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// partCmd is the command part.
func partCmd(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 2 {
		return u.usage("part")
	}
	rest := args[2:]
	switch args[1] {
	case "list":
		return u.partList(rest)
	case "start", "size", "number":
		return u.partInfo(args[1], rest)
	case "uuid":
		return u.partUUID(rest)
	case "types":
		u.printf("Supported partition tables: DOS, EFI\n")
		return 0, nil
	}
	return u.usage("part")
}

// named returns the device that the arguments IFACE and DEV or DEV.HW name. It prints what is wrong.
func (u *bootloader) named(iface, text string) *blockDevice {
	dev, hardware, given := strings.Cut(text, ".")
	n, err := strconv.ParseUint(dev, 16, 31)
	hw, hwErr := uint64(0), error(nil)
	if given {
		hw, hwErr = strconv.ParseUint(hardware, 16, 31)
	}
	if err != nil || hwErr != nil {
		u.printf("** Bad device specification %s %s **\n", iface, text)
		return nil
	}
	if _, known := blockInterfaces[iface]; !known {
		return nil
	}
	return u.hardwarePartition(iface, int(n), int(hw))
}

func (d *blockDevice) table() (string, []tableEntry) { return table(d.f, d.size, d.sector) }

// partList is "part list IFACE DEV [-bootable] [VAR]".
func (u *bootloader) partList(args []string) (int, error) {
	bootable := slices.Contains(args, "-bootable")
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "-bootable" })
	if len(args) < 2 || len(args) > 3 {
		return u.usage("part")
	}
	d := u.named(args[0], args[1])
	if d == nil {
		return 1, nil
	}
	if len(args) < 3 {
		return 0, u.printTable(d)
	}
	var numbers []string
	_, all := d.table()
	for _, e := range all {
		if !bootable || e.isBootable() {
			numbers = append(numbers, strconv.FormatInt(int64(e.number), 16))
		}
	}
	u.env[args[2]] = strings.Join(numbers, " ")
	return 0, nil
}

// isBootable reports whether the flag of legacy boot is set.
func (e tableEntry) isBootable() bool { return e.bootable || e.attributes&4 != 0 }

// partInfo is "part start|size|number IFACE DEV NAME|NUMBER [VAR]".
func (u *bootloader) partInfo(what string, args []string) (int, error) {
	if len(args) < 3 || len(args) > 4 {
		return u.usage("part")
	}
	d := u.named(args[0], args[1])
	if d == nil {
		return 1, nil
	}
	scheme, all := d.table()
	number, err := strconv.ParseUint(args[2], 0, 31)
	i := slices.IndexFunc(all, func(e tableEntry) bool {
		if err == nil {
			return e.number == int(number) && !e.isExtended
		}
		return scheme == schemeGPT && e.name == args[2]
	})
	if i < 0 {
		return 1, nil
	}
	e := all[i]
	u.answer(map[string]string{"start": fmt.Sprintf("%x", e.start), "size": fmt.Sprintf("%x", e.size), "number": fmt.Sprintf("0x%x", e.number)}[what], args[3:])
	return 0, nil
}

// answer sets a variable if there is an argument, or prints.
func (u *bootloader) answer(text string, variable []string) {
	if len(variable) > 0 {
		u.env[variable[0]] = text
	} else {
		u.printf("%s\n", text)
	}
}

// partUUID is "part uuid IFACE DEV:NUMBER [VAR]".
func (u *bootloader) partUUID(args []string) (int, error) {
	if len(args) < 2 || len(args) > 3 {
		return u.usage("part")
	}
	dev, number, _ := strings.Cut(args[1], ":")
	d := u.named(args[0], dev)
	if d == nil {
		return 1, nil
	}
	n, err := strconv.ParseUint(number, 16, 31)
	_, all := d.table()
	for _, e := range all {
		if err == nil && e.number == int(n) {
			u.answer(e.id, args[2:])
			return 0, nil
		}
	}
	u.printf("** Invalid partition %d **\n", n)
	return 1, nil
}

// listTables prints the partition tables of all devices of an interface.
func (u *bootloader) listTables(iface string) error {
	found := false
	for n := range len(u.disks) {
		d := u.device(iface, n)
		if d == nil {
			continue
		}
		if scheme, _ := d.table(); scheme != "" {
			if found {
				u.printf("\n")
			}
			found = true
			u.printTable(d)
		}
	}
	if !found {
		u.printf("\nno %s partition table available\n", iface)
	}
	return nil
}

// printTable prints a device's partition table.
func (u *bootloader) printTable(d *blockDevice) error {
	scheme, all := d.table()
	if scheme == "" {
		u.printf("## Unknown partition table type 0\n")
		return nil
	}
	u.printf("\nPartition Map for %s device %d  --   Partition Type: %s\n\n", blockInterfaces[d.iface].title, d.number, scheme)
	if scheme == schemeDOS {
		u.printf("Part\tStart Sector\tNum Sectors\tUUID\t\tType\n")
	} else {
		u.printf("Part\tStart LBA\tEnd LBA\t\tName\n\tAttributes\n\tType GUID\n\tPartition GUID\n")
	}
	for _, e := range all {
		if scheme == schemeDOS {
			u.printf("%3d\t%-10d\t%-10d\t%s\t%02x%s%s\n", e.number, e.start, e.size, e.id, e.system,
				map[bool]string{true: " Extd"}[e.isExtended], map[bool]string{true: " Boot"}[e.bootable])
			continue
		}
		u.printf("%3d\t0x%08x\t0x%08x\t\"%s\"\n\tattrs:\t0x%016x\n\ttype:\t%s\n\tguid:\t%s\n", e.number, e.start, e.start+e.size-1, e.name, e.attributes, e.kind, e.id)
	}
	return nil
}

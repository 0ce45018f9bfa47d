package uboot

import (
	"regexp"
	"slices"
	"strings"
)

// SavesEnvironment reports whether a command only saves the environment.
func SavesEnvironment(cmd string) bool {
	return slices.Contains([]string{"saveenv", "env save"}, strings.Join(strings.Fields(cmd), " "))
}

// savedTo matches what U-Boot prints when it saves the environment. Source: U-Boot, env/env.c.
var savedTo = regexp.MustCompile(`Saving Environment to (\w+)`)

// offDisk are the names of places of the environment that are no part of a disk. Source: ENV_NAME in U-Boot, env/*.c.
var offDisk = []string{"Flash", "SPIFlash", "NAND", "OneNAND", "UBI", "EEPROM", "NVRAM"}

// SavedOffDisk reports whether the output of a command that saves the environment says that it is not on a disk, such
// as an eMMC or an SD card.
func SavedOffDisk(output string) bool {
	m := savedTo.FindAllStringSubmatch(output, -1)
	return len(m) == 1 && slices.Contains(offDisk, m[0][1])
}

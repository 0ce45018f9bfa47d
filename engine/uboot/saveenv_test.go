package uboot

import "testing"

func TestSavesEnvironment(t *testing.T) {
	for cmd, want := range map[string]bool{
		"saveenv": true, " env  save ": true,
		"saveenv; mmc write 0 0 1": false, "run saveenv": false, "env save foo": false, "saveenv\nmmc erase 0 1": false, "env": false, "": false,
	} {
		if got := SavesEnvironment(cmd); got != want {
			t.Errorf("SavesEnvironment(%q) = %t; want %t", cmd, got, want)
		}
	}
}

func TestSavedOffDisk(t *testing.T) {
	for output, want := range map[string]bool{
		"Saving Environment to Flash... Erasing Flash...\ndone\nOK":                                        true,
		"Saving Environment to SPIFlash... Erasing SPI flash...Writing to SPI flash...done\nOK":            true,
		"Saving Environment to NAND... OK":                                                                 true,
		"Saving Environment to UBI... OK":                                                                  true,
		"Saving Environment to MMC... Writing to redundant MMC(0)... OK":                                   false,
		"Saving Environment to FAT... OK":                                                                  false,
		"Saving Environment to EXT4... OK":                                                                 false,
		"Saving Environment to Flash... Failed (-5)\nSaving Environment to MMC... Writing to MMC(0)... OK": false,
		"Saving Environment to FlashyDisk... OK":                                                           false,
		"":                                                                                                 false, "OK": false,
	} {
		if got := SavedOffDisk(output); got != want {
			t.Errorf("SavedOffDisk(%q) = %t; want %t", output, got, want)
		}
	}
}

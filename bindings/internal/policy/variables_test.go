package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestMisspelled(t *testing.T) {
	set := []string{"initrd_addr", "initrd_size", "kernel_addr", "kernel_size", "dtb_addr", "dtb_size", "fw2_addr", "fw2_size", "boot_addr", "boot_size"}
	for name, want := range map[string]string{
		"initrd_adr": "initrd_addr", "initrd_addres": "initrd_addr", "intird_addr": "initrd_addr", "inird_size": "initrd_size", "kernal_adr": "kernel_addr",
		"krnl_addr": "kernel_addr", "Kernel_Addr": "kernel_addr", "kernel_szie": "kernel_size", "dbt_addr": "dtb_addr", "dtb_adress": "dtb_addr",

		"initrd_addr": "", "dtb_size": "", "fdt_addr": "", "fdt_addr_r": "", "kernel_addr_r": "", "kernel_comp_addr_r": "", "kernel_comp_size": "",
		"ramdisk_addr": "", "loadaddr": "", "fdtaddr": "", "initrdaddr": "", "kernel_file": "", "dtb_name": "", "initrd_high": "", "fdt_high": "",
		"fw1_addr": "", "fw_addr": "", "filesize": "", "bootm_size": "", "bootm_low": "", "ethaddr": "", "kernel": "", "script_addr": "",
	} {
		if got := misspelled(name, set); got != want {
			t.Errorf("misspelled(%s) = %q; want %q", name, got, want)
		}
	}
}

func TestMisspelledVariables(t *testing.T) {
	const files = `return { files = { kernel = { "Image", 1 }, ramfs = { "x", 2 } }, flash = function() end, `
	for commands, want := range map[string]string{
		`boot = "booti ${kernel_addr} ${ramfs_addr}:${ramfs_size}"`:         "",
		`boot = "booti ${kernel_adr} $ramfs_adr:${ramfs_size}"`:             "boot uses ${kernel_adr}; boot uses ${ramfs_adr}",
		`boot = "go ${kernel_adr}; go ${kernel_adr}"`:                       "boot uses ${kernel_adr}",
		`bootargs = "initrd=${rmfs_addr}"`:                                  "bootargs uses ${rmfs_addr}",
		`uboot = { network = "tftp ${kernel_adrr}" }`:                       "uboot.network uses ${kernel_adrr}",
		`boot = "booti ${own_addr} ${kernel_add}"`:                          "boot uses ${kernel_add}",
		`boot = "booti ${known_adr} ${kernel_sise}", tested = "known_adr" `: "boot uses ${kernel_sise}",
	} {
		_, err := decode(t, files+commands+"}", nil)
		var wrong *Mistakes
		errors.As(err, &wrong)
		var got []string
		if wrong != nil {
			for _, m := range wrong.All {
				_, text, _ := strings.Cut(m.Err.Error(), ": ")
				text, _, _ = strings.Cut(text, ",")
				got = append(got, text)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("mistakes in %s = %q, %v; want %q", commands, got, err, want)
		}
	}
}

package uboot

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/flashlua/flashlua/engine/console"
)

// TestDefinedVariables types commands that refer to defined variables: a reference is replaced, and a command that
// needs the variables themselves comes after they were set.
func TestDefinedVariables(t *testing.T) {
	const set = "setenv dtb_addr 0x5&&setenv kernel_addr 0x40400000&&setenv kernel_size 0x20"
	for cmd, want := range map[string][]string{
		"version":                                          {"version"},
		"booti ${kernel_addr} - $dtb_addr":                 {"booti 0x40400000 - 0x5"},
		`echo "$dtb_addr"`:                                 {`echo "0x5"`},
		`setenv b 'booti ${kernel_addr}'`:                  {set, `setenv b 'booti ${kernel_addr}'`},
		`echo \${kernel_addr}`:                             {set, `echo \${kernel_addr}`},
		"booti ${kernel_addr_r} ${kernel_addrs} $loadaddr": {"booti ${kernel_addr_r} ${kernel_addrs} $loadaddr"},
		"run bootcmd":                                      {set, "run bootcmd"},
		"echo ${kernel_addr}; boot":                        {set, "echo ${kernel_addr}; boot"},
		"source ${dtb_addr}":                               {set, "source ${dtb_addr}"},
		"printenv kernel_addr":                             {set, "printenv kernel_addr"},
		"bootm ${my-dtb_addr}":                             {"setenv my-dtb_addr 0x6", "bootm ${my-dtb_addr}"},
		"setenv kernel_addr 0x1":                           {set, "setenv kernel_addr 0x1"},
		"kernel_size=1; echo $kernel_size":                 {set, "kernel_size=1; echo $kernel_size"},
		"setexpr next ${dtb_addr} + 1":                     {"setexpr next 0x5 + 1"},
		"if test -n \"$dtb_addr\"; then saveenv":           {set, "if test -n \"$dtb_addr\"; then saveenv"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var typed []string
			u, _ := prompt(t, func(cmd string) (string, string) {
				typed = append(typed, cmd)
				return "", "0"
			})
			defined := map[string]string{"kernel_addr": "0x40400000", "kernel_size": "0x20", "dtb_addr": "0x5"}
			if strings.Contains(cmd, "my-dtb") {
				defined = map[string]string{"my-dtb_addr": "0x6"}
			}
			for name, value := range defined {
				u.Define(name, value)
			}
			if _, err := u.Run(t.Context(), console.Command{Text: cmd}); err != nil {
				t.Fatalf("Run(%q) = %v; want nil", cmd, err)
			}
			if fmt.Sprintf("%q", typed) != fmt.Sprintf("%q", want) {
				t.Errorf("Run(%q) typed %q; want %q", cmd, typed, want)
			}
		})
	}
}

// TestManyDefinedVariables sets more variables than one line takes.
func TestManyDefinedVariables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := map[string]bool{}
		u, _ := prompt(t, func(cmd string) (string, string) {
			for _, one := range strings.Split(cmd, "&&") {
				set[one] = true
			}
			return "", "0"
		})
		for i := range 40 {
			u.Define(fmt.Sprintf("overlay%d_addr", i), "0x40000000")
		}
		if _, err := u.Run(t.Context(), console.Command{Text: "run fit"}); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if one := fmt.Sprintf("setenv overlay%d_addr 0x40000000", i); !set[one] {
				t.Errorf("%s was not typed; want all 40", one)
			}
		}
	})
}

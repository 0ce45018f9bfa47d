// Package applets is what a busybox shell and its applets do with short scripts. The simulated Linux is held to it
// by engine/internal/simboard/linux, and the table to real busyboxes: to this machine's, in namespaces and a root
// directory of its own, and by testdata/qemu to that of a real board.
package applets

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Case is a script and what it does in an empty directory, with an empty standard input.
type Case struct {
	Script string
	Want   string // of the standard output and error together
	Code   int
}

// Applet is a program of busybox, or "sh" for the shell's own language and commands.
type Applet struct {
	Name  string
	Cases []Case
}

// DiskSize is the size in bytes of a board's /dev/vda in the cases that need one. It holds zeros.
const DiskSize = 96 << 20

// Anywhere are the cases that any busybox can run.
var Anywhere = slices.Concat(shell, files, texts, copies, digests, system)

// Cases returns the cases of several applets.
func Cases(of []Applet) (all []Case) {
	for _, a := range of {
		all = append(all, a.Cases...)
	}
	return all
}

const (
	dir    = "/tmp/case" // where a case runs
	header = "\n=== %d %d %d\n"
)

// Script returns a script for `sh` that runs the cases, each in a shell of its own, and prints what Results reads.
// reset is what the script does before each.
func Script(cases []Case, reset string) string {
	var b strings.Builder
	for i, c := range cases {
		quoted := "'" + strings.ReplaceAll(c.Script, "'", `'\''`) + "'"
		fmt.Fprintf(&b, "%s\nrm -rf %s; mkdir %[2]s; cd %[2]s; sh -c %s </dev/null >/tmp/out 2>&1; code=$?\n", reset, dir, quoted)
		fmt.Fprintf(&b, "cd /; printf '\\n=== %d %%d %%d\\n' $code $(wc -c </tmp/out); cat /tmp/out\n", i)
	}
	b.WriteString("rm -rf " + dir + " /tmp/out\n")
	return b.String()
}

// Results reads what a Script of n cases printed. A case that is missing has the code -1.
func Results(output []byte, n int) []Case {
	results := make([]Case, n)
	for i := range results {
		results[i].Code = -1
	}
	for {
		at := bytes.Index(output, []byte("\n=== "))
		if at < 0 {
			return results
		}
		output = output[at:]
		var i, code, size int
		if _, err := fmt.Sscanf(string(output[:min(len(output), 60)]), header, &i, &code, &size); err != nil || i >= n {
			return results
		}
		output = output[bytes.IndexByte(output[1:], '\n')+2:]
		size = min(size, len(output))
		results[i].Code, results[i].Want = code, string(output[:size])
		output = output[size:]
	}
}

// Differences compares the results of cases with what they want, one message each.
func Differences(cases, results []Case) (all []string) {
	for i, c := range cases {
		if got := results[i]; got.Want != c.Want || got.Code != c.Code {
			all = append(all, fmt.Sprintf("sh(%q) = %q, %d; want %q, %d", c.Script, got.Want, got.Code, c.Want, c.Code))
		}
	}
	return all
}

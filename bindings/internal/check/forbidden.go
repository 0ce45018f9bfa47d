package check

import (
	"slices"
	"strings"
)

// denied is a call that raises an error in some functions of a policy.
type denied struct {
	name string
	line int
	file *file
}

// refusedInCheck are methods that the session of a policy's check refuses.
var refusedInCheck = []string{"shell:write", "shell:verify", "uboot:write", "uboot:verify"}

// checkProgramOnly notes a call that a policy's functions may not make.
func (c *checker) checkProgramOnly(f *signature, i invocation) {
	if c.in.ProgramOnly(f.name) || slices.Contains(refusedInCheck, f.name) {
		c.function.denied = append(c.function.denied, denied{f.name, i.at.Line(), c.file})
	}
}

// checkForbidden reports the calls that functions of a policy make, and only a program may. A program's policies may
// make them as well.
func (c *checker) checkForbidden() {
	hooks := map[string][]*function{}
	for _, f := range c.functions {
		if f.hook != "" {
			hooks[f.hook] = append(hooks[f.hook], f)
		}
	}
	if c.loaded.Policy == nil && (c.loaded.Program || len(hooks) == 0) {
		return
	}
	all := c.chunks
	for _, f := range hooks {
		all = append(all, f...)
	}
	for f := range reachable(all) {
		for _, d := range f.denied {
			if !slices.Contains(refusedInCheck, d.name) {
				c.reportIn(d.file, d.line, d.name, "forbidden-call", "%s is for programs: the functions of a policy work with their session, s:uboot(), s:shell(), s.console and s.power", d.name)
			}
		}
	}
	for f := range reachable(hooks["check"]) {
		for _, d := range f.denied {
			if slices.Contains(refusedInCheck, d.name) {
				_, method, _ := strings.Cut(d.name, ":")
				c.reportIn(d.file, d.line, method, "forbidden-call", "%s is refused in check: the flash wrote and verified the image before, and check only tests the new system", method)
			}
		}
	}
}

// reachable returns the functions that are called by these, and these.
func reachable(from []*function) map[*function]bool {
	seen := map[*function]bool{}
	for list := from; len(list) > 0; {
		f := list[len(list)-1]
		list = list[:len(list)-1]
		if seen[f] {
			continue
		}
		seen[f] = true
		for g := range f.calls {
			list = append(list, g)
		}
	}
	return seen
}

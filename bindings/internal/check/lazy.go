package check

import (
	"regexp"
	"sync"
)

// lazyRegexp returns a function that compiles an expression when it is first called. Every start of flashlua
// initialises this package, and few need its expressions.
func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

package classify_test

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/flashlua/flashlua/classify"
)

// Add a kind and facts to an error. The chain keeps the original error.
func ExampleWrap() {
	err := classify.Wrap(fs.ErrPermission, "lab.fixture", "cannot close the clamp of %s", "bench-7")
	err = classify.WithHint(err, "add yourself to the group lab")
	err = classify.WithStep(err, "clamp")

	fmt.Println(err)
	fmt.Println(errors.Is(err, fs.ErrPermission))
	facts := classify.Facts(err)
	fmt.Println(facts.Kind, facts.Step, facts.Hint)
	// Output:
	// cannot close the clamp of bench-7: permission denied
	// true
	// lab.fixture clamp add yourself to the group lab
}

// Find an error of a kind, or of a kind below it, anywhere in a tree of errors.
func ExampleFind() {
	err := errors.Join(errors.New("the fan stands still"), classify.New(classify.NetDHCPTimeout, "no lease"))

	fmt.Println(classify.Find(err, "net").Kind)
	fmt.Println(classify.Find(err, "power") == nil)
	// Output:
	// net.dhcp.timeout
	// true
}

// Decide whether an error is retried. Override comes before the built-in rules, except those for bugs, limits and
// cancellation.
func ExampleClassifier() {
	c := classify.Classifier{Override: func(err error, next func(error) classify.Class) (classify.Class, error) {
		if classify.Find(err, classify.NetDHCP) != nil {
			return classify.Fatal, nil
		}
		return next(err), nil
	}}

	for _, err := range []error{
		classify.New(classify.NetDHCPTimeout, "no lease"),
		classify.New(classify.BoardReset, "the board reset itself"),
	} {
		d := c.Decide(nil, err)
		fmt.Println(d.Err, d.Class)
	}
	// Output:
	// no lease fatal
	// the board reset itself retry
}

// The waits between attempts grow up to a minute.
func ExampleBackoff() {
	var b classify.Backoff
	fmt.Println(b.Wait(0), b.Wait(1), b.Wait(2), b.Wait(100))
	// Output: 1s 2s 4s 1m0s
}

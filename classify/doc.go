// Package classify decides what a failure means: is it worth another attempt, and after which wait.
//
// It owns the vocabulary of failures (kinds and their default classes), the facts that travel with an error, the walk
// over an error tree, the named rules in their order, and the backoff. It knows nothing of boards, consoles or Lua,
// and imports the standard library alone.
//
// An error is a tree. Unwrap() error leads to a cause, Unwrap() []error to the members of a group. Every layer that
// an error passes may add facts to it; no layer replaces what a deeper one said: the innermost writer wins.
package classify

// Package classify decides whether another attempt is worth making after a failure, and how long to wait before
// it.
//
// It owns the vocabulary of failures (kinds and their default classes), the facts that errors carry, the walk over
// an error tree, the named rules in their order, and the backoff. It does not know boards, consoles or Lua, and
// imports only the standard library.
//
// An error is a tree: Unwrap() error leads to a cause, Unwrap() []error to the members of a group. Every layer
// that an error passes may add facts. No layer replaces a fact of a deeper one: the innermost writer wins.
//
// A node is one error of the tree, a leaf a node without cause and members. A mark is a class that a node sets
// itself; a node without a mark has the class of its kind. Secondary errors are failures in addition to the main
// one, for example of the clean-up: they are reported and decide nothing.
package classify

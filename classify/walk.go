package classify

import (
	"reflect"
	"slices"
	"strings"
)

// Walk tracks visited nodes only after trackAfter nodes, so that short chains do not allocate. It stops after
// maxNodes, so that it ends on trees that Unwrap generates without end.
const (
	trackAfter = 64
	maxNodes   = 1 << 17
)

// Walk visits the nodes of an error tree until visit returns false. The members of a group come before the group,
// a node comes before its cause: of a node whose cause is the group of a and b, Walk visits the node, a, b and the
// group. Walk tolerates cycles, shared nodes, nil members, uncomparable values and an
// Unwrap that panics.
func Walk(err error, visit func(error) bool) {
	type frame struct {
		err    error
		opened bool // its members were visited already
	}
	var room [16]frame
	stack := append(room[:0], frame{err: err})
	seen := nodes{}
	for n := 0; len(stack) > 0 && n < maxNodes; n++ {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if f.err == nil {
			continue
		}
		if f.opened {
			if !visit(f.err) {
				return
			}
			continue
		}
		if n >= trackAfter && !seen.add(f.err) {
			continue
		}
		group, cause := unwrap(f.err)
		if group == nil {
			if !visit(f.err) {
				return
			}
			stack = append(stack, frame{err: cause})
			continue
		}
		stack = append(stack, frame{err: f.err, opened: true})
		for i := len(group) - 1; i >= 0; i-- {
			stack = append(stack, frame{err: group[i]})
		}
	}
}

// unwrap opens one node. A foreign Unwrap that panics makes the node a leaf.
func unwrap(err error) (group []error, cause error) {
	switch x := err.(type) {
	case *Error:
		return nil, x.Unwrap()
	case interface{ Unwrap() error }:
		defer func() {
			if recover() != nil {
				cause = nil
			}
		}()
		return nil, x.Unwrap()
	case interface{ Unwrap() []error }:
		defer func() {
			if recover() != nil {
				group = nil
			}
		}()
		return x.Unwrap(), nil
	}
	return nil, nil
}

// Find returns the first node of the tree that is of a kind or family, nil if there is none.
func Find(err error, k Kind) *Error {
	var found *Error
	Walk(err, func(err error) bool {
		if e, ok := err.(*Error); ok && e != nil && e.Kind.Is(k) {
			found = e
		}
		return found == nil
	})
	return found
}

// Leaves returns the nodes that have neither cause nor members, groups flattened, in the order of the walk.
func Leaves(err error) []error {
	var leaves []error
	Walk(err, func(err error) bool {
		if isLeaf(err) {
			leaves = append(leaves, err)
		}
		return true
	})
	return leaves
}

func isLeaf(err error) bool {
	group, cause := unwrap(err)
	if cause != nil {
		return false
	}
	for _, m := range group {
		if m != nil {
			return false
		}
	}
	return true
}

// nodes is a set of errors by identity, uncomparable ones included.
type nodes map[any]bool

// add reports whether err is new. A value that has no identity at all always is.
func (s nodes) add(err error) bool {
	var key any = err
	if v := reflect.ValueOf(err); !v.Comparable() {
		if v.Kind() != reflect.Slice {
			return true
		}
		key = [2]uintptr{v.Pointer(), uintptr(v.Len())}
	}
	if s[key] {
		return false
	}
	s[key] = true
	return true
}

// Chain returns the shortest path from err to the node that decides about it, and on to a leaf. Nodes that add
// facts and no text are on it too.
func Chain(err error) []error {
	_, decisive := decide(err)
	if err == nil || decisive == nil {
		return nil
	}
	type step struct {
		err  error
		from int
	}
	tree, seen := []step{{err, -1}}, nodes{}
	for i := 0; i < len(tree) && i < maxNodes; i++ {
		at := tree[i]
		if identical(at.err, decisive) {
			var path []error
			for ; ; at = tree[at.from] {
				path = append(path, at.err)
				if at.from < 0 {
					break
				}
			}
			slices.Reverse(path)
			return append(path, pathToLeaf(decisive)...)
		}
		if seen.add(at.err) {
			for _, next := range children(at.err) {
				tree = append(tree, step{next, i})
			}
		}
	}
	return []error{err}
}

// Siblings returns at most ten leaves of the tree other than the one that decided: the other members of groups.
func Siblings(err error) []error {
	chain := Chain(err)
	var others []error
	for _, leaf := range Leaves(err) {
		if len(others) < 10 && len(chain) > 0 && !identical(leaf, chain[len(chain)-1]) {
			others = append(others, leaf)
		}
	}
	return others
}

// pathToLeaf follows causes, and the first member of a group, from a node to a leaf.
func pathToLeaf(err error) (path []error) {
	for seen := (nodes{}); seen.add(err) && len(path) < maxNodes; {
		next := children(err)
		if len(next) == 0 {
			break
		}
		err = next[0]
		path = append(path, err)
	}
	return path
}

// children returns the cause of a node, or the members of its group, without nil ones.
func children(err error) []error {
	group, cause := unwrap(err)
	if group == nil {
		group = []error{cause}
	}
	kept := make([]error, 0, len(group))
	for _, m := range group {
		if m != nil {
			kept = append(kept, m)
		}
	}
	return kept
}

func contains(tree, node error) bool {
	found := false
	Walk(tree, func(err error) bool {
		found = identical(err, node)
		return !found
	})
	return found
}

// identical compares identity without panicking on uncomparable values.
func identical(a, b error) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// Messages returns the text that each node of the chain adds, outermost first: the report's "Error" and "Caused
// by". The text of an error that is no *Error stands for the nodes below it, unless an *Error is among them.
func Messages(err error) []string {
	var out []string
	chain := Chain(err)
	ours := 0 // nodes up to the last *Error, included
	for i, node := range chain {
		if _, ok := node.(*Error); ok {
			ours = i + 1
		}
	}
	for i, node := range chain {
		if e, ok := node.(*Error); ok && e != nil {
			if e.Msg != "" {
				out = append(out, e.Msg)
			} else if e.Cause == nil {
				out = append(out, e.Kind.defaultText())
			}
			continue
		}
		if group, _ := unwrap(node); len(group) > 0 {
			continue // its members are on the chain
		}
		text := node.Error()
		if i < ours {
			text = strings.TrimSuffix(strings.TrimSuffix(text, chain[i+1].Error()), ": ")
		}
		if text != "" {
			out = append(out, text)
		}
		if i >= ours {
			break
		}
	}
	return out
}

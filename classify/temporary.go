package classify

// maxDepth bounds the depth to which Temporary follows an error tree, which may have cycles.
const maxDepth = 1000

// Temporary reports whether err consists of failures that pass without a change of the command line, the policy or
// the image: each path to a leaf must have a kind, and the innermost one must be temporary. It is false for nil.
func Temporary(err error) bool {
	budget := maxNodes
	return err != nil && temporaryBelow(err, "", maxDepth, &budget)
}

// temporaryBelow is Temporary for a part of a tree. kind is the innermost one above err.
func temporaryBelow(err error, kind Kind, depth int, budget *int) bool {
	if *budget--; depth == 0 || *budget < 0 {
		return false
	}
	if e, ok := err.(*Error); ok && e != nil && e.Kind != "" {
		kind = e.Kind
	}
	below := children(err)
	for _, next := range below {
		if !temporaryBelow(next, kind, depth-1, budget) {
			return false
		}
	}
	return len(below) > 0 || kind.Temporary()
}

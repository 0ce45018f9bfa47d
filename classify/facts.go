package classify

import "cmp"

// FactSet is what the nodes of an error tree know about it together. An empty field is not known.
// Plain data: safe for concurrent use while nothing changes it.
type FactSet struct {
	Kind      Kind
	Class     Class  // by the built-in rules
	Hint      string // for the user: what to do now
	Detail    string // for the developer: a traceback, a stack
	Step      string // in which it happened
	Attempt   int    // counted from 1
	Try       int    // of a step, counted from 1; 0 if the error is that of an attempt
	Console   string // the last lines that the board printed
	Target    string // state of the medium
	Secondary []error
	Earlier   []error // errors of the run before this one, the oldest first
}

// Facts collects the facts of the nodes on the chain of err. If two nodes have a fact, the inner one wins;
// secondary errors add up. The attempt, the try and the earlier errors are those of the outermost node with an
// attempt: it says which failure this is, and its causes may be older.
func Facts(err error) FactSet {
	var f FactSet
	for _, node := range Chain(err) {
		e, ok := node.(*Error)
		if !ok || e == nil {
			continue
		}
		f.Kind = cmp.Or(e.Kind, f.Kind)
		f.Hint = cmp.Or(e.Hint, f.Hint)
		f.Detail = cmp.Or(e.Detail, f.Detail)
		f.Step = cmp.Or(e.Step, f.Step)
		if f.Attempt == 0 {
			f.Attempt, f.Try, f.Earlier = e.Attempt, e.Try, e.Earlier
		}
		f.Console = cmp.Or(e.Console, f.Console)
		f.Target = cmp.Or(e.Target, f.Target)
		f.Secondary = append(f.Secondary, e.Secondary...)
	}
	rule, _ := decide(err)
	f.Class = rule.class()
	return f
}

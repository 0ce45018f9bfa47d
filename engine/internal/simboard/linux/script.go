package linux

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// The interpreter runs what was parsed as Bash: of a POSIX tree it does not know export and local. What a busybox
// shell does not have is taken out here, and so is what would ask the host.

// syntaxError is a script that the shell refuses.
type syntaxError struct{ text string }

func (e *syntaxError) Error() string { return e.text }

func unexpected(what string) error { return &syntaxError{"syntax error: unexpected " + what} }

// parse reads a script for this shell. unfinished reports that more lines may complete it.
func (sh *shell) parse(text string) (f *syntax.File, unfinished bool, err error) {
	f, err = syntax.NewParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, syntax.IsIncomplete(err), complain(err)
	}
	return f, false, sh.adapt(f)
}

var quotedToken = regexp.MustCompile("`([^`]+)`")

// complain returns an error of the parser in busybox's words, as far as it can.
func complain(err error) error {
	var p syntax.ParseError
	switch {
	case syntax.IsIncomplete(err) && strings.Contains(err.Error(), "quote"):
		return &syntaxError{"syntax error: unterminated quoted string"}
	case syntax.IsIncomplete(err):
		return unexpected("end of file")
	case !errors.As(err, &p):
		return &syntaxError{"syntax error: " + err.Error()}
	}
	if m := quotedToken.FindStringSubmatch(p.Text); m != nil {
		return unexpected(strconv.Quote(m[1]))
	}
	return &syntaxError{"syntax error: " + p.Text}
}

// adapt makes a parsed script one of this shell.
func (sh *shell) adapt(f *syntax.File) (err error) {
	syntax.Walk(f, func(n syntax.Node) bool {
		if err == nil {
			err = sh.check(n)
		}
		return err == nil
	})
	return err
}

func (sh *shell) check(n syntax.Node) error {
	switch n := n.(type) {
	case *syntax.Word:
		sh.constants(n.Parts)
		n.Parts = literalBraces(n.Parts)
	case *syntax.DblQuoted:
		sh.constants(n.Parts)
	case *syntax.Stmt:
		if call, ok := n.Cmd.(*syntax.TimeClause); ok {
			return timed(n, call)
		}
		if n.Coprocess || n.Disown {
			return unexpected(`"&"`)
		}
	case *syntax.ParamExp:
		if _, err := strconv.Atoi(n.Param.Value); err == nil && len(n.Param.Value) > 1 && n.Slice == nil && !n.Length && n.Exp == nil {
			sliceOf(n)
		}
		if n.Param != nil && (n.Param.Value == "$" || n.Param.Value == "PPID" || n.Excl) {
			return &syntaxError{"syntax error: bad substitution"}
		}
	case *syntax.ProcSubst, *syntax.ArithmCmd, *syntax.ArrayExpr, *syntax.CStyleLoop, *syntax.TestDecl:
		return unexpected(`"("`)
	case *syntax.CoprocClause:
		return unexpected("word")
	case *syntax.ForClause:
		if n.Select {
			return unexpected(`"do"`)
		}
	case *syntax.BinaryCmd:
		if n.Op == syntax.PipeAll {
			return unexpected(`"&"`)
		}
	case *syntax.DeclClause:
		if v := n.Variant.Value; v == "declare" || v == "typeset" || v == "nameref" {
			return &syntaxError{v + ": not found"}
		}
	case *syntax.UnaryTest:
		if n.Op == syntax.TsUsrOwn || n.Op == syntax.TsGrpOwn || n.Op == syntax.TsModif {
			return &syntaxError{n.Op.String() + ": not in this simulation"}
		}
	case *syntax.Redirect:
		return checkRedirect(n)
	}
	return nil
}

// constants inserts the values that are fixed for a shell, and those that the interpreter would ask the host for.
func (sh *shell) constants(parts []syntax.WordPart) {
	for i, part := range parts {
		p, ok := part.(*syntax.ParamExp)
		if !ok || p.Param == nil || p.Length || p.Width || p.Excl || p.Exp != nil || p.Slice != nil || p.Repl != nil || p.Index != nil {
			continue
		}
		text := ""
		switch p.Param.Value {
		case "$":
			text = strconv.Itoa(sh.pid)
		case "PPID":
			text = "1"
		case "0":
			text = sh.zero
		default:
			continue
		}
		parts[i] = &syntax.SglQuoted{Value: text}
	}
}

// sliceOf makes ${@:10:1} of ${10}, which the interpreter does not know.
func sliceOf(n *syntax.ParamExp) {
	number := func(text string) *syntax.Word {
		return &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: text}}}
	}
	n.Slice = &syntax.Slice{Offset: number(n.Param.Value), Length: number("1")}
	n.Param.Value = "@"
}

// literalBraces quotes the braces of a word: a POSIX shell does not make two words of {a,b}.
func literalBraces(parts []syntax.WordPart) (all []syntax.WordPart) {
	for _, part := range parts {
		lit, ok := part.(*syntax.Lit)
		if !ok || !strings.Contains(lit.Value, "{") {
			all = append(all, part)
			continue
		}
		from := 0
		for i := 0; i < len(lit.Value); i++ {
			switch lit.Value[i] {
			case '\\':
				i++
			case '{':
				if i > from {
					all = append(all, &syntax.Lit{Value: lit.Value[from:i]})
				}
				all = append(all, &syntax.SglQuoted{Value: "{"})
				from = i + 1
			}
		}
		if from < len(lit.Value) {
			all = append(all, &syntax.Lit{Value: lit.Value[from:]})
		}
	}
	return all
}

// timed makes the word time, which Bash takes for its own, the name of a program.
func timed(st *syntax.Stmt, t *syntax.TimeClause) error {
	word := &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Value: "time"}}}
	if t.Stmt == nil {
		st.Cmd = &syntax.CallExpr{Args: []*syntax.Word{word}}
		return nil
	}
	for inner := t.Stmt; ; {
		switch cmd := inner.Cmd.(type) {
		case *syntax.CallExpr:
			cmd.Args = append([]*syntax.Word{word}, cmd.Args...)
			st.Cmd = t.Stmt.Cmd
			st.Redirs = append(st.Redirs, t.Stmt.Redirs...)
			return nil
		case *syntax.BinaryCmd:
			inner = cmd.X
		default:
			return unexpected(`"("`)
		}
	}
}

func checkRedirect(r *syntax.Redirect) error {
	high := r.N != nil && r.N.Value != "0" && r.N.Value != "1" && r.N.Value != "2"
	if to := r.Word.Lit(); r.Op == syntax.DplOut && to != "" && to != "1" && to != "2" && to != "-" || r.Op == syntax.DplIn && to != "-" {
		high = true
	}
	switch {
	case high:
		return &syntaxError{"redirections of file descriptors above 2 are not in this simulation"}
	case r.Op == syntax.WordHdoc || r.Op == syntax.RdrInOut || r.Op == syntax.RdrClob:
		return unexpected("redirection")
	}
	return nil
}

// source returns a script as text for the interpreter's own eval and source.
func (sh *shell) source(text string) (string, error) {
	f, _, err := sh.parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = syntax.NewPrinter().Print(&b, f)
	return b.String(), err
}

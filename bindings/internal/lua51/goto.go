package lua51

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/flashlua/flashlua/bindings/internal/luatree"
)

// gopher-lua's code generator closes all variables of a function at a goto, or too few, so that a closure and its
// function no longer share a variable, or share the variable that has the register later. resolveGotos therefore
// computes how many variables are left at each label, writes that level into the line number of each goto, from
// where the generator copies it into the instructions, and repair puts it into the instruction that closes.

// levelShift is where the level begins in a line number. A script of MaxSource bytes has no more lines.
const levelShift = 19

// withLevel returns the line number of a goto to a label at a level.
func withLevel(line, level int) int { return line | (level+1)<<levelShift }

// splitLevel returns the line and the level of a line number; the level is -1 if it has none.
func splitLevel(n int) (line, level int) { return n & (1<<levelShift - 1), n>>levelShift - 1 }

// withoutLevels returns a message of the code generator without levels in its line numbers.
func withoutLevels(message string) string {
	const at = "at line "
	return regexp.MustCompile(at+`\d+`).ReplaceAllStringFunc(message, func(s string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(s, at))
		line, _ := splitLevel(n)
		return at + strconv.Itoa(line)
	})
}

// labelScope is a block with its labels and their levels.
type labelScope struct {
	levels map[string]int
	outer  *labelScope
}

// resolveGotos sets the level of every goto in a script.
func resolveGotos(chunk []ast.Stmt) { gotoBlock(chunk, 0, nil, true) }

// gotoBlock resolves the gotos of a block that starts with level variables. If ends is set, a label at the end of
// the block is outside of the scope of its variables.
func gotoBlock(stmts []ast.Stmt, level int, outer *labelScope, ends bool) {
	scope := &labelScope{levels: map[string]int{}, outer: outer}
	at, atEnd := level, level
	if outer == nil {
		atEnd = 0 // the level of a function's end
	}
	for i, s := range stmts {
		switch x := s.(type) {
		case *ast.LocalAssignStmt:
			at += len(x.Names)
		case *ast.LabelStmt:
			scope.levels[x.Name] = at
			if ends && !slices.ContainsFunc(stmts[i:], isNoLabel) {
				scope.levels[x.Name] = atEnd
			}
		}
	}
	at = level
	for _, s := range stmts {
		if x, ok := s.(*ast.LocalAssignStmt); ok {
			at += len(x.Names)
		}
		gotoStmt(s, at, scope)
	}
}

func isNoLabel(s ast.Stmt) bool {
	_, ok := s.(*ast.LabelStmt)
	return !ok
}

func gotoStmt(s ast.Stmt, level int, scope *labelScope) {
	switch x := s.(type) {
	case *ast.GotoStmt:
		for in := scope; in != nil; in = in.outer {
			if to, ok := in.levels[x.Label]; ok {
				x.SetLine(withLevel(x.Line(), to))
				break
			}
		}
	case *ast.RepeatStmt:
		gotoBlock(x.Stmts, level, scope, false)
	case *ast.NumberForStmt:
		gotoBlock(x.Stmts, level+4, scope, true) // with the start, the limit and the step
	case *ast.GenericForStmt:
		gotoBlock(x.Stmts, level+3+len(x.Names), scope, true) // with the function, the state and the control variable
	case *ast.FuncDefStmt:
		gotoFunction(x.Func, x.Name.Func == nil)
		return
	default:
		_, blocks, elseif := parts(s)
		for _, b := range blocks {
			gotoBlock(b, level, scope, true)
		}
		if elseif != nil {
			gotoStmt(elseif, level, scope)
		}
	}
	exprs, _, _ := parts(s)
	for _, e := range exprs {
		if e != nil {
			gotoExpr(e)
		}
	}
}

func gotoExpr(e ast.Expr) {
	if f, ok := e.(*ast.FunctionExpr); ok {
		gotoFunction(f, false)
		return
	}
	for _, inner := range luatree.Children(e) {
		gotoExpr(inner)
	}
}

func gotoFunction(f *ast.FunctionExpr, hasSelf bool) {
	level := len(f.ParList.Names)
	if hasSelf {
		level++
	}
	if f.ParList.HasVargs {
		level++ // the table arg
	}
	gotoBlock(f.Stmts, level, nil, true)
}

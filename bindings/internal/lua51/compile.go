package lua51

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/flashlua/flashlua/classify"
)

// MaxSource is the largest script in bytes. A larger one could nest so deep that it exhausts the parser's stack.
const MaxSource = 256 << 10

// StepsPerByte is the cost of compiling a byte of source, in steps.
const StepsPerByte = 30

// Chunk is a compiled script, with the lines of its table keys for messages about them.
type Chunk struct {
	Proto *lua.FunctionProto
	Keys  map[string]int // the first line of each key of a table constructor or a field assignment
}

// Compile compiles a script or a module. It is the only way to do so: name is the file's in messages.
func Compile(name string, source []byte) (c Chunk, err error) {
	defer recoverSyntax(name, &err)
	tree, err := Parse(name, source)
	if err != nil {
		return c, err
	}
	c.Keys = map[string]int{}
	collectKeys(tree, c.Keys)
	new(rewriter).block(tree)
	resolveGotos(tree)
	if c.Proto, err = lua.Compile(tree, name); err != nil {
		return c, syntaxError(name, errors.New(withoutLevels(err.Error())))
	}
	return c, repair(name, c.Proto)
}

// Parse returns the syntax tree of a script. It refuses one that is too large or too complex for the compiler.
func Parse(name string, source []byte) (tree []ast.Stmt, err error) {
	defer recoverSyntax(name, &err)
	if len(source) > MaxSource {
		return nil, classify.New(classify.ScriptLimit, "%s has %d bytes, a script may have %d", name, len(source), MaxSource)
	}
	if bytes.HasPrefix(source, []byte("\x1bLua")) {
		return nil, classify.New(classify.ScriptSyntax, "%s is bytecode, not source", name)
	}
	tree, err = parse.Parse(bytes.NewReader(stripBOMAndShebang(source)), name)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	return tree, checkSyntax(name, tree)
}

// recoverSyntax makes a panic an error: gopher-lua's parser and code generator panic on some invalid source.
func recoverSyntax(name string, err *error) {
	if v := recover(); v != nil {
		*err = classify.New(classify.ScriptSyntax, "%s: %v", name, v)
	}
}

// stripBOMAndShebang returns source without a byte order mark, and with a first line "#…" as a comment.
func stripBOMAndShebang(source []byte) []byte {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	if bytes.HasPrefix(source, []byte("#")) {
		source = append([]byte("--"), source...)
	}
	return source
}

// syntaxError returns an error of one line, with the file, the line and the token there.
func syntaxError(name string, err error) error {
	var p *parse.Error
	if errors.As(err, &p) {
		at := p.Token
		if at == "" {
			at = "the end of the file"
		} else {
			at = fmt.Sprintf("%q", at)
		}
		line := p.Pos.Line
		if line < 0 {
			return classify.New(classify.ScriptSyntax, "%s: syntax error at the end of the file", name)
		}
		return classify.New(classify.ScriptSyntax, "%s:%d: %s near %s", name, line, strings.TrimSpace(p.Message), at)
	}
	return classify.New(classify.ScriptSyntax, "%s: %s", name, strings.TrimSpace(strings.TrimPrefix(err.Error(), name)))
}

// collectKeys records the line of every `key = …` in a table constructor and of every `x.key = …`.
func collectKeys(stmts []ast.Stmt, keys map[string]int) {
	note := func(key ast.Expr, line int) {
		if s, ok := key.(*ast.StringExpr); ok && keys[s.Value] == 0 {
			keys[s.Value] = line
		}
	}
	var expr func(ast.Expr)
	expr = func(e ast.Expr) {
		switch x := e.(type) {
		case *ast.TableExpr:
			for _, f := range x.Fields {
				note(f.Key, f.Value.Line())
				expr(f.Value)
			}
		case *ast.FuncCallExpr:
			for _, a := range x.Args {
				expr(a)
			}
		}
	}
	for _, s := range stmts {
		switch x := s.(type) {
		case *ast.LocalAssignStmt:
			for _, e := range x.Exprs {
				expr(e)
			}
		case *ast.AssignStmt:
			for _, e := range x.Lhs {
				if get, ok := e.(*ast.AttrGetExpr); ok {
					note(get.Key, get.Line())
				}
			}
			for _, e := range x.Rhs {
				expr(e)
			}
		case *ast.ReturnStmt:
			for _, e := range x.Exprs {
				expr(e)
			}
		case *ast.FuncDefStmt:
			if get, ok := x.Name.Func.(*ast.AttrGetExpr); ok {
				note(get.Key, x.Line())
			}
		}
	}
}

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
	Keys  map[string]int // see collectKeys

	Repeated []RepeatedKey // of CompileTables
}

// Compile compiles a script or a module. It is the only way to do so: name is the file's in messages.
func Compile(name string, source []byte) (Chunk, error) { return compile(name, source, false) }

func compile(name string, source []byte, recordTables bool) (c Chunk, err error) {
	defer recoverSyntax(name, &err)
	tree, err := Parse(name, source)
	if err != nil {
		return c, err
	}
	c.Keys = map[string]int{}
	collectKeys(tree, c.Keys)
	r := &rewriter{file: name, recordTables: recordTables}
	r.block(tree)
	c.Repeated = r.repeated
	resolveGotos(tree)
	names := nameOperands(tree)
	if c.Proto, err = lua.Compile(tree, name); err != nil {
		return c, syntaxError(name, errors.New(withoutLevels(err.Error())))
	}
	return c, repair(name, c.Proto, names)
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

// collectKeys records the line of every `key = …` in a table constructor and of every `x.key = …`: the first one of
// the key alone, and of the key after those of the tables around it, "uboot.timeout".
func collectKeys(stmts []ast.Stmt, keys map[string]int) {
	k := keyCollector(keys)
	for _, s := range stmts {
		switch x := s.(type) {
		case *ast.LocalAssignStmt:
			for _, e := range x.Exprs {
				k.expr("", e)
			}
		case *ast.AssignStmt:
			for i, e := range x.Lhs {
				path := k.assigned(e)
				if i < len(x.Rhs) {
					k.expr(path, x.Rhs[i])
				}
			}
		case *ast.ReturnStmt:
			for _, e := range x.Exprs {
				k.expr("", e)
			}
		case *ast.FuncDefStmt:
			if get, ok := x.Name.Func.(*ast.AttrGetExpr); ok {
				k.note("", get.Key, x.Line())
			}
		}
	}
}

// keyCollector holds the lines of keys.
type keyCollector map[string]int

// note records a key in a table at path, "uboot.", and returns the path of the key's own table.
func (k keyCollector) note(path string, key ast.Expr, line int) string {
	s, ok := key.(*ast.StringExpr)
	if !ok {
		return ""
	}
	for _, name := range []string{path + s.Value, s.Value} {
		if k[name] == 0 {
			k[name] = line
		}
	}
	return path + s.Value + "."
}

// expr records the keys of the tables in an expression, which is in a table at path.
func (k keyCollector) expr(path string, e ast.Expr) {
	switch x := e.(type) {
	case *ast.TableExpr:
		for _, f := range x.Fields {
			k.expr(k.note(path, f.Key, f.Value.Line()), f.Value)
		}
	case *ast.FuncCallExpr:
		for _, a := range x.Args {
			k.expr("", a)
		}
	}
}

// assigned records the key that a statement assigns to, and returns the path of its table: "uboot." for
// board.uboot.
func (k keyCollector) assigned(e ast.Expr) string {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return ""
	}
	path := ""
	if outer, ok := get.Object.(*ast.AttrGetExpr); ok {
		path = pathOf(outer)
	}
	return k.note(path, get.Key, get.Line())
}

// pathOf returns the path of board.uboot: "uboot.".
func pathOf(get *ast.AttrGetExpr) string {
	s, ok := get.Key.(*ast.StringExpr)
	if !ok {
		return ""
	}
	path := ""
	if outer, ok := get.Object.(*ast.AttrGetExpr); ok {
		path = pathOf(outer)
	}
	return path + s.Value + "."
}

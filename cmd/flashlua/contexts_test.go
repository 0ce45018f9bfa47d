package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	printing "go/printer"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// endless are calls that may block for ever and take no context, by import path and name, with their replacements.
var endless = []struct{ call, instead string }{
	{`net\.(Dial(Timeout|IP|TCP|UDP|Unix)?|Lookup\w+|Resolve\w+Addr)`, "net.Dialer.DialContext and net.Resolver"},
	{`net\.Listen(Packet|IP|TCP|UDP|Unix|Unixgram|MulticastUDP)?`, "net.ListenConfig"},
	{`crypto/tls\.Dial(WithDialer)?`, "tls.Dialer.DialContext"},
	{`net/http\.(Get|Head|Post|PostForm|NewRequest|DefaultClient|ListenAndServe(TLS)?)`, "engine/internal/web"},
	{`os/exec\.Command|os\.StartProcess|syscall\.(ForkExec|StartProcess|Exec)`, "exec.CommandContext"},
	{`os\.(Open|ReadFile)`, "engine/input"},
	{`os\.WriteFile`, "a file that is new, O_EXCL"},
}

// endlessCalls match the calls of endless. They are compiled once: the test looks at every name of the source.
var endlessCalls = func() (all []*regexp.Regexp) {
	for _, e := range endless {
		all = append(all, regexp.MustCompile(`^(`+e.call+`)$`))
	}
	return all
}()

// opensAtOnce matches the flags with which os.OpenFile does not wait.
var opensAtOnce = regexp.MustCompile(`O_(NONBLOCK|EXCL|DIRECTORY)\b`)

// endlessMethods are such methods, by name.
var endlessMethods = []string{"Dial", "DialTimeout"}

// excused are the exceptions, by file and call, with the reason.
var excused = map[string]string{
	"engine/transport/exec.go os/exec.Command":          "the command outlives the opening of its port; Close ends it",
	"engine/internal/flash/blockdevice.go os.OpenFile":  "block devices and regular files, O_RDWR",
	"engine/internal/flash/blocktarget.go os.OpenFile":  "block devices, O_RDWR",
	"engine/internal/image/cache.go os.WriteFile":       "a new name",
	"cmd/flashlua/remotehost.go os/exec.CommandContext": "ssh ignores the signals of the terminal, and asks there for passwords",
	"cmd/flashlua/demo.go os.WriteFile":                 "a folder that was just made",
}

// found is a refused call.
type found struct{ call, why string }

// contextFree returns the calls in a file that take no context and may block.
func contextFree(tree *ast.File) (all []found) {
	names := map[string]string{} // import paths by the package name in the file
	for _, imp := range tree.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		name := path.Base(p)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = p
	}
	text := func(n ast.Node) string {
		var b strings.Builder
		printing.Fprint(&b, token.NewFileSet(), n)
		return b.String()
	}
	starts := false
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if p, imported := "", false; ok {
				if p, imported = names[x.Name]; imported {
					call := p + "." + n.Sel.Name
					starts = starts || strings.HasPrefix(call, "os/exec.Command")
					for i, e := range endless {
						if endlessCalls[i].MatchString(call) {
							all = append(all, found{call, "use " + e.instead})
						}
					}
					return true
				}
			}
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) < 2 {
				return true
			}
			x, _ := sel.X.(*ast.Ident)
			if method := x == nil || names[x.Name] == ""; method && slices.Contains(endlessMethods, sel.Sel.Name) && text(n.Args[0]) != "ctx" {
				all = append(all, found{"." + sel.Sel.Name, "use DialContext"})
			}
			if x == nil {
				return true
			}
			switch call := names[x.Name] + "." + sel.Sel.Name; {
			case sel.Sel.Name == "Flock" && !strings.Contains(text(n.Args[1]), "LOCK_NB"):
				all = append(all, found{call, "it waits for the lock: add LOCK_NB"})
			case call == "os.OpenFile" && !opensAtOnce.MatchString(text(n.Args[1])):
				all = append(all, found{call, "it waits for the other end of a FIFO: add O_NONBLOCK, or use engine/input"})
			}
		}
		return true
	})
	if starts {
		body := text(tree)
		for _, field := range []string{"WaitDelay", "Setpgid"} {
			if !strings.Contains(body, field) {
				all = append(all, found{"os/exec.CommandContext", "set " + field + ": what the command starts may outlive it, and a Ctrl-C is not for it"})
			}
		}
	}
	return all
}

// TestEveryWaitTakesAContext refuses blocking calls without a context: name resolution, dialling, listening,
// processes, files.
func TestEveryWaitTakesAContext(t *testing.T) {
	unused := maps.Clone(excused)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "testdata/") {
			continue
		}
		for _, file := range p.GoFiles {
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range contextFree(tree) {
				at := name + "/" + file + " " + f.call
				if _, ok := excused[at]; !ok {
					t.Errorf("%s: %s", at, f.why)
				}
				delete(unused, at)
			}
		}
	}
	for at := range unused {
		t.Errorf("excused call %s does not exist", at)
	}
}

// TestContextFreeCallsAreFound tests contextFree.
func TestContextFreeCallsAreFound(t *testing.T) {
	for body, want := range map[string]string{
		`net.ResolveTCPAddr("tcp", "board:23")`:               "net.ResolveTCPAddr",
		`net.LookupHost("board")`:                             "net.LookupHost",
		`listen = net.Listen`:                                 "net.Listen",
		`other.ListenPacket("udp", "station:69")`:             "net.ListenPacket",
		`dialer.Dial("tcp", "board:23")`:                      ".Dial",
		`cfg.Dial(ctx, "tcp", "board:23")`:                    "",
		`new(net.Dialer).Dial("tcp", "board:23")`:             ".Dial",
		`new(net.Dialer).DialContext(ctx, "tcp", "a:23")`:     "",
		`new(net.ListenConfig).Listen(ctx, "tcp", ":0")`:      "",
		`net.DefaultResolver.LookupHost(ctx, "board")`:        "",
		`exec.Command("sh")`:                                  "os/exec.Command os/exec.CommandContext os/exec.CommandContext",
		`exec.CommandContext(ctx, "sh")`:                      "os/exec.CommandContext os/exec.CommandContext",
		`os.ReadFile("/tmp/x")`:                               "os.ReadFile",
		`os.OpenFile("x", os.O_WRONLY|os.O_CREATE, 0o600)`:    "os.OpenFile",
		`os.OpenFile("x", os.O_RDONLY|unix.O_NONBLOCK, 0)`:    "",
		`unix.Flock(3, unix.LOCK_EX)`:                         "unix.Flock",
		`unix.Flock(3, unix.LOCK_EX|unix.LOCK_NB)`:            "",
		`http.NewRequest("GET", "http://board/", nil)`:        "net/http.NewRequest",
		`http.NewRequestWithContext(ctx, "GET", "http", nil)`: "",
	} {
		source := "package x\nimport (\"net\"; other \"net\"; \"net/http\"; \"os\"; \"os/exec\"; \"unix\")\nfunc f() { _ = " + body + " }"
		if strings.Contains(body, " = ") {
			source = strings.Replace(source, "_ = ", "", 1)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
		if err != nil {
			t.Fatal(body, err)
		}
		var got []string
		for _, f := range contextFree(tree) {
			got = append(got, f.call)
		}
		if fmt.Sprint(strings.Join(got, " ")) != want {
			t.Errorf("%s: found %q; want %q", body, got, want)
		}
	}
}

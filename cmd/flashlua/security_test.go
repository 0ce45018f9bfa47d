package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

// claim is a sentence or a row of docs/security.md and what proves it.
type claim struct {
	says string
	by   []string // tests of this repository: a function, or a file of testdata/script
	runs []proof
	not  string // why there is nothing to prove
}

// proof is a run of a script that shows it. In what follows, the program reads, writes, flashes and opens as its first
// argument says.
type proof struct {
	args string // after flashlua, split at blanks; a ~ becomes a blank
	exit int
	says string // in what is printed; "" for anything
}

const (
	advice  = "advice"
	noLimit = "it says what is not promised"
	grant   = "script.grant (exit 2)"
)

var (
	sentenceEnd = regexp.MustCompile(`\.\s+`)
	blockEnd    = regexp.MustCompile(`\n\s*\n|\n- |\n#`)
)

// sentences are what a document says: its sentences and the rows of its tables.
func sentences(text string) (all []string) {
	text = fence.ReplaceAllString(text, "")
	for _, block := range blockEnd.Split("\n"+text, -1) {
		block = strings.TrimSpace(block)
		switch {
		case strings.HasPrefix(block, "|"):
			for _, row := range strings.Split(block, "\n")[2:] {
				all = append(all, strings.TrimSpace(strings.Trim(row, "|")))
			}
		case block == "" || strings.HasPrefix(block, "#") || !strings.HasSuffix(block, "."): // a title
		default:
			block = strings.TrimPrefix(strings.Join(strings.Fields(block), " "), "- ")
			for _, s := range sentenceEnd.Split(block, -1) {
				all = append(all, strings.TrimSuffix(s, ".")+".")
			}
		}
	}
	return all
}

// TestSecurityIsProved walks docs/security.md: each sentence has a proof, and each proof still has its sentence. A proof
// is a run, or a test that is there.
func TestSecurityIsProved(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	known, said := map[string]bool{}, map[string]bool{}
	for _, s := range sentences(string(text)) {
		said[s] = true
	}
	there := testNames(t)
	for _, c := range claims {
		if known[c.says] = true; !said[c.says] {
			t.Errorf("docs/security.md does not say any more: %s", c.says)
		}
		if len(c.by) == 0 && len(c.runs) == 0 && c.not == "" {
			t.Errorf("nothing proves: %s", c.says)
		}
		for _, name := range c.by {
			if !there[name] {
				t.Errorf("there is no test %s, which proves: %s", name, c.says)
			}
		}
	}
	for _, s := range sentences(string(text)) {
		if !known[s] {
			t.Errorf("docs/security.md says what no proof is listed for: %s", s)
		}
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("image")) }))
	t.Cleanup(web.Close)
	for _, c := range claims {
		if len(c.runs) == 0 {
			continue
		}
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			for _, p := range c.runs {
				p.run(t, web.URL)
			}
		})
	}
}

// run runs a proof on a station of its own.
func (p proof) run(t *testing.T, web string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"prog/link.raw": "../out/x.raw", "prog/dir": "../out", "prog/mapped.bmap": "../out/mapped.bmap"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Fields(strings.ReplaceAll(p.args, "WEB", web))
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "~", " ")
	}
	cmd := exec.CommandContext(t.Context(), built.Program(t), args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader("image")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != p.exit || !strings.Contains(string(out), p.says) {
		t.Errorf("flashlua %q: exit %d; want %d and %q\n%s", args, code, p.exit, p.says, out)
	}
	for name, text := range files { // whatever was allowed, none of these is a target
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("flashlua %s changed %s: %v", p.args, name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "ran")); err == nil {
		t.Errorf("flashlua %s ran a command", p.args)
	}
}

// testNames are the tests of this repository, functions and files of testdata/script.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "build") {
			return filepath.SkipDir
		}
		switch {
		case err != nil || d.IsDir():
		case strings.HasSuffix(path, ".txtar"):
			names[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			for _, m := range function.FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestProgramWritesABlockDevice holds that a program needs no flag for a card, and that a link to a file is no card.
func TestProgramWritesABlockDevice(t *testing.T) {
	dir := t.TempDir()
	backing := filepath.Join(dir, "card")
	if err := os.WriteFile(backing, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"p.lua": `return function(args) flash.device { image = "x.raw", to = args[1] } end`, "x.raw": "image"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "sdx")
	if err := os.Symlink("card", link); err != nil {
		t.Fatal(err)
	}
	write := func(to string) (string, error) {
		cmd := flashlua(t, dir)
		cmd.Args = []string{"flashlua", "run", filepath.Join(dir, "p.lua"), "-q", "--", to}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := write("sdx"); err == nil || !strings.Contains(out, grant) {
		t.Errorf("a link to a file: %v; want %s\n%s", err, grant, out)
	}
	card := device(t, backing)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(card, link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{card, "sdx"} {
		if out, err := write(to); err != nil {
			t.Errorf("%s: %v\n%s", to, err, out)
		}
	}
	if got, _ := os.ReadFile(backing); string(got[:5]) != "image" {
		t.Errorf("the card begins with %q; want the image", got[:5])
	}
	if out, err := write("card"); err == nil || !strings.Contains(out, grant) {
		t.Errorf("the file behind the card: %v; want %s\n%s", err, grant, out)
	}
}

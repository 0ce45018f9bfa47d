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

// claim is a sentence or a table row of docs/security.md, with its proof.
type claim struct {
	says string
	by   []string // names of test functions, or of files of testdata/script
	runs []proof
	not  string // why no proof is possible or needed
}

// proof is a run of a script that proves a claim. The script's first argument selects what it does: read, write,
// flash, open.
type proof struct {
	args string // command line after flashlua, split at spaces; ~ is a space within an argument
	exit int
	says string // text in the output; "" accepts any
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

// sentences returns the sentences of a document and the rows of its tables.
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

// TestSecurityIsProved holds that each sentence of docs/security.md has a proof and each proof has its sentence. A
// proof is a run or an existing test.
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
			t.Errorf("docs/security.md no longer has the sentence: %s", c.says)
		}
		if len(c.by) == 0 && len(c.runs) == 0 && c.not == "" {
			t.Errorf("no proof for: %s", c.says)
		}
		for _, name := range c.by {
			if !there[name] {
				t.Errorf("test %s does not exist; it is the proof of: %s", name, c.says)
			}
		}
	}
	for _, s := range sentences(string(text)) {
		if !known[s] {
			t.Errorf("docs/security.md has a sentence without a proof: %s", s)
		}
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("imag\x00")) }))
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

// run runs a proof in a directory of its own.
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
	cmd.Dir, cmd.Stdin = dir, strings.NewReader("imag\x00")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != p.exit || !strings.Contains(string(out), p.says) {
		t.Errorf("flashlua %q: exit %d; want %d and %q\n%s", args, code, p.exit, p.says, out)
	}
	for name, text := range files { // no proof may change these
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("flashlua %s changed %s: %v", p.args, name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "ran")); err == nil {
		t.Errorf("flashlua %s ran a command", p.args)
	}
}

// testNames returns the names of the test functions of this repository and of the files of testdata/script.
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

// TestProgramWritesABlockDevice holds that a program may write a block device without a flag, but not a link to a
// file.
func TestProgramWritesABlockDevice(t *testing.T) {
	dir := t.TempDir()
	backing := filepath.Join(dir, "card")
	if err := os.WriteFile(backing, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"p.lua": `return function(args) flash.device { image = "x.raw", to = args[1] } end`, "x.raw": "imag\x00"} {
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
	if got, _ := os.ReadFile(backing); string(got[:5]) != "imag\x00" {
		t.Errorf("the card begins with %q; want the image", got[:5])
	}
	if out, err := write("card"); err == nil || !strings.Contains(out, grant) {
		t.Errorf("the file behind the card: %v; want %s\n%s", err, grant, out)
	}
}

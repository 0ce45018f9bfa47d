package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/testdata/built"
)

// fence matches a code block of a document: its language and its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// fileName matches the file name in the first comment of a Lua block.
var fileName = regexp.MustCompile(`^-- (\S+\.lua)`)

// hardware are the devices that the examples name, with replacements for the tests.
var hardware = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`--port (serial|tcp|unix):\S+`), "--port sim:"},
	{regexp.MustCompile(` --power ("[^"]*"|'[^']*'|[^-\s]\S*)`), ""},
}

// exits matches the comment after a command that must fail.
var exits = regexp.MustCompile(`\s+# exit (\d+)$`)

// TestDocuments runs every command of the documents: the lines of console blocks that begin with $. A Lua block
// that names a file is written to that file first. Hardware is simulated.
func TestDocuments(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := built.Program(t)
	for _, path := range append(documents, "../../README.md") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			prepare(t, dir, string(text))
			ran := 0
			for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
				if block[1] == "console" {
					ran += runBlock(t, dir, filepath.Dir(bin), block[2])
				}
			}
			if ran == 0 {
				t.Error("the document has no command to run")
			}
		})
	}
}

// prepare creates the files that the commands use: an image, a kernel, a device tree, the scripts.
func prepare(t *testing.T, dir, text string) {
	kernel := make([]byte, 4096)
	copy(kernel[56:], "ARM\x64")
	files := map[string]string{
		"disk.img": strings.Repeat("imag\x00", 20000), "boards/Image": string(kernel), "boards/board.dtb": "dtb",
		"boards/mine.lua": `return { boot = "run bootcmd", targets = { emmc = "/dev/mmcblk0" } }`,
	}
	examples, _ := filepath.Glob("../../scripts/examples/*.lua")
	for _, path := range examples {
		lua, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files["scripts/examples/"+filepath.Base(path)] = string(lua)
	}
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		if m := fileName.FindStringSubmatch(block[2]); m != nil && block[1] == "lua" {
			files[m[1]] = block[2]
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".locks"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pack := exec.Command("bash", "-c", "xz -k disk.img && sha256sum disk.img disk.img.xz >SHA256SUMS")
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: the documents' commands: %v\n%s", err, out)
	}
}

// serves matches a command that runs until it is interrupted.
var serves = regexp.MustCompile(`^flashlua sim\b`)

// runBlock runs the commands of one block. A line that ends with a backslash continues on the next one.
func runBlock(t *testing.T, dir, bin, block string) (ran int) {
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
		cmd, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		if !ok {
			continue
		}
		want := "0"
		if m := exits.FindStringSubmatch(cmd); m != nil {
			cmd, want = strings.TrimSuffix(cmd, m[0]), m[1]
		}
		if serves.MatchString(cmd) {
			cmd = "timeout --foreground --preserve-status -s INT 1 " + cmd
		}
		for _, h := range hardware {
			cmd = h.text.ReplaceAllString(cmd, h.with)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		c := exec.CommandContext(ctx, "bash", "-c", cmd+"\n[ $? = "+want+" ]")
		c.Dir, c.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CI=true",
			"FLASHLUA_LOCKS="+filepath.Join(dir, ".locks")) // the stations of the documents have the same names
		out, err := c.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, out)
		}
		ran++
	}
	return ran
}

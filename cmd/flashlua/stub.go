package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
	"github.com/flashlua/flashlua/scripts"
)

// stubDir is the directory that an installed stub is in. Its name begins with a dot, so that neither a pattern
// such as *.lua nor require finds it.
const stubDir = ".flashlua"

// stubMark begins every file of an installed stub.
const stubMark = "-- Written by flashlua "

// maxEditorFile is the size in bytes of the largest file that an installation reads.
const maxEditorFile = 1 << 20

func (env Env) stubCommand() *cli.Command {
	return &cli.Command{
		Name: "stub", Usage: "print or install the types of the Lua API, for editors", ArgsUsage: "[DIR]",
		Description: "The types are LuaCATS annotations, which lua-language-server reads. --install writes them and the libraries to\n" +
			"DIR/.flashlua, and the settings of the language server to DIR/.luarc.json. DIR is the folder that the editor opens;\n" +
			"without it, the current one. Run it again after an update of flashlua.\n\n" +
			"  flashlua stub --install\n" +
			"  flashlua stub >types/flashlua.lua",
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "install", DisableDefaultText: true, Usage: "write the types and the settings into DIR"}},
		OnUsageError: onUsageError,
		Action:       env.stub,
	}
}

func (env Env) stub(c *cli.Context) error {
	switch {
	case c.NArg() > 1:
		return usageErrorFor("stub", "unexpected argument %q", c.Args().Get(1))
	case c.NArg() == 1 && !c.Bool("install"):
		return usageErrorFor("stub", "DIR needs --install: flashlua stub --install %s", c.Args().First())
	case !c.Bool("install"):
		_, err := env.Stdout.Write(stubFiles()["flashlua.lua"])
		return stdoutError(err)
	}
	dir := "."
	if c.NArg() == 1 {
		dir = c.Args().First()
	}
	if err := installStub(dir); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.Stdout, "wrote %s and %s for editors with lua-language-server\n", filepath.Join(dir, stubDir), filepath.Join(dir, luarcName))
	return stdoutError(err)
}

// stubFiles returns the files of the stub, by their paths with slashes: the types, and the scripts that require
// finds.
func stubFiles() map[string][]byte {
	v := readBuildFacts().Version
	mark := stubMark + v + "; `flashlua stub --install` replaces it.\n"
	files := map[string][]byte{"flashlua.lua": []byte(mark + scripts.Stub)}
	fs.WalkDir(scripts.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if text, err := fs.ReadFile(scripts.FS, path); err == nil {
			files[path] = append([]byte(mark), text...)
		}
		return nil
	})
	return files
}

// cannotWrite is the error of a path that an installation cannot write.
func cannotWrite(err error, path string) error {
	return classify.Wrap(err, classify.Usage, "cannot write %s", path)
}

// checkOwned returns an error if one of the files exists in dir and is not of a stub.
func checkOwned(dir string, files map[string][]byte) error {
	for name := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		text, err := input.Read(path, maxEditorFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return cannotWrite(err, path)
		}
		if !strings.HasPrefix(string(text), stubMark) {
			return classify.WithHint(classify.New(classify.Usage, "%s was not written by flashlua stub", path), "move it to another folder")
		}
	}
	return nil
}

// installStub writes the stub and the settings into a directory. It replaces only files that it wrote, and writes
// nothing if it cannot write all.
func installStub(dir string) error {
	if st, err := os.Stat(dir); err != nil {
		return cannotWrite(err, filepath.Join(dir, stubDir))
	} else if !st.IsDir() {
		return cannotWrite(errors.New("it is not a directory"), dir)
	}
	luarc := filepath.Join(dir, luarcName)
	old, err := input.Read(luarc, maxEditorFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannotWrite(err, luarc)
	}
	settings, err := mergeLuarc(old)
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.Usage, "cannot add the stub to %s", luarc), "add these settings to it, then run this command again: %s", luarcLines(", "))
	}
	files := stubFiles()
	if err := checkOwned(filepath.Join(dir, stubDir), files); err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(dir, stubDir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return cannotWrite(err, path)
		}
		if err := replaceFile(path, text); err != nil {
			return cannotWrite(err, path)
		}
	}
	if err := removeStale(filepath.Join(dir, stubDir), files); err != nil {
		return cannotWrite(err, filepath.Join(dir, stubDir))
	}
	if bytes.Equal(settings, old) {
		return nil
	}
	if err := replaceFile(luarc, settings); err != nil {
		return cannotWrite(err, luarc)
	}
	return nil
}

// removeStale removes the files that an older flashlua installed in dir and that are not among files.
func removeStale(dir string, files map[string][]byte) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || files[filepath.ToSlash(name)] != nil {
			return err
		}
		text, err := input.Read(path, maxEditorFile)
		if err == nil && strings.HasPrefix(string(text), stubMark) {
			err = os.Remove(path)
		}
		return err
	})
}

// replaceFile writes a file so that it has either its old or its new content. A symbolic link stays one.
func replaceFile(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
		if st, err := os.Stat(path); err == nil {
			mode = st.Mode().Perm()
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

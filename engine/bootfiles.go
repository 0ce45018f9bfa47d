package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/tempdir"
)

// tftpPort is the port of U-Boot's requests, which it cannot change.
const tftpPort = "69"

// bootFiles are the files of a policy that U-Boot loads, and the TFTP server that serves them. The zero value has
// no files. One goroutine at a time uses it.
type bootFiles struct {
	files      map[string]bootFile // by the policy's names
	tftp       *serve.TFTP         // nil: there are no files, or another server serves them
	tftpWindow                     // of the next load
}

// bootFile is one of the files.
type bootFile struct {
	name string // in the policy
	File
	tftpName string
	size     int64
}

// findBootFiles returns the files of a policy, which must be on the station, and apart in RAM.
func findBootFiles(ctx context.Context, clk clock.Clock, p *Policy, j Job) (bootFiles, error) {
	if err := j.checkFiles(p); err != nil {
		return bootFiles{}, err
	}
	files, taken := map[string]bootFile{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		f := p.Files[name]
		f.Path = j.file(p, name)
		st, err := callAbandonable(ctx, clk, "the look at "+f.Path, func() (os.FileInfo, error) { return os.Stat(f.Path) }, func(os.FileInfo) {})
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", f.Path)
		}
		if err != nil {
			hint := "put it there, or name its folder with --files, or another file with --file " + name + "=PATH"
			if _, replaced := j.Files[name]; replaced {
				hint = "check the path in --file " + name + "=PATH; it is relative to the working directory"
			}
			return bootFiles{}, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "board %s: the %s file is not on the station", p.Name, name), "%s", hint)
		}
		// U-Boot takes what is before a colon for the server's address.
		b := bootFile{name, f, strings.ReplaceAll(filepath.Base(f.Path), ":", "_"), st.Size()}
		if taken[b.tftpName] {
			b.tftpName = name + "-" + b.tftpName
		}
		taken[b.tftpName] = true
		files[name] = b
	}
	return bootFiles{files: files, tftpWindow: tftpWindow{configured: p.Net.TFTPWindow}}, checkOverlaps(p.Overlaps(func(name string) int64 { return files[name].size }))
}

// list returns the files with these names, all files if there are no names.
func (b *bootFiles) list(p *Policy, names []string) (all []bootFile, err error) {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(b.files))
	}
	for _, name := range names {
		f, ok := b.files[name]
		if !ok {
			return nil, classify.New(classify.ConfigPolicy, "board %s has no file %q", p.Name, name)
		}
		all = append(all, f)
	}
	return all, nil
}

// serve offers the files by a TFTP server on host.
func (b *bootFiles) serve(ctx context.Context, e *Engine, host string, undo *cleanups) error {
	address := net.JoinHostPort(host, tftpPort)
	conn, err := e.ListenUDP(ctx, "udp", address)
	if err != nil {
		return serve.ListenError(err, "udp", address)
	}
	b.tftp = serve.NewTFTP(conn, func() (net.PacketConn, error) { return e.ListenUDP(ctx, "udp", net.JoinHostPort(host, "0")) })
	undo.push("TFTP server", b.tftp.Close)
	for name, file := range b.files {
		f, err := e.grants.open(file.Path)
		if err != nil {
			return classify.Wrap(err, classify.ImageMissing, "the %s file cannot be read", name)
		}
		undo.push(name, f.Close)
		b.tftp.Offer(serve.Content{Name: file.tftpName, Size: file.size, ReaderAt: f})
	}
	return nil
}

// copyTo copies the files to a new directory in that of another TFTP server, until the run ends.
func (b *bootFiles) copyTo(root string, allowed *grants, undo *cleanups) error {
	dir, remove, err := tempdir.Make(root, "flashlua")
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "nothing can be put into the folder of the TFTP server"), "check --tftp-dir: it must be writable")
	}
	undo.push("files for TFTP", remove)
	err = os.Chmod(dir, 0o755) // the server may run as another user
	for name, file := range b.files {
		if err == nil {
			err = copyFile(filepath.Join(dir, file.tftpName), file.Path, allowed)
		}
		file.tftpName = filepath.Base(dir) + "/" + file.tftpName
		b.files[name] = file
	}
	return classify.Wrap(err, classify.ConfigPlan, "cannot copy the policy's files to %s", dir)
}

func copyFile(to, from string, allowed *grants) error {
	in, err := allowed.open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o644), out.Close())
}

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
	"github.com/flashlua/flashlua/classify/suggest"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/tempdir"
)

// tftpPort is the port of U-Boot's requests, which it cannot change.
const tftpPort = "69"

// bootFiles are the files of a policy that the boot loader loads, and the TFTP server that serves them. The zero value
// has no files. One goroutine at a time uses it.
type bootFiles struct {
	files      map[string]bootFile // by the policy's names
	tftp       *serve.TFTP         // nil: there are no files, another server serves them, or net.tftp_server is false
	dir        string              // of this run in the directory of another TFTP server; "": none
	tftpWindow                     // of the next load
	noBaud     bool                // the board does not answer at the raised speed of a load over the console
}

// bootFile is one of the files.
type bootFile struct {
	name string // in the policy
	File
	tftpName string
	size     int64
	content  io.ReaderAt // nil before open
	httpPath string      // where the HTTP server serves it, "" before Session.Serve
}

// findBootFiles returns the files of a policy, which must be on the station, and apart in RAM.
func findBootFiles(ctx context.Context, clk clock.Clock, p *Policy, j Job) (bootFiles, error) {
	if err := j.checkFiles(p); err != nil {
		return bootFiles{}, err
	}
	files, taken := map[string]bootFile{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		f := p.Files[name]
		f.Path, f.Append = j.file(p, name), j.appended(p, name)
		size, err := fileSize(ctx, clk, f.Path)
		if err != nil {
			hint := "put it there, or name its folder with --files, or another file with --file " + name + "=PATH"
			if _, replaced := j.Files[name]; replaced {
				hint = "check the path in --file " + name + "=PATH; it is relative to the working directory"
			}
			return bootFiles{}, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "board %s: the %s file is not on the station", p.Name, name), "%s", hint)
		}
		if f.Append != "" {
			more, err := fileSize(ctx, clk, f.Append)
			if err != nil {
				return bootFiles{}, classify.WithHint(classify.Wrap(err, classify.ImageMissing, "board %s: the file that is appended to files.%s is not on the station", p.Name, name),
					"put it there, or name its folder with --files")
			}
			size += more
		}
		// U-Boot takes what is before a colon for the server's address.
		b := bootFile{name: name, File: f, tftpName: strings.ReplaceAll(filepath.Base(f.Path), ":", "_"), size: f.HeaderSize() + size}
		if taken[b.tftpName] {
			b.tftpName = name + "-" + b.tftpName
		}
		taken[b.tftpName] = true
		files[name] = b
	}
	return bootFiles{files: files, tftpWindow: tftpWindow{configured: p.Net.TFTPWindow}}, checkOverlaps(p.Overlaps(func(name string) int64 { return files[name].size }))
}

// fileSize returns the size of a regular file.
func fileSize(ctx context.Context, clk clock.Clock, path string) (int64, error) {
	st, err := callAbandonable(ctx, clk, "the look at "+path, func() (os.FileInfo, error) { return os.Stat(path) }, func(os.FileInfo) {})
	if err != nil {
		return 0, err
	}
	if !st.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file", path)
	}
	return st.Size(), nil
}

// list returns the files with these names, all files if there are no names.
func (b *bootFiles) list(p *Policy, names []string) (all []bootFile, err error) {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(b.files))
	}
	for _, name := range names {
		f, ok := b.files[name]
		if !ok {
			return nil, classify.New(classify.ConfigPolicy, "board %s has no file %q%s", p.Name, name, suggest.Nearest(name, slices.Collect(maps.Keys(p.Files))))
		}
		all = append(all, f)
	}
	return all, nil
}

// open opens the files, until the run ends.
func (b *bootFiles) open(allowed *grants, undo *cleanups) error {
	for name, file := range b.files {
		f, err := file.open(allowed)
		if err != nil {
			return classify.Wrap(err, classify.ImageMissing, "the %s file cannot be read", name)
		}
		undo.push(name, f.Close)
		file.content = f
		b.files[name] = file
	}
	return nil
}

// maxTFTPName is the longest name that U-Boot requests.
const maxTFTPName = 127

// serve offers the open files by a TFTP server on host. Each can also be requested by its name after the token.
func (b *bootFiles) serve(ctx context.Context, r *boardRun, host string) error {
	listen := r.ListenUDP
	if listen == nil {
		listen = new(net.ListenConfig).ListenPacket
	}
	t := serve.NewTFTP(r.token, func() (net.PacketConn, error) { return listen(ctx, "udp", net.JoinHostPort(host, "0")) })
	for name, file := range b.files {
		content := serve.Content{Name: file.tftpName, Size: file.size, ReaderAt: file.content}
		t.Offer(content)
		if len(r.token+"/"+content.Name) > maxTFTPName {
			content.Name = "f/" + name
			t.Offer(content)
		}
		file.tftpName = r.token + "/" + content.Name
		b.files[name] = file
	}
	r.cleanups.push("TFTP server", t.Close)
	address := net.JoinHostPort(host, tftpPort)
	if r.ListenUDP != nil { // a network of this run's own
		conn, err := listen(ctx, "udp", address)
		if err != nil {
			return hintAtHTTP(serve.ListenError(err, "udp", address))
		}
		t.Serve(conn)
	} else {
		leave, err := serve.Join(ctx, address, t, r.events.note)
		if err != nil {
			return hintAtHTTP(err)
		}
		r.cleanups.push("share of the TFTP port", leave)
	}
	b.tftp = t
	return nil
}

// hintAtHTTP adds to an error of the TFTP server how to do without it.
func hintAtHTTP(err error) error {
	if hint := classify.Facts(err).Hint; hint != "" {
		return classify.WithHint(err, "%s, or set net.tftp_server = false: a U-Boot with wget, and GRUB, load by HTTP", hint)
	}
	return err
}

// copyTo copies the files to a new directory in that of another TFTP server, until the run ends.
func (b *bootFiles) copyTo(root string, allowed *grants, undo *cleanups) error {
	dir, remove, err := tempdir.Make(root, "flashlua")
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "nothing can be put into the folder of the TFTP server"), "check --tftp-dir: it must be writable")
	}
	undo.push("files for TFTP", remove)
	b.dir = dir
	err = os.Chmod(dir, 0o755) // the server may run as another user
	for name, file := range b.files {
		if err == nil {
			file.size, err = file.copyTo(filepath.Join(dir, file.tftpName), allowed)
		}
		file.tftpName = filepath.Base(dir) + "/" + file.tftpName
		b.files[name] = file
	}
	return classify.Wrap(err, classify.ConfigPlan, "cannot copy the policy's files to %s", dir)
}

// put writes a part of an image to the directory of another TFTP server, until remove is called. It returns its name on
// that server.
func (b *bootFiles) put(c serve.Content, number int) (name string, remove func(), err error) {
	path := filepath.Join(b.dir, fmt.Sprintf("part%d", number))
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(c, 0, c.Size))
		err = errors.Join(err, out.Chmod(0o644), out.Close())
	}
	if err != nil {
		err = classify.Wrap(err, classify.ConfigPlan, "cannot put a part of the image into %s", b.dir)
	}
	return filepath.Base(b.dir) + "/" + filepath.Base(path), func() { os.Remove(path) }, err
}

// copyTo writes what the board loads of a file to a new file, and returns its size.
func (f bootFile) copyTo(to string, allowed *grants) (int64, error) {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	size, err := f.build(out, allowed)
	return size, errors.Join(err, out.Chmod(0o644), out.Close())
}

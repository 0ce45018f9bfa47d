package linux

import (
	"bufio"
	"compress/bzip2"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// sum makes an applet that prints digests, or checks them with -c.
func sum(make func() hash.Hash) func(*process) int {
	return func(p *process) int {
		o, rest, ok := p.options("csw")
		if !ok {
			return 1
		}
		digest := func(r io.Reader) (string, error) {
			h := make()
			readErr, _ := transfer(p.ctx, h, r)
			return hex.EncodeToString(h.Sum(nil)), readErr
		}
		if o['c'] != "" {
			return p.checkSums(rest, digest, o['s'] != "")
		}
		return p.each(rest, func(name string, r io.Reader) error {
			d, err := digest(r)
			if err == nil {
				fmt.Fprintf(p.out, "%s  %s\n", d, name)
			}
			return err
		})
	}
}

func (p *process) checkSums(lists []string, digest func(io.Reader) (string, error), silent bool) int {
	bad, all := 0, 0
	code := p.each(lists, func(_ string, r io.Reader) error {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			want, name, ok := strings.Cut(lines.Text(), " ")
			if !ok {
				continue
			}
			all++
			name = strings.TrimLeft(name, " *")
			state := "FAILED"
			if f, err := p.open(name); err == nil {
				if got, err := digest(f); err == nil && strings.EqualFold(got, want) {
					state = "OK"
				}
			}
			if state != "OK" {
				bad++
			}
			if !silent {
				fmt.Fprintf(p.out, "%s: %s\n", name, state)
			}
		}
		return nil
	})
	if bad > 0 {
		return p.fail("WARNING: %d of %d computed checksums did NOT match", bad, all)
	}
	return code
}

// unpacker is a way to unpack.
type unpacker struct {
	suffix string
	open   func(io.Reader) (io.Reader, error)
}

var (
	gz  = unpacker{".gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }}
	xzs = unpacker{".xz", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, xz.DefaultDictMax) }}
	zst = unpacker{".zst", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }}
	bz2 = unpacker{".bz2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }}
)

// cat unpacks to the standard output. A program that unpacks in place does so with -d -c too.
func (u unpacker) cat(p *process) int {
	_, rest, ok := p.options("dcfkqt")
	if !ok {
		return 1
	}
	return p.each(rest, func(_ string, r io.Reader) error { return p.unpack(u, r, p.out) })
}

func (p *process) unpack(u unpacker, r io.Reader, w io.Writer) error {
	content, err := u.open(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return err
	}
	if z, ok := content.(*zstd.Decoder); ok {
		defer z.Close()
	}
	return p.pour(w, content)
}

// inPlace unpacks files beside themselves, and to the standard output with -c.
func (u unpacker) inPlace(p *process) int {
	o, rest, ok := p.options("dcfkqt")
	if !ok {
		return 1
	}
	if o['c'] != "" || o['t'] != "" || len(rest) == 0 {
		return u.cat(p)
	}
	return p.each(rest, func(name string, r io.Reader) error {
		bare, ok := strings.CutSuffix(name, u.suffix)
		if !ok {
			return fmt.Errorf("unknown suffix")
		}
		w, err := p.sink(bare)
		if err == nil {
			err = p.unpack(u, r, w)
		}
		if err == nil && o['k'] == "" {
			err = p.files.remove(absolute(p.dir, name), false)
		}
		return err
	})
}

// packed only unpacks: packing is for the station.
func (u unpacker) packed(p *process) int {
	if len(p.args) > 0 && strings.HasPrefix(p.args[0], "-") && strings.Contains(p.args[0], "d") {
		return u.inPlace(p)
	}
	return p.fail("packing is not in this simulation")
}

func newMD5() hash.Hash    { return md5.New() }
func newSHA1() hash.Hash   { return sha1.New() }
func newSHA256() hash.Hash { return sha256.New() }
func newSHA512() hash.Hash { return sha512.New() }

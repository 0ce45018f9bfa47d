package linux

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/therootcompany/xz"

	"github.com/flashlua/flashlua/engine/internal/cpus"
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
			readErr, _ := transfer(p.ctx, hashWriter{p.ctx, h}, r)
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

// hashWriter hashes what is written while a CPU is free.
type hashWriter struct {
	ctx context.Context
	h   hash.Hash
}

func (w hashWriter) Write(b []byte) (n int, err error) {
	err = cpus.Use(w.ctx, func() error {
		n, err = w.h.Write(b)
		return err
	})
	return n, err
}

func (p *process) checkSums(lists []string, digest func(io.Reader) (string, error), silent bool) int {
	bad, all := 0, 0 // a line without a digest counts as bad
	code := p.each(lists, func(_ string, r io.Reader) error {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			all++
			want, name, ok := strings.Cut(lines.Text(), "  ")
			if !ok {
				bad++
				continue
			}
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
	if bad > 0 && silent {
		return 1
	}
	if bad > 0 {
		return p.fail("WARNING: %d of %d computed checksums did NOT match", bad, all)
	}
	return code
}

// xzcat unpacks to the standard output.
func xzcat(p *process) int {
	code := 0
	failed := p.each(p.args, func(_ string, r io.Reader) error {
		content, err := xz.NewReader(bufio.NewReaderSize(r, 64<<10), xz.DefaultDictMax)
		if err == nil {
			err = p.copyOut(p.out, content)
		}
		if err != nil {
			code = p.fail("corrupted data")
		}
		return nil
	})
	return code | failed
}

func newMD5() hash.Hash    { return md5.New() }
func newSHA256() hash.Hash { return sha256.New() }
func newSHA512() hash.Hash { return sha512.New() }

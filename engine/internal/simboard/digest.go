package simboard

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
)

// digests are the algorithms of the command hash.
var digests = map[string]func() hash.Hash{
	"sha256": sha256.New, "sha1": sha1.New, "md5": md5.New, "crc32": func() hash.Hash { return crc32.NewIEEE() },
}

// digest returns the digest of memory.
func (u *bootloader) digest(algorithm string, addr, n uint64) []byte {
	h := digests[algorithm]()
	if u.nor().holds(addr) {
		h.Write(u.memory(addr, n))
	} else {
		u.ram.each(addr, n, func(p []byte) error {
			h.Write(p)
			return nil
		})
	}
	return h.Sum(nil)
}

// hashCmd is "hash ALGORITHM ADDR COUNT [[*]TARGET]".
func hashCmd(u *bootloader, _ context.Context, args []string) (int, error) {
	if len(args) < 4 {
		return u.usage("hash")
	}
	algorithm := strings.ToLower(args[1])
	if digests[algorithm] == nil {
		u.printf("Unknown hash algorithm '%s'\n", algorithm)
		return u.usage("hash")
	}
	return u.sum(algorithm, args[2:], true)
}

// sumCmd is "crc32|sha1sum|md5sum ADDR COUNT [TARGET]".
func sumCmd(algorithm, name string) func(*bootloader, context.Context, []string) (int, error) {
	return func(u *bootloader, _ context.Context, args []string) (int, error) {
		if len(args) < 3 {
			return u.usage(name)
		}
		return u.sum(algorithm, args[1:], algorithm == "sha1")
	}
}

// sum prints a digest, and stores it where the third argument says: in a variable, or at an address, which has a *
// before it if variables are allowed.
func (u *bootloader) sum(algorithm string, args []string, variables bool) (int, error) {
	a := hexArgs(args, 0)
	if !u.readable(a[0], a[1]) {
		return u.abort(errNoMemory)
	}
	sum := u.digest(algorithm, a[0], a[1])
	u.printf("%s for %08x ... %08x ==> %x\n", algorithm, a[0], a[0]+a[1]-1, sum)
	if len(args) < 3 {
		return 0, nil
	}
	target, address := strings.CutPrefix(args[2], "*")
	if variables && !address {
		u.env[target] = fmt.Sprintf("%x", sum)
		return 0, nil
	}
	at, _ := hexAddress(target)
	return u.abortIf(u.ram.write(at, sum))
}

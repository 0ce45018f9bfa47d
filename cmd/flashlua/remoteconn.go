package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/input"
)

// remoteProgram is the program that runs on the host.
type remoteProgram struct {
	path, digest string
	size         int64
	given        bool // by --on-binary
}

// openRegular opens a regular file.
func openRegular(path string) (*os.File, error) {
	f, err := input.Open(path)
	return f, classify.Wrap(err, classify.ImageMissing, "the file %s cannot be read", path)
}

// digestOf returns the digest and the size of a file.
func digestOf(f io.Reader) (string, int64, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), n, err
}

// newRemoteProgram returns this program, or the one that is given.
func newRemoteProgram(given string) (p remoteProgram, err error) {
	p = remoteProgram{path: given, given: given != ""}
	if given == "" {
		if p.path, err = executable(); err != nil {
			return p, err
		}
	}
	f, err := openRegular(p.path)
	if err != nil {
		return p, err
	}
	defer f.Close()
	p.digest, p.size, err = digestOf(f)
	return p, err
}

// remoteConn is a connection to flashlua on a host.
type remoteConn struct {
	host   remoteHost
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *textTail
	frames *frameWriter
}

// connect starts flashlua on a host, and copies it there if it is missing. The end of ctx ends the connection until
// connect returns. note is called with what it does.
func connect(ctx context.Context, h remoteHost, p remoteProgram, note func(string)) (*remoteConn, error) {
	cmd, err := h.command(p)
	if err != nil {
		return nil, err
	}
	c := &remoteConn{host: h, cmd: cmd, stderr: &textTail{}}
	cmd.Stderr = c.stderr
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout, c.frames = bufio.NewReader(stdout), &frameWriter{w: c.stdin}
	if err := cmd.Start(); err != nil {
		return nil, classify.Wrap(err, classify.RemoteConnect, "ssh cannot be started")
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	if err := c.begin(p, note); err != nil {
		c.close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return c, nil
}

// begin follows connectScript until flashlua runs there. Lines of other programs, as those of the shell's start, are
// skipped.
func (c *remoteConn) begin(p remoteProgram, note func(string)) error {
	for {
		line, err := c.stdout.ReadString('\n')
		if err != nil {
			return c.host.connectError(c.close(), c.stderr.String())
		}
		said, ok := strings.CutPrefix(strings.TrimSpace(line), "flashlua-on ")
		if !ok {
			continue
		}
		words := strings.Fields(said + " ")
		switch {
		case len(words) == 0:
		case words[0] == "ready":
			return nil
		case words[0] == "is" && len(words) == 3 && !p.given:
			if err := c.host.checkSystem(words[1], words[2]); err != nil {
				return err
			}
		case words[0] == "send":
			note("copying flashlua to " + c.host.String())
			if err := c.sendProgram(p); err != nil {
				return c.host.connectError(c.close(), c.stderr.String())
			}
		}
	}
}

func (c *remoteConn) sendProgram(p remoteProgram) error {
	f, err := openRegular(p.path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(c.stdin, f, p.size)
	return err
}

// close ends the connection and returns the exit code of ssh, sshFailed if there is none.
func (c *remoteConn) close() int {
	c.stdin.Close()
	io.Copy(io.Discard, c.stdout)
	var failed *exec.ExitError
	err := c.cmd.Wait()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return 0
	}
	if errors.As(err, &failed) && failed.ExitCode() >= 0 {
		return failed.ExitCode()
	}
	return sshFailed
}

// maxTail is how many bytes textTail keeps.
const maxTail = 4 << 10

// textTail keeps the end of what is written to it. It is safe for concurrent use.
type textTail struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (t *textTail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

func (t *textTail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

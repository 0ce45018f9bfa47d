package ymodem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// script is a line whose receiver answers each write by a function. Time does not pass: a wait ends at once.
type script struct {
	t      *testing.T
	answer func(p []byte) []byte
	in     []byte
	last   byte
}

func (s *script) Write(_ context.Context, p []byte) error {
	s.in = append(s.in, s.answer(p)...)
	return nil
}

func (s *script) Receive(ctx context.Context, _ time.Duration) (byte, error) {
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case len(s.in) == 0:
		return 0, ErrTimeout
	}
	s.last, s.in = s.in[0], s.in[1:]
	return s.last, nil
}

func (s *script) Unread() { s.in = append([]byte{s.last}, s.in...) }

// receiver stores what a sender sends. spoil may replace a block's answer: it gets the count of blocks that came.
type receiver struct {
	content bytes.Buffer
	name    string
	size    int64
	next    byte
	count   int
	ended   int // EOTs
	spoil   func(count int) (answer []byte, replace bool)
}

func (r *receiver) answer(p []byte) []byte {
	if len(p) == 1 && p[0] == eot {
		r.ended++
		return []byte{ack, start}
	}
	data := p[3 : len(p)-2]
	if sum := crc16(data); p[1] != ^p[2] || p[len(p)-2] != byte(sum>>8) || p[len(p)-1] != byte(sum) || len(data) != map[byte]int{soh: 128, stx: 1024}[p[0]] {
		return []byte{nak}
	}
	r.count++
	if r.spoil != nil {
		if answer, replace := r.spoil(r.count); replace {
			return answer
		}
	}
	switch {
	case r.ended > 0:
		return []byte("## Total Size")
	case r.next == 0 && r.name == "":
		name, rest, _ := bytes.Cut(data, []byte{0})
		r.name = string(name)
		fmt.Sscan(string(rest), &r.size)
		r.next = 1
		return []byte{ack, start}
	case p[1] == r.next:
		r.content.Write(data)
		r.next++
	case p[1] != r.next-1:
		return []byte{can, can}
	}
	return []byte{ack}
}

// TestSend sends files whose sizes lie around those of the blocks.
func TestSend(t *testing.T) {
	content := make([]byte, 300<<10) // block numbers wrap
	rand.NewChaCha8([32]byte{}).Read(content)
	for _, size := range []int{0, 1, 127, 128, 129, 895, 896, 897, 1023, 1024, 1025, 2048, len(content)} {
		r := &receiver{}
		line := &script{t: t, answer: r.answer, in: []byte{start}}
		last := int64(0)
		err := Send(t.Context(), line, File{"u-boot.bin", int64(size), bytes.NewReader(content)}, func(sent int64) { last = sent })
		if err != nil || r.name != "u-boot.bin" || r.size != int64(size) || last != r.size || r.ended != 1 {
			t.Errorf("Send(%d bytes) = %v, name %q, size %d, %d sent, %d ends; want all", size, err, r.name, r.size, last, r.ended)
			continue
		}
		got := r.content.Bytes()
		if len(got) < size || len(got) >= size+128 || !bytes.Equal(got[:size], content[:size]) {
			t.Errorf("Send(%d bytes): %d bytes arrived; want the same bytes and less than a short block of padding", size, len(got))
		}
		if string(line.in) != "## Total Size" {
			t.Errorf("Send(%d bytes) left %q; want what the receiver's program printed", size, line.in)
		}
	}
}

// TestSendRepeats sends blocks again that were not acknowledged.
func TestSendRepeats(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for name, answer := range map[string][]byte{"refused": {nak}, "lost": nil, "asked for again": {start, start}, "noise": []byte("x\x18y\x15")} {
		r := &receiver{}
		r.spoil = func(count int) ([]byte, bool) { return answer, count%3 == 0 }
		err := Send(t.Context(), &script{t: t, answer: r.answer, in: []byte{start}}, File{"f", int64(len(content)), bytes.NewReader(content)}, func(int64) {})
		if got := r.content.Bytes(); err != nil || !bytes.HasPrefix(got, content) {
			t.Errorf("%s: Send = %v, %d bytes; want %d bytes", name, err, len(got), len(content))
		}
	}
}

// TestSendFails returns why a file was not sent.
func TestSendFails(t *testing.T) {
	stopped := errors.New("stopped")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	always := func(answer ...byte) func(int) ([]byte, bool) { return func(int) ([]byte, bool) { return answer, true } }
	for name, tt := range map[string]struct {
		ctx   context.Context
		asks  []byte
		spoil func(int) ([]byte, bool)
		size  int64
		want  error
	}{
		"silent":        {t.Context(), nil, nil, 1, ErrTimeout},
		"deaf":          {t.Context(), []byte{start}, always(), 1, ErrTimeout},
		"always a NAK":  {t.Context(), []byte{start}, always(nak), 1, ErrRefused},
		"cancels":       {t.Context(), []byte{start}, always(can, can), 1, ErrCancelled},
		"cancels early": {t.Context(), []byte{can, can}, nil, 1, ErrCancelled},
		"cancelled":     {cancelled, []byte{start}, nil, 1, stopped},
		"too short":     {t.Context(), []byte{start}, nil, 100, io.EOF},
	} {
		r := &receiver{spoil: tt.spoil}
		err := Send(tt.ctx, &script{t: t, answer: r.answer, in: tt.asks}, File{"f", tt.size, bytes.NewReader([]byte("x"))}, func(int64) {})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: Send = %v; want %v", name, err, tt.want)
		}
	}
}

// process is a line to a program.
type process struct {
	io.Writer
	bytes chan byte
	last  byte
	back  bool
}

func (p *process) Write(_ context.Context, data []byte) error {
	_, err := p.Writer.Write(data)
	return err
}

func (p *process) Receive(ctx context.Context, limit time.Duration) (byte, error) {
	if p.back {
		p.back = false
		return p.last, nil
	}
	if limit == 0 {
		select {
		case p.last = <-p.bytes:
			return p.last, nil
		default:
			return 0, ErrTimeout
		}
	}
	select {
	case p.last = <-p.bytes:
		return p.last, nil
	case <-time.After(limit):
		return 0, ErrTimeout
	}
}

func (p *process) Unread() { p.back = true }

// TestSendToRB sends files to the rb of lrzsz.
func TestSendToRB(t *testing.T) {
	rb, err := exec.LookPath("rb")
	if err != nil {
		t.Skip("LEFT OUT: there is no rb, of Debian's package lrzsz")
	}
	content := make([]byte, 300_000)
	rand.NewChaCha8([32]byte{1}).Read(content)
	for _, size := range []int{128, 1000, len(content)} {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), rb, "-q")
		cmd.Dir = dir
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := &process{Writer: in, bytes: make(chan byte, 1<<16)}
		read := make(chan struct{})
		go func() {
			defer close(read)
			buf := make([]byte, 100)
			for {
				n, err := out.Read(buf)
				for _, b := range buf[:n] {
					line.bytes <- b
				}
				if err != nil {
					return
				}
			}
		}()
		err := Send(t.Context(), line, File{"sent.bin", int64(size), bytes.NewReader(content)}, func(int64) {})
		in.Close()
		<-read
		werr := cmd.Wait()
		got, rerr := os.ReadFile(filepath.Join(dir, "sent.bin"))
		if err != nil || werr != nil || rerr != nil || !bytes.Equal(got, content[:size]) {
			t.Errorf("Send(%d bytes) to rb = %v; rb %v, %d bytes, %v; want the same bytes", size, err, werr, len(got), rerr)
		}
	}
}

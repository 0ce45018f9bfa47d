// Package ymodem sends a file over a serial line by the YMODEM protocol, in blocks of 1 KiB with a CRC-16, as U-Boot's
// loady and the rb of lrzsz receive it.
//
// It owns the protocol. It must not know how the receiver is started, what the line is, or at which speed it runs.
// Source: Chuck Forsberg, XMODEM/YMODEM Protocol Reference, 1988.
package ymodem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The bytes of the protocol.
const (
	soh   = 0x01 // a block of 128 bytes follows
	stx   = 0x02 // a block of 1024 bytes follows
	eot   = 0x04 // the file is complete
	ack   = 0x06
	nak   = 0x15
	can   = 0x18
	start = 'C' // the receiver wants blocks with a CRC-16
)

// Cancel is what ends the transfer at the receiver while it waits for a block. A receiver in the middle of a block
// takes it for data.
const Cancel = "\x18\x18\x18\x18\x18\x18\x18\x18"

const (
	blockTries   = 10               // of one block
	startTimeout = time.Minute      // until the receiver wants the file
	answerLimit  = 10 * time.Second // for the answer to a block
	crossLimit   = time.Second      // in which a request to start may still have crossed the block
	// startLimit is for the request of the first block of the content. U-Boot sends it only if no block comes for
	// seconds; other receivers send it at once, and may drop what comes before.
	startLimit = 200 * time.Millisecond
	closeLimit = 3 * time.Second // for the request of the next file, and for the answer to the end of the batch
)

// The ways in which a transfer fails, besides the errors of its line.
var (
	ErrTimeout   = errors.New("no answer")
	ErrCancelled = errors.New("the receiver cancelled the transfer")
	ErrRefused   = errors.New("the receiver acknowledged none of the copies of a block")
)

// Line is the serial line to the receiver. It belongs to one goroutine.
type Line interface {
	Write(ctx context.Context, p []byte) error
	// Receive waits for the next byte, at most for limit, after which it returns ErrTimeout. With a limit of 0 it
	// returns only a byte that is there.
	Receive(ctx context.Context, limit time.Duration) (byte, error)
	// Unread puts back the last byte that was read, for the reader of the line after the transfer.
	Unread()
}

// File is what is sent. Size is in bytes; a file of no bytes is sent, too.
type File struct {
	Name string
	Size int64
	io.ReaderAt
}

// Send sends a file. sent gets the number of bytes that the receiver has acknowledged, after each block. After an error
// the receiver may still wait: the caller ends that with Cancel.
func Send(ctx context.Context, line Line, f File, sent func(int64)) error {
	s := &sender{Line: line}
	if err := s.await(ctx, start, startTimeout); err != nil {
		return fmt.Errorf("the receiver does not ask for the file: %w", err)
	}
	// Block 0 has the name and the size. Source: section 5 of the reference.
	if err := s.block(ctx, 0, header(f), 0); err != nil {
		return fmt.Errorf("the block with the file's name: %w", err)
	}
	if err := s.await(ctx, start, startLimit); err != nil && !errors.Is(err, ErrTimeout) {
		return err
	}
	if err := s.content(ctx, f, sent); err != nil {
		return err
	}
	if err := s.answered(ctx, []byte{eot}); err != nil {
		return fmt.Errorf("the end of the file: %w", err)
	}
	return s.endBatch(ctx)
}

// content sends the blocks of the content. The last bytes go in short blocks.
func (s *sender) content(ctx context.Context, f File, sent func(int64)) error {
	buf := make([]byte, longBlock)
	for off, number := int64(0), byte(1); off < f.Size; number++ {
		size := longBlock
		if f.Size-off <= longBlock-shortBlock {
			size = shortBlock
		}
		n := int(min(int64(size), f.Size-off))
		if read, err := f.ReadAt(buf[:n], off); read < n {
			return fmt.Errorf("the file cannot be read at byte %d: %w", off, err)
		}
		if err := s.block(ctx, number, buf[:n], padding); err != nil {
			return fmt.Errorf("byte %d of %d: %w", off, f.Size, err)
		}
		off += int64(n)
		sent(off)
	}
	return nil
}

// endBatch says that no file follows. The file has arrived by then, so a receiver that does not answer is no error.
func (s *sender) endBatch(ctx context.Context) error {
	err := s.await(ctx, start, closeLimit)
	if err == nil {
		err = s.Write(ctx, frame(0, nil, 0))
	}
	if err == nil {
		var b byte
		if b, err = s.Receive(ctx, closeLimit); err == nil && b != ack {
			s.Unread() // the receiver's program prints
		}
	}
	if errors.Is(err, ErrTimeout) {
		return nil
	}
	return err
}

package ymodem

import (
	"context"
	"errors"
	"time"
)

// sender sends blocks and reads the answers.
type sender struct{ Line }

// block sends one block until it is acknowledged.
func (s *sender) block(ctx context.Context, number byte, data []byte, pad byte) error {
	return s.answered(ctx, frame(number, data, pad))
}

// answered sends p until it is acknowledged. It sends p again after a NAK, and after answerLimit without an answer.
func (s *sender) answered(ctx context.Context, p []byte) error {
	failed := ErrTimeout
	for range blockTries {
		if err := s.purge(ctx); err != nil {
			return err
		}
		if err := s.Write(ctx, p); err != nil {
			return err
		}
		err := s.answer(ctx)
		if err != errAgain && !errors.Is(err, ErrTimeout) {
			return err
		}
		if err == errAgain {
			failed = ErrRefused
		}
	}
	return failed
}

// errAgain is the answer of a receiver that wants a block again. It does not leave the package.
var errAgain = errors.New("again")

// maxStrayBytes bounds how many bytes that are no answer are read for one, such as the output of another program.
const maxStrayBytes = 64 << 10

// answer waits for the answer to a block. Of the receiver's requests to start, which it repeats until the first block
// arrives, the first may have crossed that block; a later one means that the block was lost.
func (s *sender) answer(ctx context.Context) error {
	limit, starts, cancels := crossLimit, 0, 0
	for range maxStrayBytes {
		b, err := s.Receive(ctx, limit)
		switch {
		case errors.Is(err, ErrTimeout) && limit == crossLimit:
			limit, starts = answerLimit-crossLimit, 1
			continue
		case err != nil:
			return err
		case b != can:
			cancels = 0
		}
		switch b {
		case ack:
			return nil
		case nak:
			return errAgain
		case start:
			if starts++; starts == 2 {
				return errAgain
			}
		case can: // one may be noise
			if cancels++; cancels == 2 {
				return ErrCancelled
			}
		}
	}
	return ErrTimeout
}

// await waits until the receiver sends b.
func (s *sender) await(ctx context.Context, b byte, limit time.Duration) error {
	cancels := 0
	for range maxStrayBytes {
		got, err := s.Receive(ctx, limit)
		switch {
		case err != nil:
			return err
		case got == b:
			return nil
		case got != can:
			cancels = 0
		default:
			if cancels++; cancels == 2 {
				return ErrCancelled
			}
		}
	}
	return ErrTimeout
}

// purge drops what has come: an answer to an earlier copy of a block is none to the next one.
func (s *sender) purge(ctx context.Context) error {
	for cancels := 0; ; {
		b, err := s.Receive(ctx, 0)
		switch {
		case errors.Is(err, ErrTimeout):
			return nil
		case err != nil:
			return err
		case b != can:
			cancels = 0
		default:
			if cancels++; cancels == 2 {
				return ErrCancelled
			}
		}
	}
}

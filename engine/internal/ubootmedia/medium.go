// Package ubootmedia reads and writes the media of a board with the commands of its U-Boot: block devices and flash
// chips.
//
// It owns the syntax of these commands, and what their output means. It must not know of images, digests, receipts or
// attempts.
package ubootmedia

import (
	"context"

	"github.com/flashlua/flashlua/engine/console"
)

// Prompt runs commands at U-Boot's prompt.
type Prompt interface {
	// Exec runs a command, and returns its output and exit code.
	Exec(ctx context.Context, cmd console.Command) (console.Result, error)
}

// Medium is a medium of a board, or a part of one. Its methods must not be called concurrently. Another command may
// select another device of U-Boot: Select must be called after it, before the other methods.
type Medium interface {
	// Select makes U-Boot find the medium and use it. It returns what the medium is. ram is room for a sector. The
	// error is of kind target.missing if the board has no such medium, and uboot.command if its U-Boot lacks the
	// commands.
	Select(ctx context.Context, ram uint64) (Geometry, error)
	// Read copies n bytes at off to RAM. Off and n are multiples of Geometry.Sector. The error is of kind verify.read.
	Read(ctx context.Context, ram uint64, off, n int64) error
	// Write makes n bytes at off those in RAM. Off and n are multiples of Geometry.Unit. The error is of kind
	// write.failed. The medium may hold anything there after an error, and must be read to know what it holds.
	Write(ctx context.Context, ram uint64, off, n int64) error
}

// Geometry is what Select finds out about a medium.
type Geometry struct {
	Size   int64  // bytes; 0 if U-Boot does not say it
	Sector int64  // bytes of the smallest read
	Unit   int64  // bytes of the smallest write, a multiple of Sector: an erase block of a flash chip
	Whole  bool   // one Write must have the whole image, and Read be from 0: a UBI volume
	Disk   string // the device that the medium is, or is a part of: two media of one Disk share it
	First  int64  // byte offset in Disk
}

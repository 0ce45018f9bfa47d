//go:build !linux

package serve

import (
	"context"
	"errors"
	"net"
)

// There are no abstract sockets here: a port is shared by the runs of one process only.

// listenControl returns no listener.
func listenControl(context.Context, string) (net.Listener, error) { return nil, nil }

// dialControl connects to nothing.
func dialControl(context.Context, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

// controlled returns none.
func controlled() []string { return nil }

// peerOf returns an error.
func peerOf(net.Conn) (peerProcess, error) { return peerProcess{}, errors.ErrUnsupported }

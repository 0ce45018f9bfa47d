// Package labgrid gets a board from a labgrid coordinator: it acquires a place, reads from the place's resources
// how its console and its power are reached, and releases the place. It speaks the protocol of labgrid 25 and
// newer.
//
// It owns the connection to the coordinator, the place that it acquired, and the claim by which two processes of
// one user do not use a place at the same time. It does not know boards, images, Lua or the command line. It is
// used by programs that embed flashlua.
//
// The protocol is gRPC: length-prefixed protobuf messages in streams of HTTP/2. This package speaks it with
// net/http, which has HTTP/2 without TLS, flow control, GOAWAY and pings, and with protowire, both of which
// flashlua contains already. google.golang.org/grpc would add 4.3 MB, and what it is better at (balancing,
// reconnecting) must not happen here: the coordinator knows a client by its TCP connection, so that all calls of a
// client go through one connection, see http.ClientConn.
package labgrid

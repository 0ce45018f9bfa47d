package transport_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/flashlua/flashlua/engine/transport"
)

// Add a kind of port. The scheme "lab" then works in engine.Job.Port and in every other place that takes a console
// port. Programs call Register from an init function.
func ExampleRegister() {
	transport.Register("lab", "lab:BENCH", func(_ context.Context, address string, _ transport.Line) (transport.Port, error) {
		board, port := net.Pipe() // a client of the lab's own console server
		go fmt.Fprintf(board, "this is %s\n", address)
		return port, nil
	})

	port, err := transport.Open(context.Background(), "lab:bench-7", transport.Line{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer port.Close()
	line := make([]byte, 15)
	_, err = io.ReadFull(port, line)

	fmt.Printf("%s %v\n", line, err)
	// Output: this is bench-7 <nil>
}

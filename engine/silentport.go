package engine

import (
	"io"
	"sync"
)

// silentPort is a port that prints nothing and takes everything. Safe for concurrent use.
type silentPort struct {
	once   sync.Once
	closed chan struct{}
}

func newSilentPort() *silentPort { return &silentPort{closed: make(chan struct{})} }

func (p *silentPort) Read([]byte) (int, error) {
	<-p.closed
	return 0, io.EOF
}

func (p *silentPort) Write(b []byte) (int, error) { return len(b), nil }

func (p *silentPort) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

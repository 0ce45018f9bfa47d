package serve

// Load is how far a client's load of a file has come.
type Load struct {
	Name           string
	Client         string // its address and port; "": no client has requested a file
	Size           int64  // bytes
	Block          int    // bytes
	Blocks         int64  // of the whole file
	Acked          int64  // blocks that the client acknowledged, -1 if it acknowledged nothing
	Resent         int64  // blocks that were sent again
	WindowTooLarge bool   // the window was too large for the client: the server ended the transfer
}

// Began reports whether the client acknowledged a part of the file.
func (l Load) Began() bool { return l.Acked > 0 }

// Bytes returns how much of the file the client has acknowledged.
func (l Load) Bytes() int64 { return max(min(l.Acked*int64(l.Block), l.Size), 0) }

// LastLoad returns the load that began last; the zero Load if none has since the last ResetLoad.
func (t *TFTP) LastLoad() Load {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// ResetLoad forgets the last load. onAck is called, if it is not nil, after each acknowledgement of the loads that
// follow, in goroutines of the server.
func (t *TFTP) ResetLoad(onAck func(Load)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.onAck = Load{}, onAck
}

// note records how far a transfer has come.
func (t *TFTP) note(l Load) {
	t.mu.Lock()
	t.last = l
	report := t.onAck
	t.mu.Unlock()
	if report != nil {
		report(l)
	}
}

package console

// Received returns the number of bytes that have come from the console.
func (c *Console) Received() int64 { return c.stream.end() }

package lab

import "time"

// Holding says who uses a station. Plain data: safe for concurrent use while nothing changes it.
type Holding struct {
	By    string    // the user, or another name for people
	Since time.Time // zero is not known
	With  string    // the command; may be ""
}

// Holders knows which stations are in use. Its method is safe for concurrent use.
type Holders interface {
	Holder(s Station) (h Holding, held bool)
}

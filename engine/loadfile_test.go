package engine

import (
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// TestExplainLoad: a load that stopped in the middle of the file and one that never began have different errors.
func TestExplainLoad(t *testing.T) {
	silent := classify.New(classify.NetTFTPTimeout, "the TFTP server does not answer")
	refused := classify.New(classify.NetTFTP, "exited 1")
	middle := serve.Load{Client: "10.0.0.9:1024", Size: 14680, Block: 1468, Blocks: 11, Acked: 5, Resent: 3}
	tooLarge := middle
	tooLarge.WindowTooLarge = true
	for _, tt := range []struct {
		name string
		err  error
		load serve.Load
		kind classify.Kind
		text string
	}{
		{"no request", silent, serve.Load{}, classify.NetTFTPTimeout, "no request for the kernel file arrived"},
		{"no acknowledgement", silent, serve.Load{Client: "10.0.0.9:1024", Blocks: 11, Acked: -1}, classify.NetTFTPTimeout, "acknowledged no block"},
		{"stopped", silent, middle, classify.NetTFTPCut, "stopped at block 5 of 11 (45 %), 3 blocks were sent again"},
		{"window too large", refused, tooLarge, classify.NetTFTPCut, "stopped at block 5 of 11"},
		{"refused", refused, middle, classify.NetTFTP, "exited 1"},
		{"reset", classify.New(classify.BoardReset, "the board reset itself"), middle, classify.BoardReset, "reset itself"},
	} {
		err := explainLoad(tt.err, "the kernel file", "10.0.0.1", tt.load)
		if f := classify.Facts(err); f.Kind != tt.kind || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("explainLoad(%s) = %v of kind %s; want %q of kind %s", tt.name, err, f.Kind, tt.text, tt.kind)
		}
	}
}

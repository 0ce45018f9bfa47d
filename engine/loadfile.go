package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/uboot"
)

// load is what U-Boot loads from the station.
type load struct {
	what    string // for people
	name    string // on the TFTP server
	address uint64
	size    int64
	acked   func(n int64) // is called with the bytes that the board has, in other goroutines
}

// load returns a file as what U-Boot loads.
func (f bootFile) load(events *emitter) load {
	return load{what: "the " + f.name + " file", name: f.tftpName, address: f.Address, size: f.size, acked: func(n int64) {
		events.progress("load "+f.name, n, f.size)
	}}
}

// loadFile has U-Boot load a file of the policy from the TFTP server at server.
func (s *Session) loadFile(ctx context.Context, ub *uboot.UBoot, f bootFile, server string) error {
	return s.load(ctx, ub, f.load(s.run.events), server)
}

// load has U-Boot load from the TFTP server at server. A load that lost blocks is repeated once from the same prompt,
// with a window of one block.
func (s *Session) load(ctx context.Context, ub *uboot.UBoot, f load, server string) error {
	b := &s.run.files
	if b.tftp == nil { // the losses of another server are not known
		return ub.Load(ctx, server, f.name, f.address, f.size, b.size())
	}
	b.tftp.RestrictTo(s.boardAddr)
	for {
		b.tftp.ResetLoad(func(l serve.Load) { f.acked(l.Bytes()) })
		began := s.run.Clock.Now()
		err := ub.Load(ctx, server, f.name, f.address, f.size, b.size())
		l := b.tftp.LastLoad()
		if err == nil {
			s.noteLoad(f.what, l, s.run.Clock.Now().Sub(began))
			return nil
		}
		retry := b.size() > 1 && l.Client != "" && l.Acked >= 0 && classify.Find(err, classify.NetTFTPMissing) == nil &&
			classify.Find(err, classify.NetTFTP) != nil && !needsNewAttempt(err) && context.Cause(ctx) == nil
		err = explainLoad(err, f.what, server, l)
		if problem := b.tftp.Problem(); problem != nil && l.Client == "" {
			err = classify.Wrap(err, "", "%s", problem)
		}
		if !retry {
			return err
		}
		s.Note(fmt.Sprintf("%s; it is loaded again with net.tftp_window = 1", classify.Messages(err)[0]))
		b.fall()
	}
}

// noteLoad adapts the window to a load that arrived, and says how many blocks were sent again.
func (s *Session) noteLoad(what string, l serve.Load, took time.Duration) {
	if l.Resent == 0 {
		s.run.files.arrived(l.Size)
		return
	}
	s.run.files.fall()
	s.Note(fmt.Sprintf("%s: %d of %d blocks were sent again, %.1f MB/s", what, l.Resent, l.Blocks, float64(l.Size)/1e6/max(took.Seconds(), 0.001)))
}

// explainLoad adds what the TFTP server knows of a load that failed.
func explainLoad(err error, what, server string, l serve.Load) error {
	f := classify.Facts(err)
	switch silent := f.Kind.Is(classify.NetTFTPTimeout) || f.Kind.Is(classify.ConsoleStall); {
	case l.WindowTooLarge || l.Began() && silent:
		cut := classify.New(classify.NetTFTPCut, "the load of %s from %s stopped at block %d of %d (%d %%), %d blocks were sent again",
			what, server, l.Acked, l.Blocks, 100*l.Acked/l.Blocks, l.Resent)
		return classify.WithConsole(classify.WithHint(cut, "blocks are lost between the station and the board: check the cable and the switch, and try net.tftp_window = 1"), f.Console)
	case !silent || l.Client == "" && f.Kind.Is(classify.ConsoleStall):
		return err
	case l.Client == "":
		return classify.Wrap(err, "", "no request for %s arrived at the TFTP server of this run", what)
	}
	return classify.Wrap(err, "", "the board at %s requested %s, but acknowledged no block of it: the answers, which come from another port than 69, are lost", l.Client, what)
}

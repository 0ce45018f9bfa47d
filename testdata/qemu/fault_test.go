package qemu

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine"
)

// onceAt calls f once, when a quarter of the image is written.
func onceAt(f func()) func(engine.Event) {
	done := false
	return func(e engine.Event) {
		if e.Type == engine.EventProgress && e.Done > e.Total/4 && !done {
			done = true
			f()
		}
	}
}

func TestBoardResetsDuringTheWrite(t *testing.T) {
	r := newRig(t, 16<<20)
	rep := r.run(engine.Engine{Events: onceAt(func() {
		if _, err := r.QMP(context.Background(), "system_reset"); err != nil {
			t.Error(err)
		}
	})}, policyFile(), 3)
	if rep.Exit != 0 || !slices.Equal(failures(rep.Attempts), []classify.Kind{classify.BoardReset}) {
		t.Errorf("run = exit %d, attempts %+v; want 0, one that ended board.reset\n%v", rep.Exit, rep.Attempts, rep.Err)
	}
	r.equal()
}

func TestBoardVanishesDuringTheWrite(t *testing.T) {
	r := inLinux(t, 8<<20)
	rep := r.run(engine.Engine{Events: onceAt(func() { go r.Stop() })}, r.fromShell(), 1)
	if rep.Exit != engine.ExitExhausted || rep.Attempts[0].Kind != string(classify.TransportLost) || rep.Target.State != engine.Partial {
		t.Errorf("run = exit %d, target %s, the first attempt %q; want exhausted, partial, transport.lost\n%v", rep.Exit, rep.Target.State, rep.Attempts[0].Error, rep.Err)
	}
	if !strings.Contains(strings.Join(rep.Secondary, "\n"), "could not switch the board off") {
		t.Errorf("secondary errors = %q; want that of the power", rep.Secondary)
	}
}

func TestPowerUnreachableInTheEnd(t *testing.T) {
	r := inLinux(t, 1000)
	hidden := false
	rep := r.run(engine.Engine{Events: func(e engine.Event) {
		if e.Type == engine.EventStep && e.Step == "verify" && !hidden {
			hidden = true
			if err := os.Remove(strings.TrimPrefix(r.Power, "qmp:")); err != nil {
				t.Error(err)
			}
		}
	}}, r.fromShell(), 0)
	if rep.Exit != engine.ExitFatal || rep.Result != "verified" || rep.Target.State != engine.Verified || rep.Kind != string(classify.PowerConnect) {
		t.Errorf("run = exit %d, %s, target %s, kind %s; want fatal, verified, verified, power.connect", rep.Exit, rep.Result, rep.Target.State, rep.Kind)
	}
	r.equal()
}

func TestBoardStopsDuringTheWrite(t *testing.T) {
	r := inLinux(t, 8<<20)
	policy := r.variant(shellOf + `function board.flash(s, job)
		local sh = shell(s)
		s:step("write", { timeout = "45s" }, function() sh:write(job) end)
	end`)
	rep := r.run(engine.Engine{Events: onceAt(func() {
		if _, err := r.QMP(context.Background(), "stop"); err != nil {
			t.Error(err)
		}
	})}, policy, 0)
	if rep.Exit != engine.ExitExhausted || rep.Kind != string(classify.DeadlineStep) || rep.Step != "write" || rep.Target.State != engine.Partial {
		t.Errorf("run = exit %d, kind %s, step %s, target %s; want exhausted, deadline.step, write, partial\n%v", rep.Exit, rep.Kind, rep.Step, rep.Target.State, rep.Err)
	}
}

// server is a listener that can go down, with all of its connections, and come up again at the same address.
type server struct {
	mu    sync.Mutex // guards now and conns
	now   net.Listener
	conns []net.Conn
	next  chan net.Listener // closed when there is none to come
}

func newServer(network, address string) (*server, error) {
	l, err := net.Listen(network, address)
	return &server{now: l, next: make(chan net.Listener)}, err
}

func (s *server) listener() net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) Addr() net.Addr { return s.listener().Addr() }

func (s *server) Close() error {
	close(s.next)
	return s.listener().Close()
}

func (s *server) Accept() (net.Conn, error) {
	conn, err := s.listener().Accept()
	for err != nil {
		l, ok := <-s.next
		if !ok {
			return nil, err
		}
		s.mu.Lock()
		s.now = l
		s.mu.Unlock()
		conn, err = l.Accept()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return conn, nil
}

func (s *server) down() {
	s.listener().Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

func (s *server) up(t *testing.T) {
	l, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	s.next <- l
}

func TestImageServerGoesDown(t *testing.T) {
	r := inLinux(t, 16<<20)
	for retries, want := range []engine.ExitCode{engine.ExitExhausted, engine.ExitVerified} {
		var s *server
		down := onceAt(func() { s.down() })
		rep := r.run(engine.Engine{
			Listen: func(_ context.Context, network, address string) (_ net.Listener, err error) {
				s, err = newServer(network, address)
				return s, err
			},
			Events: func(e engine.Event) {
				down(e)
				if e.Type == engine.EventRetry {
					s.up(t)
				}
			},
		}, r.fromShell(), retries)
		if rep.Exit != want || len(rep.Attempts) != retries+1 || rep.Attempts[0].Kind != string(classify.NetHTTPCut) {
			t.Errorf("run with %d retries = exit %d, %d attempts, the first %s; want exit %d, %d attempts, net.http.cut\n%v", retries, rep.Exit, len(rep.Attempts), rep.Attempts[0].Error, want, retries+1, rep.Err)
		}
		if retries == 0 && rep.Target.State != engine.Partial {
			t.Errorf("target = %s; want partial", rep.Target.State)
		}
	}
	r.equal()
}

// flip changes one byte of the medium while the board stands still.
func (r *rig) flip(at int64) {
	ctx := context.Background()
	if _, err := r.QMP(ctx, "stop"); err != nil {
		r.t.Error(err)
	}
	r.spoil(at)
	if _, err := r.QMP(ctx, "cont"); err != nil {
		r.t.Error(err)
	}
}

func TestMediumChangedBeforeVerification(t *testing.T) {
	r := inLinux(t, 5_000_000)
	var notes []string
	rep := r.run(engine.Engine{Events: func(e engine.Event) {
		switch {
		case e.Type == engine.EventStep && e.Step == "verify":
			r.flip(int64(len(r.want)) - 1)
		case e.Type == engine.EventNote:
			notes = append(notes, e.Text)
		}
	}}, r.fromShell(), 0)
	if rep.Exit != 0 || rep.Target.Rewritten != 1 || !slices.Contains(notes, "read back wrong, and written again: 1 range") {
		t.Errorf("run = exit %d, %d ranges rewritten, notes %q; want 0, 1, a note of it\n%v", rep.Exit, rep.Target.Rewritten, notes, rep.Err)
	}
	r.equal()
}

// TestMediumThatKeepsChanging has the board itself change its medium all the time.
func TestMediumThatKeepsChanging(t *testing.T) {
	r := inLinux(t, 1_000_000)
	policy := r.variant(shellOf + `function board.flash(s, job)
		local sh = shell(s)
		sh:run("(while :; do dd if=/dev/urandom of=/dev/vda bs=512 count=1 oflag=direct conv=notrunc; done) >/dev/null 2>&1 </dev/null &")
		sh:write(job)
	end`)
	code, out, v := r.flash(policy, "--retries", "1")
	if code != engine.ExitExhausted || v.Result == engine.ResultVerified || v.Target.State == engine.Verified || len(v.Attempts) != 2 || v.Target.Rewritten != 1 {
		t.Errorf("flashlua = exit %d, verdict %+v; want exhausted, not verified, two attempts, one range rewritten\n%s", code, v, out)
	}
	for _, a := range v.Attempts {
		if a.Kind != string(classify.VerifyMismatch) {
			t.Errorf("attempt %d = %s; want verify.mismatch", a.Number, a.Error)
		}
	}
}

// TestBoardWithoutMemory takes away the room and the memory for reading back: another method is used until none is
// left.
func TestBoardWithoutMemory(t *testing.T) {
	r := inLinux(t, 20<<20)
	code, out, v := r.flash(r.variant(shellOf+`function board.flash(s, job)
		local sh = shell(s)
		sh:exec("dd if=/dev/zero of=/dev/zeros bs=1M") -- until /dev, where a file in RAM can be, is full
		s:step("no room", { destroys = job.target }, function() sh:write(job) end)
		sh:run("rm /dev/zeros; mkdir /tmp/ram; mount -t tmpfs -o size=90% tmpfs /tmp/ram")
		sh:run("dd if=/dev/zero of=/tmp/ram/zeros bs=1M count=$(($(sed -n '/^MemAvailable/s/[^0-9]//gp' /proc/meminfo) / 1024 - 100))")
		s:step("no memory for files", { destroys = job.target }, function() sh:write(job) end)
		sh:run("ulimit -v 2500") -- too little for dd's buffer
		s:step("no memory", { destroys = job.target }, function() sh:write(job) end)
	end`), "--retries", "0")
	if code != engine.ExitExhausted || v.Step != "no memory" || !strings.Contains(strings.Join(v.Console, "\n"), "out of memory") {
		t.Errorf("flashlua = exit %d, verdict %+v; want exhausted in step no memory\n%s", code, v, out)
	}
	r.equal()
}

package labgrid

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	lab "github.com/flashlua/flashlua/testdata/labgrid"
)

// The identities in the tests. A coordinator knows users by HOST/USER.
const (
	me    = "here/me"
	other = "there/other"
)

// board returns the resources of a board in a group.
func board(group string) []lab.Resource {
	return []lab.Resource{
		{Group: group, Name: "console", Class: "NetworkSerialPort", Params: map[string]any{"host": "127.0.0.1", "port": 4001, "protocol": "raw"}},
		{Group: group, Name: "pdu", Class: "PDUDaemonPort", Params: map[string]any{"host": "pdu", "pdu": "rack 1", "index": 3}},
	}
}

// testClient returns a client of a lab with the identity me.
func testClient(l lab.Lab) Client {
	return Client{Address: l.Address(), Host: "here", User: "me", Clock: clock.Real{}, NeedPort: true, NeedPower: true}
}

// acquire acquires a place until the test ends.
func acquire(t *testing.T, c Client, text string) *Place {
	t.Helper()
	p, err := c.acquireText(t.Context(), text)
	if err != nil {
		t.Fatalf("Acquire(%s): %v", text, err)
	}
	t.Cleanup(func() { p.Release(context.Background()) })
	return p
}

func (c Client) acquireText(ctx context.Context, text string) (*Place, error) {
	r, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return c.Acquire(ctx, r)
}

// wantRefusal acquires a place that cannot be acquired.
func wantRefusal(t *testing.T, c Client, text string, kind classify.Kind, words ...string) {
	t.Helper()
	p, err := c.acquireText(t.Context(), text)
	if err == nil {
		p.Release(t.Context())
		t.Fatalf("Acquire(%s) = place %s; want an error of kind %s", text, p.Name(), kind)
	}
	if facts := classify.Facts(err); facts.Kind != kind {
		t.Errorf("Acquire(%s) = %v, of kind %s; want kind %s", text, err, facts.Kind, kind)
	}
	all := err.Error() + "\n" + strings.Join(hints(err), "\n")
	for _, word := range words {
		if !strings.Contains(all, word) {
			t.Errorf("Acquire(%s) =\n%s\nwant it to contain %q", text, all, word)
		}
	}
}

func hints(err error) (all []string) {
	classify.Walk(err, func(err error) bool {
		var e *classify.Error
		if errors.As(err, &e) && e.Hint != "" {
			all = append(all, e.Hint)
		}
		return true
	})
	return all
}

func wantHolder(t *testing.T, l lab.Lab, place, want string) {
	t.Helper()
	if got := lab.Holder(t, l, place); got != want {
		t.Errorf("holder of %s = %q; want %q", place, got, want)
	}
}

func TestAcquireAndRelease(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}, Aliases: []string{"old", "me:mine", "other:theirs"}, Tags: map[string]string{"board": "sim"}})
		for _, text := range []string{"labgrid:bench-1", "labgrid:old", "labgrid:mine", "labgrid:+board=sim", "labgrid:+name=bench-1"} {
			p, err := testClient(l).acquireText(t.Context(), text)
			if err != nil {
				t.Fatalf("Acquire(%s): %v", text, err)
			}
			if p.Port() != "tcp:127.0.0.1:4001" || p.Power() != "http:GET http://pdu:16421/power/control/{on|off}?hostname=rack+1&port=3" || p.Name() != "bench-1" {
				t.Errorf("Acquire(%s) = %s, port %s, power %s", text, p.Name(), p.Port(), p.Power())
			}
			wantHolder(t, l, "bench-1", me)
			if err := p.Release(t.Context()); err != nil {
				t.Errorf("Release() after Acquire(%s) = %v", text, err)
			}
			wantHolder(t, l, "bench-1", "")
			if p.Err() != nil {
				t.Errorf("Err() after Release() = %v; want nil", p.Err())
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, append(append(board("a"), board("b")...), board("c")[0])...)
		lab.AddPlaces(t, l,
			lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}, Tags: map[string]string{"board": "sim"}},
			lab.Setup{Place: "bench-2", Matches: []string{lab.Exporter + "/b/*"}},
			lab.Setup{Place: "shared", Matches: []string{lab.Exporter + "/b/*"}},
			lab.Setup{Place: "dark", Matches: []string{lab.Exporter + "/c/*"}},
			lab.Setup{Place: "gone", Matches: []string{"elsewhere/a/*"}},
			lab.Setup{Place: "many", Matches: []string{lab.Exporter + "/*/NetworkSerialPort"}},
			lab.Setup{Place: "reserved", Matches: []string{lab.Exporter + "/a/*"}})
		u := lab.Connect(t, l, other)
		for _, place := range []string{"bench-1", "bench-2"} {
			if err := u.Acquire(place); err != nil {
				t.Fatal(err)
			}
		}
		if err := u.Reserve(map[string]string{"name": "reserved"}); err != nil {
			t.Fatal(err)
		}
		c := testClient(l)
		wantRefusal(t, c, "labgrid:bench", classify.LabgridPlace, `no place "bench"`, "bench-1, bench-2")
		wantRefusal(t, c, "labgrid:bench-1", classify.LabgridHeld, "held by "+other)
		wantRefusal(t, c, "labgrid:+board=sim", classify.LabgridHeld, "no labgrid place with board=sim is free", "bench-1 is held by "+other)
		wantRefusal(t, c, "labgrid:+board=rpi", classify.LabgridPlace, "no place with board=rpi", "places with board=sim")
		wantRefusal(t, c, "labgrid:shared", classify.LabgridHeld, "the place bench-2 uses its resource")
		wantRefusal(t, c, "labgrid:dark", classify.LabgridPlace, "no resource for --power", lab.Exporter+"/c/NetworkSerialPort/console")
		wantRefusal(t, c, "labgrid:gone", classify.LabgridAway, "elsewhere/a/* is not exported now")
		wantRefusal(t, c, "labgrid:many", classify.LabgridPlace, "3 resources for --port", "add-named-match")
		wantRefusal(t, c, "labgrid:reserved", classify.LabgridHeld, "not reserved for "+me)
		wantRefusal(t, c, "labgrid:+NOSUCHTOKEN", classify.LabgridPlace, "NOSUCHTOKEN")
		wantHolder(t, l, "bench-1", other)
		for _, place := range []string{"shared", "dark", "gone", "many", "reserved"} {
			wantHolder(t, l, place, "")
		}
	})
}

// TestOursBefore holds that a place stays with the user who had it before.
func TestOursBefore(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, append(board("a"), board("b")...)...)
		lab.AddPlaces(t, l, lab.Setup{Place: "mine", Matches: []string{lab.Exporter + "/a/*"}}, lab.Setup{Place: "allowed", Matches: []string{lab.Exporter + "/b/*"}})
		if err := lab.Connect(t, l, me).Acquire("mine"); err != nil {
			t.Fatal(err)
		}
		u := lab.Connect(t, l, other)
		if err := errors.Join(u.Acquire("allowed"), u.Allow("allowed", me)); err != nil {
			t.Fatal(err)
		}
		for place, holder := range map[string]string{"mine": me, "allowed": other} {
			p := acquire(t, testClient(l), "labgrid:"+place)
			if err := p.Release(t.Context()); err != nil {
				t.Errorf("Release() of %s = %v", place, err)
			}
			wantHolder(t, l, place, holder)
		}
	})
}

// TestKilledRun holds that the next run releases the place of one that was killed.
func TestKilledRun(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}, Tags: map[string]string{"board": "sim"}})
		for _, text := range []string{"labgrid:bench-1", "labgrid:+board=sim"} {
			killed := acquire(t, testClient(l), text)
			byName := testClient(l)
			byName.Address = strings.Replace(byName.Address, "127.0.0.1", "localhost", 1)
			wantRefusal(t, byName, "labgrid:bench-1", classify.LabgridHeld, "in use on this machine by process")
			wantRefusal(t, testClient(l), "labgrid:bench-1", classify.LabgridHeld, "in use on this machine by process")
			wantRefusal(t, testClient(l), "labgrid:+board=sim", classify.LabgridHeld, "bench-1 is held by "+me)
			killed.session.close()
			killed.claim.release()
			wantHolder(t, l, "bench-1", me)
			if err := acquire(t, testClient(l), text).Release(t.Context()); err != nil {
				t.Error(err)
			}
			wantHolder(t, l, "bench-1", "")
		}
	})
}

// TestWait holds that a client that waits gets the place when its holder releases it.
func TestWait(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}, Tags: map[string]string{"board": "sim"}})
		u := lab.Connect(t, l, other)
		for _, text := range []string{"labgrid:bench-1", "labgrid:+board=sim"} {
			if err := u.Acquire("bench-1"); err != nil {
				t.Fatal(err)
			}
			c := testClient(l)
			c.Wait = callTimeout
			var notes []string
			c.Note = func(text string) {
				if notes = append(notes, text); len(notes) == 1 {
					if err := u.Release("bench-1"); err != nil {
						t.Error(err)
					}
				}
			}
			p := acquire(t, c, text)
			wantHolder(t, l, "bench-1", me)
			if len(notes) == 0 || !strings.Contains(notes[0], "bench-1 is held by "+other) || !strings.Contains(notes[0], "0 before this job") {
				t.Errorf("notes = %q; want the holder and the position first", notes)
			}
			if err := p.Release(t.Context()); err != nil {
				t.Error(err)
			}
			wantHolder(t, l, "bench-1", "")
		}
	})
}

// TestWaitInterrupted holds that the end of the context ends the wait, and that its cause is the error.
func TestWaitInterrupted(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}})
		u := lab.Connect(t, l, other)
		if err := u.Acquire("bench-1"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		c := testClient(l)
		c.Wait = callTimeout
		c.Note = func(string) { cancel(classify.New(classify.RunInterrupted, "interrupted by SIGINT")) }
		if _, err := c.acquireText(ctx, "labgrid:bench-1"); classify.Find(err, classify.RunInterrupted) == nil {
			t.Errorf("Acquire() = %v; want the cause of the end of its context", err)
		}
		if err := u.Release("bench-1"); err != nil {
			t.Fatal(err)
		}
		acquire(t, testClient(l), "labgrid:bench-1") // no reservation is left
	})
}

// TestTaken holds that a place that someone else takes is lost, and not released.
func TestTaken(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}})
		p := acquire(t, testClient(l), "labgrid:bench-1")
		d := p.guard(noDriver{})
		if err := d.Off(t.Context()); err != nil {
			t.Errorf("Off() before the loss = %v", err)
		}
		u := lab.Connect(t, l, other)
		if err := errors.Join(u.Release("bench-1"), u.Acquire("bench-1")); err != nil {
			t.Fatal(err)
		}
		ctx, stop := p.Context(t.Context())
		defer stop()
		<-ctx.Done()
		if context.Cause(ctx) != p.Err() {
			t.Errorf("the cause of the end of Context() = %v; want %v", context.Cause(ctx), p.Err())
		}
		if classify.Facts(p.Err()).Kind != classify.LabgridLost {
			t.Errorf("Err() = %v; want kind labgrid.lost", p.Err())
		}
		if err := d.Off(t.Context()); err == nil {
			t.Error("Off() after the loss = nil; want an error, because the board is another user's")
		}
		if err := p.Release(t.Context()); err != nil {
			t.Error(err)
		}
		wantHolder(t, l, "bench-1", other)
	})
}

// noDriver is a power driver that switches nothing.
type noDriver struct{}

func (noDriver) Check(context.Context) error { return nil }
func (noDriver) On(context.Context) error    { return nil }
func (noDriver) Off(context.Context) error   { return nil }

// TestCoordinatorGoes holds that a place is not lost with its coordinator, and that the release says that it
// failed.
func TestCoordinatorGoes(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}})
		c := testClient(l)
		gone := make(chan string, 10)
		c.Note = func(text string) { gone <- text }
		p := acquire(t, c, "labgrid:bench-1")
		l.KillCoordinator()
		for text := range gone {
			if strings.Contains(text, "goes on without the coordinator") {
				break
			}
		}
		if p.Err() != nil {
			t.Errorf("Err() = %v; want nil", p.Err())
		}
		err := p.Release(t.Context())
		if classify.Facts(err).Kind != classify.LabgridAway || !strings.Contains(strings.Join(hints(err), ""), "labgrid-client -p bench-1 release") {
			t.Errorf("Release() = %v, hints %q; want kind labgrid.away, and how to release the place", err, hints(err))
		}
		wantRefusal(t, c, "labgrid:bench-1", classify.LabgridAway, "cannot reach the labgrid coordinator at "+l.Address())
	})
}

// TestExporterGoes holds that a place whose exporter goes away is not lost, and can be released.
func TestExporterGoes(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}})
		p := acquire(t, testClient(l), "labgrid:bench-1")
		l.KillExporter()
		err := p.session.await(t.Context(), func() bool { return len(p.session.resources) == 0 })
		if err != nil || p.Err() != nil {
			t.Errorf("after the exporter went: %v, Err() = %v; want nil", err, p.Err())
		}
		if err := p.Release(t.Context()); err != nil {
			t.Error(err)
		}
		wantHolder(t, l, "bench-1", "")
		wantRefusal(t, testClient(l), "labgrid:bench-1", classify.LabgridAway, "is not exported now")
	})
}

// TestLook holds that a dry run sees the place and acquires nothing.
func TestLook(t *testing.T) {
	lab.On(t, func(t *testing.T, start func(*testing.T, ...lab.Resource) lab.Lab) {
		l := start(t, board("a")...)
		lab.AddPlaces(t, l, lab.Setup{Place: "bench-1", Matches: []string{lab.Exporter + "/a/*"}})
		p, err := testClient(l).Look(t.Context(), Request{Name: "bench-1"})
		if err != nil || p.Port() != "tcp:127.0.0.1:4001" {
			t.Fatalf("Look() = %+v, %v", p, err)
		}
		wantHolder(t, l, "bench-1", "")
	})
}

// TestSilentServer holds that the end of the context ends the wait for a server that accepts and never answers.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 1)) // the client has connected
		cancel(classify.New(classify.RunInterrupted, "interrupted by SIGINT"))
		io.Copy(io.Discard, conn)
	}()
	c := Client{Address: l.Addr().String(), Host: "here", User: "me", Clock: clock.Real{}, NeedPort: true, NeedPower: true}
	if _, err := c.acquireText(ctx, "labgrid:bench-1"); classify.Find(err, classify.RunInterrupted) == nil {
		t.Errorf("Acquire() = %v; want the cause of the end of its context", err)
	}
}

// TestNoCoordinator holds that other servers are no coordinators, and that the error is of kind labgrid.away.
func TestNoCoordinator(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")) // as the coordinator before labgrid 25
			conn.Close()
		}
	}()
	c := Client{Address: l.Addr().String(), Host: "here", User: "me", Clock: clock.Real{}, NeedPort: true, NeedPower: true}
	wantRefusal(t, c, "labgrid:bench-1", classify.LabgridAway, "cannot reach the labgrid coordinator", "LG_COORDINATOR")
}

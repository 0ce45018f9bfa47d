package simboard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// far is the station's end of a board's serial line, without flashlua's console.
type far struct {
	*Board
	port *Port
	mu   sync.Mutex // guards what follows
	said bytes.Buffer
}

// onLine runs f with a board that is off, on a virtual clock.
func onLine(t *testing.T, settings string, f func(t *testing.T, l *far)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Dir: t.TempDir(), Network: &Wire{}, Size: 1 << 20}
		if err := Parse(settings, &cfg); err != nil {
			t.Fatal(err)
		}
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		l := &far{Board: b}
		l.plug(t)
		f(t, l)
	})
}

func (l *far) plug(t *testing.T) {
	t.Helper()
	port := plugged(t, l.Board)
	l.port = port
	go func() {
		var p [256]byte
		for {
			n, err := port.Read(p[:])
			if err != nil {
				return
			}
			l.mu.Lock()
			l.said.Write(p[:n])
			l.mu.Unlock()
		}
	}()
}

// hears returns what the board prints within d.
func (l *far) hears(d time.Duration) string {
	time.Sleep(d)
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.said.Reset()
	return l.said.String()
}

// types returns what the board answers at once.
func (l *far) types(t *testing.T, text string) string {
	t.Helper()
	if n, err := l.port.Write([]byte(text)); err != nil || n != len(text) {
		t.Fatalf("Write = %d, %v", n, err)
	}
	return l.hears(time.Second)
}

// stops switches the board on and stops its autoboot.
func (l *far) stops(t *testing.T) string {
	t.Helper()
	l.On(t.Context())
	said := l.hears(time.Second)
	return said + l.types(t, " ")
}

// login goes from U-Boot's prompt to the shell's.
func (l *far) login(t *testing.T) string {
	t.Helper()
	return l.types(t, "run bootcmd\n") + l.types(t, "root\n")
}

// fires compares how often faults struck.
func (l *far) fires(t *testing.T, want string) {
	t.Helper()
	if got := fmt.Sprint(l.Faults().Fired()); got != "map["+want+"]" {
		t.Errorf("fired %s; want %s", got, want)
	}
}

// without runs f with a board without faults, and checks that none struck.
func without(t *testing.T, f func(t *testing.T, l *far)) {
	t.Helper()
	onLine(t, "", func(t *testing.T, l *far) {
		f(t, l)
		l.fires(t, "")
	})
}

// TestWire: bytes are lost, doubled and garbled as often as they should be, the same with the same seed, and only
// in the direction that the setting names.
func TestWire(t *testing.T) {
	sent := bytes.Repeat([]byte("0123456789"), 2000)
	pass := func(settings string, d Direction) ([]byte, map[string]int) {
		var cfg Config
		if err := Parse(settings, &cfg); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for p := sent; len(p) > 0; p = p[min(len(p), 7):] {
			got = append(got, cfg.Faults.wire(d, p[:min(len(p), 7)])...)
		}
		return got, cfg.Faults.Fired()
	}
	for fault, longer := range map[string]int{FaultDrop: -1, FaultLost: -1, FaultDouble: 1, FaultGarble: 0} {
		got, fired := pass("seed=3,"+fault+"=2%", ToBoard)
		n := fired[fault]
		if n < 320 || n > 480 || len(fired) != 1 || len(got) != len(sent)+longer*n {
			t.Errorf("%s: fired %v, %d bytes of %d", fault, fired, len(got), len(sent))
		}
		if longer == 0 && differ(got, sent) != n {
			t.Errorf("%s: %d bytes differ; fired %d", fault, differ(got, sent), n)
		}
		for settings, same := range map[string]bool{"seed=3,%s=0.02": true, "seed=3,%s=2%%:typed": true, "seed=4,%s=2%%": false, "seed=3,%s=2%%,noise=0.5": true} {
			settings = fmt.Sprintf(settings, fault)
			if again, _ := pass(settings, ToBoard); bytes.Equal(again, got) != same {
				t.Errorf("%s: the same %v; want %v", settings, !same, same)
			}
		}
		if other, fired := pass(fault+"=2%:printed", ToBoard); !bytes.Equal(other, sent) || len(fired) != 0 {
			t.Errorf("%s in the other direction: fired %v", fault, fired)
		}
		if other, _ := pass("seed=3,"+fault+"=2%", FromBoard); bytes.Equal(other, got) {
			t.Errorf("%s: both directions suffer the same", fault)
		}
	}
}

func differ(a, b []byte) (n int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// TestWireOfABoard: both directions of the serial line have the faults.
func TestWireOfABoard(t *testing.T) {
	text := "echo " + strings.Repeat("0123456789", 40)
	dialogue := func(t *testing.T, l *far) string { return l.stops(t) + l.types(t, text) }
	var clean string
	without(t, func(t *testing.T, l *far) { clean = dialogue(t, l) })
	if !strings.HasSuffix(clean, "=> "+text) {
		t.Fatalf("the board says %q", clean)
	}
	for _, d := range []Direction{ToBoard, FromBoard} {
		for fault, longer := range map[string]int{FaultDrop: -1, FaultLost: -1, FaultDouble: 1} {
			onLine(t, fault+"=2%:"+string(d), func(t *testing.T, l *far) {
				said := dialogue(t, l)
				if n := l.faults.Fired()[fault]; n == 0 || len(said) != len(clean)+longer*n {
					t.Errorf("%s, %s: %d bytes of %d, fired %d", fault, d, len(said), len(clean), n)
				}
			})
		}
	}
	onLine(t, "garble=2%:printed", func(t *testing.T, l *far) {
		said := dialogue(t, l)
		if n := l.faults.Fired()[FaultGarble]; n == 0 || differ([]byte(said), []byte(clean)) != n {
			t.Errorf("%d bytes differ, fired %d", differ([]byte(said), []byte(clean)), n)
		}
	})
}

// TestFirst: the first character after the interrupt is lost, as often as the setting says, and no other.
func TestFirst(t *testing.T) {
	dialogue := func(want ...string) func(t *testing.T, l *far) {
		return func(t *testing.T, l *far) {
			for _, want := range want {
				l.stops(t)
				if got := l.types(t, "echo yes\n") + l.types(t, "echo yes\n"); got != want {
					t.Errorf("the board says %q; want %q", got, want)
				}
			}
		}
	}
	const (
		good = "echo yes\r\nyes\r\n=> "
		bad  = "cho yes\r\nUnknown command 'cho' - try 'help'\r\n=> "
	)
	onLine(t, "first=2", func(t *testing.T, l *far) {
		dialogue(bad+good, bad+good, good+good)(t, l)
		l.fires(t, "first:2")
	})
	without(t, dialogue(good+good))
}

// TestEchoOff: nothing that is typed shows, in U-Boot, at the login, in the shell and while a command reads.
func TestEchoOff(t *testing.T) {
	dialogue := func(want ...string) func(t *testing.T, l *far) {
		return func(t *testing.T, l *far) {
			l.stops(t)
			typed := 0
			for i, text := range []string{"echo a\b''bc\n", "run bootcmd\n", "root\n", "cat /dev/tty\n", "words\n"} {
				typed += len(text)
				got := l.types(t, text)
				if !strings.HasSuffix(got, want[i]) {
					t.Errorf("%q is answered with %q; want %q", text, got, want[i])
				}
			}
			if n := l.faults.Fired()[FaultEcho]; n > 0 && n != typed-2 { // U-Boot's two line ends are its own
				t.Errorf("fired %d times for %d keys", n, typed)
			}
		}
	}
	onLine(t, "echo=off", func(t *testing.T, l *far) {
		dialogue("\r\nbc\r\n=> ", "\r\nflashlua login: ", "/root # \x1b[6n", "", "words\r\n")(t, l)
		if l.faults.Fired()[FaultEcho] == 0 {
			t.Error("it did not fire")
		}
	})
	without(t, dialogue("echo a\b \b''bc\r\nbc\r\n=> ", "\r\nflashlua login: ", "root\r\n/root # \x1b[6n", "cat /dev/tty\r\n", "words\r\nwords\r\n"))
}

// TestWrap: a long line's echo is broken at the column, in U-Boot and in Linux.
func TestWrap(t *testing.T) {
	line := "echo " + strings.Repeat("x", 95) + "\n" // after a prompt of 3 or 8 columns
	dialogue := func(uboot, linux []int) func(t *testing.T, l *far) {
		return func(t *testing.T, l *far) {
			l.stops(t)
			if got, want := l.types(t, line), broken("=> "+line, "\r\n", uboot)[3:]; !strings.HasPrefix(got, want) {
				t.Errorf("U-Boot says %q; want %q", got, want)
			}
			l.login(t)
			if got, want := l.types(t, line), broken("/root # "+line, "\r\r\n", linux)[8:]; !strings.HasPrefix(got, want) {
				t.Errorf("Linux says %q; want %q", got, want)
			}
		}
	}
	onLine(t, "wrap=40", func(t *testing.T, l *far) {
		dialogue([]int{40, 80}, []int{40, 80})(t, l)
		l.fires(t, "wrap:2")
	})
	without(t, dialogue(nil, []int{80}))
}

// broken returns a line as it is echoed.
func broken(line, end string, at []int) string {
	for i := len(at) - 1; i >= 0; i-- {
		line = line[:at[i]] + end + line[at[i]:]
	}
	return strings.TrimSuffix(line, "\n") + "\r\n"
}

// TestFIFO: a long line that is typed at once overruns the receiver; one that is typed in chunks that fit, with a
// pause, does not, nor one whose echo is waited for.
func TestFIFO(t *testing.T) {
	const line = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr" // 100 bytes
	onLine(t, "fifo=16", func(t *testing.T, l *far) {
		l.stops(t)
		l.fires(t, "")
		// 100 bytes come in 8.68 ms; 16 are held, 17 are read meanwhile, one every 0.5 ms.
		if got := l.types(t, line); len(got) != 33 || !strings.HasPrefix(got, line[:16]) {
			t.Errorf("of a line at once there is %q, %d bytes", got, len(got))
		}
		l.fires(t, "fifo:67")
		l.types(t, "\x03")
		if got := l.types(t, line[:16]); got != line[:16] {
			t.Errorf("of a line that fits there is %q", got)
		}
		l.types(t, "\x03")
		var got string
		for p := line; len(p) > 0; p = p[min(len(p), 16):] {
			l.port.Write([]byte(p[:min(len(p), 16)]))
			got += l.hears(10 * time.Millisecond)
		}
		if got != line {
			t.Errorf("of a line in chunks there is %q", got)
		}
		l.types(t, "\x03")
		for i := range line {
			l.port.Write([]byte(line[i : i+1]))
			if got := l.hears(byteTime + time.Second/usualSpeed - 1); got != "" {
				t.Fatalf("%q is echoed before it can be", got)
			}
			if got := l.hears(1); got != line[i:i+1] {
				t.Fatalf("byte %d is echoed as %q", i, got)
			}
		}
		l.fires(t, "fifo:67")
		l.login(t)
		l.fires(t, "fifo:67")
		if got := l.types(t, line); len(got) != 33 {
			t.Errorf("Linux hears %q", got)
		}
		l.types(t, line)
		l.On(t.Context()) // what was on the way is gone with the power
		l.hears(time.Second)
		if got := l.types(t, " "); !strings.HasSuffix(got, "=> ") {
			t.Errorf("after a reset: %q", got)
		}
	})
	onLine(t, "fifo=16:20000", func(t *testing.T, l *far) { // faster than the line
		l.stops(t)
		if got := l.types(t, line); got != line {
			t.Errorf("a fast board hears %q", got)
		}
		l.fires(t, "")
	})
	without(t, func(t *testing.T, l *far) {
		l.stops(t)
		if got := l.types(t, line); got != line {
			t.Errorf("a board without faults hears %q", got)
		}
	})
}

// TestGone: the adapter vanishes, the board goes on, and 3 s later the adapter is back.
func TestGone(t *testing.T) {
	for _, where := range []string{"gone=linux", "gone=output:700", "gone=output", "gone=output,seed=1"} {
		onLine(t, where, func(t *testing.T, l *far) {
			l.stops(t)
			l.port.Write([]byte("run bootcmd\n"))
			l.hears(100 * time.Millisecond)
			for l.faults.Fired()[FaultGone] == 0 {
				l.types(t, "root\n") // output goes on until it strikes
			}
		})
	}
	onLine(t, "gone=linux", func(t *testing.T, l *far) {
		l.stops(t)
		l.fires(t, "")
		if got := l.types(t, "run bootcmd\n"); strings.Contains(got, "Linux version") { // what the adapter held may be lost, too
			t.Errorf("the board says %q", got)
		}
		l.fires(t, "gone:1")
		if n, err := l.port.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read = %d, %v", n, err)
		}
		if n, err := l.port.Write([]byte("lost")); n != 0 || !errors.Is(err, syscall.EIO) {
			t.Errorf("Write = %d, %v", n, err)
		}
		time.Sleep(awayTime - time.Second - 1)
		if p, err := l.Open(); p != nil || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Open = %v, %v", p, err)
		}
		l.hears(1)
		l.plug(t)
		if got := l.types(t, "root\n"); got != "root\r\n/root # \x1b[6n" { // it went on to its login
			t.Errorf("the board says %q", got)
		}
		l.fires(t, "gone:1")
	})
	without(t, func(t *testing.T, l *far) {
		l.stops(t)
		if got := l.login(t); !strings.HasSuffix(got, "/root # \x1b[6n") {
			t.Errorf("the board says %q", got)
		}
	})
}

// TestOutput: a board resets, and later falls silent, at a byte of its output.
func TestOutput(t *testing.T) {
	whole := 0
	without(t, func(t *testing.T, l *far) {
		l.On(t.Context())
		whole = len(l.hears(time.Minute))
	})
	for n := 1; n <= whole; n += 50 {
		onLine(t, fmt.Sprintf("reset=output:%d,silent=output:%d", n, whole), func(t *testing.T, l *far) {
			l.On(t.Context())
			got := len(l.hears(time.Minute))
			l.fires(t, "reset:1 silent:1")
			if got >= whole || got < whole-400 { // the write with that byte is not printed
				t.Errorf("reset at %d: %d bytes in all; want less than %d", n, got, whole)
			}
			l.On(t.Context())
			if got := len(l.hears(time.Minute)); got != whole {
				t.Errorf("after that: %d bytes; want %d", got, whole)
			}
		})
	}
}

// TestStagesOfABoot: a board falls silent, or resets, at each stage: it printed what comes before and nothing
// after it. The next boot is whole.
func TestStagesOfABoot(t *testing.T) {
	script := []string{" ", "dhcp\n", "tftpboot 40000000 none\n", "run bootcmd\n", "root\n", "echo one\n", "echo t''wo\n", "dd if=/dev/zero of=/dev/vda bs=1k count=4; echo do''ne\n"}
	whole := func(t *testing.T, l *far) string {
		l.On(t.Context())
		said := l.hears(time.Second)
		for _, text := range script {
			said += l.types(t, text)
			said += l.hears(time.Minute)
		}
		return said
	}
	without(t, func(t *testing.T, l *far) {
		if said := whole(t, l); !strings.Contains(said, "\ndone\r\n") {
			t.Errorf("the board says %q", said)
		}
	})
	for _, tt := range []struct{ stage, last, missing string }{
		{"uboot", "", "U-Boot 2023"},
		{"autoboot", "0 \r\n", "=> "},
		{"dhcp", "BOOTP broadcast 1\r\n", "DHCP client bound"},
		{"load", "Loading: *\b", "TFTP error"},
		{"linux", "Starting kernel ...\r\n\r\n", "Linux version"},
		{"login", "Run /init as init process\r\n", "login:"},
		{"shell", "echo one\r\n", "\none"},
		{"shell:2", "echo t''wo\r\n", "\ntwo"},
		{"write", "echo do''ne\r\n", "\ndone"},
	} {
		t.Run(tt.stage, func(t *testing.T) {
			onLine(t, "silent="+tt.stage, func(t *testing.T, l *far) {
				if said := whole(t, l); !strings.HasSuffix(said, tt.last) || strings.Contains(said, tt.missing) {
					t.Errorf("the last that the board says is %q; want %q", said[max(0, len(said)-100):], tt.last)
				}
				l.fires(t, "silent:1")
				if said := whole(t, l); !strings.Contains(said, "\ndone\r\n") {
					t.Errorf("after a reset the board says %q", said)
				}
			})
			onLine(t, "reset="+tt.stage, func(t *testing.T, l *far) {
				said := whole(t, l)
				if before, after, ok := strings.Cut(said, tt.last+"\r\n\r\nU-Boot 2023"); !ok || strings.Contains(before, tt.missing) {
					t.Errorf("the board says %q, and then %q", before[max(0, len(before)-100):], after)
				}
				l.fires(t, "reset:1")
			})
		})
	}
}

// TestDelay: bytes come late and in bursts, in order, and all of them; the board does not wait for that.
func TestDelay(t *testing.T) {
	const delays = 40
	line := strings.Repeat("0123456789", delays)
	for _, d := range []Direction{ToBoard, FromBoard} {
		onLine(t, "delay=10%:"+string(d), func(t *testing.T, l *far) {
			l.stops(t)
			l.hears(time.Minute)
			l.types(t, "\x03")
			l.hears(time.Minute)
			before := l.faults.Fired()[FaultDelay]
			l.port.Write([]byte(line))
			var said []string
			began, took := time.Now(), time.Duration(0)
			for range 40 * 1000 {
				if got := l.hears(time.Millisecond); got != "" {
					said, took = append(said, got), time.Since(began)
				}
			}
			if strings.Join(said, "") != line {
				t.Errorf("%s: the board says %q", d, said)
			}
			n := l.faults.Fired()[FaultDelay] - before
			if low, high := time.Duration(n)*minDelay, time.Duration(n)*maxDelay; n < delays/2 || n > 2*delays || took < low || took > high || len(said) < n || len(said) > n+1 {
				t.Errorf("%s: %d bursts in %s, fired %d", d, len(said), took, n)
			}
		})
	}
	onLine(t, "delay=20%:printed", func(t *testing.T, l *far) { // autoboot is not stopped, however late it shows
		l.On(t.Context())
		time.Sleep(romTime + 2*tick + time.Millisecond)
		synctest.Wait()
		if _, linux := l.inLinux(); !linux {
			t.Error("the board waits for its console")
		}
	})
	without(t, func(t *testing.T, l *far) {
		l.stops(t)
		l.port.Write([]byte(line))
		if got := l.hears(0); got != line {
			t.Errorf("the board says %q at once", got)
		}
	})
}

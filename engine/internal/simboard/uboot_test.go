package simboard

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/uboot"
)

// bench is a board on a wire, with a console on it, on a virtual clock.
type bench struct {
	*Board
	*Wire
	con *console.Console
	ub  *uboot.UBoot
}

// onBench runs f with a board that has the faults and stands at U-Boot's prompt.
func onBench(t *testing.T, faults string, f func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		w := &Wire{}
		cfg := Config{Dir: t.TempDir(), Network: w, Size: 4 << 20, Media: []Medium{{Name: "vda"}, {Name: "mmcblk0", Bus: "4f80000.mmc"}}}
		if err := Parse(faults, &cfg); err != nil {
			t.Fatal(err)
		}
		board, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{Board: board, Wire: w, con: console.New(plugged(t, board), console.Config{})}
		defer board.Close()
		defer b.con.Close()
		if err := board.On(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.ub, err = uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
			t.Fatal(err)
		}
		f(t, b)
	})
}

// plugged connects to the board's serial line.
func plugged(t *testing.T, b *Board) *Port {
	t.Helper()
	p, err := b.Open()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// want runs a command and compares what it prints and its exit code.
func (b *bench) want(t *testing.T, cmd, output string, code int) {
	t.Helper()
	res, err := b.ub.Exec(t.Context(), console.Command{Text: cmd})
	if err != nil || res.Output != output || res.Code != code {
		t.Errorf("%s = %q, %d, %v; want %q, %d", cmd, res.Output, res.Code, err, output, code)
	}
}

// TestHush holds the simulated shell to the real one: testdata/qemu's TestUBoot has the same lines.
func TestHush(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		for _, c := range []struct {
			cmd, output string
			code        int
		}{
			{"echo one  two", "one two", 0},
			{"echo 'one  two'", "one  two", 0},
			{"false", "", 1},
			{"no-such-command", "Unknown command 'no-such-command' - try 'help'", 1},
			{"setenv x 'a b'; echo ${x}-$x", "a b-a b", 0},
			{"setenv x; echo \"<${x}>\"", "<>", 0},
			{"printenv nothing", "## Error: \"nothing\" not defined", 1},
			{"true && echo yes || echo no", "yes", 0},
			{"false && echo yes || echo no", "no", 0},
			{"if test 1 -eq 1; then echo same; else echo other; fi", "same", 0},
			{"if false; then echo a; elif true; then echo b; fi", "b", 0},
			{"for i in a b c; do echo $i; done", "a\nb\nc", 0},
			{"setenv n 0; while test $n != 111; do setenv n 1$n; setenv n 111; done; echo $n", "111", 0},
			{"setenv cmd 'echo run; false'; run cmd", "run", 1},
			{"run nothing", "## Error: \"nothing\" not defined", 1},
			{"setenv loop 'run loop'; run loop", "run: too deep", 1},
			{"crc32 40000000 4", "crc32 for 40000000 ... 40000003 ==> 2144df1c", 0},
			{"booti 40400000", "Bad Linux ARM64 Image magic!", 1},
			{"bootm 40400000", "Wrong Image Format for bootm command\nERROR: can't get kernel image!", 1},
			{"zboot 40400000", "Error: Invalid Boot Flag (found 0x0000, expected 0xaa55)\n## Kernel loading failed ...", 1},
			{"virtio scan", "", 0},
			{"usb start", "starting USB...\nNo working controllers found", 0},
			{"usb reset", "resetting USB...\nNo working controllers found", 0},
			{"usb strat", "USB is stopped. Please issue 'usb start' first.", 1},
			{"pci enum; bind /soc/usb@0 usb_ether; mii device eth0", "", 0},
			{"seten x y; print x", "x=y", 0},
			{"env pri x; env exi x", "x=y", 0},
			{"env ex x", "env - environment handling commands\n\nUsage:\nenv - environment handling commands", 1},
			{"e x", "Unknown command 'e' - try 'help'", 1}, // echo or env
			{"no-such; echo $?; fals; echo $?; tru; echo $?", "Unknown command 'no-such' - try 'help'\n1\n1\n0", 0},
			{"nm.l 40000000", "Unknown command 'nm.l' - try 'help'", 1},
			{"mmc list", "mmc@4f80000: 0", 0},
			{"mmc dev 3", "MMC Device 3 not found\nno mmc device at slot 3", 1},
		} {
			b.want(t, c.cmd, c.output, c.code)
		}
	})
}

func TestEnvironmentLastsWhenSaved(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		b.want(t, "setenv kept 1; saveenv; setenv lost 1", "Saving Environment to Flash... OK", 0)
		b.On(t.Context())
		var err error
		if b.ub, err = uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
			t.Fatal(err)
		}
		b.want(t, "echo <$kept$lost>", "<1>", 0)
	})
}

func TestLoad(t *testing.T) {
	for _, size := range []int{1, 511, 512, 513, 1468, 100000} {
		onBench(t, "", func(t *testing.T, b *bench) {
			defer b.offer(t, size)()
			if _, err := b.ub.DHCP(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := b.ub.Load(t.Context(), "10.0.2.2", "file", 0x40000ff0, int64(size), uboot.FirstWindow); err != nil {
				t.Fatal(err)
			}
			b.want(t, "mmc dev 0; mmc write 40000ff0 0 100", "switch to partitions #0, OK\nmmc0(part 0) is current device\n\nMMC write: dev # 0, block # 0, count 256 ... 256 blocks written: OK", 0)
			got := make([]byte, size)
			if _, err := b.media[1].f.ReadAt(got, 0); err != nil || !bytes.Equal(got, pattern(size)) {
				t.Errorf("what was loaded differs, %v", err)
			}
		})
	}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7 >> 3)
	}
	return p
}

// offer serves a file by TFTP until stop is called.
func (b *bench) offer(t *testing.T, size int) (stop func()) {
	conn, err := b.ListenPacket(t.Context(), "udp", "127.0.0.1:69")
	if err != nil {
		t.Fatal(err)
	}
	srv := serve.NewTFTP("", func() (net.PacketConn, error) { return b.ListenPacket(t.Context(), "udp", "127.0.0.1:0") })
	srv.Serve(conn)
	srv.Offer(serve.Content{Name: "file", Size: int64(size), ReaderAt: bytes.NewReader(pattern(size))})
	return func() { srv.Close() }
}

func TestNetworkFaults(t *testing.T) {
	onBench(t, "dhcp=1,tftp=1", func(t *testing.T, b *bench) {
		defer b.offer(t, 1000)()
		began := time.Now()
		if _, err := b.ub.DHCP(t.Context()); classify.Facts(err).Kind != classify.NetDHCPTimeout {
			t.Errorf("DHCP = %v", err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 4*time.Second {
			t.Errorf("it took %s; want what bootpretryperiod says", took)
		}
		if _, err := b.ub.DHCP(t.Context()); err != nil {
			t.Errorf("second DHCP = %v", err)
		}
		if err := b.ub.Load(t.Context(), "10.0.2.2", "none", 0x40000000, 1, uboot.FirstWindow); classify.Facts(err).Kind != classify.NetTFTPTimeout {
			t.Errorf("silent server: %v", err)
		}
		if err := b.ub.Load(t.Context(), "10.0.2.2", "none", 0x40000000, 1, uboot.FirstWindow); classify.Facts(err).Kind != classify.NetTFTPMissing {
			t.Errorf("missing file: %v", err)
		}
		if err := b.ub.Load(t.Context(), "10.0.2.2", "file", 0x40000000, 1000, uboot.FirstWindow); err != nil {
			t.Errorf("Load = %v", err)
		}
		if got := fmt.Sprint(b.faults.Fired()); got != "map[dhcp:1 tftp:1]" {
			t.Errorf("fired %s", got)
		}
	})
}

func TestStages(t *testing.T) {
	onBench(t, "reset=load", func(t *testing.T, b *bench) {
		b.ub.DHCP(t.Context())
		if err := b.ub.Load(t.Context(), "10.0.2.2", "file", 0x40000000, 1, uboot.FirstWindow); classify.Facts(err).Kind != classify.BoardReset {
			t.Errorf("Load = %v", err)
		}
	})
	onBench(t, "silent=load", func(t *testing.T, b *bench) {
		b.ub.DHCP(t.Context())
		if err := b.ub.Load(t.Context(), "10.0.2.2", "file", 0x40000000, 1, uboot.FirstWindow); classify.Facts(err).Kind != classify.ConsoleStall {
			t.Errorf("Load = %v", err)
		}
		b.On(t.Context())
		if _, err := uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
			t.Error(err)
		}
	})
}

func TestLostBytesAreNoticed(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		b.faults.Rate = map[DirectedFault]float64{{FaultLost, ToBoard}: 0.05, {FaultLost, FromBoard}: 0.05}
		var err error
		for range 20 {
			if _, err = b.ub.Exec(t.Context(), console.Command{Text: "echo " + strings.Repeat("x", 50)}); err != nil {
				break
			}
		}
		if err == nil || b.faults.Fired()[FaultLost] == 0 {
			t.Errorf("err = %v, fired %v", err, b.faults.Fired())
		}
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"dhcp=x":       `"x" is not a number from 0 up`,
		"dhcp=-1":      `"-1" is not a number from 0 up`,
		"reset=never":  `"never" is not one of uboot, autoboot, dhcp, load, linux, login, shell, write, output`,
		"lost=2":       "2 is not from 0 to 1",
		"noise=NaN":    "NaN is not from 0 to 1",
		"size=0":       "0 is not from 1 to 65536",
		"dchp=1":       `there is no "dchp"; did you mean dhcp?`,
		"torn=no":      `"no" is neither 1 nor 0`,
		"seed=-1":      `"-1" is not a number from 0 up`,
		"size=x":       `"x" is not a number`,
		"drop=":        `"" is neither a number from 0 to 1 nor a percentage`,
		"drop=1":       "1 is not from 0 to 1",
		"drop=100%":    "100% is not from 0% to 100%",
		"double=-1%":   "-1% is not from 0% to 100%",
		"gone=write:0": "0 is not from 1 to 1073741824",
		"gone=write:x": `"x" is not a number`,
		"gone=":        `"" is not one of uboot, autoboot, dhcp, load, linux, login, shell, write, output`,
		"fifo=0":       "0 is not from 1 to 4096",
		"fifo=16:0":    "0 is not from 1 to 1000000",
		"fifo=16:":     `"" is not a number`,
		"echo=no":      `"no" is neither off nor on`,
		"wrap=0":       "0 is not from 10 to 1000",
		"first=some":   `"some" is not a number from 0 up`,
		"garble=1e999": "1e999 is not from 0 to 1",
		"garble=1%:up": `"up" is not one of typed, printed`,
	} {
		var cfg Config
		err := Parse(text, &cfg)
		if f := classify.Facts(err); err == nil || f.Kind != classify.Usage || f.Hint == "" || !strings.HasSuffix(strings.Join(classify.Messages(err), ": "), want) {
			t.Errorf("Parse(%q) = %v", text, classify.Messages(err))
		}
	}
	var cfg Config
	if err := Parse("dhcp=2,seed=7,size=3,sector=4096,torn=1,noise=0.5,silent=write", &cfg); err != nil {
		t.Fatal(err)
	}
	f := cfg.Faults
	if cfg.Size != 3<<20 || cfg.Sector != 4096 || f.Count["dhcp"] != 2 || f.Seed != 7 || !f.Torn || f.Rate[DirectedFault{FaultNoise, FromBoard}] != 0.5 || f.Stage["silent"] != (StageTrigger{"write", 1}) {
		t.Errorf("Parse = %+v, %+v", cfg, f)
	}
}

func TestPowerOffEndsEverything(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b.con.Send(ctx, "sleep 1000\n")
		b.Off(t.Context())
		b.con.Send(t.Context(), "echo lost\n")
		if _, err := b.con.Expect(ctx, console.Wait{For: []console.Pattern{console.Text("lost")}}); err == nil {
			t.Error("a board without power answers")
		}
	})
}

// TestMissedAutoboot: a wait for a text that the board does not print ends when the kernel starts.
func TestMissedAutoboot(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		b.con.Skip()
		b.On(t.Context())
		cfg := uboot.Default
		cfg.Autoboot = "Press a key"
		began := time.Now()
		_, err := uboot.Interrupt(t.Context(), b.con, cfg, uboot.JustReset, func(string) {})
		if f := classify.Facts(err); f.Kind != classify.UBootAutoboot || !strings.Contains(f.Hint, "uboot.autoboot") || time.Since(began) > 5*time.Second {
			t.Errorf("after %s: %v, hint %q", time.Since(began), err, f.Hint)
		}
	})
}

// TestOneConnection: a connection cuts the one before, for reading and for writing.
func TestOneConnection(t *testing.T) {
	b, err := New(Config{Dir: t.TempDir(), Size: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first, _ := b.Open()
	b.Open()
	if n, err := first.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	if _, err := first.Write([]byte("x")); err == nil {
		t.Error("Write = nil")
	}
}

// TestMissedAutobootIsNotHeldAgainstTheNextTry: without a power driver, or in a try without a power cycle, an
// earlier kernel start does not count.
func TestMissedAutobootIsNotHeldAgainstTheNextTry(t *testing.T) {
	onBench(t, "", func(t *testing.T, b *bench) {
		missed := uboot.Default
		missed.Autoboot = "Press a key"
		b.On(t.Context())
		if _, err := uboot.Interrupt(t.Context(), b.con, missed, uboot.JustReset, func(string) {}); err == nil {
			t.Error("Interrupt with another autoboot text = nil; want an error")
		}
		b.On(t.Context())
		if _, err := uboot.Interrupt(t.Context(), b.con, uboot.Default, uboot.AnyState, func(string) {}); err != nil {
			t.Errorf("Interrupt after a missed autoboot = %v; want nil", err)
		}
	})
}

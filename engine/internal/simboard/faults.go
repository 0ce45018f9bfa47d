package simboard

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/flashlua/flashlua/engine/internal/simboard/linux"
)

// The faults that a board can have. A count is how often it strikes; a rate is per byte of the serial line.
const (
	FaultDHCP    = "dhcp"    // count: U-Boot's request gets no answer
	FaultTFTP    = "tftp"    // count: the server's answers do not arrive, for one whole load
	FaultHTTP    = "http"    // count: a download of Linux is cut somewhere
	FaultBlock   = "block"   // count: the medium keeps another byte than was written, somewhere
	FaultFlip    = "flip"    // count: a write to the medium gets a byte wrong, and another write gets it right
	FaultNoWrite = "nowrite" // count: a write of U-Boot reports success and writes nothing
	FaultNoRead  = "noread"  // count: a read of U-Boot reports success and reads nothing
	FaultShort   = "short"   // count: a load by TFTP ends early, without an error
	FaultDamage  = "damage"  // count: a load by TFTP has a wrong byte
	FaultFirst   = "first"   // count: the first character typed at U-Boot's prompt after autoboot was stopped is lost
	FaultReset   = "reset"   // a stage: the board resets there, once
	FaultSilent  = "silent"  // a stage: the board prints nothing from there until it is reset, once
	FaultOff     = "off"     // a stage of Linux: it shuts down there, once, and waits for the switch
	FaultGone    = "gone"    // a stage: the station's adapter is away from there for a while, once
	FaultDrop    = "drop"    // rate: bytes are lost
	FaultLost    = "lost"    // the same
	FaultDouble  = "double"  // rate: bytes come twice
	FaultGarble  = "garble"  // rate: one bit of a byte is turned
	FaultDelay   = "delay"   // rate: bytes are held back for a while, with everything after them
	FaultNoise   = "noise"   // rate: a kernel line is printed in between, while Linux runs
	FaultTorn    = "torn"    // 1: the station's reads come in pieces
	FaultFIFO    = "fifo"    // bytes: the board's receiver holds no more and loses the rest
	FaultEcho    = "echo"    // off: what is typed does not show
	FaultWrap    = "wrap"    // columns: the echo of a long line is broken there
	maxMediumMiB = 64 << 10  // 64 GiB, sparse
	minDelay     = 50 * time.Millisecond
	maxDelay     = 500 * time.Millisecond
	noiseText    = "[%5d.%06d] usb 1-1: new high-speed USB device number %d using xhci_hcd\r\n"
)

// Direction is a direction of the serial line.
type Direction string

// The directions, as they are called in settings.
const (
	ToBoard   Direction = "typed"
	FromBoard Direction = "printed"
)

// The stages of a flash at which a board can reset or fall silent.
const (
	StageUBoot    = "uboot"       // before its first byte
	StageAutoboot = "autoboot"    // before U-Boot's prompt
	StageDHCP     = "dhcp"        // U-Boot has sent its request
	StageLoad     = "load"        // U-Boot has requested a file
	StageLinux    = "linux"       // before the kernel's first byte
	StageLogin    = linux.AtLogin // before the login's prompt
	StageShell    = linux.AtShell // a line was typed at the shell
	StageWrite    = "write"       // in the middle of it
	// StageOutput is any byte that the board prints.
	StageOutput = "output"

	outputReach = 4 << 10 // what a board prints in the shortest flash
)

var stages = []string{StageUBoot, StageAutoboot, StageDHCP, StageLoad, StageLinux, StageLogin, StageShell, StageWrite, StageOutput}

// StageTrigger is when a fault strikes: when the stage has been reached Left times.
type StageTrigger struct {
	Stage string
	Left  int // 0 of StageOutput is a random number of bytes
}

// DirectedFault is a fault of the serial line in one direction.
type DirectedFault struct {
	Fault     string
	Direction Direction
}

// Faults are the faults of a board, by the names above. The zero value is a board without faults.
type Faults struct {
	Seed  uint64
	Count map[string]int
	Stage map[string]StageTrigger
	Rate  map[DirectedFault]float64
	Torn  bool
	FIFO  int        // bytes that the receiver holds, 0 for as many as come
	Speed int        // bytes per second that are read from it
	Mute  bool       // no echo
	Wrap  int        // columns, 0 for what U-Boot and Linux do by themselves
	mu    sync.Mutex // guards Count, Stage, dice and fired
	dice  map[DirectedFault]*rand.Rand
	fired map[string]int
}

// rng returns a fault's random numbers. Each fault has its own, so that what happens to the nth byte does not
// depend on the other faults. The caller holds mu.
func (f *Faults) rng(fault DirectedFault) *rand.Rand {
	r := f.dice[fault]
	if r == nil {
		h := fnv.New64a()
		h.Write([]byte(fault.Fault + " " + string(fault.Direction)))
		r = rand.New(rand.NewPCG(f.Seed, h.Sum64()))
		if f.dice == nil {
			f.dice = map[DirectedFault]*rand.Rand{}
		}
		f.dice[fault] = r
	}
	return r
}

// shouldHit reports whether a fault with a rate strikes the next byte. The caller holds mu.
func (f *Faults) shouldHit(fault DirectedFault) bool {
	rate := f.Rate[fault]
	if rate == 0 || f.rng(fault).Float64() >= rate {
		return false
	}
	f.count(fault.Fault)
	return true
}

// count records that a fault struck. The caller holds mu.
func (f *Faults) count(name string) {
	if f.fired == nil {
		f.fired = map[string]int{}
	}
	f.fired[name]++
}

// Fired returns how often each fault struck.
func (f *Faults) Fired() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.fired)
}

// trigger reports whether a counted fault strikes now.
func (f *Faults) trigger(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Count[name] == 0 {
		return false
	}
	f.Count[name]--
	f.count(name)
	return true
}

// at reports whether the fault of a stage strikes when the stage is reached n times more.
func (f *Faults) at(name, stage string, n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.Stage[name]
	if m.Stage != stage {
		return false
	}
	if m.Left == 0 { // a random one
		m.Left = 1 + f.rng(DirectedFault{Fault: name}).IntN(outputReach)
	}
	if m.Left -= n; m.Left > 0 {
		f.Stage[name] = m
		return false
	}
	delete(f.Stage, name)
	f.count(name)
	return true
}

// place returns a random number below n.
func (f *Faults) place(name string, n int64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng(DirectedFault{Fault: name}).Int64N(max(n, 1))
}

// wire returns what the line makes of bytes in one direction.
func (f *Faults) wire(d Direction, data []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.Rate) == 0 {
		return data
	}
	out := make([]byte, 0, len(data))
	for _, c := range data {
		switch garble := (DirectedFault{FaultGarble, d}); {
		case f.shouldHit(DirectedFault{FaultDrop, d}), f.shouldHit(DirectedFault{FaultLost, d}):
			continue
		case f.shouldHit(DirectedFault{FaultDouble, d}):
			out = append(out, c)
		case f.shouldHit(garble):
			c ^= 1 << f.rng(garble).IntN(8)
		}
		out = append(out, c)
	}
	return out
}

// disturb inserts kernel lines between the bytes that Linux prints.
func (f *Faults) disturb(data []byte, uptime time.Duration, linux bool) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	noise := DirectedFault{FaultNoise, FromBoard}
	if f.Rate[noise] == 0 || !linux {
		return data
	}
	var out []byte
	for _, c := range data {
		out = append(out, c)
		if f.shouldHit(noise) {
			out = fmt.Appendf(out, noiseText, uptime/time.Second, uptime%time.Second/time.Microsecond, f.fired[FaultNoise])
		}
	}
	return out
}

// loud reports whether kernel lines come at any log level.
func (f *Faults) loud() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Rate[DirectedFault{FaultNoise, FromBoard}] > 0
}

// tear shortens the buffer of a read.
func (f *Faults) tear(buf []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.Torn || len(buf) == 0 {
		return buf
	}
	f.count(FaultTorn)
	return buf[:1+f.rng(DirectedFault{Fault: FaultTorn}).IntN(min(len(buf), 8))]
}

// echoes reports whether a key that was typed shows.
func (f *Faults) echoes() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Mute {
		f.count(FaultEcho)
	}
	return !f.Mute
}

// wraps reports whether U-Boot's echo goes to the next line at a column.
func (f *Faults) wraps(column int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Wrap == 0 || column%f.Wrap != 0 {
		return false
	}
	f.count(FaultWrap)
	return true
}

// timed reports whether bytes in one direction may come late or too fast.
func (f *Faults) timed(d Direction) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return d == ToBoard && f.FIFO > 0 || f.Rate[DirectedFault{FaultDelay, d}] > 0
}

// delay returns for how long the next byte is held back.
func (f *Faults) delay(d Direction) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := DirectedFault{FaultDelay, d}
	if !f.shouldHit(fault) {
		return 0
	}
	return minDelay + time.Duration(f.rng(fault).Int64N(int64(maxDelay-minDelay)))
}

// receiver returns how many bytes the board's receiver holds, and how many are read from it in a second.
func (f *Faults) receiver() (size, speed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.FIFO, f.Speed
}

// overrun records that the receiver lost a byte.
func (f *Faults) overrun() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(FaultFIFO)
}

package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/power"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// Session is one attempt: what a policy's flash function works with. Every method ends with its context, and does nothing
// once the attempt is over. A prompt or a shell that it returns lives in a console.Epoch: a power switch, a boot, a reset,
// the next prompt or shell, and the end of the attempt end it. One goroutine at a time uses a session and what it returns.
type Session struct {
	LastError error // of the attempt before, nil in the first

	run              *run
	ended            atomic.Bool
	steps            []string
	justPoweredOn    bool         // the power driver has just switched the board on
	destructiveSteps int          // how many of the steps under way may destroy the medium
	boardAddr        string       // the board's address in U-Boot
	shell            *shell.Shell // the last one

	lastWrite           *writes // what Write did last, nil if its shell is gone
	commandsSinceVerify bool    // the script ran commands since
}

// Attempt counts from 1.
func (s *Session) Attempt() int { return int(s.run.attemptNumber.Load()) }

// CheckActive gives an error once the attempt is over.
func (s *Session) CheckActive() error {
	if !s.ended.Load() {
		return nil
	}
	return classify.WithHint(classify.New(classify.ScriptStale, "it belongs to an attempt that is over"),
		"in every attempt, use the session that flash is called with")
}

// Policy is the board under the session.
func (s *Session) Policy() *Policy { return s.run.policy }

// Target is the medium to write, the first one if there are several.
func (s *Session) Target() Target {
	if len(s.run.ledger.media) == 0 {
		return Target{}
	}
	return Target(s.run.ledger.media[0].target)
}

// Staged reports whether Image has an answer at once.
func (s *Session) Staged() bool {
	if s.run.staging == nil {
		return true
	}
	select {
	case <-s.run.staging.done:
		return true
	default:
		return false
	}
}

// Image waits for what is to be written, the first one if there are several, nil if nothing is.
func (s *Session) Image(ctx context.Context) (Image, error) {
	if len(s.run.ledger.media) == 0 {
		return nil, nil
	}
	if err := s.run.waitNow(ctx); err != nil {
		return nil, err
	}
	return s.run.ledger.media[0].image, nil
}

// Clock is the run's.
func (s *Session) Clock() clock.Clock { return s.run.Clock }

// Note tells the people who watch.
func (s *Session) Note(text string) { s.run.emit(Event{Type: EventNote, Text: text}) }

// StepOptions tune one step. The zero value has neither deadline nor retries of its own.
// Plain data: safe for concurrent use while nothing changes it.
type StepOptions struct {
	Retries  int           // tries after the first, without a power cycle
	Timeout  time.Duration // of each try
	Destroys bool          // commands that the step runs may destroy the medium
	Watch    console.Watch // what else means failure on the console, and what does not
}

// Step runs f as a named step, with its deadline and its own retries.
func (s *Session) Step(ctx context.Context, name string, o StepOptions, f func(context.Context) error) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	s.steps = append(s.steps, name)
	defer func() { s.steps = s.steps[:len(s.steps)-1] }()
	if o.Destroys {
		s.destructiveSteps++
		defer func() { s.destructiveSteps-- }()
	}
	var earlier []error
	for n := 0; ; n++ {
		s.run.emit(Event{Type: EventStep, Step: name})
		began := s.run.Clock.Now()
		err := s.runStepOnce(ctx, name, o, f)
		e := Event{Type: EventStepEnd, Step: name, Took: s.run.Clock.Now().Sub(began)}
		if err == nil {
			s.run.emit(e)
			return nil
		}
		e.Error, e.Kind = err.Error(), string(classify.Facts(err).Kind)
		s.run.emit(e)
		err = classify.WithSecondary(err, earlier...)
		if n >= o.Retries || context.Cause(ctx) != nil || needsNewAttempt(err) {
			return err
		}
		d := s.run.classifyError(ctx, err)
		if d.Class == classify.Fatal {
			return d.Err
		}
		earlier = append(earlier, d.Err)
		wait := classify.Backoff{}.Wait(n)
		s.run.emit(Event{Type: EventRetry, Step: name, Wait: wait, Rule: string(d.Rule)})
		if err := s.run.Clock.Sleep(ctx, wait); err != nil {
			return classify.WithStep(classify.WithSecondary(err, d.Err), name)
		}
	}
}

// needsNewAttempt reports whether the board is not where the step found it: only another attempt can help then.
func needsNewAttempt(err error) bool {
	return classify.Find(err, "board") != nil || classify.Find(err, classify.TransportLost) != nil || classify.Find(err, classify.TransportBusy) != nil
}

func (s *Session) runStepOnce(ctx context.Context, name string, o StepOptions, f func(context.Context) error) error {
	if limit := o.Timeout; limit > 0 {
		late := classify.WithHint(classify.New(classify.DeadlineStep, "step %s took longer than %s", name, limit), "raise the step's timeout if the board needs longer")
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeout(ctx, s.run.Clock, limit, late)
		defer cancel()
	}
	defer s.run.console.PushAborts(o.Watch)()
	err := f(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil {
		err = cause // whoever swallowed the cancellation does not change it
	}
	return classify.WithStep(err, name)
}

// PowerOn switches the board on, which resets it if it is on.
func (s *Session) PowerOn(ctx context.Context) error { return s.setPower(ctx, PowerOn) }

// PowerOff switches the board off.
func (s *Session) PowerOff(ctx context.Context) error { return s.setPower(ctx, PowerOff) }

// PowerCycle switches the board off, lets it rest and switches it on. What it said before is forgotten.
func (s *Session) PowerCycle(ctx context.Context) error {
	if err := s.PowerOff(ctx); err != nil {
		return err
	}
	if _, instant := s.run.power.(power.Instant); !instant && s.run.power != nil {
		if err := s.run.Clock.Sleep(ctx, s.run.policy.OffTime); err != nil {
			return err
		}
	}
	return s.PowerOn(ctx)
}

func (s *Session) setPower(ctx context.Context, state PowerState) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	con, err := s.console(ctx)
	if err != nil {
		return err
	}
	con.EndEpoch(ctx, "the board was switched "+string(state)) // without a driver, a person does it
	if s.run.power == nil {
		if state == PowerOn {
			s.Note("no power driver: reset the board by hand if it does not answer")
		}
		return nil
	}
	if err := s.run.gate.check(ctx, con); err != nil {
		return err
	}
	do := s.run.power.Off
	if state == PowerOn {
		do = s.run.power.On
		con.Skip()
	}
	err = s.run.withPowerTimeout(ctx, do)
	s.run.gate.switched(state, err)
	s.justPoweredOn = err == nil && state == PowerOn
	if s.run.Console != nil && err == nil {
		s.run.Console.Note(s.run.Clock.Now(), "power "+string(state))
	}
	return err
}

// console gives the live console, reopened if it was lost.
func (s *Session) console(ctx context.Context) (*console.Console, error) {
	if err := s.CheckActive(); err != nil {
		return nil, err
	}
	select {
	case <-s.run.console.Lost():
	default:
		return s.run.console, nil
	}
	s.run.console.EndEpoch(ctx, "the console was lost, and opened again")
	s.run.console.Close()
	s.run.gate.lost = true
	err := s.run.openConsole(ctx)
	return s.run.console, err
}

// UBoot stops autoboot and gives a prompt that answers.
func (s *Session) UBoot(ctx context.Context) (*uboot.UBoot, error) {
	con, err := s.console(ctx)
	if err != nil {
		return nil, err
	}
	state := uboot.AnyState
	if s.justPoweredOn {
		state = uboot.JustReset
	}
	s.justPoweredOn = false
	s.lastWrite = nil // its shell is gone
	return uboot.Interrupt(ctx, con, s.run.policy.UBoot, state)
}

// DHCP gets the board a lease, or gives it the address that the policy has for it.
func (s *Session) DHCP(ctx context.Context, ub *uboot.UBoot) (string, error) {
	if err := s.CheckActive(); err != nil {
		return "", err
	}
	if own := s.run.policy.Net.Address; own.IsValid() {
		s.boardAddr = own.Addr().String()
		return s.boardAddr, ub.SetAddress(ctx, own, s.run.policy.Net.Gateway)
	}
	address, err := ub.DHCP(ctx)
	s.boardAddr = address
	return address, err
}

// Load fetches the policy's files into the board's RAM, all of them without names. For each, NAME_addr and NAME_size
// are set in U-Boot's environment, in hexadecimal.
func (s *Session) Load(ctx context.Context, ub *uboot.UBoot, names ...string) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(s.run.files))
	}
	for _, name := range names {
		f, ok := s.run.files[name]
		if !ok {
			return classify.New(classify.ConfigPolicy, "board %s has no file %q", s.run.policy.Name, name)
		}
		server, err := s.stationAddr(ctx, s.run.policy.Net.TFTP, s.boardAddr)
		if err != nil {
			return err
		}
		if s.run.tftp != nil {
			s.run.tftp.RestrictTo(s.boardAddr)
		}
		err = ub.Load(ctx, server, f.tftpName, f.Address, f.size, s.run.currentTFTPWindow())
		s.run.adaptTFTPWindow(f.size, err)
		if err != nil {
			return err
		}
		for suffix, value := range map[string]int64{"_addr": int64(f.Address), "_size": f.size} {
			if err := ub.SetEnv(ctx, name+suffix, "0x"+strconv.FormatInt(value, 16)); err != nil {
				return err
			}
		}
	}
	return nil
}

// currentTFTPWindow is how many blocks the board's network card is trusted to take at once.
func (r *run) currentTFTPWindow() int { return cmp.Or(r.tftpWindow, uboot.FirstWindow) }

// adaptTFTPWindow makes of it four times as many after a file of some windows, and 1 once something was lost. Of another's
// server nobody knows.
func (r *run) adaptTFTPWindow(size int64, err error) {
	const some = 16
	if r.tftp == nil {
		return
	}
	if r.tftp.TakeResent() > 0 || err != nil {
		r.tftpWindow = 1
	} else if r.tftpWindow != 1 && size >= int64(some*r.currentTFTPWindow()*uboot.BlockSize) {
		r.tftpWindow = min(4*r.currentTFTPWindow(), uboot.MaxWindow)
	}
}

// stationAddr is this machine's address as the board sees it: what it was told to be, else the one on the way to the board.
func (s *Session) stationAddr(ctx context.Context, told, board string) (string, error) {
	if told != "" {
		return told, nil
	}
	if board == "" {
		return "", classify.WithHint(classify.New(classify.ConfigPlan, "the station's address is not known: the board has no lease"),
			"run dhcp first, or set net.tftp and net.http in the policy")
	}
	return s.run.SourceAddr(ctx, board)
}

// Boot starts Linux with a U-Boot command and logs in. Who knows what a command that is not the policy's does on the way.
func (s *Session) Boot(ctx context.Context, ub *uboot.UBoot, cmd string) (*shell.Shell, error) {
	con, err := s.console(ctx)
	if err == nil && cmd != s.run.policy.Boot {
		err = s.BeforeCommand()
	}
	if err != nil {
		return nil, err
	}
	if args := s.run.policy.BootArgs; args != "" {
		if err := ub.SetEnv(ctx, "bootargs", args); err != nil {
			return nil, err
		}
	}
	returned, err := ub.Boot(ctx, cmd)
	if err != nil {
		return nil, err
	}
	s.shell, err = shell.Login(ctx, con, s.linuxConfig(), shell.Booting, s.Note, returned)
	if classify.Find(err, classify.UBootBoot) != nil { // a script may boot something else
		ub.Resume()
	}
	return s.shell, err
}

// linuxConfig is the policy's Linux with what the policy says elsewhere.
func (s *Session) linuxConfig() shell.Config {
	cfg := s.run.policy.Linux
	cfg.Address, cfg.Gateway = s.run.policy.Net.Address, s.run.policy.Net.Gateway
	return cfg
}

// Shell logs in to a Linux that runs already. If the shell before was there until now, what it wrote is read back through
// the new one.
func (s *Session) Shell(ctx context.Context) (*shell.Shell, error) {
	con, err := s.console(ctx)
	if err != nil {
		return nil, err
	}
	state := shell.Running
	if s.justPoweredOn {
		state = shell.Booting
	}
	s.justPoweredOn = false
	same := s.shell != nil && s.shell.Live(ctx) == nil
	if s.shell, err = shell.Login(ctx, con, s.linuxConfig(), state, s.Note); err == nil && same {
		if s.lastWrite != nil {
			s.lastWrite.dut.Rejoin(s.shell)
		}
	}
	return s.shell, err
}

// VerifyOnly reports whether the medium is to be compared and not to be written.
func (s *Session) VerifyOnly() bool { return s.run.job.VerifyOnly }

// BeforeCommand is called before a script's own command runs. Who knows what it does to the medium: what was verified before is
// proven no more, and read once more in the end. Inside a step that destroys, nothing is proven any more; where nothing may be written, such
// a command is refused.
func (s *Session) BeforeCommand() error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	s.commandsSinceVerify = true
	switch {
	case s.destructiveSteps == 0:
		s.run.voidReceipts()
	case s.VerifyOnly():
		return classify.WithHint(classify.New(classify.ConfigPolicy, "step %s may destroy the medium, and nothing is to be written: its commands do not run", s.steps[len(s.steps)-1]),
			"in the policy, leave the command out if job.verify_only is true")
	default:
		s.run.markMedia(Partial)
	}
	return nil
}

package engine

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/shell"
	"github.com/flashlua/flashlua/engine/uboot"
)

// UBoot stops autoboot and returns a prompt that answers, after the policy's variables were set and its commands have
// run. The commands may write to the medium, so they void the receipts.
func (s *Session) UBoot(ctx context.Context) (*uboot.UBoot, error) {
	if ub := s.choice.uboot; ub != nil && ub.Live(ctx) == nil { // ChooseTarget uses the prompt that is there
		return ub, nil
	}
	con, err := s.console(ctx)
	if err == nil && len(s.run.policy.UBoot.Setup) > 0 {
		err = s.BeforeCommand()
	}
	if err != nil {
		return nil, err
	}
	state := uboot.AnyState
	if s.justPoweredOn {
		state = uboot.JustReset
	}
	s.justPoweredOn, s.toBeSwitched = false, false
	s.dropPrompt()
	ub, err := uboot.Interrupt(ctx, con, s.run.policy.UBoot, state, s.Note)
	if err == nil {
		s.uboot = ub
		err = s.chooseTarget(ctx, ub, nil)
	}
	return ub, err
}

// DHCP has the board request a lease, or sets the address of the policy. It returns the board's address.
func (s *Session) DHCP(ctx context.Context, ub *uboot.UBoot) (string, error) {
	if err := s.CheckActive(); err != nil {
		return "", err
	}
	if own := s.run.policy.Net.Address; own.IsValid() {
		s.setBoardAddr(own.Addr().String())
		return s.boardAddr, ub.SetAddress(ctx, own, s.run.policy.Net.Gateway)
	}
	address, err := ub.DHCP(ctx)
	s.setBoardAddr(address)
	return address, err
}

// setBoardAddr records the address of the board, whose requests come to the TFTP server of this run; "" is unknown.
func (s *Session) setBoardAddr(address string) {
	s.boardAddr = address
	if t := s.run.files.tftp; t != nil {
		t.RestrictTo(address)
	}
}

// Load is LoadBy by TFTP.
func (s *Session) Load(ctx context.Context, ub *uboot.UBoot, names ...string) error {
	return s.LoadBy(ctx, ub, LoadOptions{}, names...)
}

// LoadBy loads files of the policy into the board's RAM; all files if there are no names. They must not overlap. For
// each, U-Boot's commands can refer to the variables NAME_addr and NAME_size, in hexadecimal.
func (s *Session) LoadBy(ctx context.Context, ub *uboot.UBoot, opt LoadOptions, names ...string) error {
	if err := s.CheckActive(); err != nil {
		return err
	}
	files, err := s.run.files.list(s.run.policy, names)
	if err == nil {
		err = checkLoadable(s.run.policy.Name, files)
	}
	if err == nil {
		err = readAddresses(ctx, ub, files)
	}
	if err != nil {
		return err
	}
	least := int64(0)
	if opt.way(s.run.policy.Net) == LoadByHTTP {
		least = minHTTP
	}
	if err := checkFilesApart(files, least); err != nil {
		return classify.MarkFatal(err)
	}
	for _, f := range files {
		if err := s.inRAM.check(ub, f, least); err != nil {
			return classify.MarkFatal(err)
		}
		if err := s.loadBy(ctx, ub, f, opt); err != nil {
			return err
		}
		s.inRAM.add(ub, f)
		ub.Define(f.name+"_addr", "0x"+strconv.FormatUint(f.Address, 16))
		ub.Define(f.name+"_size", "0x"+strconv.FormatInt(f.size, 16))
	}
	return nil
}

// tftpServer returns the address of the TFTP server as the board sees it.
func (s *Session) tftpServer(ctx context.Context, ub *uboot.UBoot) (string, error) {
	if err := s.findBoard(ctx, ub, s.tftpAddress()); err != nil {
		return "", err
	}
	return s.stationAddr(ctx, s.tftpAddress(), s.boardAddr)
}

// findBoard asks U-Boot for the board's address, if that is not known, and the station's is not configured: a command
// of the script may have got the lease.
func (s *Session) findBoard(ctx context.Context, ub *uboot.UBoot, configured string) error {
	if s.boardAddr != "" || configured != "" {
		return nil
	}
	address, err := ub.Env(ctx, "ipaddr")
	if at, parsed := netip.ParseAddr(address); err == nil && parsed == nil && !at.IsUnspecified() {
		s.setBoardAddr(address)
	}
	return err
}

// stationAddr returns the station's address as the board at address board sees it: the configured one, or that of
// the interface to the board.
func (s *Session) stationAddr(ctx context.Context, configured, board string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	if board == "" {
		return "", classify.WithHint(classify.New(classify.ConfigPlan, "the station's address is not known: the board has no lease"),
			"run dhcp first, or set net.tftp and net.http in the policy")
	}
	return s.run.SourceAddr(ctx, board)
}

// Boot starts Linux with a U-Boot command and logs in. A command other than the policy's may write to the medium,
// so it voids the receipts.
func (s *Session) Boot(ctx context.Context, ub *uboot.UBoot, cmd string) (*shell.Shell, error) {
	con, err := s.console(ctx)
	if err == nil && cmd != s.run.policy.Boot {
		err = s.BeforeCommand()
	}
	if err != nil {
		return nil, err
	}
	s.dropPrompt()
	returned, err := ub.Boot(ctx, cmd, s.run.policy.BootArgs)
	if err != nil {
		return nil, err
	}
	s.shell, err = shell.Login(ctx, con, s.linuxConfig(), shell.Booting, s.Note, returned)
	if classify.Find(err, classify.UBootBoot) != nil { // a script may boot something else
		ub.Resume()
	}
	return s.shell, err
}

// linuxConfig returns the policy's Linux section, with the settings of other sections that it needs.
func (s *Session) linuxConfig() shell.Config {
	cfg := s.run.policy.Linux
	cfg.Address, cfg.Gateway = s.run.policy.Net.Address, s.run.policy.Net.Gateway
	return cfg
}

// Shell logs in to a Linux that is running or booting, also of a board that was just switched on. If the last shell of
// the attempt can still be used, the media that it wrote are read back through the new one from now on.
func (s *Session) Shell(ctx context.Context) (*shell.Shell, error) {
	if sh := s.choice.shell; sh != nil && sh.Live(ctx) == nil {
		return sh, nil
	}
	con, err := s.console(ctx)
	if err != nil {
		return nil, err
	}
	state := shell.Running
	if s.justPoweredOn || s.toBeSwitched {
		state = shell.PoweredOn
	}
	s.justPoweredOn, s.toBeSwitched = false, false
	same := s.shell != nil && s.shell.Live(ctx) == nil
	if s.shell, err = shell.Login(ctx, con, s.linuxConfig(), state, s.Note); err == nil && same {
		s.write.rejoin(s.shell)
	} else {
		s.dropPrompt()
	}
	return s.shell, err
}

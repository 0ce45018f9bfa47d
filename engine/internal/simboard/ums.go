package simboard

import "context"

// ums is "ums CONTROLLER TYPE DEVICE": it exposes a medium as a USB disk until Ctrl-C. The station has no USB cable to
// a simulated board: there the disk is the file of the medium.
func ums(u *bootloader, ctx context.Context, args []string) (int, error) {
	if len(args) != 4 {
		return u.usage("ums")
	}
	m := u.named(args[2], args[3])
	if m == nil {
		u.printf("Bad device %s %s\n", args[2], args[3])
		return 1, nil
	}
	u.printf("UMS: LUN 0, dev %s %s, hwpart %d, sector 0x0, count %#x\n", args[2], args[3], m.part, m.size/sector)
	if err := u.until(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}); err != errBreak {
		return 1, err
	}
	u.printf("CTRL+C - Operation aborted\n")
	return 0, nil
}

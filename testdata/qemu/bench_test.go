package qemu

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
	"github.com/flashlua/flashlua/engine/clock"
	"github.com/flashlua/flashlua/engine/console"
)

// BenchmarkFramedCommand compares a framed command on a real U-Boot and a real Linux with the same command typed
// bare. It may cost 2 ms more or, on Linux in an emulator, where a typed character costs 0.1 ms, a fifth of the
// bare one.
func BenchmarkFramedCommand(b *testing.B) {
	const rounds = 100
	r := newRig(b, 1000)
	r.drive(func(ctx context.Context, s *engine.Session, p *engine.Policy) error {
		ub, err := toUBoot(ctx, s)
		if err != nil {
			return err
		}
		measure(ctx, b, rounds, "U-Boot", &ub.Interpreter)
		sh, err := fromUBoot(ctx, s, p, ub)
		if err != nil {
			return err
		}
		measure(ctx, b, rounds, "Linux", &sh.Interpreter)
		return nil
	})
	b.ReportMetric(0, "ns/op")
}

func measure(ctx context.Context, b *testing.B, rounds int, name string, at *console.Interpreter) {
	var bare, framed []time.Duration
	now := clock.Real{}.Now
	for range rounds {
		began := now()
		at.Send(ctx, "true\n")
		if _, err := at.Expect(ctx, console.Wait{For: []console.Pattern{console.Text(at.Prompt)}}); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, now().Sub(began))
		began = now()
		if _, err := at.Exec(ctx, console.Command{Text: "true"}); err != nil {
			b.Fatal(err)
		}
		framed = append(framed, now().Sub(began))
	}
	ms := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Microseconds()) / 1000
	}
	b.ReportMetric(ms(bare), name+"-bare-ms")
	b.ReportMetric(ms(framed), name+"-framed-ms")
	if more := ms(framed) - ms(bare); more > max(2, ms(bare)/5) {
		b.Errorf("a framed command of %s takes %.2f ms more than one typed bare; want at most 2 ms or a fifth", name, more)
	}
}

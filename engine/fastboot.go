package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/fastboot"
)

// DefaultFastbootTimeout is the time for the connection to a device in fastboot, and for each of its answers.
const DefaultFastbootTimeout = 2 * time.Minute

// Fastboot is a device that waits in fastboot, over TCP or UDP. What it says of a write proves nothing: the medium
// must be read back. It is not safe for concurrent use. The end of the run closes it.
type Fastboot struct {
	device   *fastboot.Device
	changing func() error // must be called before the device may change its medium
	progress func(step string, done, total int64)
}

// Fastboot connects to a device at an address, "udp:192.168.1.5". 0 is DefaultFastbootTimeout.
func (s *Session) Fastboot(ctx context.Context, address string, timeout time.Duration) (*Fastboot, error) {
	if err := s.CheckActive(); err != nil {
		return nil, err
	}
	return s.run.openFastboot(ctx, address, timeout, func() error {
		if s.VerifyOnly() {
			return classify.WithHint(classify.New(classify.ConfigPolicy, "fastboot: nothing is to be written, and this may change the medium"),
				"in the policy, leave it out if job.verify_only is true")
		}
		if err := s.errIfChecking("fastboot"); err != nil {
			return err
		}
		return s.BeforeCommand()
	})
}

// FastbootImage returns an image that Fastboot.Flash takes: that of the job, or another file of the policy.
func (s *Session) FastbootImage(ctx context.Context, name string) (Image, error) {
	if name != "" && !s.run.isJobImage(name) {
		images, err := s.run.ownImage(ctx, name)
		if err == nil {
			err = images.waitReady(ctx)
		}
		if err != nil {
			return nil, err
		}
		return images.images[0].image(), nil
	}
	if len(s.run.staging.images) > 1 {
		return nil, classify.WithHint(classify.New(classify.ConfigPolicy, "the job has several images, one for each --part"), "name the file that fastboot writes")
	}
	im, err := s.Image(ctx)
	if err == nil && im == nil {
		err = classify.New(classify.ConfigPlan, "there is no image to write")
	}
	return im, err
}

// Fastboot connects to a device at an address, "udp:192.168.1.5". 0 is DefaultFastbootTimeout.
func (p *Program) Fastboot(ctx context.Context, address string, timeout time.Duration) (*Fastboot, error) {
	p.markTouched()
	return p.run.openFastboot(ctx, address, timeout, func() error {
		p.markTyped()
		return nil
	})
}

func (r *run) openFastboot(ctx context.Context, address string, timeout time.Duration, changing func() error) (*Fastboot, error) {
	d, err := fastboot.Open(ctx, fastboot.Config{
		Address: address, Clock: r.Clock, Timeout: cmp.Or(timeout, DefaultFastbootTimeout), Note: r.events.note,
	})
	if err != nil {
		return nil, err
	}
	r.cleanups.push("fastboot", d.Close)
	return &Fastboot{device: d, changing: changing, progress: r.events.progress}, nil
}

// Getvar returns a variable of the device, "" if it does not have it.
func (f *Fastboot) Getvar(ctx context.Context, name string) (string, error) {
	v, err := f.device.Command(ctx, "getvar:"+name)
	if classify.Find(err, classify.HostRefused) != nil {
		return "", nil
	}
	return v, err
}

// Command has the device run a command, "erase:userdata", "oem format", "continue", and returns what it answers.
// The command may change the medium.
func (f *Fastboot) Command(ctx context.Context, cmd string) (string, error) {
	if err := f.changing(); err != nil {
		return "", err
	}
	return f.device.Command(ctx, cmd)
}

// Flash writes an image of this run to a partition, by the name that the device has for it.
func (f *Fastboot) Flash(ctx context.Context, partition string, im Image) error {
	from, ok := im.(fastboot.Image)
	if !ok {
		return classify.New(classify.ScriptArgument, "the image is not one of this run")
	}
	if err := f.changing(); err != nil {
		return err
	}
	return f.device.Flash(ctx, partition, from, func(done, total int64) { f.progress("fastboot "+partition, done, total) })
}

package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/flash"
	"github.com/flashlua/flashlua/engine/internal/image"
	"github.com/flashlua/flashlua/engine/internal/serve"
	"github.com/flashlua/flashlua/engine/internal/tempdir"
	"github.com/flashlua/flashlua/engine/internal/web"
	"github.com/flashlua/flashlua/engine/transport"
)

// bootFile is a file of the policy, open and offered.
type bootFile struct {
	File
	tftpName string // its name by TFTP
	size     int64
}

// check checks what can be checked and opens what will be needed, the cheap things first: a download comes last.
func (r *run) check(ctx context.Context) error {
	steps := []func(context.Context) error{r.resolveTargets, r.findBootFiles, r.stageImages, r.checkPower, r.openConsole, r.startServers, r.checkConnected}
	switch {
	case r.job.DryRun:
		steps = []func(context.Context) error{r.resolveTargets, r.findBootFiles, r.stageImages, r.checkPortSpec}
	case slices.ContainsFunc(r.job.parts(), func(p Part) bool { return web.IsURL(p.Image) }):
		steps = slices.Insert(slices.Delete(steps, 2, 3), 5, r.stageImages) // before planConnected
	}
	for _, do := range steps {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// resolveTargets finds out what goes where.
func (r *run) resolveTargets(context.Context) error {
	target, err := r.policy.target(r.job.Target)
	if err != nil {
		return err
	}
	piped, taken := false, map[string]bool{}
	for _, p := range r.job.parts() {
		if p.Image == image.Stdin && piped {
			return classify.New(classify.Usage, "two images cannot come by the standard input")
		}
		piped = piped || p.Image == image.Stdin
		t := target
		if p.Label != "" {
			if t.Part != "" {
				return classify.WithHint(classify.New(classify.Usage, "target %s is the partition %s already: %s cannot be a partition of it", t.Name, t.Part, p.Label),
					"name another target with --target, which is a whole medium")
			}
			t.Part = p.Label
		}
		if taken[t.Part] || len(r.job.parts()) > 1 && p.Label == "" {
			return classify.WithHint(classify.New(classify.TargetUnsafe, "target %s: more than one image would be written to %s", t.Name, t),
				"each image needs a place of its own: give every part another label, and write the whole target in a run of its own")
		}
		taken[t.Part] = true
		r.ledger.add(&medium{source: p, target: flash.Target(t)})
	}
	return nil
}

// file is where a file of the policy is on the station.
func (j Job) file(p *Policy, name string) string {
	path := p.Files[name].Path
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cmp.Or(j.FilesDir, p.Dir), path)
}

func (r *run) findBootFiles(ctx context.Context) error {
	r.files = map[string]bootFile{}
	wire := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.policy.Files)) {
		f := r.policy.Files[name]
		f.Path = r.job.file(r.policy, name)
		st, err := callAbandonable(ctx, r.Clock, "the look at "+f.Path, func() (os.FileInfo, error) { return os.Stat(f.Path) }, func(os.FileInfo) {})
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a regular file", f.Path)
		}
		if err != nil {
			return classify.WithHint(classify.Wrap(err, classify.ImageMissing, "board %s: the %s file is not on the station", r.policy.Name, name),
				"put it there, or name its folder with --files")
		}
		b := bootFile{f, filepath.Base(f.Path), st.Size()}
		if wire[b.tftpName] {
			b.tftpName = name + "-" + b.tftpName
		}
		wire[b.tftpName] = true
		r.files[name] = b
	}
	return nil
}

// stageImages has the images staged. Large ones are not waited for: the board can boot meanwhile.
func (r *run) stageImages(ctx context.Context) error {
	for _, m := range r.ledger.media {
		if _, err := callAbandonable(ctx, r.Clock, "the opening of the image "+web.Mask(m.source.Image), func() (struct{}, error) { // its file system may stall
			return struct{}{}, image.CheckExists(m.source.Image)
		}, func(struct{}) {}); err != nil {
			return err
		}
	}
	if !r.job.DryRun {
		r.reservedCPUs = 1
	}
	r.staging = r.startStaging(ctx)
	enough := r.staging.slow
	if r.job.DryRun {
		enough = r.staging.done
	}
	select {
	case <-enough:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-r.staging.done:
		return r.staging.err
	default:
		return nil
	}
}

func (r *run) checkPower(ctx context.Context) error {
	if r.power == nil {
		return nil
	}
	return r.withPowerTimeout(ctx, r.power.Check)
}

// checkPortSpec is what a dry run checks of the port: that there is such a kind.
func (r *run) checkPortSpec(context.Context) error {
	if r.Simulated {
		return nil
	}
	return transport.Check(r.job.Port)
}

// openConsole opens the console before the board gets power, so that nothing it says is lost.
func (r *run) openConsole(ctx context.Context) error {
	p := r.policy.Console
	if r.portSpec == "" {
		r.portSpec = r.job.Port
	}
	port, err := r.openPort(ctx, r.portSpec, p.Line)
	if err != nil {
		return err
	}
	r.portSpec = transport.StableName(r.portSpec)
	cfg := console.Config{Clock: r.Clock, Typing: p.Typing, Watch: p.Watch, Secrets: r.secrets, Reopen: console.Reopen{
		Open:    func(ctx context.Context) (io.ReadWriteCloser, error) { return r.openPort(ctx, r.portSpec, p.Line) },
		Timeout: cmp.Or(p.Reopen, DefaultReopen),
	}}
	if r.Console != nil {
		cfg.Recorder = r.Console
	}
	if r.console == nil {
		r.onCleanup("console", func() error { return r.console.Close() })
	}
	r.console = console.New(port, cfg)
	return nil
}

// tftpPort is where U-Boot asks; it cannot be told otherwise.
const tftpPort = "69"

func (r *run) startServers(ctx context.Context) error {
	address := net.JoinHostPort(r.policy.Net.Listen, "0")
	l, err := r.Listen(ctx, "tcp", address)
	if err != nil {
		return serve.ListenError(err, "tcp", address)
	}
	r.http = serve.NewHTTP(l)
	r.onCleanup("HTTP server", r.http.Close)
	switch {
	case len(r.files) == 0:
		return nil
	case r.job.TFTPDir != "":
		return r.copyToTFTPDir()
	}
	return r.serveTFTP(ctx)
}

// serveTFTP offers the policy's files by our own TFTP server.
func (r *run) serveTFTP(ctx context.Context) error {
	address := net.JoinHostPort(r.tftpListenHost(ctx), tftpPort)
	conn, err := r.ListenUDP(ctx, "udp", address)
	if err != nil {
		return serve.ListenError(err, "udp", address)
	}
	host, _, _ := net.SplitHostPort(address)
	r.tftp = serve.NewTFTP(conn, func() (net.PacketConn, error) { return r.ListenUDP(ctx, "udp", net.JoinHostPort(host, "0")) })
	r.onCleanup("TFTP server", r.tftp.Close)
	for name, b := range r.files {
		f, err := r.grants.open(b.Path)
		if err != nil {
			return classify.Wrap(err, classify.ImageMissing, "the %s file cannot be read", name)
		}
		r.onCleanup(name, f.Close)
		r.tftp.Offer(serve.Content{Name: b.tftpName, Size: b.size, ReaderAt: f})
	}
	return nil
}

// copyToTFTPDir puts the policy's files where another TFTP server finds them, for the time of the run.
func (r *run) copyToTFTPDir() error {
	dir, remove, err := tempdir.Make(r.job.TFTPDir, "flashlua")
	if err != nil {
		return classify.WithHint(classify.Wrap(err, classify.ConfigPlan, "nothing can be put into the folder of the TFTP server"), "check --tftp-dir: it must be writable")
	}
	r.onCleanup("files for TFTP", remove)
	err = os.Chmod(dir, 0o755) // another user serves it
	for name, b := range r.files {
		if err == nil {
			err = r.copyFile(filepath.Join(dir, b.tftpName), b.Path)
		}
		b.tftpName = filepath.Base(dir) + "/" + b.tftpName
		r.files[name] = b
	}
	return classify.Wrap(err, classify.ConfigPlan, "cannot copy the policy's files to %s", dir)
}

func (r *run) copyFile(to, from string) error {
	in, err := r.grants.open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o644), out.Close())
}

// tftpListenHost is where the TFTP server listens: where the board is told to ask, if that is here.
func (r *run) tftpListenHost(ctx context.Context) string {
	if told := r.policy.Net.TFTP; told != "" && serve.IsLocal(ctx, told) {
		return told
	}
	return r.policy.Net.Listen
}

// planSummary is the plan for people.
func (r *run) planSummary() string {
	l := r.limits
	attempts := time.Duration(*l.Retries + 1)
	worst := attempts * l.Attempt
	for n := range *l.Retries {
		worst += classify.Backoff{}.Wait(n)
	}
	var b strings.Builder
	format := "to %s of board %s, target %s: everything on it is lost\n"
	if r.job.VerifyOnly {
		format = "compared with %s of board %s, target %s: nothing is written\n"
	}
	r.ledger.each(func(m *medium) {
		if m.image != nil {
			fmt.Fprintln(&b, m.describe())
		} else {
			fmt.Fprintf(&b, "%s, which is made ready while the board boots\n", web.Mask(m.source.Image))
		}
		fmt.Fprintf(&b, format, m.target, r.policy.Name, m.target.Name)
	})
	fmt.Fprintf(&b, "at most %s of %s each, %s in total, and then %s to clean up", plural(int(attempts), "attempt"), l.Attempt, min(worst, l.Total), attemptReserve+r.powerTimeout())
	return b.String()
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/transport"
)

func TestImageOfTheWeb(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, "imag\x00")
	}))
	defer site.Close()
	b := newBench(t, failing(classify.MarkFatal(noLease)))
	b.job.Image = strings.Replace(site.URL, "://", "://me:s3cret@", 1) + "/x.raw?sig=s3cret"
	r, _ := b.run(t)
	wantReport(t, r, ExitFatal, classify.RuleFatal, classify.NetDHCPTimeout, 1)
	if e := b.events[0]; e.Type != EventProgress || e.Step != "download" || e.Done != 5 || e.Total != 5 {
		t.Errorf("the first event = %+v; want progress of the download, 5 of 5", e)
	}
	if plan := b.events[1].Text; !strings.HasPrefix(plan, site.URL+"/x.raw?…, 5 bytes, sha256 ") || r.Image.Path != site.URL+"/x.raw?…" {
		t.Errorf("plan %s, report %+v; want the address without password and query", plan, r.Image)
	}
	site.Close() // the server goes
	b.events = nil
	began := b.clk.Now()
	r, _ = b.run(t)
	wantReport(t, r, ExitTempFail, classify.RuleRetry, classify.ImageUnavailable, 0)
	if !r.Retry {
		t.Errorf("Retry of %s = false; want true", r.Kind)
	}
	if took := b.clk.Now().Sub(began); took != 15*time.Second || b.events[3].Type != EventNote || !strings.HasSuffix(b.events[3].Text, "again in 8s") {
		t.Errorf("took %s, events %+v; want 15s, and a note before the last wait", took, b.events)
	}
	b.job.Timeout = 5 * time.Second
	b.events = nil
	r, _ = b.run(t)
	wantReport(t, r, ExitDeadline, classify.RuleRunCancelled, classify.DeadlineTotal, 0)
	for _, e := range b.events {
		if text := fmt.Sprint(e); strings.Contains(text, "s3cret") {
			t.Errorf("event %s; want no password", text)
		}
	}
}

func TestPlanRefusals(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(b *bench)
		kind classify.Kind
		text string
	}{
		{"image", func(b *bench) { b.job.Image = "/no/such" }, classify.ImageMissing, "/no/such"},
		{"target", func(b *bench) { b.job.Target = "disc" }, classify.Usage, `no target "disc"`},
		{"no targets", func(b *bench) { b.policy.Targets = nil }, classify.ConfigPolicy, "has no targets"},
		{"file", func(b *bench) { b.policy.Files = map[string]File{"kernel": {Path: "/no/Image"}} }, classify.ImageMissing, "kernel file is not on the station"},
		{"port", func(b *bench) { b.OpenPort, b.job.Port = nil, "unix:/no/sock" }, classify.TransportOpen, "unix:/no/sock"},
		{"power", func(b *bench) { b.OpenPower, b.job.Power = nil, "qmp:/no/sock" }, classify.PowerConnect, "qmp:/no/sock"},
		{"listen", func(b *bench) { b.policy.Net.Listen = "203.0.113.1" }, classify.ConfigPlan, "203.0.113.1"},
		{"port specification", func(b *bench) { b.OpenPower = nil; b.Engine.OpenPort = nil; b.job.Power = "none"; b.job.Port = "x" }, classify.Usage, "not a console port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, failing(nil))
			tt.bend(b)
			r, _ := b.run(t)
			if r.Exit != ExitPlan || r.Kind != string(tt.kind) || !strings.Contains(r.Error, tt.text) {
				t.Errorf("exit %d, kind %s, %q; want 2, %s, %q", r.Exit, r.Kind, r.Error, tt.kind, tt.text)
			}
			if len(b.switched) != 0 || r.Target.State != Untouched || r.Attempt != 0 {
				t.Errorf("power %v, target %s, attempt %d; want no switch, untouched, 0", b.switched, r.Target.State, r.Attempt)
			}
		})
	}
}

func TestDryRunTouchesNothing(t *testing.T) {
	b := newBench(t, func(context.Context, *Session) error { t.Error("Flash was called; want no call"); return nil })
	b.job.DryRun, b.job.Port = true, "unix:/no/sock"
	b.OpenPort = func(context.Context, string, transport.Line) (transport.Port, error) {
		t.Error("OpenPort was called; want no call")
		return nil, errors.New("no")
	}
	b.Listen = func(context.Context, string, string) (net.Listener, error) {
		t.Error("Listen was called; want no call")
		return nil, errors.New("no")
	}
	b.checkErr = errors.New("Check was called")
	r, _ := b.run(t)
	wantReport(t, r, ExitVerified, "", "", 0)
	if r.Result != ResultPlanned || r.Mode != ModeDryRun || r.Target.State != Untouched || len(b.switched) != 0 {
		t.Errorf("result %s, mode %s, target %s, power %v; want planned, dry-run, untouched, no switch", r.Result, r.Mode, r.Target.State, b.switched)
	}
	b.job.Port, b.events = "ttyUSB0", nil
	r, _ = b.run(t)
	wantReport(t, r, ExitPlan, classify.RuleFatal, classify.Usage, 0)
}

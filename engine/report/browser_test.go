package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flashlua/flashlua/engine"
)

// browser is a headless Chromium, driven by its debugging protocol over pipes.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	last    int
	session string
}

// openBrowser starts Chromium. It skips the test if there is none.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("LEFT OUT: the page in a browser, chromium is not installed")
	}
	in, to, err := os.Pipe()
	from, out, err2 := os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "flashlua-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		to.WriteString(`{"id":0,"method":"Browser.close"}` + "\x00")
		cmd.Wait()
		to.Close()
		from.Close()
		os.RemoveAll(profile) // its helpers may end later and still write to it, so that it may fail
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	return b
}

// call calls a method and reads its result.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.last++
	request := map[string]any{"id": b.last, "method": method, "params": params}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	raw, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(raw, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		raw, err := b.from.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var answer struct {
			ID     int
			Error  *struct{ Message string }
			Result json.RawMessage
		}
		if err := json.Unmarshal(raw[:len(raw)-1], &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.last {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if err := json.Unmarshal(answer.Result, result); err != nil {
			b.t.Fatal(err)
		}
		return
	}
}

// eval returns the value of an expression, of a promise when it is settled.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	return answer.Result.Value
}

// longRun writes the artefacts of a run with many attempts, whose console has size bytes, and returns their
// directory.
func longRun(t *testing.T, attempts, size int) string {
	t.Helper()
	dir := t.TempDir()
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var events, transcript strings.Builder
	event := func(e engine.Event) {
		e.Time = at
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		events.Write(append(raw, '\n'))
	}
	v := &engine.Report{Result: engine.ResultVerified, Mode: engine.ModeFlash, Board: "long", Target: engine.TargetReport{Name: "emmc", State: engine.Verified}}
	event(engine.Event{Type: engine.EventPlan, Text: "a plan"})
	steps := []string{"power", "uboot", "linux", "write"}
	n := 0
	for i := 1; i <= attempts; i++ {
		event(engine.Event{Type: engine.EventAttempt, Attempt: i})
		for s, name := range steps {
			event(engine.Event{Type: engine.EventStep, Attempt: i, Step: name})
			for transcript.Len() < size*((i-1)*len(steps)+s+1)/(attempts*len(steps)) {
				at = at.Add(time.Millisecond)
				n++
				fmt.Fprintf(&transcript, "%s < [%5d.%06d] a line of the kernel about device %x:%x, number %d of the console\n", at.Format(stamp), n/1000, n%1000, n*7919%65536, n*104729%65536, n)
			}
			for p := range 40 {
				at = at.Add(100 * time.Millisecond)
				event(engine.Event{Type: engine.EventProgress, Attempt: i, Step: name, Done: int64(p*p) << 20, Total: 1600 << 20})
			}
			e := engine.Event{Type: engine.EventStepEnd, Attempt: i, Step: name, Took: time.Second}
			if name == "write" && i < attempts {
				e.Error, e.Kind = "the board reset itself", "board.reset"
				fmt.Fprintf(&transcript, "%s < the needle of attempt %d\n", at.Format(stamp), i)
				at = at.Add(time.Second)
			}
			event(e)
		}
		a := &engine.Attempt{Number: i}
		end := engine.Event{Type: engine.EventAttemptEnd, Attempt: i}
		if i < attempts {
			a.Error, a.Kind = "the board reset itself", "board.reset"
			end.Error, end.Kind = a.Error, a.Kind
		}
		event(end)
		v.Attempts = append(v.Attempts, a)
	}
	v.Attempt = attempts
	raw, err := v.MarshalIndent()
	write := func(name, text string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	if err := errors.Join(err, write(VerdictName, string(raw)), write(EventsName, events.String()), write(TranscriptName, transcript.String())); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPageInBrowser opens the page of a run with 30 attempts and a console of 64 MiB, searches, and unfolds.
func TestPageInBrowser(t *testing.T) {
	b := openBrowser(t)
	r, err := Read(longRun(t, 30, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "page.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.WriteHTML(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	b.call("Page.enable", nil, &struct{}{})
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": false}, &struct{}{})
	b.call("Page.navigate", map[string]any{"url": "file://" + path}, &struct{}{})
	for b.eval(`document.readyState`) != "complete" || b.eval(`location.protocol`) != "file:" {
	}
	t.Logf("the page opened in %v ms", b.eval(`Math.round(performance.timing.loadEventStart - performance.timing.navigationStart)`))
	for _, tt := range []struct {
		what, expression string
		want             any
	}{
		{"attempts", `document.querySelectorAll("details.attempt").length`, 30.0},
		{"plots", `document.querySelectorAll("svg.plot").length`, 120.0},
		{"width beyond the window", `Math.max(0, document.documentElement.scrollWidth - innerWidth)`, 0.0},
		{"lines with the text", `search("needle of attempt").then(() => +document.getElementById("found").dataset.hits)`, 29.0},
		{"hit of attempt 7", `(async () => {
			const hit = [...document.querySelectorAll("#found button")].find((b) => b.textContent.endsWith("attempt 7"));
			hit.click();
			while (!document.querySelector(".hit")?.textContent.includes("needle of attempt 7")) await new Promise(requestAnimationFrame);
			const r = document.querySelector(".hit").getBoundingClientRect();
			return r.top >= 0 && r.bottom <= innerHeight && document.querySelector(".hit").closest("details").dataset.where;
		})()`, "attempt 7, write"},
		{"a chunk is rendered when it is near", `(async () => {
			const box = consoles.find((c) => c.dataset.where === "attempt 2, linux");
			for (let e = box; e; e = e.parentElement.closest("details")) e.open = true;
			box.scrollIntoView();
			while (!box.querySelector("pre .line")) await new Promise(requestAnimationFrame);
			return box.querySelectorAll("pre").length > 1 && box.querySelector("pre .line").textContent.includes("a line of the kernel");
		})()`, true},
		{"no text", `search("no such text").then(() => document.getElementById("found").textContent)`, "no line has “no such text”"},
		{"width beyond the window, unfolded", `Math.max(0, document.documentElement.scrollWidth - innerWidth)`, 0.0},
	} {
		if got := b.eval(tt.expression); got != tt.want {
			t.Errorf("%s: %v; want %v", tt.what, got, tt.want)
		}
	}
}

package bindings_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flashlua/flashlua/bindings"
	"github.com/flashlua/flashlua/engine"
	_ "github.com/flashlua/flashlua/engine/simulate"
)

// serveFastboot serves a device in fastboot over TCP until the test ends. It returns its address, and a function
// that returns the commands that it got and the last download.
func serveFastboot(t *testing.T) (address string, got func() (commands []string, data string)) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	var data string
	done := make(chan struct{})
	stop := func() { l.Close(); <-done }
	t.Cleanup(stop)
	talk := func(c net.Conn) {
		io.CopyN(io.Discard, c, 4)
		io.WriteString(c, "FB01")
		loading := false
		for {
			var head [8]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			p := make([]byte, binary.BigEndian.Uint64(head[:]))
			if _, err := io.ReadFull(c, p); err != nil {
				return
			}
			answer := "OKAY"
			if loading {
				loading, data = false, string(p)
			} else {
				commands = append(commands, string(p))
				size, download := strings.CutPrefix(string(p), "download:")
				switch loading = download; {
				case download:
					answer = "DATA" + size
				case string(p) == "getvar:product":
					answer = "OKAYboard"
				case string(p) == "getvar:nosuch", string(p) == "oem nosuch":
					answer = "FAILno such thing"
				}
			}
			c.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(answer))), answer...))
		}
	}
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c)
			c.Close()
		}
	}()
	return "tcp:" + l.Addr().String(), func() ([]string, string) { stop(); return commands, data }
}

// TestFastboot: host.fastboot has a device write the image of the job. That is no proof: the run is not verified
// without a verification.
func TestFastboot(t *testing.T) {
	for _, only := range []bool{false, true} {
		address, got := serveFastboot(t)
		dir := t.TempDir()
		lua := fmt.Sprintf(`
return { targets = { disk = "/dev/vda" }, flash = function(s, job)
	s:step("write", function()
		local fb = host.fastboot(%q, { timeout = "1m" })
		s:log("product: " .. fb:getvar("product") .. ", " .. tostring(fb:getvar("nosuch")))
		fb:flash("rootfs", job)
		s:log("refused: " .. tostring(select(2, pcall(fb.oem, fb, "nosuch"))))
		fb:continue()
	end)
	if false then s:shell():write(job) end
end }`, address)
		for name, content := range map[string]string{"board.lua": lua, "x.raw": "image\x00"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := bindings.Load(filepath.Join(dir, "board.lua"), bindings.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var notes strings.Builder
		e := engine.Engine{Events: func(e engine.Event) { fmt.Fprintln(&notes, e.Text) }}
		none := 0
		r := e.Run(t.Context(), p, engine.Job{Image: filepath.Join(dir, "x.raw"), Port: "sim:", Power: "none", Retries: &none, VerifyOnly: only})
		commands, data := got()
		want := "getvar:product getvar:nosuch getvar:max-download-size download:00000006 flash:rootfs oem nosuch continue"
		kind := "flash.unverified"
		if only {
			want, kind = "getvar:product getvar:nosuch", "config.policy"
		}
		if strings.Join(commands, " ") != want || r.Kind != kind || !only && data != "image\x00" {
			t.Errorf("verify only %v: commands %q, data %q, %s %v; want %s and %s", only, commands, data, r.Kind, r.Err, want, kind)
		}
		for _, text := range []string{"product: board, nil", "refuses oem nosuch: no such thing"} {
			if !only && !strings.Contains(notes.String(), text) {
				t.Errorf("notes = %s; want %q", notes.String(), text)
			}
		}
	}
}

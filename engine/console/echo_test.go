package console

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/internal/consoletest"
)

// editor is a shell with a line editor, at a serial line that may change bytes. A framed command prints "out of"
// and its text.
type editor struct {
	net.Conn
	prompt      string
	width       int                         // the column at which the echo wraps; 0: never
	wrap        string                      // what it prints there
	mute        bool                        // it does not echo
	noFunctions bool                        // the shell defines none
	fifo        int                         // bytes that it reads at once; 0: all
	harm        func(p string) (out string) // what the serial line does to bytes, in both directions

	ran []string // commands, as they arrived
	fl  string
}

func (e *editor) say(text string) { say(e.Conn, len(text)+1, e.harm(text)) }

func (e *editor) serve() {
	var line []byte
	column := len(e.prompt)
	for buf := make([]byte, 4096); ; {
		n, err := e.Read(buf)
		if err != nil {
			return
		}
		keys := e.harm(string(buf[:n]))
		if e.fifo > 0 {
			keys = keys[:min(len(keys), e.fifo)]
		}
		var out strings.Builder
		for _, k := range []byte(keys) {
			switch k {
			case 3:
				line, column = nil, len(e.prompt)
				out.WriteString("^C\r\n" + e.prompt)
			case 0x15:
				line = nil
			case '\n', '\r':
				out.WriteString("\r\n" + e.run(string(line)) + e.prompt)
				line, column = nil, len(e.prompt)
			default:
				line = append(line, k)
				if !e.mute {
					out.WriteByte(k)
				}
				if column++; column == e.width {
					out.WriteString(e.wrap)
					column = 0
				}
			}
		}
		if out.Len() > 0 {
			e.say(out.String())
		}
	}
}

func (e *editor) run(line string) string {
	if l, ok := consoletest.Parse(line); ok {
		if l.Sync {
			return l.Begin()
		}
		if l.Setup {
			if e.noFunctions {
				return "syntax error: bad function definition\r\n"
			}
			return l.Begin() + l.End("0")
		}
		e.ran = append(e.ran, l.Command)
		end := l.End("3")
		e.fl, _, _ = strings.Cut(end, ":")
		return l.Begin() + "out of " + l.Command + "\r\n" + end
	}
	if a, ok := strings.CutPrefix(line, ` echo "`); ok {
		if a, ok := strings.CutSuffix(a, `$fl:$fl."`); ok {
			return a + e.fl + ":" + e.fl + ".\r\n"
		}
	}
	if strings.TrimSpace(line) == "" {
		return ""
	}
	return "syntax error\r\n"
}

// newEditor returns a Console and starts e at its other end.
func newEditor(t *testing.T, e *editor, cfg Config) *Console {
	wire, port := net.Pipe()
	e.Conn = wire
	if e.prompt == "" {
		e.prompt = "board # "
	}
	if e.harm == nil {
		e.harm = func(p string) string { return p }
	}
	go e.serve()
	c := New(port, cfg)
	t.Cleanup(func() { c.Close(); wire.Close() })
	return c
}

// runCommands runs a few commands and checks that they ran as they were typed.
func runCommands(t *testing.T, c *Console, e *editor, d Dialect) error {
	t.Helper()
	for i := range 4 {
		cmd := fmt.Sprintf("command %d %s", i, strings.Repeat("with words ", 4*i))
		res, err := c.Run(t.Context(), d, Command{Text: cmd, Timeout: time.Minute})
		if err != nil {
			return err
		}
		if want := "out of " + cmd; res.Code != 3 || res.Output != want {
			t.Errorf("Run() = %+v; want %q, exit code 3", res, want)
		}
	}
	if len(e.ran) != 4 {
		t.Errorf("the board ran %q; want 4 commands", e.ran)
	}
	return nil
}

// TestEchoes runs commands on boards that differ in their echo.
func TestEchoes(t *testing.T) {
	const readline = " \r"
	for name, tt := range map[string]struct {
		e      editor
		typing Typing
	}{
		"plain":               {editor{}, Typing{}},
		"wrapped by busybox":  {editor{width: 80, wrap: "\r\r\n"}, Typing{}},
		"wrapped by readline": {editor{width: 80, wrap: readline}, Typing{}},
		"wrapped narrowly":    {editor{width: 7, wrap: "\r\n"}, Typing{}},
		"no echo":             {editor{mute: true}, Typing{}},
		"no echo, known":      {editor{mute: true}, Typing{NoEcho: true}},
		"a path before":       {editor{prompt: "\x1b[1mroot@host:/very/long/path# \x1b[0m"}, Typing{}},
		"another prompt":      {editor{prompt: "busy $ "}, Typing{}},
		"no blank after":      {editor{prompt: "board#"}, Typing{}},
		"small receiver":      {editor{fifo: 16}, Typing{}},
		"one byte":            {editor{fifo: 1}, Typing{}},
		"paced":               {editor{fifo: 8}, Typing{Chunk: 8, Delay: 5 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := tt.e
				c := newEditor(t, &e, Config{Typing: tt.typing})
				for _, d := range []Dialect{UBoot("# ", 500), POSIX("# ", 500)} {
					if err := c.Sync(t.Context(), d, 3, time.Second); err != nil {
						t.Fatal(err)
					}
					e.ran = nil
					if err := runCommands(t, c, &e, d); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// TestEchoesBetweenKernelLines: a kernel that prints all the time delays nothing, and an unknown echo ends in
// time.
func TestEchoesBetweenKernelLines(t *testing.T) {
	for name, tt := range map[string]struct {
		e      editor
		within time.Duration
	}{
		"plain":          {editor{prompt: "/root # "}, time.Second},
		"wrapped":        {editor{prompt: "/root # ", width: 80, wrap: "\r\r\n"}, time.Second},
		"another prompt": {editor{prompt: "busy $ "}, 6 * echoTimeout},
		"no echo":        {editor{mute: true}, time.Minute}, // it looks like a bad line
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := tt.e
				c, d := newEditor(t, &e, Config{}), POSIX("# ", 500)
				over := make(chan struct{})
				defer close(over)
				go func() {
					for n := 0; ; n++ {
						select {
						case <-over:
							return
						case <-time.After(60 * time.Millisecond): // virtual
							fmt.Fprintf(e.Conn, "[    4.%06d] noise\r\n", n)
						}
					}
				}()
				began := time.Now()
				err := c.Sync(t.Context(), d, 3, time.Second)
				if took := time.Since(began); e.mute && took <= tt.within && classify.Facts(err).Kind == classify.ConsoleEcho {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				e.ran = nil
				d.BootTime = time.Now().Add(-4 * time.Second)
				if err := runCommands(t, c, &e, d); err != nil {
					t.Errorf("Run() = %v; want nil", err)
				}
				if took := time.Since(began); took > tt.within {
					t.Errorf("Sync() and the commands took %s; want at most %s", took, tt.within)
				}
			})
		})
	}
}

// TestBadLines: whatever the serial line does to bytes, a command runs as it was typed, or it does not run.
func TestBadLines(t *testing.T) {
	harms := map[string]func(r *rand.Rand, c byte) string{
		"drop":   func(*rand.Rand, byte) string { return "" },
		"double": func(_ *rand.Rand, c byte) string { return string([]byte{c, c}) },
		"garble": func(r *rand.Rand, c byte) string { return string([]byte{c ^ 1<<r.IntN(7)}) },
	}
	const seeds = 10
	for name, harm := range harms {
		for _, percent := range []float64{0.1, 0.5, 1, 2} {
			t.Run(fmt.Sprintf("%s %v%%", name, percent), func(t *testing.T) {
				good, fired := 0, 0
				for seed := range uint64(seeds) {
					synctest.Test(t, func(t *testing.T) {
						r := rand.New(rand.NewPCG(seed, 1))
						e := &editor{prompt: "=> ", harm: func(p string) string {
							var out strings.Builder
							for _, c := range []byte(p) {
								if r.Float64()*100 < percent {
									fired++
									out.WriteString(harm(r, c))
									continue
								}
								out.WriteByte(c)
							}
							return out.String()
						}}
						c, d := newEditor(t, e, Config{}), UBoot("=> ", 500)
						began := time.Now()
						for i := range 4 {
							cmd := fmt.Sprintf("mmc write %d %s", i, strings.Repeat("0123456789 ", i))
							res, err := c.Run(t.Context(), d, Command{Text: cmd, Timeout: time.Minute})
							switch kind := classify.Facts(err).Kind; {
							case err == nil && res.Code == 3:
								good++
							case err == nil:
								t.Errorf("seed %d: Run(%s) = exit code %d; want 3", seed, cmd, res.Code)
							case kind != classify.ConsoleEcho && kind != classify.ConsoleGarbled && kind != classify.ConsoleTimeout:
								t.Errorf("seed %d: Run(%s) = %v of kind %s; want a kind of a bad line", seed, cmd, err, kind)
							}
							for _, ran := range e.ran {
								if ran != cmd {
									t.Errorf("seed %d: the board ran %q; want %q", seed, ran, cmd)
								}
							}
							if len(e.ran) > 1 && name != "double" || err == nil && len(e.ran) == 0 {
								t.Errorf("seed %d: the board ran %q, Run() = %v; want the command once", seed, e.ran, err)
							}
							e.ran = nil
						}
						if took := time.Since(began); took > 5*time.Minute {
							t.Errorf("seed %d: the commands took %s; want at most 5m", seed, took)
						}
					})
				}
				t.Logf("%d of %d commands ran, %d bytes were changed", good, 4*seeds, fired)
				if fired == 0 || percent <= 0.5 && good < 4*seeds*3/4 {
					t.Errorf("%d of %d commands ran, %d bytes were changed; want at least %d, 1", good, 4*seeds, fired, 4*seeds*3/4)
				}
			})
		}
	}
}

// TestNoFunctions runs commands at a shell that defines no functions.
func TestNoFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &editor{noFunctions: true}
		c, d := newEditor(t, e, Config{}), POSIX("# ", 500)
		if err := c.Sync(t.Context(), d, 1, time.Second); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := runCommands(t, c, e, d); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second { // it does not try again before each command
			t.Errorf("four commands took %s; want at most 1s", took)
		}
	})
}

package shell

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

const (
	// MaxPut is the largest file that goes over the console, in bytes. It takes two minutes at 115200 baud.
	MaxPut   = 256 << 10
	putTries = 2
)

// digest is what sha256sum prints.
var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

// Put writes a file on the board through the console, in lines that the board takes, and makes sure by its SHA-256 that
// it arrived. It is for what is needed before there is a network.
func (s *Shell) Put(ctx context.Context, path, content string) error {
	if len(content) > MaxPut {
		return classify.WithHint(classify.New(classify.ConsoleText, "%s has %d bytes, over the console go %d", path, len(content), MaxPut),
			"fetch it from the station by wget")
	}
	sum := sha256.Sum256([]byte(content))
	want := hex.EncodeToString(sum[:])
	var got string
	for range putTries {
		if err := s.enterFile(ctx, path, content); err != nil {
			return classify.Wrap(err, "", "cannot write %s on the board", path)
		}
		out, err := s.Run(ctx, console.Command{Text: "sha256sum <" + console.Quote(path)})
		if err != nil {
			return err
		}
		if got = digest.FindString(out); got == want {
			return nil
		}
	}
	return classify.WithHint(s.Fail(classify.New(classify.ConsoleGarbled, "%s arrived changed on the board, %d times: sha256 %s, want %s", path, putTries, got, want)),
		"the console loses or changes bytes: check cable, speed and flow control")
}

// enterFile types the file.
func (s *Shell) enterFile(ctx context.Context, path, content string) error {
	to := console.Quote(path)
	if _, err := s.Run(ctx, console.Command{Text: ": >" + to}); err != nil {
		return err
	}
	line := func(text string) string { return fmt.Sprintf("printf '%s' >>%s", text, to) }
	room := s.Line - s.Framed(line(""))
	if room < 4 {
		return classify.New(classify.ConsoleText, "the path %s leaves no room in a line of %d bytes", path, s.Line)
	}
	var chunk strings.Builder
	flush := func() error {
		_, err := s.Run(ctx, console.Command{Text: line(chunk.String())})
		chunk.Reset()
		return err
	}
	for i := range len(content) {
		c := typed(content[i])
		if chunk.Len()+len(c) > room {
			if err := flush(); err != nil {
				return err
			}
		}
		chunk.WriteString(c)
	}
	if chunk.Len() == 0 {
		return nil
	}
	return flush()
}

// typed is a byte as printf takes it between single quotes, on any line and in any shell.
func typed(c byte) string {
	if c < ' ' || c > '~' || strings.IndexByte(`'%\!`, c) >= 0 {
		return fmt.Sprintf(`\%03o`, c)
	}
	return string(rune(c))
}

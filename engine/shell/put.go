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
	maxPut   = 256 << 10 // the largest file that goes over the console, in bytes; it takes two minutes at 115200 baud
	putTries = 2
)

// digest matches what sha256sum prints.
var digest = regexp.MustCompile(`(?m)^([0-9a-f]{64})\b`)

// Put writes a file on the board through the console, and checks its SHA-256 there. It is meant for files that are
// needed before there is a network; they have at most 256 KiB.
func (s *Shell) Put(ctx context.Context, path, content string) error {
	if len(content) > maxPut {
		return classify.WithHint(classify.New(classify.ConsoleText, "%s has %d bytes, over the console go %d", path, len(content), maxPut),
			"fetch it from the station by wget")
	}
	sum := sha256.Sum256([]byte(content))
	want := hex.EncodeToString(sum[:])
	var got string
	for range putTries {
		if err := s.typeFile(ctx, path, content); err != nil {
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

// typeFile types the commands that write the file, in lines that the board takes.
func (s *Shell) typeFile(ctx context.Context, path, content string) error {
	to := console.Quote(path)
	if _, err := s.Run(ctx, console.Command{Text: ": >" + to}); err != nil {
		return err
	}
	line := func(text string) string { return fmt.Sprintf("printf '%s' >>%s", text, to) }
	room := s.Line - len(s.Frame(line("")))
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
		c := printfEscape(content[i])
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

// printfEscape returns a byte as printf takes it between single quotes, in any shell and with any line editor.
func printfEscape(c byte) string {
	if c < ' ' || c > '~' || strings.IndexByte(`'%\!`, c) >= 0 {
		return fmt.Sprintf(`\%03o`, c)
	}
	return string(rune(c))
}

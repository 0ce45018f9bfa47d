package console

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// stamp matches the time stamp that begins a kernel's message.
var stamp = regexp.MustCompile(`\[ *(\d+\.\d{6})\](?:\[ *[CT]\d+\])? `)

// kernelLine is the message of a kernel up to the end of its line. It may begin within a line of other output.
type kernelLine struct {
	from, to int           // its indexes, with its line end
	at       time.Duration // on the kernel's clock
}

// kernelLines finds the kernel's messages in buf. Of two stamps in one line the second one's is the kernel's: the
// first one begins a line of dmesg, which the message interrupted.
func kernelLines(buf []byte) []kernelLine {
	if bytes.IndexByte(buf, '[') < 0 {
		return nil
	}
	var lines []kernelLine
	for row := 0; ; {
		n := bytes.IndexByte(buf[row:], '\n')
		if n < 0 {
			return lines
		}
		end := row + n + 1
		if stamps := stamp.FindAllSubmatchIndex(buf[row:end], -1); stamps != nil {
			m := stamps[len(stamps)-1]
			at, _ := strconv.ParseFloat(string(buf[row+m[2]:row+m[3]]), 64)
			lines = append(lines, kernelLine{row + m[0], end, time.Duration(at * float64(time.Second))})
		}
		row = end
	}
}

// removeLines returns a copy of buf without lines.
func removeLines(buf []byte, lines []kernelLine) []byte {
	var rest []byte
	last := 0
	for _, l := range lines {
		rest = append(rest, buf[last:l.from]...)
		last = l.to
	}
	return append(rest, buf[last:]...)
}

// originalIndex returns the index in the original of byte i of what removeLines returned.
func originalIndex(i int, lines []kernelLine) int {
	for _, l := range lines {
		if i < l.from {
			break
		}
		i += l.to - l.from
	}
	return i
}

// printkDelay is how long after its stamp a message may appear on a slow console.
const printkDelay = 10 * time.Second

// kernelLinesIn returns the lines in a command's output that the kernel printed while the command ran, and appends
// them to seen. The kernel prints each message once. So a message that was on the console before, or is in seen, is
// output of the command, for instance of dmesg.
func (g *capture) kernelLinesIn(out []byte, seen *[]byte) []kernelLine {
	if g.dialect.BootTime.IsZero() {
		return nil
	}
	var lines []kernelLine
	for _, l := range kernelLines(out) {
		line := bytes.TrimRight(out[l.from:l.to], "\r\n")
		if l.at < g.since-printkDelay || bytes.Contains(g.before, line) || bytes.Contains(*seen, line) {
			continue
		}
		*seen = append(append(*seen, line...), '\n')
		lines = append(lines, l)
	}
	return lines
}

package console

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// stamp begins what a kernel prints.
var stamp = regexp.MustCompile(`\[ *(\d+\.\d{6})\](?:\[ *[CT]\d+\])? `)

// kernelLine is a line of the kernel's, wherever the line of somebody else just was.
type kernelLine struct {
	from, to int           // its place, with its line end
	at       time.Duration // on the kernel's clock
}

// kernelLines finds them. Of two stamps in one line the second one's is the kernel's: the first one begins a line of dmesg
// that it came into.
func kernelLines(buf []byte) []kernelLine {
	if bytes.IndexByte(buf, '[') < 0 {
		return nil
	}
	var all []kernelLine
	for row := 0; ; {
		n := bytes.IndexByte(buf[row:], '\n')
		if n < 0 {
			return all
		}
		end := row + n + 1
		if stamps := stamp.FindAllSubmatchIndex(buf[row:end], -1); stamps != nil {
			m := stamps[len(stamps)-1]
			at, _ := strconv.ParseFloat(string(buf[row+m[2]:row+m[3]]), 64)
			all = append(all, kernelLine{row + m[0], end, time.Duration(at * float64(time.Second))})
		}
		row = end
	}
}

// removeLines gives buf without some lines.
func removeLines(buf []byte, lines []kernelLine) []byte {
	var clean []byte
	last := 0
	for _, l := range lines {
		clean = append(clean, buf[last:l.from]...)
		last = l.to
	}
	return append(clean, buf[last:]...)
}

// originalIndex is where byte i of what is left without lines was.
func originalIndex(i int, lines []kernelLine) int {
	for _, l := range lines {
		if i < l.from {
			break
		}
		i += l.to - l.from
	}
	return i
}

// printLag is how late a kernel prints what it says, on a slow console.
const printLag = 10 * time.Second

// kernelLinesIn gives the lines in the output of a command that the kernel printed meanwhile, rather than the command, and notes
// them in told. The kernel prints each once: one that came before is the command's, of dmesg.
func (g *capture) kernelLinesIn(out []byte, told *[]byte) []kernelLine {
	if g.d.BootTime.IsZero() {
		return nil
	}
	var theirs []kernelLine
	for _, l := range kernelLines(out) {
		line := bytes.TrimRight(out[l.from:l.to], "\r\n")
		if l.at < g.since-printLag || bytes.Contains(g.before, line) || bytes.Contains(*told, line) {
			continue
		}
		*told = append(append(*told, line...), '\n')
		theirs = append(theirs, l)
	}
	return theirs
}

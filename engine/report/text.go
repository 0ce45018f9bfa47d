package report

import (
	"fmt"
	"time"

	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/visible"
)

// maxLine is how many bytes of a line of the console are shown.
const maxLine = 16 << 10

// inlines returns the texts, each within a line and of a length that can be shown.
func inlines(all []string) []string {
	var lines []string
	for _, text := range all {
		lines = append(lines, visible.Line(bounded.Text(text, maxLine)))
	}
	return lines
}

// inSeconds returns a duration as text, "84 ms", "12.3 s" or "4m 05s".
func inSeconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh %02dm %02ds", s/3600, s/60%60, s%60)
}

// inBytes returns a number of bytes as text, "4.2 MiB".
func inBytes(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TiB", n)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

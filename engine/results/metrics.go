package results

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// labelEscapes are those of a label value in the text format 0.0.4 of Prometheus.
var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// metric is a family of gauges.
type metric struct {
	name, help string
	samples    func(g Group, add func(value float64, labels ...string))
}

// metrics are gauges and not counters, because runs leave the time that is summarised.
var metrics = []metric{
	{"flashlua_runs", "Runs in the window, by outcome.", func(g Group, add func(float64, ...string)) {
		add(float64(g.Verified-g.Retried), "outcome", "verified")
		add(float64(g.Retried), "outcome", "verified_after_retry")
		add(float64(g.attempted()-g.Verified), "outcome", "failed")
		add(float64(g.Refused), "outcome", "refused")
		add(float64(g.Interrupted), "outcome", "interrupted")
	}},
	{"flashlua_verified_ratio", "Share of verified runs in the window, without refused and interrupted ones.", func(g Group, add func(float64, ...string)) {
		if g.attempted() > 0 {
			add(g.Share)
		}
	}},
	{"flashlua_failures", "Runs in the window that had a kind of failure.", func(g Group, add func(float64, ...string)) {
		for _, k := range g.Kinds {
			add(float64(k.Runs), "kind", k.Kind)
		}
	}},
	{"flashlua_step_median_seconds", "Median time of a step in the window.", func(g Group, add func(float64, ...string)) {
		for _, s := range g.Steps {
			add(time.Duration(s.Median).Seconds(), "step", s.Step)
		}
	}},
	{"flashlua_run_median_seconds", "Median time of a verified run in the window.", func(g Group, add func(float64, ...string)) {
		if g.Verified > 0 {
			add(time.Duration(g.Median).Seconds())
		}
	}},
	{"flashlua_last_run_timestamp_seconds", "Time when the last run ended.", func(g Group, add func(float64, ...string)) {
		add(float64(g.Last.Unix()))
	}},
	{"flashlua_last_run_verified", "1 if the last run succeeded.", func(g Group, add func(float64, ...string)) {
		ok := 0.0
		if (Record{Result: g.LastResult}).Succeeded() {
			ok = 1
		}
		add(ok)
	}},
}

// WriteMetrics writes the summary in the text format of Prometheus, for the textfile collector of node_exporter.
func (s *Summary) WriteMetrics(w io.Writer) error {
	var b strings.Builder
	for _, m := range metrics {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
		for _, g := range s.Groups {
			m.samples(g, func(value float64, labels ...string) {
				writeSample(&b, m.name, value, append([]string{"station", g.Station, "board", g.Board}, labels...))
			})
		}
	}
	const window = "flashlua_results_window_seconds"
	fmt.Fprintf(&b, "# HELP %s Length of the window.\n# TYPE %s gauge\n", window, window)
	writeSample(&b, window, s.Until.Sub(s.Since).Seconds(), nil)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeSample writes a line; labels are names and values.
func writeSample(b *strings.Builder, name string, value float64, labels []string) {
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		open := ","
		if i == 0 {
			open = "{"
		}
		fmt.Fprintf(b, `%s%s="%s"`, open, labels[i], labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "�")))
	}
	if len(labels) > 0 {
		b.WriteString("}")
	}
	b.WriteString(" " + strconv.FormatFloat(value, 'g', -1, 64) + "\n")
}

package main

import (
	"runtime/debug"
	"testing"
)

func TestFactsOfABuild(t *testing.T) {
	checkout := &debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.4-0.20261129131604-26e2f909d33a+dirty"},
		Settings: []debug.BuildSetting{
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: "26e2f909d33abadb9e1672a2379830c814ef4d0e"},
			{Key: "vcs.time", Value: "2026-11-29T13:16:04Z"},
			{Key: "vcs.modified", Value: "true"},
		},
	}
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}
	for _, tt := range []struct {
		info *debug.BuildInfo
		want buildFacts
	}{
		{checkout, buildFacts{
			Version: "v1.2.4-0.20261129131604-26e2f909d33a+dirty", Commit: "26e2f909d33abadb9e1672a2379830c814ef4d0e",
			Date: "2026-11-29T13:16:04Z", Modified: true,
		}},
		{installed, buildFacts{Version: "v1.2.3"}},
		{&debug.BuildInfo{}, buildFacts{Version: "(devel)"}},
	} {
		got := factsOf(tt.info)
		if got.Go == "" || got.OS == "" || got.Arch == "" {
			t.Errorf("factsOf(%s) = %+v; want Go, OS and arch", tt.info.Main.Version, got)
		}
		got.Go, got.OS, got.Arch = "", "", ""
		if got != tt.want {
			t.Errorf("factsOf(%s) = %+v; want %+v", tt.info.Main.Version, got, tt.want)
		}
	}
}

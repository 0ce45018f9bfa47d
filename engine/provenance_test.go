package engine

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestBuildOf(t *testing.T) {
	at := time.Date(2026, 11, 29, 13, 24, 0, 0, time.UTC)
	settings := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "26e2f90"}, {Key: "vcs.modified", Value: "true"}, {Key: "vcs.time", Value: at.Format(time.RFC3339)},
	}
	for _, tt := range []struct {
		name string
		info debug.BuildInfo
		want Build
	}{
		{"a checkout", debug.BuildInfo{Main: debug.Module{Path: ModulePath, Version: "v1.2.3"}, Settings: settings}, Build{"v1.2.3", "26e2f90", at, true}},
		{"a module", debug.BuildInfo{Main: debug.Module{Path: ModulePath, Version: "v1.2.3"}}, Build{Version: "v1.2.3"}},
		{
			"in another program",
			debug.BuildInfo{Main: debug.Module{Path: "example.com/lab", Version: "v9.0.0"}, Deps: []*debug.Module{{Path: "example.com/x", Version: "v3.0.0"}, {Path: ModulePath, Version: "v1.2.3"}}, Settings: settings},
			Build{Version: "v1.2.3"},
		},
		{"not known", debug.BuildInfo{}, Build{Version: "(devel)"}},
	} {
		if got := buildOf(&tt.info); got != tt.want {
			t.Errorf("%s: buildOf(…) = %+v; want %+v", tt.name, got, tt.want)
		}
	}
}

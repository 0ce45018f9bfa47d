package lua51

import (
	"runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// TestStepsAreTheScripts holds that a script takes the same steps every time, and that functions of ours count
// their work.
func TestStepsAreTheScripts(t *testing.T) {
	const list = "local t = {} for i = 1, 2e4 do t[i] = (i * 7919) % 20011 end "
	for source, most := range map[string]int{
		"":                             300,
		"for i = 1, 1e6 do end":        1_000_300,
		list:                           105_000,
		list + "table.sort(t)":         760_000,
		list + "table.insert(t, 1, 0)": 106_000,
		list + "table.sort(t, function(a, b) return a < b end)":                                   2_500_000, // so a sort of two seconds takes less than half of what a script may
		"local s = ('x'):rep(1e6)":                                                                64_000,
		"local s = ('x'):rep(1e6) for i = 1, 10 do s:upper() end":                                 700_000,
		"local s = ('x'):rep(1e6) for i = 1, 10 do s:sub(2) end":                                  700_000,
		"local s = ('x'):rep(1e6) for i = 1, 10 do s:reverse() end":                               700_000,
		"local s = ('x'):rep(1e6) for i = 1, 10 do s:find('y', 1, true) end":                      700_000,
		"local s = ('x'):rep(1e5) for i = 1, 10 do s:match('y') end":                              1_020_000,
		"local s = ('x'):rep(1e5) for i = 1, 10 do s:gsub('x', 'y') end":                          1_120_000,
		"local s = ('7'):rep(1e6) for i = 1, 10 do tonumber(s) end":                               700_000,
		"local t = {} for i = 1, 100 do t[i] = 'text' end for i = 1, 1000 do table.concat(t) end": 140_000,
	} {
		var counts []int
		for range 2 {
			s := newState()
			if _, err := evalIn(t.Context(), s, source); err != nil {
				t.Errorf("%s: %v", source, err)
			}
			counts = append(counts, s.Watchdog.Steps())
		}
		if counts[0] != counts[1] {
			t.Errorf("steps(%s) = %d, then %d; want the same", source, counts[0], counts[1])
		}
		if counts[0] > most || source != "" && counts[0] < most/2 {
			t.Errorf("steps(%s) = %d; want %d to %d", source, counts[0], most/2, most)
		}
	}
}

// TestPartsDoNotHoldTheWhole holds that a part of a text does not keep the whole text in memory.
func TestPartsDoNotHoldTheWhole(t *testing.T) {
	for _, cut := range []string{"s:sub(1, 4)", "s:match('^....')", "select(3, s:find('^(....)'))", "s:gmatch('....')()", "s:match('^(....)')"} {
		s := newState()
		c, err := Compile("test.lua", []byte("local t = {} for i = 1, 10 do local s = ('x'):rep(1e6) t[i] = "+cut+" end return t"))
		if err != nil {
			t.Fatal(err)
		}
		heap := liveHeap()
		results, err := s.Call(t.Context(), s.L.NewFunctionFromProto(c.Proto))
		if err != nil || results[0].(*lua.LTable).RawGetInt(10) != lua.LString("xxxx") {
			t.Fatal(cut, results, err)
		}
		if grew := liveHeap() - heap; grew > 2e6 {
			t.Errorf("memory of %s = %d bytes; want 4 and some", cut, grew/10)
		}
		runtime.KeepAlive(results)
	}
}

// liveHeap returns the size of the heap after a garbage collection.
func liveHeap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

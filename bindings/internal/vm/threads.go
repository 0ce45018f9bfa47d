package vm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// threads are the threads on which protected calls run. They are costly to make, so they are used again.
type threads struct {
	free     []*lua.LState
	busy     []*lua.LState // the innermost last
	catching []*lua.LState // those that called pcall or xpcall, the innermost last
}

// take returns a thread that no call uses.
func (t *threads) take(L *lua.LState) *lua.LState {
	var th *lua.LState
	if n := len(t.free); n > 0 {
		th, t.free = t.free[n-1], t.free[:n-1]
	} else {
		th, _ = L.NewThread() // the main thread has no context, so neither has this one
	}
	t.busy = append(t.busy, th)
	return th
}

// put frees the thread that was taken last.
func (t *threads) put(th *lua.LState) {
	t.busy = t.busy[:len(t.busy)-1]
	th.SetTop(0)
	t.free = append(t.free, th)
}

// catch records that L is in a pcall until leave is called.
func (t *threads) catch(L *lua.LState) (leave func()) {
	n := len(t.catching)
	t.catching = append(t.catching, L)
	return func() { t.catching = t.catching[:n] }
}

// Line returns where a script called the function that runs in L, "board.lua:12"; "" if no script did. A call that
// pcall makes has the line of pcall.
func (s *State) Line(L *lua.LState) string {
	line := strings.TrimSpace(L.Where(1))
	for i := len(s.threads.catching); line == "" && i > 0; i-- {
		line = strings.TrimSpace(s.threads.catching[i-1].Where(1))
	}
	return strings.TrimSuffix(line, ":")
}

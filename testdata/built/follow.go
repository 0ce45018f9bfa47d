package built

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Follow runs a command, calls act when it prints the first line that contains text on its standard error, and returns
// all that it printed there.
func Follow(t testing.TB, cmd *exec.Cmd, text string, act func()) string {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	found := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if !found && strings.Contains(lines.Text(), text) {
			found = true
			act()
		}
	}
	cmd.Wait()
	if !found {
		t.Errorf("%q prints\n%s\nwant a line with %q", cmd.Args, &all, text)
	}
	return all.String()
}

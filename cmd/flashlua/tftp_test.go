package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/flashlua/flashlua/testdata/built"
)

// TestTFTPCommand starts two processes that serve the port at an address, kills the first, and ends the second.
func TestTFTPCommand(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("LEFT OUT: TFTP's port 69 needs root")
	}
	address := fmt.Sprintf("127.%d.%d.1", 1+os.Getpid()>>8%60, os.Getpid()%256)
	start := func() (*exec.Cmd, *bufio.Scanner) {
		cmd := exec.Command(built.Program(t), "tftp", "--listen", address)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		return cmd, bufio.NewScanner(out)
	}
	first, lines := start()
	serves := "this process serves " + address + ":69"
	if lines.Scan(); lines.Text() != serves {
		t.Fatalf("flashlua tftp printed %q; want %q", lines.Text(), serves)
	}
	second, lines := start()
	if lines.Scan(); !strings.Contains(lines.Text(), fmt.Sprintf("process %d of user", first.Process.Pid)) {
		t.Errorf("a second flashlua tftp printed %q; want the process of the first", lines.Text())
	}
	first.Process.Kill()
	if lines.Scan(); lines.Text() != serves {
		t.Errorf("after the end of the first it printed %q; want %q", lines.Text(), serves)
	}
	second.Process.Signal(syscall.SIGTERM)
	for lines.Scan() {
		t.Errorf("after SIGTERM it printed %q; want nothing", lines.Text())
	}
	second.Wait()
	if code := second.ProcessState.ExitCode(); code != 143 {
		t.Errorf("exit code after SIGTERM = %d; want 143", code)
	}
}

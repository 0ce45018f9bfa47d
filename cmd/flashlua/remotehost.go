package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/visible"
)

// remoteHost is the host of --on.
type remoteHost struct {
	name string // as ssh takes it: HOST, USER@HOST or a name of its configuration
	port string // "" is that of ssh's configuration
}

func (h remoteHost) String() string { return h.name }

var remoteHostText = regexp.MustCompile(`^ssh:([\w.@%+][\w.@%+-]*|(?:[\w.%+-]+@)?\[[\w:.%]+\])(?::(\d{1,5}))?$`)

// parseRemoteHost reads the value of --on.
func parseRemoteHost(text string) (remoteHost, error) {
	m := remoteHostText.FindStringSubmatch(text)
	if m == nil {
		return remoteHost{}, usageError("--on %q: write ssh:HOST, ssh:USER@HOST or ssh:HOST:PORT, where HOST may be a name of ssh's configuration", text)
	}
	return remoteHost{strings.NewReplacer("[", "", "]", "").Replace(m[1]), m[2]}, nil
}

// connectScript runs on the host, in its sh. It says what the host is, receives the program if it is not there, and
// starts it. It contains no single quote. An interrupted copy leaves no program: only a whole one gets its name.
const connectScript = `d=${XDG_CACHE_HOME:-$HOME/.cache}/flashlua/remote; b=$d/bin/DIGEST; echo "flashlua-on is $(uname -s) $(uname -m)"; ` +
	`if ! test -x "$b/flashlua"; then umask 077; ` +
	`if ! { mkdir -p "$b" && t=$(mktemp "$b/new.XXXXXX"); }; then echo "flashlua-on failed"; exit 1; fi; ` +
	`echo "flashlua-on send"; head -c SIZE >"$t"; ` +
	`if test "$(wc -c <"$t")" -eq SIZE && chmod 700 "$t" && mv "$t" "$b/flashlua"; then :; else rm -f "$t"; echo "flashlua-on failed"; exit 1; fi; fi; ` +
	`touch "$b"; echo "flashlua-on ready"; exec "$b/flashlua" ` + remoteRunName + ` "$d"`

// command returns the ssh of this host, with the program on the host. Signals of the terminal do not end it: the run on
// the host needs the connection to clean up.
func (h remoteHost) command(p remoteProgram) (*exec.Cmd, error) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return nil, classify.WithHint(classify.Wrap(err, classify.RemoteConnect, "--on needs the program ssh"), "install the OpenSSH client")
	}
	script := strings.NewReplacer("DIGEST", p.digest, "SIZE", fmt.Sprint(p.size)).Replace(connectScript)
	args := []string{"-c", `trap "" INT QUIT HUP TERM; exec "$0" "$@"`, ssh, "-T", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"}
	if h.port != "" {
		args = append(args, "-p", h.port)
	}
	// Not CommandContext: the end of the run's context must not end the connection.
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append(args, "--", h.name, "sh -c '"+script+"'")...)
	cmd.WaitDelay = sshEnd
	return cmd, nil
}

// goSystems are the values of GOOS by those of uname -s, and goMachines those of GOARCH by those of uname -m.
var (
	goSystems  = map[string]string{"Linux": "linux", "Darwin": "darwin", "FreeBSD": "freebsd"}
	goMachines = map[string]string{
		"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv8l": "arm", "armv7l": "arm", "armv6l": "arm",
		"i386": "386", "i686": "386", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x", "loongarch64": "loong64",
	}
)

// checkSystem returns an error if this program cannot run on a host with these values of uname.
func (h remoteHost) checkSystem(system, machine string) error {
	here := runtime.GOOS + "/" + runtime.GOARCH
	there := goSystems[system] + "/" + goMachines[machine]
	if here == there {
		return nil
	}
	if strings.HasPrefix(there, "/") || strings.HasSuffix(there, "/") {
		there = visible.Line(system + " " + machine)
	}
	return classify.WithHint(classify.New(classify.RemoteStart, "%s is %s, and this flashlua is built for %s", h, there, here),
		"name a flashlua of the same version for %s with --on-binary FILE", there)
}

// passingFailures match what ssh prints if a later try may work.
var passingFailures = regexp.MustCompile(`(?i)connection (?:refused|timed out|reset|closed)|operation timed out|no route to host|network is unreachable|temporary failure in name resolution|kex_exchange_identification`)

// connectError returns the error of a connection that did not come about. code is the exit code of ssh, and said what
// it printed.
func (h remoteHost) connectError(code int, said string) error {
	last := cmp.Or(lastLine(said), "it printed nothing")
	if code != sshFailed {
		return classify.WithHint(classify.New(classify.RemoteStart, "flashlua cannot be started on %s (exit code %d): %s", h, code, visible.Line(last)),
			"~/.cache/flashlua there must be writable, and on a file system that can execute programs")
	}
	kind := classify.RemoteConnect
	if passingFailures.MatchString(last) {
		kind = classify.RemoteUnavailable
	}
	return classify.WithHint(classify.New(kind, "ssh cannot connect to %s: %s", h, visible.Line(last)), "check with: ssh %s true", h)
}

// lastLine returns the last line of a text.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// sshEnd is how long a process that ssh leaves behind, as with ControlPersist, may keep the standard error open.
const sshEnd = 2 * time.Second

// sshFailed is the exit code of ssh if the connection failed.
const sshFailed = 255

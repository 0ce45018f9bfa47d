package flash

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
	"github.com/flashlua/flashlua/engine/internal/serve"
)

// job is one command of the helper. The board is typed the first digits of its digest, and fetches it.
type job struct {
	what string   // for people, as in console.Command
	args []string // a command of the helper
	list *commandList
	limit
}

// text returns the job as the helper evaluates it.
func (j job) text() string {
	var b strings.Builder
	if j.list != nil {
		b.WriteString("list=" + console.Quote(strings.TrimRight(j.list.String(), "\n")) + "\n")
	}
	b.WriteString("run")
	for _, a := range j.args {
		b.WriteString(" " + console.Quote(a))
	}
	return b.String()
}

// jobDigits is the number of digits that the board is typed. One job is served at a time: other digits find none.
const jobDigits = 8

// runOnce has the board run a job.
func (d *ShellFlasher) runOnce(ctx context.Context, j job) (reply, error) {
	if err := d.loadHelper(ctx); err != nil {
		return reply{}, err
	}
	text := j.text()
	sum := sha256.Sum256([]byte(text + "\n")) // as a shell computes it
	name := hex.EncodeToString(sum[:])[:jobDigits]
	_, withdraw := d.HTTP.Offer(serve.Offer{Path: d.jobs + "/" + name, Content: serve.Text("job", text), Peer: d.boardAddr})
	defer withdraw()
	run := console.Command{Text: "fj " + name, What: j.what}
	j.apply(&run)
	res, err := d.Shell.Exec(ctx, run)
	a := reply{fields: map[string][]string{}, text: res.Output}
	for _, m := range field.FindAllStringSubmatch(res.Output, -1) {
		a.fields[m[1]] = append(a.fields[m[1]], m[2])
	}
	return a, err
}

// queryRetries is the number of times that a command is run when console noise damages it or its output.
const queryRetries = 5

// run has the board run a job. It repeats a job that did not arrive undamaged, which the board does not run.
func (d *ShellFlasher) run(ctx context.Context, j job) (a reply, err error) {
	for range queryRetries {
		a, err = d.runOnce(ctx, j)
		if what := a.get("error"); err != nil || what != "mangled" && what != "unfetched" {
			return a, err
		}
	}
	if a.get("error") == "unfetched" {
		return a, newError(classify.NetHTTPCut, a, "the board cannot fetch from the station, %d times in a row", queryRetries)
	}
	return a, classify.WithHint(newError(classify.ShellSync, a, "what the board receives is damaged, %d times in a row", queryRetries),
		"the console or the network loses bytes: check cable, speed and flow control")
}

var checksum = regexp.MustCompile(`^([0-9a-f]{64})\b`)

// query runs a command whose output carries a checksum over command and output. It repeats the command if either
// was damaged.
func (d *ShellFlasher) query(ctx context.Context, what string, args ...string) (a reply, err error) {
	for range queryRetries {
		a, err = d.run(ctx, job{what: what, args: append([]string{"sealed"}, args...), limit: limit{stall: queryTimeout}})
		if err != nil {
			return a, err
		}
		var lines string
		for _, m := range field.FindAllStringSubmatch(a.text, -1) {
			if m[1] != "seal" {
				lines += m[0] + "\n"
			}
		}
		if lines == "" {
			lines = "\n" // the checksum of an empty reply covers the newline that echo prints
		}
		sum := sha256.Sum256([]byte(strings.Join(args, " ") + "\n" + lines))
		if m := checksum.FindStringSubmatch(a.get("seal")); m != nil && m[1] == hex.EncodeToString(sum[:]) {
			return a, nil
		}
	}
	return a, classify.WithHint(newError(classify.ShellSync, a, "the board's answer is damaged, %d times in a row", queryRetries),
		"something prints on the console all the time: find out what, and stop it")
}

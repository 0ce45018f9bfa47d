package power

import (
	"context"
	"encoding/json"
	"net"
	"strings"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/internal/unavailable"
)

func init() {
	Register("qmp", "qmp:/path/to/socket", func(address string) (Driver, error) { return qmp(address), nil })
}

// qmp is a virtual board in QEMU, at a socket path or HOST:PORT: off stops its clock, on resets and starts it.
// QEMU serves one QMP client at a time, so every call makes a new connection. Source: QEMU, docs/interop/qmp-spec.
type qmp string

func (q qmp) Check(ctx context.Context) error { return q.execute(ctx) }
func (q qmp) On(ctx context.Context) error    { return q.execute(ctx, "system_reset", "cont") }
func (q qmp) Off(ctx context.Context) error   { return q.execute(ctx, "stop") }

// Instant implements Instant: a virtual board has no capacitors.
func (q qmp) Instant() {}

// maxReplies is how much QEMU may send in one call, events included, in bytes.
const maxReplies = 1 << 20

func (q qmp) dial(ctx context.Context) (net.Conn, error) {
	network := "unix"
	if !strings.Contains(string(q), "/") {
		if _, _, err := net.SplitHostPort(string(q)); err == nil {
			network = "tcp"
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, string(q))
}

// execute connects and runs commands.
func (q qmp) execute(ctx context.Context, commands ...string) error {
	conn, err := q.dial(ctx)
	if err != nil {
		return q.fail(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in, out := json.NewDecoder(bounded.Reader(conn, maxReplies)), json.NewEncoder(conn)
	var greeting struct{ QMP *struct{} }
	if err := in.Decode(&greeting); err != nil {
		if ctx.Err() != nil {
			err = classify.Wrap(context.Cause(ctx), "", "no greeting: QEMU serves one QMP client at a time, is another one connected?")
		}
		return q.fail(err)
	}
	if greeting.QMP == nil {
		return q.fail(classify.New(classify.PowerConnect, "what answers is not QMP"))
	}
	for _, c := range append([]string{"qmp_capabilities"}, commands...) {
		err := out.Encode(map[string]string{"execute": c})
		if err == nil {
			err = readReply(in)
		}
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return classify.Wrap(err, classify.PowerCommand, "%s refuses %s", q, c)
		}
	}
	return nil
}

// readReply reads up to the answer of the last command; events may come before it.
func readReply(in *json.Decoder) error {
	for {
		var m struct {
			Return *json.RawMessage
			Error  *struct{ Desc string }
		}
		switch err := in.Decode(&m); {
		case err != nil:
			return err
		case m.Error != nil:
			return classify.New(classify.PowerCommand, "%s", bounded.Text(m.Error.Desc, maxOutput))
		case m.Return != nil:
			return nil
		}
	}
}

// fail returns the error of a connection that failed.
func (q qmp) fail(err error) error {
	return classify.WithHint(classify.Wrap(err, unavailable.Kind(err, classify.PowerUnavailable, classify.PowerConnect), "cannot reach the power controller qmp:%s", q),
		"start QEMU with -qmp unix:%s,server=on,wait=off", q)
}

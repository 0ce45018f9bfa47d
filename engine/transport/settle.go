package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// A console server that takes no further client, and a command that cannot reach its console, accept and hang up a
// moment later. A port is open only once it has outlived that moment.
const (
	settleNear = 100 * time.Millisecond // of what runs on this machine
	settleFar  = 500 * time.Millisecond // of another machine, and twice the time that connecting took
	settleData = 4 << 10                // bytes; so many are not a refusal, they are the board's
	// noticeTime is how long a server may take to notice that its last client left.
	noticeTime  = time.Second
	noticeEvery = noticeTime / patience
)

var (
	// errHungUp is the end of a connection before it was of use.
	errHungUp  = errors.New("the server hung up at once")
	errSettled = errors.New("it stayed open")
)

// prober is a port that can tell whether it leads to the console, see Connected.
type prober interface {
	probe(ctx context.Context) error
}

// deadlined is a stream whose Read can be ended.
type deadlined interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// settle reads from a port that was just opened until limit has passed. It returns what came, and the error of a port that
// ended.
func settle(ctx context.Context, clk clock.Clock, r deadlined, limit time.Duration) (early []byte, err error) {
	ctx, cancel := clock.WithTimeout(ctx, clk, limit, errSettled)
	defer cancel()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		r.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken
		}
		r.SetReadDeadline(time.Time{})
	}()
	buf := make([]byte, settleData)
	for len(early) < settleData {
		n, err := r.Read(buf)
		early = append(early, buf[:n]...)
		switch cause := context.Cause(ctx); {
		case err == nil:
		case cause == errSettled:
			return early, nil
		case cause != nil:
			return early, cause
		default:
			return early, err
		}
	}
	return early, nil
}

// persist opens a port, and again for noticeTime while its server hangs up at once.
func persist(ctx context.Context, clk clock.Clock, open func() (Port, error)) (Port, error) {
	for began := clk.Now(); ; {
		p, err := open()
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, errHungUp) || clk.Now().Sub(began) >= noticeTime {
			return nil, err
		}
		if err := clk.Sleep(ctx, noticeEvery); err != nil {
			return nil, err
		}
	}
}

// hungUp is the error of a server that ended the connection, with its last words.
func hungUp(said []byte, err error) error {
	why := lastWords(said)
	kind := refusal(why)
	if why == "" {
		why = err.Error()
	}
	return classify.WithHint(&classify.Error{Kind: kind, Cause: fmt.Errorf("%w: %s", errHungUp, why)},
		oneClient)
}

// lastWords returns the end of what a server said, on one line.
func lastWords(said []byte) string {
	return oneLine(strings.ToValidUTF8(string(said[max(0, len(said)-maxSaid):]), "?"))
}

// oneLine returns text on one line, without control characters.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// taken are the words of ser2net, conserver, terminal servers, microcom and picocom for a console that has a client.
var taken = regexp.MustCompile(`(?i)\b(?:in use|busy|lock|locked|already|occupied|another|too many|refused by)\b`)

// refusal is the kind of a refusal in these words.
func refusal(words string) classify.Kind {
	if taken.MatchString(words) {
		return classify.TransportBusy
	}
	return classify.TransportLost
}

// settled is a connection that stayed open.
type settled struct {
	Port
	preRead []byte   // the reader's: what came while it was opened
	first   farewell // the reader's
}

// connect opens a connection that must outlive near, or more if it leads to another machine.
func connect(ctx context.Context, clk clock.Clock, near time.Duration, dial func() (streamConn, error)) (Port, error) {
	return persist(ctx, clk, func() (Port, error) {
		began := clk.Now()
		conn, err := dial()
		if err != nil {
			return nil, err
		}
		early, err := settle(ctx, clk, conn, near+2*clk.Now().Sub(began))
		if err == nil {
			return &settled{Port: conn, preRead: early}, nil
		}
		conn.Close()
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, hungUp(early, err)
	})
}

// streamConn is what settle needs of a net.Conn.
type streamConn interface {
	Port
	SetReadDeadline(time.Time) error
}

// Read implements io.Reader.
func (s *settled) Read(p []byte) (int, error) {
	if len(s.preRead) > 0 {
		n := copy(p, s.preRead)
		s.preRead = s.preRead[n:]
		s.first.hear(p[:n])
		return n, nil
	}
	n, err := s.Port.Read(p)
	s.first.hear(p[:n])
	return n, s.first.of(err)
}

// probe implements prober: a server that hangs up later ends Read.
func (s *settled) probe(context.Context) error { return nil }

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

// A console server that refuses a client, and a command that cannot reach its console, first accept and hang up a
// moment later. So a port counts as open only when it has stayed open for that moment.
const (
	settleNear = 100 * time.Millisecond // for a server on the station
	settleFar  = 500 * time.Millisecond // for another machine, plus twice the time that connecting took
	settleData = 4 << 10                // bytes; more are no refusal, the board prints them
	// noticeTimeout is how long a server may take to notice that its last client has disconnected.
	noticeTimeout  = time.Second
	noticeInterval = noticeTimeout / checksPerSecond
)

var (
	// errHungUp is the end of a connection before it was of use.
	errHungUp  = errors.New("the server hung up at once")
	errSettled = errors.New("it stayed open")
)

// prober is a port that can check whether it leads to the console, see probedPort.Connected.
type prober interface {
	probe(ctx context.Context) error
}

// deadlineReader is a stream whose Read can be ended.
type deadlineReader interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

// settle reads from a port that was just opened until limit has passed. It returns what came, and the error of a
// port that ended.
func settle(ctx context.Context, clk clock.Clock, r deadlineReader, limit time.Duration) (preRead []byte, err error) {
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
	for len(preRead) < settleData {
		n, err := r.Read(buf)
		preRead = append(preRead, buf[:n]...)
		switch cause := context.Cause(ctx); {
		case err == nil:
		case cause == errSettled:
			return preRead, nil
		case cause != nil:
			return preRead, cause
		default:
			return preRead, err
		}
	}
	return preRead, nil
}

// retryHungUp opens a port, and tries again for noticeTimeout while the server hangs up at once.
func retryHungUp(ctx context.Context, clk clock.Clock, open func() (Port, error)) (Port, error) {
	for began := clk.Now(); ; {
		p, err := open()
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, errHungUp) || clk.Now().Sub(began) >= noticeTimeout {
			return nil, err
		}
		if err := clk.Sleep(ctx, noticeInterval); err != nil {
			return nil, err
		}
	}
}

// hungUpError returns the error of a server that ended the connection, with its last words.
func hungUpError(said []byte, err error) error {
	why := lastWords(said)
	kind := openingKind(why)
	if why == "" { // as a server that restarts
		kind, why = classify.TransportAway, err.Error()
	}
	return classify.WithHint(&classify.Error{Kind: kind, Cause: fmt.Errorf("%w: %s", errHungUp, why)},
		oneClient)
}

// lastWords returns the end of what a server sent, on one line.
func lastWords(said []byte) string {
	return oneLine(strings.ToValidUTF8(string(said[max(0, len(said)-maxLastWords):]), "?"))
}

// oneLine returns text on one line, without control characters.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
}

// busyWords are the words of ser2net, conserver, terminal servers, microcom and picocom for a console that has a
// client.
var busyWords = regexp.MustCompile(`(?i)\b(?:in use|busy|lock|locked|already|occupied|another|too many|refused by)\b`)

// refusalKind returns the kind of a refusal in these words.
func refusalKind(words string) classify.Kind {
	if busyWords.MatchString(words) {
		return classify.TransportBusy
	}
	return classify.TransportLost
}

// awayWords are the words of ssh, socat and netcat for a server that is down, restarts, or cannot be reached.
var awayWords = regexp.MustCompile(`(?i)\bconnection (?:refused|reset|closed|timed out)|\boperation timed out|\btemporary failure|` +
	`\btemporarily unavailable|\bno route to host|\b(?:network|host) is (?:unreachable|down)|\bbroken pipe`)

// openingKind returns the kind of the error of a command or a server that ended with these words before it was
// connected.
func openingKind(words string) classify.Kind {
	kind := refusalKind(words)
	if kind == classify.TransportLost && awayWords.MatchString(words) {
		return classify.TransportAway
	}
	return kind
}

// settledPort is a connection that stayed open.
type settledPort struct {
	Port
	preRead []byte        // the reader's: what came while the port was opened
	message serverMessage // the reader's
}

// connect opens a connection that must stay open for near, and longer if connecting took long.
func connect(ctx context.Context, clk clock.Clock, near time.Duration, dial func() (streamConn, error)) (Port, error) {
	return retryHungUp(ctx, clk, func() (Port, error) {
		began := clk.Now()
		conn, err := dial()
		if err != nil {
			return nil, err
		}
		preRead, err := settle(ctx, clk, conn, near+2*clk.Now().Sub(began))
		if err == nil {
			return &settledPort{Port: conn, preRead: preRead}, nil
		}
		conn.Close()
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, hungUpError(preRead, err)
	})
}

// streamConn is what connect needs of a net.Conn.
type streamConn interface {
	Port
	SetReadDeadline(time.Time) error
}

// Read implements io.Reader.
func (s *settledPort) Read(p []byte) (int, error) {
	if len(s.preRead) > 0 {
		n := copy(p, s.preRead)
		s.preRead = s.preRead[n:]
		s.message.add(p[:n])
		return n, nil
	}
	n, err := s.Port.Read(p)
	s.message.add(p[:n])
	return n, s.message.explain(err)
}

// probe implements prober. A server that hangs up later ends Read.
func (s *settledPort) probe(context.Context) error { return nil }

package engine

import (
	"context"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/console"
)

// readyTimeout bounds the wait for the text with which a console announces itself.
const readyTimeout = time.Minute

// awaitReady waits for the text that a console prints when it leads to the board: the port of a program that has
// to connect first is open before anything is read from the board.
func awaitReady(ctx context.Context, con *console.Console, text string) error {
	_, err := con.Expect(ctx, console.Wait{
		What: "the text of console.ready", For: []console.Pattern{console.Text(text)},
		Timeout: readyTimeout, Kind: classify.TransportReady,
	})
	if classify.Find(err, classify.TransportReady) != nil {
		return classify.WithHint(err, "check that the console prints %q when it is connected; connect by hand to see what it prints", text)
	}
	return err
}

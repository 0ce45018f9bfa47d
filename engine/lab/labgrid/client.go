package labgrid

import (
	"cmp"
	"net"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/flashlua/flashlua/classify"
	"github.com/flashlua/flashlua/engine/clock"
)

// defaultPort is the port of a coordinator.
const defaultPort = "20408"

// Client acquires places. Plain data: safe for concurrent use while nothing changes it.
type Client struct {
	Address string // of the coordinator, HOST or HOST:PORT
	Host    string // of this client, as the coordinator shows it
	User    string // of this client
	Token   string // of the reservation that "+" alone means

	Clock clock.Clock
	// Wait is how long a place that is in use is waited for. 0 is not at all.
	Wait time.Duration
	// Note is called with what happens, a sentence each. It may be nil.
	Note func(text string)
	// NeedPort and NeedPower say whether the place must have a resource for the console and for the power.
	NeedPort, NeedPower bool
}

// FromEnv returns a client as labgrid-client is configured by the environment: LG_COORDINATOR, LG_HOSTNAME,
// LG_USERNAME and LG_TOKEN. The error is of kind usage.
func FromEnv(getenv func(string) string) (Client, error) {
	c := Client{Address: getenv("LG_COORDINATOR"), Host: getenv("LG_HOSTNAME"), User: getenv("LG_USERNAME"), Token: getenv("LG_TOKEN"), Clock: clock.Real{}, NeedPort: true, NeedPower: true}
	switch {
	case getenv("LG_PROXY") != "":
		return c, classify.WithHint(classify.New(classify.Usage, "LG_PROXY is set, but flashlua does not reach a labgrid coordinator by a proxy"),
			"run `ssh -N -L 20408:COORDINATOR:20408 PROXY`, set LG_COORDINATOR=127.0.0.1:20408, and unset LG_PROXY")
	case c.Address == "" && getenv("LG_CROSSBAR") != "":
		return c, classify.WithHint(classify.New(classify.Usage, "LG_CROSSBAR is set, which labgrid 25 and newer do not use"),
			"set LG_COORDINATOR=HOST[:PORT] to the address of the coordinator, and unset LG_CROSSBAR")
	}
	c.Address = cmp.Or(c.Address, "127.0.0.1")
	if c.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return c, classify.WithHint(classify.Wrap(err, classify.Usage, "the name of this machine is not known"), "set LG_HOSTNAME")
		}
		c.Host = host
	}
	// The variables are those of Python's getpass.getuser, which labgrid-client uses.
	for _, name := range []string{"LOGNAME", "USER", "LNAME", "USERNAME"} {
		c.User = cmp.Or(c.User, getenv(name))
	}
	if c.User == "" {
		me, err := user.Current()
		if err != nil {
			return c, classify.WithHint(classify.Wrap(err, classify.Usage, "the name of the user is not known"), "set LG_USERNAME")
		}
		c.User = me.Username
	}
	return c, nil
}

// identity returns the name by which the coordinator knows the client.
func (c Client) identity() string { return c.Host + "/" + c.User }

// address returns HOST:PORT of the coordinator.
func (c Client) address() string {
	if _, _, err := net.SplitHostPort(c.Address); err == nil {
		return c.Address
	}
	return net.JoinHostPort(strings.Trim(c.Address, "[]"), defaultPort)
}

// note calls Note.
func (c Client) note(text string) {
	if c.Note != nil {
		c.Note(text)
	}
}

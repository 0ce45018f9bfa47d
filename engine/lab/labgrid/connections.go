package labgrid

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/flashlua/flashlua/classify"
)

// connections are how a board is reached.
type connections struct {
	port    string // as transport.Open takes it
	power   string // as power.Open takes it
	pending string // resource that is not available yet; "" is none
}

// classSerial is the class of a serial port in the network, also of one that an exporter has at its own device.
const classSerial = "NetworkSerialPort"

// connections returns how the board at the place is reached. The errors are of kind labgrid.place, or labgrid.away
// if an exporter of the place is not connected.
func (c Client) connections(s *session, p *place) (found connections, err error) {
	all, missing := s.items(p)
	if c.NeedPort {
		serial, err := pick(p, all, missing, "console", func(i item) bool { return i.class == classSerial })
		if err != nil {
			return found, err
		}
		known := false
		if found.port, known, err = c.portOf(p, serial); err != nil {
			return found, err
		}
		if !serial.avail || !known {
			found.pending = serial.path()
		}
	}
	if c.NeedPower {
		source, err := pick(p, all, missing, "power", func(i item) bool { return slices.Contains(powerClasses, i.class) })
		if err != nil {
			return found, err
		}
		found.power = c.powerOf(p, source, all)
		if !source.avail {
			found.pending = source.path()
		}
	}
	return found, nil
}

// pick returns the resource of a purpose, console or power. If there are several, it is the only one with that
// name within the place.
func pick(p *place, all []item, missing []match, purpose string, fits func(item) bool) (item, error) {
	var found []item
	for _, i := range all {
		if fits(i) {
			found = append(found, i)
		}
	}
	flag := map[string]string{"console": "--port", "power": "--power"}[purpose]
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && len(missing) > 0:
		return item{}, classify.WithHint(classify.New(classify.LabgridAway, "the labgrid place %s has no resource for %s: the resource %s is not exported now", p.name, flag, missing[0]),
			"check that its exporter runs: labgrid-client -p %s show", p.name)
	case len(found) == 0:
		return item{}, classify.WithHint(classify.New(classify.LabgridPlace, "the labgrid place %s has no resource for %s%s", p.name, flag, describeItems(all)),
			"give %s, or add a resource to the place: labgrid-client -p %s add-match EXPORTER/GROUP/CLASS", flag, p.name)
	}
	named := slices.DeleteFunc(slices.Clone(found), func(i item) bool { return i.name != purpose })
	if len(named) == 1 {
		return named[0], nil
	}
	return item{}, classify.WithHint(classify.New(classify.LabgridPlace, "the labgrid place %s has %d resources for %s%s", p.name, len(found), flag, describeItems(found)),
		"give %s, or name one of them: labgrid-client -p %s add-named-match %s %s", flag, p.name, found[0].path(), purpose)
}

// describeItems returns the resources for the end of an error text.
func describeItems(all []item) string {
	var text []string
	for _, i := range all {
		text = append(text, i.path())
	}
	if len(text) == 0 {
		return ": it has none at all"
	}
	return ": it has " + list(text)
}

// portOf returns the specification of a console. It has the port 0 if the port is not known, because the exporter
// opens one for each acquisition.
func (c Client) portOf(p *place, i item) (spec string, known bool, err error) {
	scheme := map[string]string{"": "rfc2217", "rfc2217": "rfc2217", "raw": "tcp"}[i.params["protocol"]]
	host, port := hostPort(i.params["host"])
	port = cmp.Or(port, i.params["port"], "0")
	switch {
	case scheme == "":
		return "", false, classify.WithHint(classify.New(classify.LabgridPlace, "the console %s of the labgrid place %s has the protocol %q", i.path(), p.name, i.params["protocol"]),
			"flashlua has rfc2217 and raw; give --port")
	case host == "":
		return "", false, classify.WithHint(classify.New(classify.LabgridPlace, "the console %s of the labgrid place %s has no host that can be used: %q", i.path(), p.name, i.params["host"]), "give --port")
	case i.extra["proxy_required"] == "true":
		return "exec:" + c.command(p) + " console " + quote(i.name), true, nil
	}
	return scheme + ":" + net.JoinHostPort(host, port), port != "0", nil
}

// hostPort splits the host of a resource, which may have a scheme and a port. port is "" without one.
func hostPort(text string) (host, port string) {
	if !strings.Contains(text, "//") {
		text = "//" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", ""
	}
	return u.Hostname(), u.Port()
}

// command returns the beginning of a command of labgrid-client for the place.
func (c Client) command(p *place) string {
	return fmt.Sprintf("labgrid-client -x %s -p %s", quote(c.address()), quote(p.name))
}

// quote quotes a text for sh, if it has to be.
func quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/@", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

package labgrid

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Classes of resources that switch power.
const (
	classPDUDaemon    = "PDUDaemonPort"
	classNetworkPower = "NetworkPowerPort"
)

// powerClasses are the classes by which labgrid-client power switches.
var powerClasses = []string{
	classPDUDaemon, classNetworkPower, "NetworkUSBPowerPort", "NetworkSiSPMPowerPort", "TasmotaPowerPort", "NetworkYKUSHPowerPort", "NetworkSysfsGPIO",
}

// powerOf returns the specification of the power driver of a resource: of one HTTP request for each state if the
// resource is switched so, otherwise of labgrid-client.
func (c Client) powerOf(p *place, i item, all []item) string {
	if i.extra["proxy_required"] != "true" {
		if spec := httpPower(i.resource); spec != "" {
			return spec
		}
	}
	text := "command:" + c.command(p) + " power"
	several := 0
	for _, other := range all {
		for _, class := range powerClasses {
			if other.class == class {
				several++
			}
		}
	}
	if several > 1 {
		text += " -n " + quote(i.name)
	}
	return text + " {}"
}

// pduDaemonPort is the port of pdudaemon's HTTP listener.
const pduDaemonPort = "16421"

// httpPower returns the specification of a resource that is switched by one HTTP request for each state, "" for
// others.
func httpPower(r *resource) string {
	index, err := strconv.Atoi(r.params["index"])
	if err != nil {
		return ""
	}
	switch r.class {
	case classPDUDaemon:
		host, port := hostPort(r.params["host"])
		if port == "" {
			port = pduDaemonPort
		}
		return plainURL(fmt.Sprintf("http:GET http://%s/power/control/{on|off}?hostname=%s&port=%d", net.JoinHostPort(host, port), url.QueryEscape(r.params["pdu"]), index))
	case classNetworkPower:
		m, ok := powerModels[r.params["model"]]
		if !ok || m.last > 0 && (index < m.first || index > m.last) {
			return ""
		}
		return plainURL(m.spec(r.params["host"], index))
	}
	return ""
}

// plainURL returns the specification if the only braces in it are placeholders and its URL has no blank.
func plainURL(spec string) string {
	without := strings.NewReplacer("{on|off}", "", "{ON|OFF}", "", "{ons|offs}", "", "{1|0}", "").Replace(spec)
	request, _, _ := strings.Cut(without, " body=")
	if strings.ContainsAny(without, "{}\n") || strings.Count(request, " ") != 1 {
		return ""
	}
	return spec
}

// powerModel is a power switch that one HTTP request switches, and whose answer has no more to say than its
// status. Models whose answer has to be read, or that need a login or digests, are left to labgrid-client.
type powerModel struct {
	method      string
	path        string // after the host, with INDEX, BITS; for a model with a URL, after the URL
	body        string
	user        string // USER:PASSWORD of the request; "" is none
	first, last int    // of the indexes; 0 is any
	url         bool   // the host of the resource is a URL
	root        bool   // path replaces that of the URL
	bits        func(index int) string
}

// powerModels are from the requests that labgrid's own drivers send.
var powerModels = map[string]powerModel{
	"gude":                {method: "GET", path: "/switch.html?cmd=1&p=INDEX&s={1|0}", first: 1, last: 8},
	"gude8031":            {method: "GET", path: "/status.json?components=0&cmd=1&p=INDEX&s={1|0}", first: 1, last: 20},
	"gude8225":            {method: "GET", path: "/ov.html?cmd=1&p=INDEX&s={1|0}", first: 1, last: 12},
	"gude8316":            {method: "GET", path: "/ov.html?cmd=1&p=INDEX&s={1|0}", first: 1, last: 8},
	"netio":               {method: "GET", path: "/tgi/control.tgi?l=p:admin:admin&p=BITS", first: 1, last: 4, bits: netioBits},
	"digipower":           {method: "GET", path: "/{ons|offs}.cgi?led=BITS", user: "snmp:1234", first: 1, last: 8, bits: digipowerBits},
	"pe6216":              {method: "POST", path: "/api/outlet/relay", body: "usr=administrator&pwd=password&index=INDEX&method={on|off}", first: 1, last: 16},
	"simplerest":          {method: "GET", url: true},
	"rest":                {method: "PUT", url: true, body: "{1|0}"},
	"shelly_gen1":         {method: "POST", url: true, path: "/relay/INDEX", body: "turn={on|off}"},
	"digitalloggers_http": {method: "GET", url: true, path: "/outlet?INDEX={ON|OFF}"},
	"tinycontrol":         {method: "GET", url: true, root: true, path: "/outs.cgi?outINDEX={1|0}"},
	"tinycontrol_tcpdu":   {method: "GET", url: true, root: true, path: "/api/v1/save/?outINDEX={1|0}"},
}

// netioBits leaves the outputs other than index, of four, unchanged.
func netioBits(index int) string {
	return strings.Repeat("u", index-1) + "{1|0}" + strings.Repeat("u", 4-index)
}

// digipowerBits has a 1 for the output, of eight, and zeros for the switches after the first.
func digipowerBits(index int) string {
	return strings.Repeat("0", index-1) + "1" + strings.Repeat("0", 8-index) + strings.Repeat("0", 16)
}

// spec returns the specification of the driver for the output index of the switch at host. It is "" if host is not
// what the model takes.
func (m powerModel) spec(host string, index int) string {
	bits := ""
	if m.bits != nil {
		bits = m.bits(index)
	}
	fill := strings.NewReplacer("INDEX", strconv.Itoa(index), "BITS", bits)
	path, body := fill.Replace(m.path), fill.Replace(m.body)
	to := ""
	switch {
	case !m.url:
		name, _ := hostPort(host)
		if name == "" {
			return ""
		}
		if to = net.JoinHostPort(name, "80"); m.user != "" {
			to = m.user + "@" + to
		}
		to = "http://" + to + path
	case m.root:
		base, err := url.Parse(host)
		if err != nil || base.Host == "" {
			return ""
		}
		base.Path, base.RawPath, base.RawQuery, base.Fragment = "", "", "", ""
		to = base.String() + path
	default:
		to = strings.NewReplacer("{index}", strconv.Itoa(index), "{value}", "{1|0}").Replace(host) + path
	}
	scheme, _, ok := strings.Cut(to, "://")
	if !ok || scheme != "http" && scheme != "https" || m.body == "" && !strings.Contains(to, "|") {
		return ""
	}
	spec := scheme + ":" + m.method + " " + to
	if body != "" {
		spec += " body=" + body
	}
	return spec
}

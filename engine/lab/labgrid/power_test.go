package labgrid

import (
	"testing"

	"github.com/flashlua/flashlua/engine/power"
)

// TestPowerOf holds the requests for the outlet 3, or 0 where indexes begin there, against those of labgrid's
// drivers.
func TestPowerOf(t *testing.T) {
	const client = "command:labgrid-client -x lab:20408 -p bench-1 power {}"
	for _, test := range []struct{ class, model, host, want string }{
		{classPDUDaemon, "", "pdu", "http:GET http://pdu:16421/power/control/{on|off}?hostname=rack+1&port=3"},
		{classPDUDaemon, "", "pdu:99", "http:GET http://pdu:99/power/control/{on|off}?hostname=rack+1&port=3"},
		{classPDUDaemon, "", "http://[::1]:99", "http:GET http://[::1]:99/power/control/{on|off}?hostname=rack+1&port=3"},
		{classNetworkPower, "gude", "10.0.0.1", "http:GET http://10.0.0.1:80/switch.html?cmd=1&p=3&s={1|0}"},
		{classNetworkPower, "gude8031", "10.0.0.1", "http:GET http://10.0.0.1:80/status.json?components=0&cmd=1&p=3&s={1|0}"},
		{classNetworkPower, "gude8225", "10.0.0.1", "http:GET http://10.0.0.1:80/ov.html?cmd=1&p=3&s={1|0}"},
		{classNetworkPower, "gude8316", "10.0.0.1", "http:GET http://10.0.0.1:80/ov.html?cmd=1&p=3&s={1|0}"},
		{classNetworkPower, "netio", "10.0.0.1", "http:GET http://10.0.0.1:80/tgi/control.tgi?l=p:admin:admin&p=uu{1|0}u"},
		{classNetworkPower, "digipower", "10.0.0.1", "http:GET http://snmp:1234@10.0.0.1:80/{ons|offs}.cgi?led=001000000000000000000000"},
		{classNetworkPower, "pe6216", "10.0.0.1", "http:POST http://10.0.0.1:80/api/outlet/relay body=usr=administrator&pwd=password&index=3&method={on|off}"},
		{classNetworkPower, "simplerest", "http://10.0.0.1:9999/relay/{index}/{value}", "http:GET http://10.0.0.1:9999/relay/3/{1|0}"},
		{classNetworkPower, "rest", "https://10.0.0.1/relay/{index}/value", "https:PUT https://10.0.0.1/relay/3/value body={1|0}"},
		{classNetworkPower, "shelly_gen1", "http://10.0.0.1", "http:POST http://10.0.0.1/relay/3 body=turn={on|off}"},
		{classNetworkPower, "digitalloggers_http", "http://admin:1234@10.0.0.1", "http:GET http://admin:1234@10.0.0.1/outlet?3={ON|OFF}"},
		{classNetworkPower, "tinycontrol", "http://10.0.0.1:9999/", "http:GET http://10.0.0.1:9999/outs.cgi?out3={1|0}"},
		{classNetworkPower, "tinycontrol_tcpdu", "http://10.0.0.1", "http:GET http://10.0.0.1/api/v1/save/?out3={1|0}"},
		{classNetworkPower, "eth008", "10.0.0.1", client},
		{classNetworkPower, "apc", "10.0.0.1", client},
		{classNetworkPower, "simplerest", "http://10.0.0.1/relay/{index}", client},             // the same for on and off
		{classNetworkPower, "simplerest", "http://10.0.0.1/relay/{index:02d}/{value}", client}, // more than names in braces
		{classNetworkPower, "simplerest", "10.0.0.1", client},
		{"NetworkUSBPowerPort", "", "", client},
	} {
		i := item{&resource{class: test.class, params: map[string]string{"host": test.host, "model": test.model, "pdu": "rack 1", "index": "3"}}, "power"}
		got := Client{Address: "lab"}.powerOf(&place{name: "bench-1"}, i, []item{i})
		if got != test.want {
			t.Errorf("powerOf(%s %s at %s) = %q; want %q", test.class, test.model, test.host, got, test.want)
		}
		if _, err := power.Open(got); err != nil {
			t.Errorf("power.Open(%q) = %v; want a driver", got, err)
		}
	}
}

// TestPowerOfProxy holds that power behind a proxy is left to labgrid-client, and that the resource is named if it
// is one of several.
func TestPowerOfProxy(t *testing.T) {
	r := &resource{class: classPDUDaemon, params: map[string]string{"host": "pdu", "pdu": "rack", "index": "3"}, extra: map[string]string{"proxy_required": "true"}}
	a, b := item{r, "power"}, item{r, "it's"}
	const want = `command:labgrid-client -x '[::1]:20408' -p 'left {bench}' power -n 'it'\''s' {}`
	if got := (Client{Address: "::1"}).powerOf(&place{name: "left {bench}"}, b, []item{a, b}); got != want {
		t.Errorf("powerOf() = %q; want %q", got, want)
	}
}

// TestOutOfRange holds that an index that the switch does not have is left to labgrid-client, which refuses it.
func TestOutOfRange(t *testing.T) {
	for _, index := range []string{"0", "9", "x", ""} {
		r := &resource{class: classNetworkPower, params: map[string]string{"host": "10.0.0.1", "model": "gude", "index": index}}
		if got := httpPower(r); got != "" {
			t.Errorf("httpPower(gude, index %q) = %q; want none", index, got)
		}
	}
}

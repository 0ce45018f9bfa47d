package power

import "testing"

func TestMask(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                 "",
		"none":                             "none",
		"manual":                           "manual",
		"qmp:/run/board.sock":              "qmp:/run/board.sock",
		"command:pdu -port 3 {}":           "command:pdu …",
		"command:pdu":                      "command:pdu",
		"command:":                         "command:",
		"command: /bin/pdu  --key=x {}":    "command:/bin/pdu …",
		"http://plug/cm?cmnd=Power%20{}":   "http://plug/cm?…",
		"http://plug/relay/{on|off}":       "http://plug/relay/{on|off}",
		"http://me:very-secret@plug/{}":    "http://…@plug/{}",
		"https:POST https://pdu/3 body={}": "https:POST https://pdu/3 …",
		"https:PUT https://a:b@pdu/3?k=v expect=204 body={}": "https:PUT https://…@pdu/3?… …",
		"own:address": "own:address",
	} {
		if got := Mask(spec); got != want {
			t.Errorf("Mask(%q) = %q; want %q", spec, got, want)
		}
	}
}

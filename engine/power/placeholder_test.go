package power

import "testing"

func TestExpand(t *testing.T) {
	for text, want := range map[string][2]string{
		"pdu {}": {"pdu on", "pdu off"}, "{On|Off} {}": {"On on", "Off off"}, `{"state":"{on|off}"}`: {`{"state":"on"}`, `{"state":"off"}`},
		`{"id":0,"on":{true|false}}`: {`{"id":0,"on":true}`, `{"id":0,"on":false}`}, "pdu {|--off} 3": {"pdu  3", "pdu --off 3"},
		"pdu {power on|power off}": {"pdu power on", "pdu power off"},
		// Text that is no placeholder does not change.
		"pdu on": {"pdu on", "pdu on"}, "{ a|b; }": {"{ a|b; }", "{ a|b; }"}, `awk '{print|"x"}'`: {`awk '{print|"x"}'`, `awk '{print|"x"}'`},
		`{"a":"b|c"}`: {`{"a":"b|c"}`, `{"a":"b|c"}`}, "${x}": {"${x}", "${x}"}, "{a|b|c}": {"{a|b|c}", "{a|b|c}"}, "{same|same}": {"same", "same"},
	} {
		got := [2]string{expand(text, on), expand(text, off)}
		if got != want || hasPlaceholder(text) != (want[0] != want[1]) {
			t.Errorf("expand(%s) = %q; want %q", text, got, want)
		}
	}
}

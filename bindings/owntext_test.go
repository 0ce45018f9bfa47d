package bindings

import "testing"

func TestLoadsAll(t *testing.T) {
	for text, want := range map[string]bool{
		`function board.flash(s) s:uboot():load() end`: true,
		`ub:load ( )`: true,
		`board.flash = require("lib.uboot_busybox").sequence().flash`:                                       true,
		`local seq = lib.sequence() seq:wrap("load", function(next) next() end)`:                            true,
		`local seq = lib.sequence() seq:replace("load", function(s, job, at) at.uboot:run("load mmc") end)`: false,
		`local seq = lib.sequence() seq:remove( 'load' )`:                                                   false,
		`board.flash = require("lib.uboot_writer").sequence().flash`:                                        false,
		`ub:load("fpga") ub:load()`:                                                                         false,
		`ub:load{ "fpga" }`:                                                                                 false,
		`ub:load "fpga"`:                                                                                    false,
		`s:retry(ub.load, ub)`:                                                                              false,
		`s:shell():write(job) -- ub:load()`:                                                                 false,
	} {
		if got := (ownText{{"x.lua", text}}).loadsAll(); got != want {
			t.Errorf("loadsAll of %s = %t; want %t", text, got, want)
		}
	}
}

func TestMentions(t *testing.T) {
	for text, want := range map[string]bool{
		`boot = "booti ${x_adr} $x_adr"`:             false,
		`boot = "booti ${x_adr}" -- x_adr is ours`:   true,
		`ub:setenv("x_adr", "1")`:                    true,
		`boot = "setenv x_adr 1; booti ${x_adr}"`:    true,
		`boot = "booti ${x_adr_r} ${ax_adr} x_adrx"`: false,
	} {
		if got := (ownText{{"x.lua", text}}).mentions("x_adr"); got != want {
			t.Errorf("mentions of %s = %t; want %t", text, got, want)
		}
	}
}

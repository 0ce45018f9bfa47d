package modules

import (
	"github.com/flashlua/flashlua/engine/bounded"
	"github.com/flashlua/flashlua/engine/console"
)

// maxText is the longest text that a script prints while it loads, in bytes. The engine bounds later texts.
const maxText = 16 << 10

// maxHeld is how much text waits for the end of loading, in bytes.
const maxHeld = 1 << 20

// Output passes on the texts that a script prints: as events of the running program, else to a log, with the
// script's secrets masked. While the script loads, its secrets are not known yet, so the texts are held until it
// is loaded. The state's goroutine owns it.
type Output struct {
	phase   *Phase
	log     func(string)
	secrets *console.Secrets
	holding bool
	held    []string
	size    int                      // bytes of held
	mask    func(text string) string // hides the secrets of the run; nil hides none
}

// NewOutput returns an output to log. secrets are masked.
func NewOutput(phase *Phase, log func(string), secrets *console.Secrets) *Output {
	return &Output{phase: phase, log: log, secrets: secrets}
}

// Say passes a text on.
func (o *Output) Say(text string) {
	if o.phase.program != nil {
		o.phase.program.Note(text)
		return
	}
	o.write(text)
}

// MaskWith hides the secrets of a run in the texts for the log, in addition to the script's.
func (o *Output) MaskWith(mask func(text string) string) { o.mask = mask }

// Mute drops the texts for the log until the function that it returns is called.
func (o *Output) Mute() (unmute func()) {
	log := o.log
	o.log = func(string) {}
	return func() { o.log = log }
}

// Hold holds the texts for the log until Release.
func (o *Output) Hold() { o.holding = true }

// write passes a text to the log, or holds it.
func (o *Output) write(text string) {
	if o.holding && o.size+len(text) <= maxHeld {
		o.held, o.size = append(o.held, text), o.size+len(text)
		return
	}
	o.Release()
	text = o.secrets.Mask(text)
	if o.mask != nil {
		text = o.mask(text)
	}
	o.log(bounded.Text(text, maxText)) // masked first: a secret that the bound cuts could not be found
}

// Release passes on the held texts, and ends holding.
func (o *Output) Release() {
	held := o.held
	o.held, o.size, o.holding = nil, 0, false
	for _, text := range held {
		o.write(text)
	}
}

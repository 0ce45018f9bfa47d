package simboard

import (
	"errors"
	"strings"
)

// A hush line is a list of pipelines; U-Boot has no pipes, so that a pipeline is a command or a compound.
type pipeline struct {
	after string // "" or ";", "&&", "||": the separator before it
	words []word
	block *block
}

// block is an if, a for, a while or an until.
type block struct {
	kind  string
	name  string // of for's variable
	words []word // the values of for
	conds [][]*pipeline
	then  [][]*pipeline
	other []*pipeline
}

// word is a word of a line. Its parts are joined after the expansion of their variables.
type word []part

type part struct {
	text   string
	name   bool // text is a variable's
	quoted bool
}

func (w word) plain() string {
	if len(w) == 1 && !w[0].name && !w[0].quoted {
		return w[0].text
	}
	return ""
}

var errSyntax = errors.New("syntax error")

// lexer cuts a line into words and separators.
type lexer struct {
	s   string
	pos int
}

// token is a word or a separator.
type token struct {
	sep  string
	word word
}

func (l *lexer) tokens() ([]token, error) {
	var all []token
	for {
		for l.pos < len(l.s) && (l.s[l.pos] == ' ' || l.s[l.pos] == '\t') {
			l.pos++
		}
		if l.pos == len(l.s) || l.s[l.pos] == '#' { // a comment
			return all, nil
		}
		sep := ""
		switch rest := l.s[l.pos:]; {
		case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
			sep = rest[:2]
		case rest[0] == ';' || rest[0] == '\n' || rest[0] == '&':
			sep = ";"
		}
		if sep != "" {
			l.pos += len(sep)
			all = append(all, token{sep: sep})
			continue
		}
		w, err := l.word()
		if err != nil {
			return nil, err
		}
		all = append(all, token{word: w})
	}
}

// word reads up to a blank or a separator outside of quotes. Single quotes quote inside of double ones too, and a
// backslash escapes inside of single ones: so does U-Boot's old hush, as seen in QEMU.
func (l *lexer) word() (word, error) {
	var w word
	var text strings.Builder
	single, double, quoted := false, false, false
	flush := func() {
		if text.Len() > 0 || quoted {
			w = append(w, part{text: text.String(), quoted: quoted})
		}
		text.Reset()
		quoted = false
	}
	for ; l.pos < len(l.s); l.pos++ {
		c := l.s[l.pos]
		switch {
		case c == '\\' && l.pos+1 < len(l.s):
			l.pos++
			if quoted = true; double && !single && !strings.ContainsRune(`"\$`, rune(l.s[l.pos])) {
				text.WriteByte('\\')
			}
			text.WriteByte(l.s[l.pos])
		case c == '\'':
			flush()
			single, quoted = !single, true
		case c == '"' && !single:
			flush()
			double, quoted = !double, true
		case c == '$' && !single:
			flush()
			w = append(w, part{text: l.variable(), name: true, quoted: double})
		case !single && !double && strings.IndexByte(" \t;\n", c) >= 0,
			!single && !double && (strings.HasPrefix(l.s[l.pos:], "&&") || strings.HasPrefix(l.s[l.pos:], "||")):
			flush()
			return w, nil
		default:
			quoted = quoted || single || double
			text.WriteByte(c)
		}
	}
	flush()
	if single || double {
		return nil, errSyntax
	}
	return w, nil
}

// variable reads the name after a $ and leaves pos at its last byte.
func (l *lexer) variable() string {
	rest := l.s[l.pos+1:]
	if strings.HasPrefix(rest, "{") {
		name, _, ok := strings.Cut(rest[1:], "}")
		if ok {
			l.pos += len(name) + 2
			return name
		}
	}
	if strings.HasPrefix(rest, "?") {
		l.pos++
		return "?"
	}
	n := 0
	for n < len(rest) && (rest[n] == '_' || rest[n] >= '0' && rest[n] <= '9' || rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z') {
		n++
	}
	l.pos += n
	return rest[:n]
}

// parser makes lists of tokens.
type parser struct {
	t   []token
	pos int
}

// parseHush reads one line of input.
func parseHush(text string) ([]*pipeline, error) {
	t, err := (&lexer{s: text}).tokens()
	if err != nil {
		return nil, err
	}
	p := &parser{t: t}
	list, err := p.list()
	if err == nil && p.pos < len(p.t) {
		err = errSyntax
	}
	return list, err
}

// keyword is the reserved word at pos, "" if there is none.
func (p *parser) keyword() string {
	if p.pos < len(p.t) {
		switch k := p.t[p.pos].word.plain(); k {
		case "if", "then", "elif", "else", "fi", "for", "in", "do", "done", "while", "until":
			return k
		}
	}
	return ""
}

// list reads up to the end or a keyword that ends it.
func (p *parser) list() ([]*pipeline, error) {
	var all []*pipeline
	after := ""
	for p.pos < len(p.t) {
		if sep := p.t[p.pos].sep; sep != "" {
			after = sep
			p.pos++
			continue
		}
		one := &pipeline{after: after}
		after = ""
		var err error
		switch k := p.keyword(); k {
		case "if":
			one.block, err = p.ifBlock()
		case "while", "until":
			one.block, err = p.loop(k)
		case "for":
			one.block, err = p.forBlock()
		case "":
			one.words = p.words()
		default:
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (p *parser) words() []word {
	var all []word
	for p.pos < len(p.t) && p.t[p.pos].sep == "" {
		all = append(all, p.t[p.pos].word)
		p.pos++
	}
	return all
}

func (p *parser) want(keyword string) error {
	if p.keyword() != keyword {
		return errSyntax
	}
	p.pos++
	return nil
}

func (p *parser) ifBlock() (*block, error) {
	b := &block{kind: "if"}
	for k := "if"; k == "if" || k == "elif"; k = p.keyword() {
		p.pos++
		if err := p.branch(b, "then"); err != nil {
			return nil, err
		}
	}
	if p.keyword() == "else" {
		p.pos++
		var err error
		if b.other, err = p.list(); err != nil {
			return nil, err
		}
	}
	return b, p.want("fi")
}

// branch reads a condition and its commands.
func (p *parser) branch(b *block, keyword string) error {
	cond, err := p.list()
	if err != nil {
		return err
	}
	if err := p.want(keyword); err != nil {
		return err
	}
	then, err := p.list()
	b.conds, b.then = append(b.conds, cond), append(b.then, then)
	return err
}

func (p *parser) loop(kind string) (*block, error) {
	p.pos++
	b := &block{kind: kind}
	if err := p.branch(b, "do"); err != nil {
		return nil, err
	}
	return b, p.want("done")
}

func (p *parser) forBlock() (*block, error) {
	p.pos++
	b := &block{kind: "for"}
	if p.pos == len(p.t) {
		return nil, errSyntax
	}
	b.name = p.t[p.pos].word.plain()
	p.pos++
	if err := p.want("in"); err != nil {
		return nil, err
	}
	b.words = p.words()
	for p.pos < len(p.t) && p.t[p.pos].sep != "" {
		p.pos++
	}
	if err := p.want("do"); err != nil {
		return nil, err
	}
	body, err := p.list()
	if err != nil {
		return nil, err
	}
	b.then = [][]*pipeline{body}
	return b, p.want("done")
}

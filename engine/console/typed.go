package console

import (
	"bytes"
	"slices"
)

const (
	echoPart    = 3  // bytes of a secret in one piece, from which on a damaged echo is one
	mostSecrets = 64 // lines of secrets whose echoes may be due at once
)

// typedSecrets follows the stream after secrets were typed and finds their echoes, also where characters are missing, where
// the kernel printed a line in between, or where the board was reset. An echo begins where the secret was typed and ends
// with its line. What a board prints instead of it ends the search, so that no other text is masked.
type typedSecrets struct {
	due  []string // lines whose echo may come, the next one first
	at   int      // bytes of the next one that came
	torn bool     // other text stood behind a part of it: only a line that has nothing else is more of it
}

// open reports whether an echo may come.
func (t *typedSecrets) open() bool { return len(t.due) > 0 }

// typed notes that a secret is typed.
func (t *typedSecrets) typed(text string) {
	t.due = append(t.due, secretLines(text)...)
	if more := len(t.due) - mostSecrets; more > 0 {
		t.due, t.at, t.torn = slices.Clone(t.due[more:]), 0, false
	}
}

// next returns the place of the echo in a piece of the stream: the rest of a line with its end, or as much of it as there is.
func (t *typedSecrets) next(piece []byte) []span {
	if !t.open() {
		return nil
	}
	body, kernel := piece, false
	if m := stamp.FindIndex(piece); m != nil {
		body, kernel = piece[:m[0]], true
	}
	ended := !kernel && bytes.HasSuffix(piece, []byte("\n"))
	rest := t.due[0][t.at:]
	toks := slices.DeleteFunc(tokens(body), func(x token) bool { return x.c == '\r' || x.c == '\n' })
	for len(toks) > 0 && toks[0].c == ' ' && (rest == "" || rest[0] != ' ') { // of the prompt that asked for it
		toks = toks[1:]
	}
	if len(toks) == 0 {
		if ended {
			t.done()
		}
		return nil
	}
	came, at, whole := len(toks), parts(toks, rest), true
	if at == 0 && !t.torn {
		came, at = damaged(toks, rest)
		t.torn, whole = true, false
	}
	switch {
	case at == 0:
		*t = typedSecrets{} // the board does not echo it
		return nil
	case ended && whole:
		t.done()
	default:
		t.at += at
	}
	return []span{{toks[0].at, toks[came-1].at + 1}}
}

// done goes on to the next secret.
func (t *typedSecrets) done() { t.due, t.at, t.torn = t.due[1:], 0, false }

// parts returns how much of secret is over if toks are characters of it in their order and nothing else, otherwise 0.
func parts(toks []token, secret string) (at int) {
	for _, x := range toks {
		i := bytes.IndexByte([]byte(secret[at:]), x.c)
		if i < 0 {
			return 0
		}
		at += i + 1
	}
	return at
}

// damaged returns how many of toks are the echo of secret if other text follows it, or if single characters of it are wrong,
// and how much of secret is over then. Both are 0 if toks do not begin with an echo.
func damaged(toks []token, secret string) (came, at int) {
	same := 0
	for i := 0; i < len(toks); i++ { // at the end of a turn, toks[i] may be a wrong character
		n, from := longestRun(toks[i:], secret[at:])
		if i > 0 && n < echoPart {
			break
		}
		if n > 0 {
			same, at = same+n, at+from+n
			i += n
			came = i
		}
	}
	if same < echoPart {
		return 0, 0
	}
	return came, at
}

// longestRun returns how many of toks, from the first on, stand in secret in one piece, and where.
func longestRun(toks []token, secret string) (n, from int) {
	for i := range len(secret) {
		k := 0
		for k < len(toks) && i+k < len(secret) && toks[k].c == secret[i+k] {
			k++
		}
		if k > n {
			n, from = k, i
		}
	}
	return n, from
}

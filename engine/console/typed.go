package console

import (
	"bytes"
	"slices"
	"strings"
)

const (
	minEchoPart = 3  // the shortest part of a secret that is recognised as a damaged echo, in bytes
	maxSecrets  = 64 // lines of secrets whose echoes are expected at once
)

// typedSecrets follows the stream after secrets were typed and finds their echoes, also if characters are missing,
// if the kernel printed a line within, or if the board was reset. An echo begins where the secret was typed and
// ends with its line. Other text in its place ends the search, so that nothing else is masked.
type typedSecrets struct {
	due       []string // lines whose echo may come, the next one first
	matched   int      // bytes of the next one that were found
	separated bool     // other text followed a part of it: only a line that has nothing else continues it
}

// open reports whether an echo may come.
func (t *typedSecrets) open() bool { return len(t.due) > 0 }

// expect adds a secret that is typed.
func (t *typedSecrets) expect(secret string) {
	t.due = append(t.due, secretLines(secret)...)
	if more := len(t.due) - maxSecrets; more > 0 {
		t.due, t.matched, t.separated = slices.Clone(t.due[more:]), 0, false
	}
}

// next returns the place of the echo in a piece of the stream: the rest of a line with its end, or as much of it
// as there is.
func (t *typedSecrets) next(piece []byte) []span {
	if !t.open() {
		return nil
	}
	body, kernel := piece, false
	if m := stamp.FindIndex(piece); m != nil {
		body, kernel = piece[:m[0]], true
	}
	ended := !kernel && bytes.HasSuffix(piece, []byte("\n"))
	rest := t.due[0][t.matched:]
	toks := slices.DeleteFunc(tokens(body), func(x token) bool { return x.c == '\r' || x.c == '\n' })
	for len(toks) > 0 && toks[0].c == ' ' && (rest == "" || rest[0] != ' ') { // of the prompt that asked for it
		toks = toks[1:]
	}
	if len(toks) == 0 {
		if ended {
			t.advance()
		}
		return nil
	}
	came, length, whole := len(toks), subsequence(toks, rest), true
	if length == 0 && !t.separated {
		came, length = damagedEcho(toks, rest)
		t.separated, whole = true, false
	}
	switch {
	case length == 0:
		*t = typedSecrets{} // the board does not echo it
		return nil
	case ended && whole:
		t.advance()
	default:
		t.matched += length
	}
	return []span{{toks[0].at, toks[came-1].at + 1}}
}

// advance continues with the next secret.
func (t *typedSecrets) advance() { t.due, t.matched, t.separated = t.due[1:], 0, false }

// subsequence returns how many bytes of secret are used up if toks are characters of it in their order and nothing
// else, otherwise 0.
func subsequence(toks []token, secret string) (length int) {
	for _, x := range toks {
		i := strings.IndexByte(secret[length:], x.c)
		if i < 0 {
			return 0
		}
		length += i + 1
	}
	return length
}

// damagedEcho returns how many of toks are the echo of secret if other text follows it, or if single characters of
// it are wrong, and how many bytes of secret are used up then. Both are 0 if toks do not begin with an echo.
func damagedEcho(toks []token, secret string) (came, length int) {
	same := 0
	for i := 0; i < len(toks); i++ { // when an iteration ends, toks[i] may be a wrong character
		n, from := longestRun(toks[i:], secret[length:])
		if i > 0 && n < minEchoPart {
			break
		}
		if n > 0 {
			same, length = same+n, length+from+n
			i += n
			came = i
		}
	}
	if same < minEchoPart {
		return 0, 0
	}
	return came, length
}

// longestRun returns how many of toks, from the first on, are contiguous in secret, and where.
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

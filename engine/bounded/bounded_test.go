package bounded

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestArithmetic(t *testing.T) {
	const biggest = math.MaxInt64
	for _, c := range []struct {
		what string
		f    func(a, b int64) (int64, bool)
		a, b int64
		want int64
		ok   bool
	}{
		{"Add", Add, 1, 2, 3, true},
		{"Add", Add, biggest, 0, biggest, true},
		{"Add", Add, biggest, 1, 0, false},
		{"Add", Add, biggest, biggest, 0, false},
		{"Add", Add, -1, 2, 0, false},
		{"Add", Add, 2, -1, 0, false},
		{"Mul", Mul, 3, 4, 12, true},
		{"Mul", Mul, 0, biggest, 0, true},
		{"Mul", Mul, biggest, 0, 0, true},
		{"Mul", Mul, biggest, 1, biggest, true},
		{"Mul", Mul, 1 << 32, 1 << 31, 0, false},
		{"Mul", Mul, math.MaxUint32, math.MaxUint32 - 3, 0, false},
		{"Mul", Mul, -1, -1, 0, false},
		{"RoundUp", RoundUp, 0, 512, 0, true},
		{"RoundUp", RoundUp, 1, 512, 512, true},
		{"RoundUp", RoundUp, 512, 512, 512, true},
		{"RoundUp", RoundUp, biggest, 1, biggest, true},
		{"RoundUp", RoundUp, biggest, 512, 0, false},
		{"RoundUp", RoundUp, 1, 0, 0, false},
	} {
		if got, ok := c.f(c.a, c.b); got != c.want || ok != c.ok {
			t.Errorf("%s(%d, %d) = %d, %v; want %d, %v", c.what, c.a, c.b, got, ok, c.want, c.ok)
		}
	}
}

func TestReader(t *testing.T) {
	for n, want := range map[int64]error{9: errTooLong, 10: nil, 11: nil, 0: errTooLong} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader("0123456789"), "by bytes": iotest.OneByteReader(strings.NewReader("0123456789"))} {
			got, err := io.ReadAll(Reader(r, n))
			if !errors.Is(err, want) || int64(len(got)) != min(n, 10) {
				t.Errorf("ReadAll(Reader(10 bytes, %d)), read %s = %q, %v; want %v", n, name, got, err, want)
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"1234567890":    "1234567890",
		"1234567890ab":  "12345 … (2 bytes left out) … 890ab",
		"12345678é9abc": "12345 … (5 bytes left out) … 9abc", // é is two bytes
		"1234é6789012":  "1234 … (4 bytes left out) … 89012",
	} {
		if got := Text(in, 10); got != want {
			t.Errorf("Text(%q, 10) = %q; want %q", in, got, want)
		}
	}
	if got, want := List([]string{"a", "b", "c", "d", "e"}, 4), []string{"a", "b", "… (1 left out) …", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("List(…, 4) = %q; want %q", got, want)
	}
}

func TestTail(t *testing.T) {
	for _, step := range []int{1, 3, 7, 1000} {
		tail := &Tail{Limit: 5}
		all := []byte("abcdefghijklmnopqrstuvwxyz")
		for p := range slices.Chunk(all, min(step, len(all))) {
			if n, err := tail.Write(p); n != len(p) || err != nil {
				t.Fatalf("Write() = %d, %v; want %d, nil", n, err, len(p))
			}
		}
		if got, want := tail.String(), "(21 bytes left out) … vwxyz"; got != want {
			t.Errorf("String() after writes of %d bytes = %q; want %q", step, got, want)
		}
	}
	tail := &Tail{Limit: 1 << 10}
	for range 1 << 10 {
		tail.Write(bytes.Repeat([]byte("x"), 1<<10))
	}
	if cap(tail.buf) > 4<<10 {
		t.Errorf("a Tail of 1 KiB has a buffer of %d bytes; want at most %d", cap(tail.buf), 4<<10)
	}
}

package simboard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"testing/synctest"
)

// sender is a minimal sender of a test: it reads single answers of the board.
type sender struct {
	t    *testing.T
	port *Port
	seen strings.Builder
}

// want reads until the board sent one of the bytes.
func (s *sender) want(any string) byte {
	s.t.Helper()
	var one [1]byte
	for {
		if _, err := s.port.Read(one[:]); err != nil {
			s.t.Fatalf("the board's answer = %v after %q; want one of %q", err, s.seen.String(), any)
		}
		s.seen.WriteByte(one[0])
		if strings.IndexByte(any, one[0]) >= 0 {
			return one[0]
		}
	}
}

// text reads until the board printed text.
func (s *sender) text(text string) {
	s.t.Helper()
	for !strings.HasSuffix(s.seen.String(), text) {
		s.want(text[len(text)-1:])
	}
}

func (s *sender) write(p ...byte) { s.port.Write(p) }

func packetOf(number byte, data []byte) []byte {
	lead, size := byte(ctrlSOH), 128
	if len(data) > size {
		lead, size = ctrlSTX, 1024
	}
	data = append(bytes.Clone(data), bytes.Repeat([]byte{padding}, size-len(data))...)
	p := append([]byte{lead, number, ^number}, data...)
	return binary.BigEndian.AppendUint16(p, crc16(data))
}

// TestLoady sends a file with one damaged and one repeated packet.
func TestLoady(t *testing.T) {
	for _, baud := range []string{"", " 921600"} {
		synctest.Test(t, func(t *testing.T) {
			board, s := atPrompt(t)
			defer board.Close()
			content := bytes.Repeat([]byte("0123456789abcde\x1a"), 150) // 2400 bytes
			s.port.Write([]byte("loady 40000000" + baud + "\r"))
			if baud != "" {
				s.text("## Switch baudrate to 921600 bps and press ENTER ...\r\n")
				s.write('\r')
				s.text("## Ready for binary (ymodem) download to 0x40000000 at 921600 bps...\r\n")
			} else {
				s.text("## Ready for binary (ymodem) download to 0x40000000 at 115200 bps...\r\n")
			}
			s.want("C")
			header := append([]byte("f\x00"), fmt.Appendf(nil, "%d", len(content))...)
			s.port.Write(packetOf(0, append(header, make([]byte, 128-len(header))...)))
			s.want("\x06")
			bad := packetOf(1, content[:1024])
			bad[100] ^= 1
			s.port.Write(bad)
			s.want("C")
			s.port.Write(packetOf(1, content[:1024]))
			s.want("\x06")
			s.port.Write(packetOf(1, content[:1024]))
			s.want("\x06")
			s.port.Write(packetOf(2, content[1024:2048]))
			s.want("\x06")
			s.port.Write(packetOf(3, content[2048:]))
			s.want("\x06")
			s.write(ctrlEOT)
			s.want("\x06")
			s.want("C")
			s.port.Write(packetOf(0, make([]byte, 128)))
			s.text("## Total Size      = 0x00000960 = 2400 Bytes\r\n## Start Addr      = 0x40000000\r\n")
			if baud != "" {
				s.text("## Switch baudrate to 115200 bps and press ESC ...\r\n")
				s.write(keyEscape)
			}
			s.text("=> ")
			s.port.Write([]byte("crc32 40000000 ${filesize}\r"))
			s.text(fmt.Sprintf("crc32 for 40000000 ... 4000095f ==> %s\r\n", crcOf(content)))
		})
	}
}

// TestLoadxCancels ends a transfer in the middle.
func TestLoadxCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, s := atPrompt(t)
		defer board.Close()
		s.port.Write([]byte("loadx 40000000\r"))
		s.want("C")
		s.port.Write(packetOf(1, []byte("abc")))
		s.want("\x06")
		s.write(ctrlCAN, ctrlCAN, ctrlCAN)
		s.text("\r\nCancelled\r\n## Binary (xmodem) download aborted\r\n=> ")
	})
}

// TestLoadyWithoutSender ends after a while.
func TestLoadyWithoutSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, s := atPrompt(t)
		defer board.Close()
		s.port.Write([]byte("loady\r"))
		s.text("\r\nTimed out\r\n## Binary (ymodem) download aborted\r\n=> ")
	})
}

// atPrompt is a board at U-Boot's prompt, with the raw line.
func atPrompt(t *testing.T) (*Board, *sender) {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), Network: &Wire{}, Size: 1 << 20, NoAutoboot: true}
	board, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{t: t, port: plugged(t, board)}
	if err := board.On(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.text("=> ")
	return board, s
}

func crcOf(p []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(p)) }

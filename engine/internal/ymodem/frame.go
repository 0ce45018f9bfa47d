package ymodem

import "strconv"

// The sizes of a block's data, in bytes.
const (
	shortBlock = 128
	longBlock  = 1024
)

// padding fills the last block of a file. The receiver cuts it off, because it knows the size.
const padding = 0x1a

// maxName keeps the name, the size and their two NULs in a short block; receivers cut longer names in different ways.
const maxName = 100

// header returns the data of block 0.
func header(f File) []byte {
	name := f.Name
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	data := append([]byte(name), 0)
	return append(strconv.AppendInt(data, f.Size, 10), 0)
}

// frame returns a block as it is sent, with its data filled up by pad: the kind of block, its number, the complement of
// the number, the data and the CRC-16 of the data.
func frame(number byte, data []byte, pad byte) []byte {
	kind, size := byte(soh), shortBlock
	if len(data) > shortBlock {
		kind, size = stx, longBlock
	}
	p := append(make([]byte, 0, size+5), kind, number, ^number)
	p = append(p, data...)
	for len(p) < size+3 {
		p = append(p, pad)
	}
	sum := crc16(p[3:])
	return append(p, byte(sum>>8), byte(sum))
}

// crc16 returns the CRC of XMODEM: polynomial 0x1021, no reflection, from 0.
func crc16(p []byte) uint16 {
	sum := uint16(0)
	for _, b := range p {
		sum = sum<<8 ^ crcTable[byte(sum>>8)^b]
	}
	return sum
}

var crcTable = func() (table [256]uint16) {
	for i := range table {
		sum := uint16(i) << 8
		for range 8 {
			if carry := sum&0x8000 != 0; carry {
				sum = sum<<1 ^ 0x1021
			} else {
				sum <<= 1
			}
		}
		table[i] = sum
	}
	return table
}()

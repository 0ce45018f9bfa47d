package labgrid

import (
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a protobuf message. A message within a message, a text and a map entry have bytes; an
// integer and a bool have number; a double has number as its bits.
type field struct {
	id     protowire.Number
	bytes  []byte
	number uint64
}

// errWire is the error of bytes that are no protobuf message.
var errWire = errors.New("the coordinator sent a message that is not protobuf")

// fields splits a message. Fields of types that the protocol does not use are left out.
func fields(message []byte) (all []field, err error) {
	for len(message) > 0 {
		id, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, errWire
		}
		message = message[n:]
		f := field{id: id}
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(message)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		default:
			f.id, n = 0, protowire.ConsumeFieldValue(id, kind, message)
		}
		if n < 0 {
			return nil, errWire
		}
		message = message[n:]
		if f.id != 0 {
			all = append(all, f)
		}
	}
	return all, nil
}

// text returns the field as a text.
func (f field) text() string { return string(f.bytes) }

// double returns the field as a floating-point number.
func (f field) double() float64 { return math.Float64frombits(f.number) }

// message is a message that is being written.
type message []byte

func (m message) text(id protowire.Number, text string) message {
	return protowire.AppendString(protowire.AppendTag(m, id, protowire.BytesType), text)
}

func (m message) number(id protowire.Number, n uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, id, protowire.VarintType), n)
}

func (m message) double(id protowire.Number, v float64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, id, protowire.Fixed64Type), math.Float64bits(v))
}

func (m message) message(id protowire.Number, inner message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, id, protowire.BytesType), inner)
}

// texts appends a map from text to text, sorted by its keys.
func (m message) texts(id protowire.Number, all map[string]string) message {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		m = m.message(id, message(nil).text(entryKey, key).text(entryValue, all[key]))
	}
	return m
}

// entry splits an entry of a map.
func entry(b []byte) (key string, value []byte, err error) {
	all, err := fields(b)
	for _, f := range all {
		switch f.id {
		case entryKey:
			key = f.text()
		case entryValue:
			value = f.bytes
		}
	}
	return key, value, err
}

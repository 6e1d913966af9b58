package postlink

import "errors"

// errTruncated is what a module gives that ends too early.
var errTruncated = errors.New("the WebAssembly module ends in the middle of something")

// A cursor reads numbers in LEB128, the format of all numbers in a module
// (WebAssembly core specification 5.2.2), and remembers the first failure.
type cursor struct {
	b   []byte
	at  int
	err error
}

// byte returns the next byte, or zero at the end.
func (c *cursor) byte() byte {
	if c.at >= len(c.b) {
		c.err = errTruncated
		return 0
	}
	v := c.b[c.at]
	c.at++
	return v
}

// unsigned returns the next number without a sign.
func (c *cursor) unsigned() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	return v
}

// signed returns the next number with a sign.
func (c *cursor) signed() int64 {
	var v int64
	for shift := 0; shift < 64; {
		b := c.byte()
		v |= int64(b&0x7f) << shift
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			break
		}
	}
	return v
}

// bytes returns the next n bytes, as a part of the module.
func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.b)-c.at) {
		c.err = errTruncated
		c.at = len(c.b)
		return nil
	}
	v := c.b[c.at : c.at+int(n) : c.at+int(n)]
	c.at += int(n)
	return v
}

// more tells whether there is something left to read.
func (c *cursor) more() bool { return c.err == nil && c.at < len(c.b) }

func appendUnsigned(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendSigned(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

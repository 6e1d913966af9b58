package wire

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A coder walks over a message's fields and either writes them to buf or reads
// them from it. Every message lists its fields once, for both directions, so
// that the two cannot disagree.
//
// While reading, the first failure sticks: later fields stay zero.
type coder struct {
	reading bool
	buf     []byte
	off     int    // reading: the next byte of buf
	err     *Error // reading: the first failure
	zero    *coder // reading: scratch to which lists write their zero element
}

// fail records the first failure of a read, n bytes before the next one.
func (c *coder) fail(field string, n int, want string) {
	if c.err == nil {
		c.err = &Error{Field: field, Offset: c.off - n, Want: want}
	}
}

// ok says whether a relation between fields can be checked: they have been read.
func (c *coder) ok() bool { return c.reading && c.err == nil }

// take is the next n bytes of what is read, or nil after a failure.
func (c *coder) take(field string, n int) []byte {
	if c.err != nil {
		return nil
	}
	if left := len(c.buf) - c.off; n > left {
		c.fail(field, 0, plural(uint64(n), "byte")+", "+strconv.Itoa(left)+" are left")
		return nil
	}
	b := c.buf[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

func (c *coder) uint8(field string, v *uint8) {
	if !c.reading {
		c.buf = append(c.buf, *v)
	} else if b := c.take(field, 1); b != nil {
		*v = b[0]
	}
}

func (c *coder) uint16(field string, v *uint16) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint16(c.buf, *v)
	} else if b := c.take(field, 2); b != nil {
		*v = binary.LittleEndian.Uint16(b)
	}
}

func (c *coder) uint32(field string, v *uint32) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint32(c.buf, *v)
	} else if b := c.take(field, 4); b != nil {
		*v = binary.LittleEndian.Uint32(b)
	}
}

func (c *coder) uint64(field string, v *uint64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
	} else if b := c.take(field, 8); b != nil {
		*v = binary.LittleEndian.Uint64(b)
	}
}

func (c *coder) int32(field string, v *int32) {
	u := uint32(*v)
	c.uint32(field, &u)
	if c.reading {
		*v = int32(u)
	}
}

func (c *coder) float32(field string, v *float32) {
	u := math.Float32bits(*v)
	c.uint32(field, &u)
	if c.reading {
		*v = math.Float32frombits(u)
	}
}

func (c *coder) bool(field string, v *bool) {
	var u uint8
	if *v {
		u = 1
	}
	c.uint8(field, &u)
	if c.ok() && u > 1 {
		c.fail(field, 1, "0 or 1, not "+strconv.Itoa(int(u)))
	}
	if c.reading {
		*v = u == 1
	}
}

// count codes the length of a slice.
func (c *coder) count(field string, n int) uint32 {
	u := uint32(n)
	c.uint32(field, &u)
	return u
}

// fits refuses a count that the rest of the message cannot hold, elements
// taking at least size bytes each; nothing is allocated before it is asked.
func (c *coder) fits(field string, n uint32, size int) bool {
	left := len(c.buf) - c.off
	if c.err == nil && uint64(n)*uint64(size) > uint64(left) {
		c.fail(field, 0, plural(uint64(n), "element")+" of at least "+plural(uint64(size), "byte")+", "+strconv.Itoa(left)+" are left")
	}
	return c.err == nil
}

// bytes aliases the input when reading.
func (c *coder) bytes(field string, v *[]byte) {
	n := c.count(field, len(*v))
	if !c.reading {
		c.buf = append(c.buf, *v...)
	} else if n > 0 && c.fits(field, n, 1) {
		*v = c.take(field, int(n))
	}
}

func (c *coder) string(field string, v *string) {
	if !c.reading {
		s := *v
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\uFFFD")
		}
		c.count(field, len(s))
		c.buf = append(c.buf, s...)
		return
	}
	var b []byte
	c.bytes(field, &b)
	if !utf8.Valid(b) {
		c.fail(field, len(b), "UTF-8")
		return
	}
	*v = string(b)
}

// float32s is written out because it carries nearly all of the traffic.
func (c *coder) float32s(field string, v *[]float32) {
	n := c.count(field, len(*v))
	if !c.reading {
		at := len(c.buf)
		c.buf = slices.Grow(c.buf, 4*len(*v))[:at+4*len(*v)]
		out := c.buf[at:]
		for i, x := range *v {
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
		}
		return
	}
	if n == 0 || !c.fits(field, n, 4) {
		return
	}
	b := c.take(field, 4*int(n))
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	*v = out
}

func (c *coder) int32s(field string, v *[]int32) {
	list(c, field, v, func(c *coder, e *int32) { c.int32("", e) })
}

func (c *coder) uint32s(field string, v *[]uint32) {
	list(c, field, v, func(c *coder, e *uint32) { c.uint32("", e) })
}

func (c *coder) bools(field string, v *[]bool) {
	list(c, field, v, func(c *coder, e *bool) { c.bool("", e) })
}

func (c *coder) strings(field string, v *[]string) {
	list(c, field, v, func(c *coder, e *string) { c.string("", e) })
}

func (c *coder) byteSlices(field string, v *[][]byte) {
	list(c, field, v, func(c *coder, e *[]byte) { c.bytes("", e) })
}

// list codes a slice of anything that element codes. The least size of an
// element is that of its zero value, so that no table of sizes has to be kept.
func list[T any](c *coder, field string, v *[]T, element func(*coder, *T)) {
	n := c.count(field, len(*v))
	if !c.reading {
		for i := range *v {
			element(c, &(*v)[i])
		}
		return
	}
	if n == 0 || c.err != nil {
		return
	}
	if c.zero == nil {
		c.zero = new(coder)
	}
	c.zero.buf = c.zero.buf[:0]
	element(c.zero, new(T))
	if !c.fits(field, n, len(c.zero.buf)) {
		return
	}
	out := make([]T, n)
	for i := range out {
		element(c, &out[i])
		if c.err != nil {
			c.within(field + "[" + strconv.Itoa(i) + "]")
			return
		}
	}
	*v = out
}

// group codes the fields of a struct within a message.
func (c *coder) group(field string, fields func(*coder)) {
	failed := c.err != nil
	fields(c)
	if c.err != nil && !failed {
		c.within(field)
	}
}

// within puts the name of what encloses it before the failing field.
func (c *coder) within(field string) {
	if c.err.Field != "" {
		field += "." + c.err.Field
	}
	c.err.Field = field
}

// enum codes a one-byte enumeration with the values 0 … last.
func enum[T ~uint8](c *coder, field string, v *T, last T) {
	u := uint8(*v)
	c.uint8(field, &u)
	if c.ok() && u > uint8(last) {
		c.fail(field, 1, "0 to "+strconv.Itoa(int(last))+", not "+strconv.Itoa(int(u)))
	}
	if c.reading {
		*v = T(u)
	}
}

// plural is "1 byte", "2 bytes".
func plural(n uint64, noun string) string {
	s := strconv.FormatUint(n, 10) + " " + noun
	if n != 1 {
		s += "s"
	}
	return s
}

package quant

import (
	"encoding/binary"
	"fmt"
)

// Scheme says how a quantized format turns an integer into a number:
//
//	x = d·(q − Offset) + m
//
// with q an unsigned integer of Bits bits, and d (and m, where the format has minima) shared by Group elements that
// follow one another in a row.
type Scheme struct {
	Bits   int  // of q, 2 to 8
	Group  int  // elements that share d and m, 16 or 32
	Minima bool // whether there is an m
	Offset int  // what is taken off q
	// Float16 says that d and m are float16 in the file; else they are products there of what [SplitSupers] tells.
	Float16 bool
}

// splitter is how a format is taken apart.
type splitter struct {
	Scheme
	// split fills q, d and m with what whole blocks of src hold; m stays as it is where there are no minima.
	split func(q []uint8, d, m []float32, src []byte)
	// super reads what the scales of one superblock are products of; nil where there is no such.
	super func(block []byte) Super
}

var splitters = map[Type]splitter{
	Q4_0: {Scheme{Bits: 4, Group: 32, Offset: 8, Float16: true}, splitQ4_0, nil},
	Q4_1: {Scheme{Bits: 4, Group: 32, Minima: true, Float16: true}, splitQ4_1, nil},
	Q5_0: {Scheme{Bits: 5, Group: 32, Offset: 16, Float16: true}, splitQ5_0, nil},
	Q5_1: {Scheme{Bits: 5, Group: 32, Minima: true, Float16: true}, splitQ5_1, nil},
	Q8_0: {Scheme{Bits: 8, Group: 32, Offset: 128, Float16: true}, splitQ8_0, nil},
	Q2_K: {Scheme{Bits: 2, Group: 16, Minima: true}, splitQ2_K, superQ2_K},
	Q3_K: {Scheme{Bits: 3, Group: 16, Offset: 4}, splitQ3_K, superQ3_K},
	Q4_K: {Scheme{Bits: 4, Group: 32, Minima: true}, splitQ4_K, superQ4_K},
	Q5_K: {Scheme{Bits: 5, Group: 32, Minima: true}, splitQ5_K, superQ5_K},
	Q6_K: {Scheme{Bits: 6, Group: 16, Offset: 32}, splitQ6_K, superQ6_K},
}

// Scheme tells how a quantized format's integers become numbers; false for formats of floating-point numbers and for
// those that this package does not read.
func (t Type) Scheme() (Scheme, bool) {
	s, ok := splitters[t]
	return s.Scheme, ok
}

// Split takes the len(q) elements stored in src in the format t apart into their unsigned integers and, a group of
// Scheme.Group elements each, the scales d and minima m, without any loss. It fails if t has no Scheme, and if the
// lengths do not fit: src as for Dequantize, d and, where the scheme has minima, m len(q)/Group.
func Split(q []uint8, d, m []float32, t Type, src []byte) error {
	if err := checkLengths(len(q), t, len(src)); err != nil {
		return err
	}
	s, ok := splitters[t]
	switch groups := len(q) / max(s.Group, 1); {
	case !ok:
		return fmt.Errorf("quant: %v is not quantized: it has no scales to split off", t)
	case len(d) != groups:
		return fmt.Errorf("quant: %d elements of %v have %d scales, not %d", len(q), t, groups, len(d))
	case s.Minima && len(m) != groups:
		return fmt.Errorf("quant: %d elements of %v have %d minima, not %d", len(q), t, groups, len(m))
	}
	s.split(q, d, m, src)
	return nil
}

// The layouts are those that the dequantize functions describe.

func splitQ4_0(q []uint8, d, _ []float32, src []byte) {
	for i := range d {
		block := src[18*i:][:18]
		d[i] = scaleAt(block)
		nibbles(q[32*i:][:32], block[2:18])
	}
}

func splitQ4_1(q []uint8, d, m []float32, src []byte) {
	for i := range d {
		block := src[20*i:][:20]
		d[i], m[i] = scaleAt(block), scaleAt(block[2:])
		nibbles(q[32*i:][:32], block[4:20])
	}
}

func splitQ5_0(q []uint8, d, _ []float32, src []byte) {
	for i := range d {
		block := src[22*i:][:22]
		d[i] = scaleAt(block)
		nibbles(q[32*i:][:32], block[6:22])
		fifthBits(q[32*i:][:32], binary.LittleEndian.Uint32(block[2:6]))
	}
}

func splitQ5_1(q []uint8, d, m []float32, src []byte) {
	for i := range d {
		block := src[24*i:][:24]
		d[i], m[i] = scaleAt(block), scaleAt(block[2:])
		nibbles(q[32*i:][:32], block[8:24])
		fifthBits(q[32*i:][:32], binary.LittleEndian.Uint32(block[4:8]))
	}
}

func splitQ8_0(q []uint8, d, _ []float32, src []byte) {
	for i := range d {
		block := src[34*i:][:34]
		d[i] = scaleAt(block)
		for j, v := range block[2:34] {
			q[32*i+j] = v ^ 0x80 // the signed byte plus 128
		}
	}
}

// nibbles spreads the low four bits of each byte of src over the first half of q and the high four over the second.
func nibbles(q, src []byte) {
	low, high := q[:len(src)], q[len(src):][:len(src)]
	for j, v := range src {
		low[j], high[j] = v&0xf, v>>4
	}
}

func fifthBits(q []uint8, bits uint32) {
	for j := range q {
		q[j] |= uint8(bits>>j&1) << 4
	}
}

func splitQ2_K(q []uint8, d, m []float32, src []byte) {
	for ; len(src) > 0; q, d, m, src = q[256:], d[16:], m[16:], src[84:] {
		superQ2_K(src).scales(d[:16], m[:16])
		crumbs(q[:256], src[16:80])
	}
}

func splitQ3_K(q []uint8, d, _ []float32, src []byte) {
	for ; len(src) > 0; q, d, src = q[256:], d[16:], src[110:] {
		superQ3_K(src).scales(d[:16], nil)
		crumbs(q[:256], src[32:96])
		for i := range q[:256] {
			q[i] |= src[i%32] >> (i / 32) & 1 << 2
		}
	}
}

// crumbs spreads the 2-bit numbers of Q2_K and Q3_K: of each 32 bytes first bits 0 and 1 of all, then bits 2 and 3 …
func crumbs(q, src []byte) {
	for i := range q {
		q[i] = src[i/128*32+i%32] >> (i % 128 / 32 * 2) & 3
	}
}

func splitQ4_K(q []uint8, d, m []float32, src []byte) {
	for ; len(src) > 0; q, d, m, src = q[256:], d[8:], m[8:], src[144:] {
		superQ4_K(src).scales(d[:8], m[:8])
		for pair := range 4 {
			nibbles(q[64*pair:][:64], src[16+32*pair:][:32])
		}
	}
}

func splitQ5_K(q []uint8, d, m []float32, src []byte) {
	for ; len(src) > 0; q, d, m, src = q[256:], d[8:], m[8:], src[176:] {
		superQ5_K(src).scales(d[:8], m[:8])
		for pair := range 4 {
			nibbles(q[64*pair:][:64], src[48+32*pair:][:32])
		}
		for i := range q[:256] {
			q[i] |= src[16+i%32] >> (i / 32) & 1 << 4
		}
	}
}

func splitQ6_K(q []uint8, d, _ []float32, src []byte) {
	for ; len(src) > 0; q, d, src = q[256:], d[16:], src[210:] {
		superQ6_K(src).scales(d[:16], nil)
		for half := range 2 {
			nibbles(q[128*half:][:128], src[64*half:][:64])
		}
		for i := range q[:256] {
			upper := src[128+i/128*32+i%32] >> (i % 128 / 32 * 2) & 3
			q[i] |= upper << 4
		}
	}
}

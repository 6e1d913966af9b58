package quant

import (
	"encoding/binary"
	"fmt"
)

// SuperElements is the number of elements of a superblock of the K formats.
const SuperElements = 256

// Super is what the scales and minima of a superblock are products of: those of group g are D·Scales[g] and M·Minima[g],
// as Split gives them. Both are exact in float32. Of the codes, as many count as a superblock has groups.
type Super struct {
	D, M           uint16 // float16
	Scales, Minima [16]int8
}

// scales fills d and m with the products.
func (s Super) scales(d, m []float32) {
	scale, minimum := Float16ToFloat32(s.D), Float16ToFloat32(s.M)
	for g := range d {
		d[g] = scale * float32(s.Scales[g])
	}
	for g := range m {
		m[g] = minimum * float32(s.Minima[g])
	}
}

// SplitSupers reads what the scales and minima of the len(dst) superblocks stored in src are products of. It fails if t is
// no K format, and if src is not as long as so many superblocks are.
func SplitSupers(dst []Super, t Type, src []byte) error {
	s, ok := splitters[t]
	if !ok || s.super == nil {
		return fmt.Errorf("quant: %v has no superblocks", t)
	}
	if err := checkLengths(len(dst)*SuperElements, t, len(src)); err != nil {
		return err
	}
	for i := range dst {
		size := len(src) / (len(dst) - i)
		dst[i], src = s.super(src[:size]), src[size:]
	}
	return nil
}

// negative turns the sign of a float16: what the formats store is taken off, and m is added.
func negative(half []byte) uint16 { return binary.LittleEndian.Uint16(half) ^ 1<<15 }

// The layouts are those that the dequantize functions describe.

func superQ2_K(block []byte) Super {
	s := Super{D: binary.LittleEndian.Uint16(block[80:]), M: negative(block[82:])}
	for sub, code := range block[:16] {
		s.Scales[sub], s.Minima[sub] = int8(code&0xf), int8(code>>4)
	}
	return s
}

func superQ3_K(block []byte) Super {
	s := Super{D: binary.LittleEndian.Uint16(block[108:])}
	packed := (*[12]byte)(block[96:108])
	for sub := range s.Scales {
		s.Scales[sub] = int8(q3KScale(packed, sub) - 32)
	}
	return s
}

// superQ4_K reads the first 16 bytes of a block.
func superQ4_K(block []byte) Super {
	s := Super{D: binary.LittleEndian.Uint16(block), M: negative(block[2:])}
	packed := (*[12]byte)(block[4:16])
	for sub := range 8 {
		scale, minimum := scaleAndMinimum(packed, sub)
		s.Scales[sub], s.Minima[sub] = int8(scale), int8(minimum)
	}
	return s
}

// superQ5_K: a block of Q5_K begins as one of Q4_K does.
func superQ5_K(block []byte) Super { return superQ4_K(block) }

func superQ6_K(block []byte) Super {
	s := Super{D: binary.LittleEndian.Uint16(block[208:])}
	for sub, code := range block[192:208] {
		s.Scales[sub] = int8(code)
	}
	return s
}

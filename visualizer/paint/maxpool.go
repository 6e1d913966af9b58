package paint

import "slices"

// maxInto raises each byte of dst to the one of src at the same place where
// that is larger; src may be shorter, and must not be longer, than dst. Eight
// bytes are compared at a time within a 64-bit word.
func maxInto(dst, src []uint8) {
	dst = dst[:len(src)]
	n := len(src) &^ 7
	for i := 0; i < n; i += 8 {
		store64(dst[i:i+8], max8(load64(dst[i:i+8]), load64(src[i:i+8])))
	}
	for i := n; i < len(src); i++ {
		dst[i] = max(dst[i], src[i])
	}
}

// maxBlocksInto raises each byte of dst to the largest of the block bytes of src
// that stand for it, where that is larger; block is a power of two, and the last
// block of src may be a part of one.
func maxBlocksInto(dst, src []uint8, block int) {
	if block == 1 {
		maxInto(dst, src)
		return
	}
	at := 0
	if block >= 8 {
		for ; len(src) >= block; src = src[block:] {
			x := load64(src[:8])
			for i := 8; i < block; i += 8 {
				x = max8(x, load64(src[i:i+8]))
			}
			x = max8(x, x>>32)
			x = max8(x, x>>16)
			x = max8(x, x>>8)
			dst[at] = max(dst[at], uint8(x))
			at++
		}
	} else {
		for ; len(src) >= 8; src = src[8:] {
			x := load64(src[:8])
			x = max8(x, x>>8)
			if block == 4 {
				x = max8(x, x>>16)
			}
			for i := 0; i < 8; i += block {
				dst[at] = max(dst[at], uint8(x>>(8*i)))
				at++
			}
		}
	}
	for ; len(src) > 0; src = src[min(block, len(src)):] {
		dst[at] = max(dst[at], slices.Max(src[:min(block, len(src))]))
		at++
	}
}

// halve sets dst[i] to the larger of src[2i] and src[2i+1], or to src[2i] where
// src ends there, and returns the ⌈len(src)/2⌉ bytes set. dst may be src itself.
func halve(dst, src []uint8) []uint8 {
	m := (len(src) + 1) / 2
	n := len(src) &^ 7
	for i := 0; i < n; i += 8 {
		x := load64(src[i : i+8])
		x = max8(x, x>>8) & 0x00ff00ff00ff00ff
		x = (x | x>>8) & 0x0000ffff0000ffff
		x |= x >> 16
		d := dst[i/2 : i/2+4]
		d[0], d[1], d[2], d[3] = uint8(x), uint8(x>>8), uint8(x>>16), uint8(x>>24)
	}
	for i := n; i < len(src); i += 2 {
		v := src[i]
		if i+1 < len(src) {
			v = max(v, src[i+1])
		}
		dst[i/2] = v
	}
	return dst[:m]
}

// max8 returns the larger of x and y in each of their eight bytes.
func max8(x, y uint64) uint64 {
	const high = 0x8080808080808080
	differ := x ^ y
	// The high bit of each byte of t is set if the lower seven bits of x are
	// at least those of y: with it set in x and clear in y no byte borrows
	// from the next.
	t := (x | high) - (y &^ high)
	// x ≥ y in a byte: its high bit is the larger, or they agree and t decides.
	ge := (x&^y | t&^differ) & high
	mask := ge<<1 - ge>>7 // 0xff in those bytes; the topmost carry falls off
	return y ^ differ&mask
}

// load64 reads eight bytes, lowest first.
func load64(b []uint8) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// store64 writes eight bytes, lowest first.
func store64(b []uint8, v uint64) {
	_ = b[7]
	b[0], b[1], b[2], b[3] = uint8(v), uint8(v>>8), uint8(v>>16), uint8(v>>24)
	b[4], b[5], b[6], b[7] = uint8(v>>32), uint8(v>>40), uint8(v>>48), uint8(v>>56)
}

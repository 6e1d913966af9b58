package quant

// The "K" formats, with 256 elements a block (a super-block). A block is divided into sub-blocks of 16 or 32 elements,
// each with its own small integer scale s, and in some formats an integer minimum m; a float16 d (and dmin) for the
// whole block turns those integers into numbers.

// dequantizeQ2_K reads blocks of 84 bytes: 16 bytes with a sub-block's s in the low and m in the high four bits, 64
// bytes of 2-bit q, d and dmin float16. x = d·s·q − dmin·m, sub-blocks of 16.
//
// Each 32 bytes of q hold 128 elements: bits 0 and 1 of all 32 bytes come first, then bits 2 and 3, and so on.
func dequantizeQ2_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[256:], src[84:] {
		block := (*[84]byte)(src)
		scales, quants := block[0:16], block[16:80]
		d, dmin := scaleAt(block[80:82]), scaleAt(block[82:84])
		for sub, s := range scales {
			x := dst[16*sub:][:16]
			qs := quants[sub/8*32+sub%2*16:][:16]
			shift := sub % 8 / 2 * 2
			scale, minimum := d*float32(s&0xf), dmin*float32(s>>4)
			for j, q := range qs {
				x[j] = float32(scale*float32(q>>shift&3)) - minimum
			}
		}
	}
}

// dequantizeQ3_K reads blocks of 110 bytes: 32 bytes with the third bits of q, 64 bytes with its lower two, 12 bytes
// with sixteen 6-bit s, d float16. x = d·(s−32)·(q−4), sub-blocks of 16.
//
// The lower bits are laid out as in Q2_K. The third bit of element i is bit i/32 of byte i%32.
func dequantizeQ3_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[256:], src[110:] {
		block := (*[110]byte)(src)
		third, quants := block[0:32], block[32:96]
		d, scales := scaleAt(block[108:110]), (*[12]byte)(block[96:108])
		for sub := range 16 {
			x := dst[16*sub:][:16]
			qs, ts := quants[sub/8*32+sub%2*16:][:16], third[sub%2*16:][:16]
			shift := sub % 8 / 2 * 2
			scale := d * float32(q3KScale(scales, sub)-32)
			for j, q := range qs {
				level := q>>shift&3 | ts[j]>>(sub/2)&1<<2
				x[j] = scale * float32(int(level)-4)
			}
		}
	}
}

// q3KScale unpacks the 6-bit scale of a Q3_K sub-block (0 … 15): the lower four bits from the nibbles of bytes 0 … 7
// (first all low ones, then all high ones), the upper two from bytes 8 … 11, sub-block i in byte 8 + i%4.
func q3KScale(packed *[12]byte, sub int) int {
	lower := packed[sub%8] >> (sub / 8 * 4) & 0xf
	upper := packed[8+sub%4] >> (sub / 4 * 2) & 3
	return int(lower | upper<<4)
}

// dequantizeQ4_K reads blocks of 144 bytes: d and dmin float16, 12 bytes with eight 6-bit s and m, 128 bytes of 4-bit
// q. x = d·s·q − dmin·m, sub-blocks of 32.
//
// Each 32 bytes of q hold two sub-blocks: the low four bits of all, then the high four.
func dequantizeQ4_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[256:], src[144:] {
		block := (*[144]byte)(src)
		d, dmin, scales := scaleAt(block[0:2]), scaleAt(block[2:4]), (*[12]byte)(block[4:16])
		quants := block[16:144]
		for sub := range 8 {
			x := dst[32*sub:][:32]
			qs := quants[sub/2*32:][:32]
			shift := sub % 2 * 4
			s, m := scaleAndMinimum(scales, sub)
			scale, minimum := d*float32(s), dmin*float32(m)
			for j, q := range qs {
				x[j] = float32(scale*float32(q>>shift&0xf)) - minimum
			}
		}
	}
}

// dequantizeQ5_K reads blocks of 176 bytes: d and dmin float16, 12 bytes with eight 6-bit s and m, 32 bytes with the
// fifth bits of q, 128 bytes with its lower four. x = d·s·q − dmin·m, sub-blocks of 32.
//
// The lower bits are laid out as in Q4_K. The fifth bit of element i is bit i/32 of byte i%32.
func dequantizeQ5_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[256:], src[176:] {
		block := (*[176]byte)(src)
		d, dmin, scales := scaleAt(block[0:2]), scaleAt(block[2:4]), (*[12]byte)(block[4:16])
		fifth, quants := (*[32]byte)(block[16:48]), block[48:176]
		for sub := range 8 {
			x := dst[32*sub:][:32]
			qs := quants[sub/2*32:][:32]
			shift := sub % 2 * 4
			s, m := scaleAndMinimum(scales, sub)
			scale, minimum := d*float32(s), dmin*float32(m)
			for j, q := range qs {
				level := q>>shift&0xf | fifth[j]>>sub&1<<4
				x[j] = float32(scale*float32(level)) - minimum
			}
		}
	}
}

// scaleAndMinimum unpacks the 6-bit s and m of sub-block 0 … 7 of Q4_K and Q5_K. Sub-blocks 0 … 3 have them whole, s
// in the lower six bits of bytes 0 … 3 and m in those of bytes 4 … 7; sub-blocks 4 … 7 have the lower four bits of
// both in bytes 8 … 11, and the upper two where bytes 0 … 7 have them to spare.
func scaleAndMinimum(packed *[12]byte, sub int) (s, m byte) {
	if sub < 4 {
		return packed[sub] & 0x3f, packed[sub+4] & 0x3f
	}
	s = packed[sub+4]&0xf | packed[sub-4]>>6<<4
	m = packed[sub+4]>>4 | packed[sub]>>6<<4
	return s, m
}

// dequantizeQ6_K reads blocks of 210 bytes: 128 bytes with the lower four bits of q, 64 bytes with the upper two, 16
// signed bytes s, d float16. x = d·s·(q−32), sub-blocks of 16.
//
// Each half of the block (128 elements) takes 64 bytes of lower bits: the low nibbles of all 64, then the high ones.
// Its 32 bytes of upper bits are laid out as in Q2_K.
func dequantizeQ6_K(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[256:], src[210:] {
		block := (*[210]byte)(src)
		lower, upper, scales := block[0:128], block[128:192], block[192:208]
		d := scaleAt(block[208:210])
		for sub, s := range scales {
			x := dst[16*sub:][:16]
			half, within := sub/8, sub%8
			ls, us := lower[64*half+within%4*16:][:16], upper[32*half+within%2*16:][:16]
			lowerShift, upperShift := within/4*4, within/2*2
			scale := d * float32(int8(s))
			for j, l := range ls {
				level := l>>lowerShift&0xf | us[j]>>upperShift&3<<4
				x[j] = scale * float32(int(level)-32)
			}
		}
	}
}

package quant

import "encoding/binary"

// The formats with 32 elements a block. Where two elements share a byte they are j (the low four bits) and j+16 (the
// high four), not neighbours: so a vector register of 16 bytes gives two of 16 elements with one mask and one shift.

// dequantizeQ4_0 reads blocks of 18 bytes: d float16, then 16 bytes of 4-bit q. x = d·(q−8).
func dequantizeQ4_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[32:], src[18:] {
		x, block := (*[32]float32)(dst), (*[18]byte)(src)
		d := scaleAt(block[0:2])
		for j, q := range block[2:18] {
			x[j] = d * float32(int(q&0xf)-8)
			x[j+16] = d * float32(int(q>>4)-8)
		}
	}
}

// dequantizeQ4_1 reads blocks of 20 bytes: d and m float16, then 16 bytes of 4-bit q. x = d·q + m.
func dequantizeQ4_1(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[32:], src[20:] {
		x, block := (*[32]float32)(dst), (*[20]byte)(src)
		d, m := scaleAt(block[0:2]), scaleAt(block[2:4])
		for j, q := range block[4:20] {
			x[j] = float32(d*float32(q&0xf)) + m
			x[j+16] = float32(d*float32(q>>4)) + m
		}
	}
}

// dequantizeQ5_0 reads blocks of 22 bytes: d float16, 4 bytes with the fifth bit of element j at bit j, then 16 bytes
// with the lower four bits. x = d·(q−16).
func dequantizeQ5_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[32:], src[22:] {
		x, block := (*[32]float32)(dst), (*[22]byte)(src)
		d, fifth := scaleAt(block[0:2]), binary.LittleEndian.Uint32(block[2:6])
		for j, q := range block[6:22] {
			low := uint32(q&0xf) | fifth>>j&1<<4
			high := uint32(q>>4) | fifth>>(j+16)&1<<4
			x[j] = d * float32(int(low)-16)
			x[j+16] = d * float32(int(high)-16)
		}
	}
}

// dequantizeQ5_1 reads blocks of 24 bytes: d and m float16, 4 bytes with the fifth bit of element j at bit j, then 16
// bytes with the lower four bits. x = d·q + m.
func dequantizeQ5_1(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[32:], src[24:] {
		x, block := (*[32]float32)(dst), (*[24]byte)(src)
		d, m, fifth := scaleAt(block[0:2]), scaleAt(block[2:4]), binary.LittleEndian.Uint32(block[4:8])
		for j, q := range block[8:24] {
			low := uint32(q&0xf) | fifth>>j&1<<4
			high := uint32(q>>4) | fifth>>(j+16)&1<<4
			x[j] = float32(d*float32(low)) + m
			x[j+16] = float32(d*float32(high)) + m
		}
	}
}

// dequantizeQ8_0 reads blocks of 34 bytes: d float16, then 32 signed bytes q. x = d·q.
func dequantizeQ8_0(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[32:], src[34:] {
		x, block := (*[32]float32)(dst), (*[34]byte)(src)
		d := scaleAt(block[0:2])
		for j, q := range block[2:34] {
			x[j] = d * float32(int8(q))
		}
	}
}

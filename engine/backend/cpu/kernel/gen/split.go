package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A float32 is nearly the sum of two bfloat16, of which the high one holds eight
// bits of it and the low one eight of what is left. Of the four products of two
// numbers so split, that of the low parts is as small as what splitting loses, and
// is left out (Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 Artificial
// Intelligence Datatype For Higher-Precision Computations"). The scales are in the
// weights here, so a tile of sums stays in its register for all columns.

// The layout of a step: 32 columns of a band of 32 rows of activations, or of a panel
// of two tiles of weights (kernel.bandStep has the words).
const (
	bandTile  = bunchRows * vectorBytes // 16 rows, or pairs of columns
	bandStep  = 4 * bandTile
	xLow      = bandTile // behind the high parts of the same 16 rows
	xSecond   = 2 * bandTile
	wSecond   = bandTile
	wLow      = 2 * bandTile // behind the high parts of both tiles
	bandRows  = 2 * bunchRows
	bandLine  = 2 * vectorBytes // a row of a band's sums
	bandBytes = bandRows * bandLine
)

// splitStride is the register with the distance of lines of sums.
var splitStride = reg.RCX

// tileLines is TILELOADD (pp 3) or TILESTORED (pp 2) with lines splitStride apart.
func tileLines(pp byte, tile int, base reg.GPPhysical, disp int) {
	code := append(vex3(0, pp), 0x4b, 0x44|byte(tile)<<3, 1<<3|baseCode(base), byte(disp))
	instructionBytes([]reg.GPPhysical{base, splitStride}, code...)
}

// upperHalves sets dst to a mask of the bits that a bfloat16 has of a float32.
func upperHalves(dst reg.VecVirtual) {
	r := GP32()
	MOVL(U32(0xffff0000), r)
	VPBROADCASTD(r, dst)
}

// splitRow generates the writing of a row of activations into its band.
func splitRow() {
	odd := GLOBL("oddWords", constAttrs)
	for i := 0; i < 32; i += 4 {
		var v uint64
		for j := range 4 {
			v |= uint64(2*(i+j)+1) << (16 * j)
		}
		DATA(2*i, U64(v))
	}
	TEXT("splitRowAMX", attrs, "func(line *byte, x *float32, blocks int)")
	Pragma("noescape")
	Doc(
		"splitRowAMX writes a row to its line in a band, the high parts rounded to the nearest:",
		"",
		"	high[b][k] = bfloat16(x[32·b+k])",
		fmt.Sprintf("	low[b][k] = bfloat16(x[32·b+k] − high[b][k]), %d bytes behind", xLow),
	)
	line, x, blocks := param("line"), param("x"), param("blocks")
	words, upper, half, r := ZMM(), ZMM(), ZMM(), GP32()
	VMOVDQU64(odd, words)
	upperHalves(upper)
	MOVL(U32(0x8000), r)
	VPBROADCASTD(r, half)
	loop("block", blocks, func() {
		var high, low [2]reg.VecVirtual
		for i := range high {
			v := ZMM()
			high[i], low[i] = ZMM(), ZMM()
			VMOVUPS(at(x).Offset(i*vectorBytes), v)
			VPADDD(half, v, high[i])
			VPANDD(upper, high[i], low[i])
			VSUBPS(low[i], v, low[i])
		}
		VPERMT2W(high[1], words, high[0])
		VPERMT2W(low[1], words, low[0])
		VMOVDQU32(high[0], at(line))
		VMOVDQU32(low[0], at(line).Offset(xLow))
		ADDQ(imm(2*vectorBytes), x)
		ADDQ(imm(bandStep), line)
	})
	done()
}

// splitTable declares the sixteen numbers of four bits, less an offset, in float32.
func splitTable(l layout) Mem {
	m := GLOBL("floats"+l.name, constAttrs)
	for i := 0; i < 16; i += 2 {
		a, b := math.Float32bits(float32(i-l.offset)), math.Float32bits(float32(i+1-l.offset))
		DATA(4*i, U64(uint64(b)<<32|uint64(a)))
	}
	return m
}

// splitTile generates the expansion of a tile of weights to two bfloat16 each.
func splitTile(l layout) {
	s := avx512
	nibbles := l.low == 4 && l.high == 0
	var memory Mem
	if nibbles {
		memory = splitTable(l)
	}
	TEXT("splitTile"+l.name+"AMX", attrs, "func(panel *byte, tile *byte, blocks int)")
	Pragma("noescape")
	w := "w := d[row][b][g]·(q[row][32·b+2·i+p] − offset)"
	if l.mins {
		w += " + m[row][b][g]"
	}
	Doc(
		fmt.Sprintf("splitTile%sAMX expands blocks of a tile, whose offset is %d, into the high and the low parts of its weights:", l.name, l.offset),
		"",
		"	"+w,
		"	high[b][i][2·row + p] = w, cut off to bfloat16",
		fmt.Sprintf("	low[b][i][2·row + p] = w − high, cut off too, %d bytes behind", wLow),
	)
	panel, quants, blocks := param("panel"), param("tile"), param("blocks")
	u := newUnpacker(s, l, quants)
	upper, lower, table, negative := s.reg(), s.reg(), s.reg(), s.reg()
	upperHalves(upper)
	r := GP32()
	if nibbles {
		VMOVUPS(memory, table)
	} else {
		MOVL(U32(0xffff), r)
		VPBROADCASTD(r, lower)
	}
	added := l.mins || l.offset != 0 && !nibbles // something besides the product
	if added && !l.mins {
		MOVL(U32(math.Float32bits(float32(-l.offset))), r)
		VPBROADCASTD(r, negative)
	}
	loop("block", blocks, func() {
		for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes {
			PREFETCHT0(at(quants).Offset(prefetchBytes + i*vectorBytes))
		}
		d, m := s.vec(), s.vec()
		for i := range pairs {
			if inGroup := pairs / l.groups(); i%inGroup == 0 {
				scales := at(quants).Offset(l.quantBytes() + i/inGroup*l.groupBytes())
				s.scales(l, scales, d)
				switch {
				case l.mins:
					s.scales(l, scales.Offset(l.scaleBytes()), m)
				case added:
					VMULPS(negative, d[0], m[0])
				}
			}
			number := [2]reg.VecVirtual{s.reg(), s.reg()} // even and odd
			if nibbles {
				if i%4 == 0 {
					VMOVDQU32(at(quants).Offset(i/4*vectorBytes), u.low[0])
				}
				for p, n := range number { // of an index, the lowest four bits count
					index := u.low[0]
					if shift := 4*(i%4) + 16*p; shift > 0 {
						VPSRLD(Imm(uint64(shift)), u.low[0], n)
						index = n
					}
					VPERMPS(table, index, n)
				}
			} else {
				v := s.vec()
				u.pair(i, v)
				VPANDD(lower, v[0], number[0])
				VPSRLD(Imm(16), v[0], number[1])
				for _, n := range number {
					VCVTDQ2PS(n, n)
				}
			}
			var high, low [2]reg.VecVirtual
			for p, n := range number {
				high[p], low[p] = s.reg(), s.reg()
				if added {
					VFMADD213PS(m[0], d[0], n)
				} else {
					VMULPS(d[0], n, n)
				}
				VPANDD(upper, n, high[p])
				VSUBPS(high[p], n, low[p])
			}
			VPSRLD(Imm(16), number[0], number[0])
			VPORD(high[1], number[0], number[0])
			VMOVDQU32(number[0], at(panel).Offset(i*vectorBytes))
			VPSRLD(Imm(16), low[0], low[0])
			VPTERNLOGD(Imm(0xf8), upper, low[1], low[0]) // low[0] | low[1]&upper
			VMOVDQU32(low[0], at(panel).Offset(wLow+i*vectorBytes))
		}
		ADDQ(imm(l.blockBytes()), quants)
		ADDQ(imm(bandStep), panel)
	})
	done()
}

// splitGemm generates the product of bands of split rows with a panel of split
// weights. Four tiles of sums are under way at a time, so that none waits for its last
// product, and each tile that is read is used for two products or four.
func splitGemm() {
	config := GLOBL("fullTiles", constAttrs)
	DATA(0, U64(1)) // palette
	DATA(8, U64(0))
	for i := 16; i < 32; i += 8 {
		DATA(i, U64(0x0040_0040_0040_0040)) // bytes of a line
	}
	for i := 32; i < 48; i += 8 {
		DATA(i, U64(0))
	}
	DATA(48, U64(0x10_10_10_10_10_10_10_10)) // lines
	DATA(56, U64(0))

	TEXT("splitGemmAMX", attrs, "func(out *float32, outStride int, panel *byte, x *byte, xStride, bands, blocks int, partial *float32, part int)")
	Pragma("noescape")
	Doc(
		fmt.Sprintf("splitGemmAMX computes the %d outputs of a panel for bands of %d rows of activations, which lie xStride", bandRows, bandRows),
		"bytes apart; outStride in bytes too:",
		"",
		fmt.Sprintf("	for r := range %d·bands {", bandRows),
		"		total := 0, or partial[r][o] with later",
		"		for b := range blocks {",
		"			for all k of the block, in three passes:",
		"				total += x.low[r][b][k]·w.high[b][k][o]",
		"				total += x.high[r][b][k]·w.high[b][k][o]",
		"				total += x.high[r][b][k]·w.low[b][k][o]",
		"		}",
		"		out[r][o] = total, or with more partial[r][o]",
		"	}",
		"",
		fmt.Sprintf("Bit %d of part is later: there were blocks before these; bit %d more: others follow.", partLater, partMore),
	)
	LEAQ(config, amxSums)
	tileConfig()
	out, outStride, partial, part := param("out"), param("outStride"), param("partial"), param("part")
	panel, x, xStride, bands, blocks := param("panel"), param("x"), param("xStride"), param("bands"), param("blocks")
	MOVQ(U32(vectorBytes), amxStep)
	n := GP64()
	// sums reads or writes the four tiles of sums.
	sums := func(pp byte, base, stride reg.GPVirtual) {
		MOVQ(base, amxSums)
		MOVQ(stride, splitStride)
		tileLines(pp, 0, amxSums, 0)
		tileLines(pp, 1, amxSums, vectorBytes)
		SHLQ(Imm(4), stride)
		ADDQ(stride, amxSums)
		SHRQ(Imm(4), stride)
		tileLines(pp, 2, amxSums, 0)
		tileLines(pp, 3, amxSums, vectorBytes)
	}
	line := GP64()
	MOVQ(U32(bandLine), line)
	const load, store = 3, 2
	loop("band", bands, func() {
		BTQ(Imm(partLater), part)
		JCS(LabelRef("later"))
		for t := range 4 {
			tileZero(t)
		}
		JMP(LabelRef("begun"))
		Label("later")
		sums(load, partial, line)
		Label("begun")
		MOVQ(x, amxX)
		MOVQ(panel, amxNumbers)
		MOVQ(blocks, n)
		loop("block", n, func() {
			const w0, w1, x0, x1 = 4, 5, 6, 7
			tileLoad(w0, amxNumbers, 0)
			tileLoad(x0, amxX, xLow)
			tileDot(0, x0, w0)
			tileLoad(w1, amxNumbers, wSecond)
			tileDot(1, x0, w1)
			tileLoad(x1, amxX, xSecond+xLow)
			tileDot(2, x1, w0)
			tileDot(3, x1, w1)
			tileLoad(x0, amxX, 0)
			tileDot(0, x0, w0)
			tileDot(1, x0, w1)
			tileLoad(x1, amxX, xSecond)
			tileDot(2, x1, w0)
			tileLoad(w0, amxNumbers, wLow)
			tileDot(3, x1, w1)
			tileLoad(w1, amxNumbers, wLow+wSecond)
			tileDot(0, x0, w0)
			tileDot(1, x0, w1)
			tileDot(2, x1, w0)
			tileDot(3, x1, w1)
			ADDQ(imm(bandStep), amxX)
			ADDQ(imm(bandStep), amxNumbers)
		})
		BTQ(Imm(partMore), part)
		JCS(LabelRef("more"))
		sums(store, out, outStride)
		JMP(LabelRef("kept"))
		Label("more")
		sums(store, partial, line)
		Label("kept")
		ADDQ(imm(bandBytes), partial)
		SHLQ(Imm(5), outStride)
		ADDQ(outStride, out)
		SHRQ(Imm(5), outStride)
		ADDQ(xStride, x)
	})
	tileRelease()
	done()
}

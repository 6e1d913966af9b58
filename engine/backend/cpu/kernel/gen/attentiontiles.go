package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A float32 is nearly the sum of two bfloat16, of which the high one holds eight
// bits of it and the low one eight of what is left; a float16 is such a sum exactly. Of
// the four products of two numbers so split, AMX computes three; that of the low
// parts is as small as what splitting loses (Henry, Tang and Heinecke 2019,
// "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
// Computations").

// The layout of split numbers (kernel.splitStep has the words).
const (
	splitTile  = bunchRows * vectorBytes
	splitStep  = 2 * splitTile          // high parts, low parts
	splitTiles = 4                      // tiles of sums under way at once
	splitWide  = splitTiles * splitStep // a step of as many tiles of the other operand
)

// splitStride is the register with the distance of lines of sums.
var splitStride = reg.RCX

// tileLines is TILELOADD (pp 3) or TILESTORED (pp 2) with lines splitStride apart.
func tileLines(pp byte, tile int, base reg.GPPhysical, disp int) {
	code := append(vex3(0, pp), 0x4b, 0x44|byte(tile)<<3, 1<<3|baseCode(base), byte(disp>>0))
	if disp > 127 {
		code = append(vex3(0, pp), 0x4b, 0x84|byte(tile)<<3, 1<<3|baseCode(base), byte(disp), byte(disp>>8), 0, 0)
	}
	instructionBytes([]reg.GPPhysical{base, splitStride}, code...)
}

// splitter has what splitting rows of float32 needs.
type splitter struct{ words, upper, half reg.VecVirtual }

func newSplitter(oddWords Mem) splitter {
	s := splitter{ZMM(), broadcast(0xffff0000), broadcast(0x8000)}
	VMOVDQU64(oddWords, s.words)
	return s
}

// split splits 32 numbers, whose registers are lost.
func (s splitter) split(v [2]reg.VecVirtual) (high, low reg.VecVirtual) {
	var h, l [2]reg.VecVirtual
	for i := range v {
		h[i], l[i] = ZMM(), ZMM()
		VPADDD(s.half, v[i], h[i])
		VPANDD(s.upper, h[i], l[i])
		VSUBPS(l[i], v[i], l[i])
	}
	VPERMT2W(h[1], s.words, h[0])
	VPERMT2W(l[1], s.words, l[0])
	return h[0], l[0]
}

// oddWords declares the places of the upper halves of 32 numbers.
func oddWords() Mem {
	m := GLOBL("oddWords", constAttrs)
	for i := 0; i < 32; i += 4 {
		var v uint64
		for j := range 4 {
			v |= uint64(2*(i+j)+1) << (16 * j)
		}
		DATA(2*i, U64(v))
	}
	return m
}

// splitRow generates the splitting of a row of float32.
func splitRow(words Mem) {
	kernel("splitRowAMX", "func(line *byte, x *float32, factor float32, steps int)",
		"splitRowAMX writes 32·steps numbers of a row, times a factor, to its line, the high parts rounded to the nearest:",
		with(`for i, v := range from(x, 0)[:32*steps] {
			splitAt(as[uint16](line, STEP*(i/32)), i%32, v*factor)
		}`, "STEP", itoa(splitStep)))
	line, x, steps, factor := param("line"), param("x"), param("steps"), ZMM()
	VBROADCASTSS(Load(Param("factor"), XMM()), factor)
	s := newSplitter(words)
	loop("step", steps, func() {
		v := [2]reg.VecVirtual{ZMM(), ZMM()}
		for i := range v {
			VMULPS(at(x).Offset(i*vectorBytes), factor, v[i])
		}
		high, low := s.split(v)
		VMOVDQU32(high, at(line))
		VMOVDQU32(low, at(line).Offset(splitTile))
		ADDQ(imm(2*vectorBytes), x)
		ADDQ(imm(splitStep), line)
	})
	done()
}

// splitPairs generates the splitting of pairs of rows of float16.
func splitPairs() {
	kernel("splitPairsAMX", "func(lines *byte, rows *byte, stride, pairs int)",
		"splitPairsAMX writes pairs of rows of sixteen float16, which lie stride bytes apart, to a line each, the high parts\ncut off:",
		with(`for i := range 2 * pairs {
			line := as[uint16](lines, 64*(i/2))
			for n := range 16 {
				v := KVF16.at(as[byte](rows, i*stride), n)
				high := bfloat16(v)
				line[2*n+i%2], line[2*n+i%2+LOW] = high, bfloat16(v-bfloat(high))
			}
		}`, "LOW", itoa(splitTile/2)))
	lines, rows, stride, pairs := param("lines"), param("rows"), param("stride"), param("pairs")
	upper := broadcast(0xffff0000)
	loop("pair", pairs, func() {
		var v, high, low [2]reg.VecVirtual
		for p := range v {
			v[p], high[p], low[p] = ZMM(), ZMM(), ZMM()
			VCVTPH2PS(at(rows), v[p])
			ADDQ(stride, rows)
			VPANDD(upper, v[p], high[p])
			VSUBPS(high[p], v[p], low[p])
		}
		VPSRLD(Imm(16), v[0], v[0])
		VPORD(high[1], v[0], v[0])
		VMOVDQU32(v[0], at(lines))
		VPSRLD(Imm(16), low[0], low[0])
		VPTERNLOGD(Imm(0xf8), upper, low[1], low[0]) // low[0] | low[1]&upper
		VMOVDQU32(low[0], at(lines).Offset(splitTile))
		ADDQ(imm(vectorBytes), lines)
	})
	done()
}

// splitGemm generates the product of tiles of split rows with four tiles of the
// other operand. A tile of sums comes back to its place after three other products.
func splitGemm() {
	config := fullTiles()
	kernel("splitGemmAMX", "func(out *float32, outStride int, x *byte, w *byte, tiles, steps, add int)",
		"splitGemmAMX computes 64 outputs of tiles tiles of sixteen rows of split numbers, added up in some order; outStride is\nin bytes. With add it adds to what is there:",
		with(`for r := range 16 * tiles {
			for o := range 64 {
				var total float32
				if add != 0 {
					total = from(out, r*outStride)[o]
				}
				for k := range 32 * steps {
					a := as[uint16](x, STEP*(r/16*steps+k/32)+64*(r%16))[k%32:]
					b := as[uint16](w, WIDE*(k/32)+STEP*(o/16)+64*(k%32/2))[2*(o%16)+k%2:]
					total += bfloat(a[0])*bfloat(b[0]) + bfloat(a[LOW])*bfloat(b[0]) + bfloat(a[0])*bfloat(b[LOW])
				}
				from(out, r*outStride)[o] = total
			}
		}`, "STEP", itoa(splitStep), "WIDE", itoa(splitWide), "LOW", itoa(splitTile/2)))
	LEAQ(config, amxSums)
	tileConfig()
	out, x, w, tiles, steps, add := param("out"), param("x"), param("w"), param("tiles"), param("steps"), param("add")
	Load(Param("outStride"), splitStride)
	MOVQ(U32(vectorBytes), amxStep)
	n, next := GP64(), GP64()
	MOVQ(splitStride, next)
	SHLQ(Imm(4), next)
	MOVQ(x, amxX)
	loop("tile", tiles, func() {
		MOVQ(out, amxSums)
		TESTQ(add, add)
		JNE(LabelRef("add"))
		for t := range splitTiles {
			tileZero(t)
		}
		JMP(LabelRef("begun"))
		Label("add")
		for t := range splitTiles {
			tileLines(3, t, amxSums, t*vectorBytes)
		}
		Label("begun")
		MOVQ(w, amxNumbers)
		MOVQ(steps, n)
		loop("step", n, func() {
			const high, low, first = 4, 5, 6 // and the tile behind it
			tileLoad(high, amxX, 0)
			tileLoad(low, amxX, splitTile)
			part := func(rows, disp int) {
				for t := range splitTiles {
					tileLoad(first+t%2, amxNumbers, t*splitStep+disp)
					tileDot(t, rows, first+t%2)
				}
			}
			part(high, 0)
			part(low, 0)
			part(high, splitTile)
			ADDQ(imm(splitStep), amxX)
			ADDQ(imm(splitWide), amxNumbers)
		})
		for t := range splitTiles {
			tileLines(2, t, amxSums, t*vectorBytes)
		}
		ADDQ(next, out)
	})
	tileRelease()
	done()
}

// The state of sixteen rows' softmax (kernel.tileState has the words).
const (
	stateTop, stateSum, stateFactor, stateNext, stateMore = 0, 64, 128, 192, 256
)

// softmaxTile generates a step of the online softmax of sixteen rows.
func softmaxTile(words Mem) {
	s := avx512
	kernel("softmaxTileAMX", "func(p *byte, scores *float32, stride, steps int, state *float32)",
		"softmaxTileAMX takes 32·steps scores more of each of sixteen rows, which lie stride bytes apart, and splits\ntheir weights:",
		with(`for r := range 16 {
			top, sum, factor := &from(state, 0)[r], &from(state, 64)[r], &from(state, 128)[r]
			row := from(scores, r*stride)[:32*steps]
			greatest := max(*top, slices.Max(row))
			*factor = exp(*top - greatest)
			*top, *sum = greatest, *sum**factor
			for i, v := range row {
				weight := exp(v - greatest)
				*sum += weight
				splitAt(as[uint16](p, STEP*(i/32)+64*r), i%32, weight)
			}
		}`, "STEP", itoa(splitStep)),
		"state is the greatest scores, the sums and the factors, and room for as much.")
	p, scores, stride, steps, state := param("p"), param("scores"), param("stride"), param("steps"), param("state")
	split, w := newSplitter(words), newShortExp(math.Log2E)
	rows, n, from, to, row := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(U32(16), rows)
	MOVQ(state, row)
	loop("row", rows, func() {
		top := s.reg()
		VBROADCASTSS(at(row).Offset(stateTop), top)
		MOVQ(scores, from)
		MOVQ(steps, n)
		loop("greatest", n, func() {
			VMAXPS(at(from), top, top)
			VMAXPS(at(from).Offset(vectorBytes), top, top)
			ADDQ(imm(2*vectorBytes), from)
		})
		top1 := s.reduce(VMAXPS, vec{top})
		VMOVSS(top1, at(row).Offset(stateNext))
		shift, sum := s.reg(), s.reg()
		VBROADCASTSS(top1, shift)
		s.clear(sum)
		MOVQ(scores, from)
		MOVQ(p, to)
		MOVQ(steps, n)
		loop("weights", n, func() {
			v := [2]reg.VecVirtual{s.reg(), s.reg()}
			for i := range v {
				VMOVUPS(at(from).Offset(i*vectorBytes), v[i])
				VSUBPS(shift, v[i], v[i])
				w.exp(v[i])
				VADDPS(v[i], sum, sum)
			}
			high, low := split.split(v)
			VMOVDQU32(high, at(to))
			VMOVDQU32(low, at(to).Offset(splitTile))
			ADDQ(imm(2*vectorBytes), from)
			ADDQ(imm(splitStep), to)
		})
		VMOVSS(s.reduce(VADDPS, vec{sum}), at(row).Offset(stateMore))
		ADDQ(imm(4), row)
		ADDQ(stride, scores)
		ADDQ(imm(vectorBytes), p)
	})
	factor, next, sum := s.reg(), s.reg(), s.reg()
	VMOVUPS(at(state).Offset(stateTop), factor)
	VMOVUPS(at(state).Offset(stateNext), next)
	VSUBPS(next, factor, factor)
	s.exp(vec{factor})
	VMOVUPS(at(state).Offset(stateMore), sum)
	VFMADD231PS(at(state).Offset(stateSum), factor, sum)
	VMOVUPS(next, at(state).Offset(stateTop))
	VMOVUPS(sum, at(state).Offset(stateSum))
	VMOVUPS(factor, at(state).Offset(stateFactor))
	done()
}

// scaleTile generates the scaling of sixteen rows by a factor each.
func scaleTile() {
	kernel("scaleTileAMX", "func(x *float32, vectors int, factors *float32)",
		"scaleTileAMX multiplies sixteen rows of 16·vectors numbers, one after the other, with a factor each:",
		`for i := range 256 * vectors {
			from(x, 0)[i] *= from(factors, 0)[i/(16*vectors)]
		}`)
	x, vectors, factors := param("x"), param("vectors"), param("factors")
	rows, n, factor, v := GP64(), GP64(), ZMM(), ZMM()
	MOVQ(U32(16), rows)
	loop("row", rows, func() {
		VBROADCASTSS(at(factors), factor)
		MOVQ(vectors, n)
		loop("vector", n, func() {
			VMULPS(at(x), factor, v)
			VMOVUPS(v, at(x))
			ADDQ(imm(vectorBytes), x)
		})
		ADDQ(imm(4), factors)
	})
	done()
}

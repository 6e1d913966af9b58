package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The bounds within which a block of activations is quantized, as the bits of a
// float32; see kernel.quantizeGo.
const (
	quantBits = 14
	exponent  = 23 // its lowest bit
	roundUp   = 1 << (exponent - quantBits - 1)
	infinite  = (127 + 100) << exponent // 2^100
	tiny      = (127 - 100) << exponent // 2^−100
)

// quantize generates the quantization of activations to 16 bits.
func quantize(s isa) {
	if s.wide() {
		quantizeWide()
		return
	}
	quantizeText(s)
	q, x, blocks := param("q"), param("x"), param("blocks")
	mask := s.vec()
	bits := GP32()
	MOVL(U32(math.MaxInt32), bits)
	VMOVD(bits, mask[0].AsX())
	VPBROADCASTD(mask[0].AsX(), mask[0])
	mask = vec{mask[0], mask[0]}[:s.regs]
	limit := GP32()

	loop("block", blocks, func() {
		a, b, m, t := s.vec(), s.vec(), s.vec(), s.vec()
		s.load(at(x), a)
		s.load(at(x).Offset(vectorBytes), b)
		for i := range a {
			s.and(mask[i], a[i], m[i])
			s.and(mask[i], b[i], t[i])
			VPMAXUD(t[i], m[i], m[i])
		}
		top := s.reduce(VPMAXUD, m) // as integers, for so a NaN is the greatest
		scale, inverse := XMM(), XMM()
		VMOVD(top, bits)
		MOVL(U32(infinite), limit)
		CMPL(bits, limit)
		JAE(LabelRef("notFinite"))
		CMPL(bits, U32(tiny))
		JB(LabelRef("zero"))
		ADDL(U32(roundUp), bits)
		ANDL(U32(0xff<<exponent), bits)
		SUBL(U32(quantBits<<exponent), bits)
		VMOVD(bits, scale)
		MOVL(U32(2*127<<exponent), limit)
		SUBL(bits, limit)
		VMOVD(limit, inverse)
		JMP(LabelRef("scaled"))
		Label("notFinite")
		MOVL(U32(math.Float32bits(float32(math.NaN()))), bits)
		VMOVD(bits, scale)
		VPXOR(inverse, inverse, inverse)
		JMP(LabelRef("scaled"))
		Label("zero")
		VPXOR(scale, scale, scale)
		VPXOR(inverse, inverse, inverse)
		Label("scaled")
		VMOVSS(scale, at(q).Offset(recScale))
		by := s.reg()
		VBROADCASTSS(inverse, by)
		for i := range a {
			VMULPS(by, a[i], a[i])
			VMULPS(by, b[i], b[i])
			VCVTPS2DQ(a[i], a[i])
			VCVTPS2DQ(b[i], b[i])
		}
		for h, v := range []vec{a, b} {
			p := YMM()
			VPACKSSDW(v[1], v[0], p)
			VPERMQ(Imm(0b11_01_10_00), p, p)
			VMOVDQU(p, at(q).Offset(32*h))
		}
		first, second, whole, product := s.reduce(VPADDD, a), s.reduce(VPADDD, b), XMM(), XMM()
		VPADDD(first, second, whole)
		for i, sum := range []Op{whole, first, second} {
			n := GP32()
			VMOVD(sum, n)
			NEGL(n)
			MOVL(n, at(q).Offset(recNegative+4*i))
			VCVTDQ2PS(sum, product)
			VMULSS(scale, product, product)
			VMOVSS(product, at(q).Offset(recSum+4*i))
		}
		ADDQ(imm(2*vectorBytes), x)
		ADDQ(imm(xBytes), q)
	})
	done()
}

// quantizeText begins a quantization's kernel.
func quantizeText(s isa) {
	kernel("quantize"+s.name, "func(q *byte, x *float32, blocks int)",
		"quantize"+s.name+" turns blocks of 32 activations into 16-bit numbers, a scale and sums:",
		`for b := range blocks {
			values, a := from(x, 128*b)[:32], quantized(q, 0, b)
			scale := blockScale(values)
			var sums [2]int32
			for i, v := range values {
				a.Q[i] = 0
				if scale > 0 {
					a.Q[i] = int16(nearest(v / scale))
				}
				sums[i/16] += int32(a.Q[i])
			}
			a.Scale = scale
			for i, sum := range [3]int32{sums[0] + sums[1], sums[0], sums[1]} {
				a.Negative[i], a.Sum[i] = -sum, scale*float32(sum)
			}
		}`,
		`The scale is the power of two that makes the greatest magnitude a number from 2^14 to 2^15. A block with a NaN or a
magnitude from 2^100 on gets the scale NaN; one with nothing from 2^−100 on is zero.`)
}

// quantizeWide is quantize for AVX-512. A scale never leaves the vector registers,
// so that the processor can work on several blocks at once.
func quantizeWide() {
	s := avx512
	quarters := GLOBL("quantizeQuarters", constAttrs)
	for i, q := range []uint64{0, 2, 4, 6, 1, 3, 5, 7} {
		DATA(8*i, U64(q))
	}
	quantizeText(s)
	q, x, blocks := param("q"), param("x"), param("blocks")
	constant := func(v uint32, dst reg.VecVirtual) reg.VecVirtual {
		r := GP32()
		MOVL(U32(v), r)
		VPBROADCASTD(r, dst)
		return dst
	}
	mask, ones := constant(math.MaxInt32, ZMM()), constant(1<<16|1, ZMM())
	half, power := constant(roundUp, XMM()), constant(0xff<<exponent, XMM())
	toScale, fromScale := constant(quantBits<<exponent, XMM()), constant(2*127<<exponent, XMM())
	least, span, none := constant(tiny, XMM()), constant(infinite-tiny, XMM()), constant(math.Float32bits(float32(math.NaN())), XMM())
	order, zero := ZMM(), XMM()
	VMOVDQU64(quarters, order)
	VPXOR(zero, zero, zero)
	a, b, t, above, scale, inverse := ZMM(), ZMM(), ZMM(), XMM(), XMM(), XMM()
	loop("block", blocks, func() {
		VMOVUPS(at(x), a)
		VMOVUPS(at(x).Offset(vectorBytes), b)
		m := ZMM()
		VPANDD(mask, a, m)
		VPANDD(mask, b, t)
		VPMAXUD(t, m, m)
		top := s.reduce(VPMAXUD, vec{m}).AsX() // as integers, for so a NaN is the greatest
		usual := K()
		VPSUBD(least, top, above)
		VPCMPUD(Imm(1), span, above, usual) // above < span
		VPADDD(half, top, scale)
		VPANDD(power, scale, scale)
		VPSUBD(toScale, scale, scale)
		VPSUBD(scale, fromScale, inverse)
		bits := GP32()
		KMOVW(usual, bits)
		TESTL(U32(1), bits)
		JE(LabelRef("unusual"))
		Label("scaled")
		by := ZMM()
		VBROADCASTSS(inverse, by)
		VMULPS(by, a, a)
		VMULPS(by, b, b)
		VCVTPS2DQ(a, a)
		VCVTPS2DQ(b, b)
		VPACKSSDW(b, a, t)
		VPERMQ(t, order, t)
		VMOVDQU64(t, at(q))
		VMOVSS(scale, at(q).Offset(recScale))
		// The sums of the halves of the block are those of the halves of a vector.
		VPMADDWD(ones, t, t)
		VPSHUFD(Imm(0b01_00_11_10), t, a)
		VPADDD(a, t, t)
		VPSHUFD(Imm(0b10_11_00_01), t, a)
		VPADDD(a, t, t)
		VPERMQ(Imm(0b01_00_11_10), t, a)
		VPADDD(a, t, t)
		second, sums, whole := YMM(), XMM(), XMM()
		VEXTRACTI64X4(Imm(1), t, second)
		VPADDD(second.AsX(), t.AsX(), whole)
		VPUNPCKLDQ(second.AsX(), t.AsX(), sums)
		VPSHUFD(Imm(0b01_01_00_00), sums, sums)
		VPBLENDD(Imm(1), whole, sums, sums)
		VPSUBD(sums, zero, whole)
		VMOVDQU(whole, at(q).Offset(recNegative)) // and over the first of the next
		VCVTDQ2PS(sums, sums)
		VBROADCASTSS(scale, whole)
		VMULPS(whole, sums, sums)
		VMOVUPS(sums, at(q).Offset(recSum))
		ADDQ(imm(2*vectorBytes), x)
		ADDQ(imm(xBytes), q)
	})
	done()
	Label("unusual")
	VPXOR(inverse, inverse, inverse)
	below := XMM()
	VPCMPGTD(above, zero, below)
	VPANDN(none, below, scale)
	JMP(LabelRef("scaled"))
}

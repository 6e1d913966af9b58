package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
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
	TEXT("quantize"+s.name, attrs, "func(q *byte, x *float32, blocks int)")
	Pragma("noescape")
	Doc(
		"quantize"+s.name+" turns blocks of 32 activations into 16-bit numbers, a scale and sums:",
		"",
		"	scale := the power of two with 2^14 ≤ round(max|x| / scale) < 2^15",
		"	Q[i] = round(x[i] / scale), ties to even",
		"	Scale, Negative, Sum = scale, {−ΣQ, −ΣQ[:16], −ΣQ[16:]}, {scale·ΣQ, scale·ΣQ[:16], scale·ΣQ[16:]}",
		"",
		"A block with a NaN or a magnitude from 2^100 on gets the scale NaN; one with nothing from 2^−100 on is zero.",
	)
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
			if s.wide() {
				VPMOVDW(v[0], at(q).Offset(32*h))
				continue
			}
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

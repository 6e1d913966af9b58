package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Numbers of 16 bits in fixed point are 256·high + low, both signed bytes. Of the four
// products of two such numbers AMX computes three, in integers of 32 bits (Intel's
// manual, volume 2, TDPBSSD); that of the low bytes is no greater than what rounding to
// 16 bits loses. A row of weights has one scale, and its groups' scales are in the
// numbers: so a tile of sums stays in its register for all columns.

// The layout of a step: 64 columns of a band of sixteen rows of activations, or of a
// tile of weights (kernel.bandStep has the words).
const (
	fixedTile = bunchRows * vectorBytes // 16 rows of 64 bytes
	fixedStep = 2 * fixedTile           // high bytes and low bytes
	// fixedBeside is where the second of two tiles that are multiplied together is
	// expanded: behind as many steps as a part has at most (kernel.partSteps).
	fixedBeside = 6 * fixedStep
)

// vpshrdd appends VPSHRDD, which avo does not know: dst = (high:low) >> n in lanes of
// 32 bits (Intel's manual, AVX512_VBMI2).
func vpshrdd(n, high, low, dst Op) {
	Instruction(&ir.Instruction{
		Opcode: "VPSHRDD", Operands: []Op{n, high, low, dst},
		Inputs: []Op{high, low}, Outputs: []Op{dst}, ISA: []string{"AVX512_VBMI2"},
	})
}

// broadcast sets all lanes of 32 bits to a constant.
func broadcast(value uint32) reg.VecVirtual {
	r, v := GP32(), ZMM()
	MOVL(U32(value), r)
	VPBROADCASTD(r, v)
	return v
}

// fixedMagnitude generates the search for a row's greatest magnitude.
func fixedMagnitude() {
	kernel("magnitudeAMX", "func(x *float32, vectors int) uint32",
		"magnitudeAMX returns the bits of the greatest magnitude of 16·vectors numbers; one that is no number is the greatest:",
		`var most uint32
		for _, v := range from(x, 0)[:16*vectors] {
			most = max(most, math.Float32bits(v)&math.MaxInt32)
		}
		return most`)
	x, n := param("x"), param("vectors")
	most, v, mask := ZMM(), ZMM(), broadcast(math.MaxInt32)
	avx512.clear(most)
	loop("vector", n, func() {
		VPANDD(at(x), mask, v)
		VPMAXUD(v, most, most)
		ADDQ(imm(vectorBytes), x)
	})
	top := avx512.reduce(VPMAXUD, vec{most})
	r := GP32()
	VMOVD(top, r)
	Store(r, ReturnIndex(0))
	done()
}

// fixedRow generates the writing of a row of activations into its band.
func fixedRow() {
	kernel("fixedRowAMX", "func(line *byte, x *float32, inverse float32, steps int)",
		"fixedRowAMX writes 64·steps numbers of a row, in fixed point, to its line in a band:",
		with(`for i, v := range from(x, 0)[:64*steps] {
			n := nearest(fma(v, inverse, 128))
			high := STEP*(i/64) + i%64
			as[byte](line, high)[0], as[byte](line, high+LOW)[0] = byte(n>>8), byte(n^128)
		}`, "STEP", itoa(fixedStep), "LOW", itoa(fixedTile)))
	line, x, steps := param("line"), param("x"), param("steps")
	inverse := ZMM()
	inv := Load(Param("inverse"), XMM()).(reg.VecVirtual)
	VBROADCASTSS(inv, inverse)
	bias, sign := broadcast(math.Float32bits(128)), broadcast(128)
	loop("step", steps, func() {
		for i := range 4 {
			v := ZMM()
			VMOVUPS(at(x).Offset(i*vectorBytes), v)
			VFMADD213PS(bias, inverse, v)
			VCVTPS2DQ(v, v)
			low := ZMM()
			VPXORD(sign, v, low)
			VPMOVDB(low, at(line).Offset(fixedTile+16*i))
			VPSRLD(Imm(8), v, v)
			VPMOVDB(v, at(line).Offset(16*i))
		}
		ADDQ(imm(4*vectorBytes), x)
		ADDQ(imm(fixedStep), line)
	})
	done()
}

// fixedTable declares the sixteen numbers of four bits, less an offset, in float32.
func fixedTable(l layout) Mem {
	m := GLOBL("floats"+l.name, constAttrs)
	for i := 0; i < 16; i += 2 {
		a, b := math.Float32bits(float32(i-l.offset)), math.Float32bits(float32(i+1-l.offset))
		DATA(4*i, U64(uint64(b)<<32|uint64(a)))
	}
	return m
}

// fixedShuffles declares how the bytes of two packed vectors of four columns are put
// together: those of columns 0 and 1 as low, low, high, high for each row, and those
// of columns 2 and 3 the other way round.
func fixedShuffles() (first, second Mem) {
	declare := func(name string, order [4]int) Mem {
		m := GLOBL(name, constAttrs)
		for i := 0; i < 64; i += 8 {
			var v uint64
			for j := range 8 {
				row, b := (i+j)%16/4, order[(i+j)%4]
				at := b%2*8 + 2*row + b/2 // the second column's numbers are behind the first's
				v |= uint64(at) << (8 * j)
			}
			DATA(i, U64(v))
		}
		return m
	}
	return declare("lowFirst", [4]int{0, 1, 2, 3}), declare("highFirst", [4]int{2, 3, 0, 1})
}

// fixedWeights generates the expansion of a tile of weights to fixed point.
func fixedWeights(l layout, lowFirst, highFirst Mem) {
	s := avx512
	nibbles := l.low == 4 && l.high == 0
	var memory Mem
	if nibbles {
		memory = fixedTable(l)
	}
	number, added := "w.q(row, k%32)", "128"
	switch {
	case l.mins:
		added = "fma(w.m(row, G), inv, 128)"
	case nibbles:
		number += l.less()
	case l.offset != 0:
		added = fmt.Sprintf("fma(-%d, scale, 128)", l.offset)
	}
	kernel("fixedTile"+l.name+"AMX", "func(panel *byte, tile *byte, steps int, inverse *float32)",
		fmt.Sprintf("fixedTile%sAMX expands 64·steps columns of a tile, whose offset is %d, to fixed point:", l.name, l.offset),
		with(with(`for row, inv := range from(inverse, 0)[:16] {
			for k := range 64 * steps {
				w := weights(LAYOUT, tile, 0, k/32)
				scale := w.d(row, G) * inv
				n := nearest(fma(float32(NUMBER), scale, ADDED))
				high := STEP*(k/64) + 64*(k%64/4) + 4*row + k%4
				as[byte](panel, high)[0], as[byte](panel, high+LOW)[0] = byte(n>>8), byte(n^128)
			}
		}`, "LAYOUT", l.word(), "NUMBER", number, "ADDED", added, "STEP", itoa(fixedStep), "LOW", itoa(fixedTile)),
			", G)", when(l.groups() == 1, ", 0)")+when(l.groups() == 2, ", k%32/16)")))
	panel, quants, steps, inverse := param("panel"), param("tile"), param("steps"), param("inverse")
	u := newUnpacker(s, l, quants)
	inv := s.reg()
	VMOVUPS(at(inverse), inv)
	bias, sign, lower := broadcast(math.Float32bits(128)), broadcast(0x80808080), broadcast(0xffff)
	first, second, table := s.reg(), s.reg(), s.reg()
	VMOVDQU64(lowFirst, first)
	VMOVDQU64(highFirst, second)
	var offset reg.VecVirtual
	switch {
	case nibbles:
		VMOVUPS(memory, table)
	case l.offset != 0:
		offset = broadcast(math.Float32bits(float32(l.offset)))
	}
	loop("step", steps, func() {
		for half := range 2 {
			for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes {
				PREFETCHT0(at(quants).Offset(prefetchBytes + i*vectorBytes))
			}
			d, m := s.vec(), s.vec()
			added := bias
			var number [4]reg.VecVirtual
			for i := range pairs {
				if inGroup := pairs / l.groups(); i%inGroup == 0 {
					g := i / inGroup
					s.scales(l, l.blockAt(at(quants), half), g, 0, d)
					VMULPS(inv, d[0], d[0])
					switch {
					case l.mins:
						s.scales(l, l.blockAt(at(quants), half), g, 1, m)
						VFMADD213PS(bias, inv, m[0])
						added = m[0]
					case offset != nil:
						VMOVAPS(bias, m[0])
						VFNMADD231PS(offset, d[0], m[0])
						added = m[0]
					}
				}
				pair := number[i%2*2:][:2]
				pair[0], pair[1] = s.reg(), s.reg() // even and odd
				if nibbles {
					if i%4 == 0 {
						VMOVDQU32(at(quants).Offset(i/4*vectorBytes), u.low[0])
					}
					for p, n := range pair { // of an index, the lowest four bits count
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
					VPANDD(lower, v[0], pair[0])
					VPSRLD(Imm(16), v[0], pair[1])
					for _, n := range pair {
						VCVTDQ2PS(n, n)
					}
				}
				for _, n := range pair {
					VFMADD213PS(added, d[0], n)
					VCVTPS2DQ(n, n)
				}
				VPACKSSDW(pair[1], pair[0], pair[0])
				if i%2 == 0 {
					continue
				}
				a, b, low := number[0], number[2], s.reg()
				VPSHUFB(first, a, a)
				VPSHUFB(second, b, b)
				VMOVDQA64(a, low)
				VPTERNLOGD(Imm(0xe4), lower, b, low) // lower ? low : b
				VPXORD(sign, low, low)
				vpshrdd(Imm(16), b, a, a)
				line := half*fixedTile/2 + i/2*vectorBytes
				VMOVDQU32(a, at(panel).Offset(line))
				VMOVDQU32(low, at(panel).Offset(fixedTile+line))
			}
			ADDQ(imm(l.blockBytes()), quants)
		}
		ADDQ(imm(fixedStep), panel)
	})
	done()
}

// fullTiles declares the shapes of eight tiles of sixteen lines of 64 bytes.
func fullTiles() Mem {
	m := GLOBL("fullTiles", constAttrs)
	for i := 0; i < 64; i += 8 {
		v := uint64(0)
		switch {
		case i == 0:
			v = 1 // palette
		case i >= 16 && i < 32:
			v = 0x0040_0040_0040_0040 // bytes of a line
		case i == 48:
			v = 0x10_10_10_10_10_10_10_10 // lines
		}
		DATA(i, U64(v))
	}
	return m
}

// fixedGemm generates the product of bands of fixed-point rows with two tiles of
// weights: those stay in the first-level cache, and each tile of a band is taken out of
// the second-level cache once for both. While a band is multiplied, two rows a step of
// the sums of the band before are scaled and stored: the tiles leave a port free for that.
func fixedGemm() {
	config := fullTiles()
	kernel("fixedGemmAMX", "func(out *float32, outStride int, panel *byte, x *byte, xStride, bands, steps int, scales *float32, factors *float32, sums *float32, later int)",
		fmt.Sprintf(`fixedGemmAMX computes the %d outputs of two tiles, which are expanded %d bytes apart, for bands of %d rows of
activations, which lie xStride bytes apart; outStride in bytes too. With later it adds to what is there:`, 2*lanes, fixedBeside, bunchRows),
		with(`for r := range 16 * bands {
			for o := range 32 {
				var high, low int32
				for k := range 64 * steps {
					a := r/16*xStride + STEP*(k/64) + 64*(r%16) + k%64
					w := BESIDE*(o/16) + STEP*(k/64) + 64*(k%64/4) + 4*(o%16) + k%4
					aHigh, aLow := int32(as[int8](x, a)[0]), int32(as[int8](x, a+LOW)[0])
					wHigh, wLow := int32(as[int8](panel, w)[0]), int32(as[int8](panel, w+LOW)[0])
					high += aHigh * wHigh
					low += aLow*wHigh + aHigh*wLow
				}
				total := fma(256, float32(high), float32(low)) * from(scales, 0)[o]
				if later != 0 {
					from(out, r*outStride)[o] = fma(total, from(factors, 0)[r], from(out, r*outStride)[o])
				} else {
					from(out, r*outStride)[o] = total * from(factors, 0)[r]
				}
			}
		}`, "STEP", itoa(fixedStep), "BESIDE", itoa(fixedBeside), "LOW", itoa(fixedTile)),
		"sums is room for the sums of a band, which are integers.")
	LEAQ(config, amxSums)
	tileConfig()
	out, outStride, x := param("out"), param("outStride"), param("x")
	bands, factors := param("bands"), param("factors")
	argument := func(name string) Mem {
		b, err := Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		return b.Addr
	}
	MOVQ(U32(vectorBytes), amxStep)
	Load(Param("sums"), amxSums)
	shift := broadcast(math.Float32bits(256))
	scales := [2]reg.VecVirtual{ZMM(), ZMM()}
	r := param("scales")
	for t, scale := range scales {
		VMOVUPS(at(r).Offset(t*vectorBytes), scale)
	}
	// rows are those of the band before that are left; line is the next one's sums.
	rows, line, n := GP64(), GP64(), GP64()
	XORQ(rows, rows)
	MOVQ(amxSums, line)
	finish := func(name string, count int) {
		one := func(i int, add bool) {
			var factor reg.VecVirtual
			if add {
				factor = ZMM()
				VBROADCASTSS(at(factors).Offset(4*i), factor)
			}
			for t, scale := range scales {
				z, y := ZMM(), ZMM()
				VCVTDQ2PS(at(line).Offset(t*fixedTile+i*vectorBytes), z)
				VCVTDQ2PS(at(line).Offset((2+t)*fixedTile+i*vectorBytes), y)
				VFMADD231PS(shift, z, y)
				VMULPS(scale, y, y)
				to := at(out).Offset(t * vectorBytes)
				if add {
					VFMADD213PS(to, factor, y)
				} else {
					VMULPS_BCST(at(factors).Offset(4*i), y, y)
				}
				VMOVUPS(y, to)
				PREFETCHT1(to.Offset(2 * vectorBytes)) // where the next tiles' outputs go
			}
			ADDQ(outStride, out)
		}
		CMPQ(argument("later"), Imm(0))
		JNE(LabelRef(name + "_later"))
		for i := range count {
			one(i, false)
		}
		JMP(LabelRef(name + "_done"))
		Label(name + "_later")
		for i := range count {
			one(i, true)
		}
		Label(name + "_done")
		ADDQ(imm(4*count), factors)
		ADDQ(imm(count*vectorBytes), line)
		SUBQ(imm(count), rows)
	}
	const high0, high1, low0, low1 = 0, 1, 2, 3 // the sums
	keep := func(t int) { tileStore(t, amxSums, t*fixedTile) }
	// A tile of sums comes back to its place for the next product after two others at
	// least, which is nearly as long as one takes.
	products := func(before func(t int)) {
		const xHigh, xLow, w0, w1 = 4, 5, 6, 7
		tileLoad(xHigh, amxX, 0)
		tileLoad(w0, amxNumbers, 0)
		before(high0)
		tileDotBytes(high0, xHigh, w0, signedBoth)
		tileLoad(xLow, amxX, fixedTile)
		before(low0)
		tileDotBytes(low0, xLow, w0, signedBoth)
		tileLoad(w1, amxNumbers, fixedBeside)
		before(low1)
		tileDotBytes(low1, xLow, w1, signedBoth)
		before(high1)
		tileDotBytes(high1, xHigh, w1, signedBoth)
		tileLoad(w0, amxNumbers, fixedTile)
		tileDotBytes(low0, xHigh, w0, signedBoth)
		tileLoad(w1, amxNumbers, fixedBeside+fixedTile)
		tileDotBytes(low1, xHigh, w1, signedBoth)
		ADDQ(imm(fixedStep), amxX)
		ADDQ(imm(fixedStep), amxNumbers)
	}
	const inStep = 2
	loop("band", bands, func() {
		MOVQ(x, amxX)
		MOVQ(argument("panel"), amxNumbers)
		MOVQ(argument("steps"), n)
		// What is stored is the sums of the band before, if there was one.
		products(func(t int) {
			keep(t)
			tileZero(t)
		})
		MOVQ(amxSums, line)
		DECQ(n)
		loop("step", n, func() {
			products(func(int) {})
			TESTQ(rows, rows)
			JE(LabelRef("none"))
			finish("some", inStep)
			Label("none")
		})
		Label("rest")
		TESTQ(rows, rows)
		JE(LabelRef("finished"))
		finish("others", inStep)
		JMP(LabelRef("rest"))
		Label("finished")
		MOVQ(U32(bunchRows), rows)
		ADDQ(argument("xStride"), x)
	})
	for t := range 4 {
		keep(t)
	}
	MOVQ(amxSums, line)
	Label("last")
	TESTQ(rows, rows)
	JE(LabelRef("end"))
	finish("end", inStep)
	JMP(LabelRef("last"))
	Label("end")
	tileRelease()
	done()
}

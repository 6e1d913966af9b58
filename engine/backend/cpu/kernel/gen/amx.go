package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// AMX multiplies tiles of 8-bit numbers (Intel's manual, volume 2, TDPBSSD and
// TDPBUSD). A 16-bit activation is 256·high + low, the high byte signed and
// the low one not, so two products give the same exact sums as VPDPWSSD.

// The layout of a block of a bunch of activations (kernel.bunch has the words).
const (
	bunchRows   = 16
	bunchHigh   = 32                      // behind the low bytes of a row
	bunchScale  = bunchRows * vectorBytes // float32, a number a row
	bunchSum    = bunchScale + vectorBytes
	bunchBytes  = bunchSum + 3*vectorBytes
	sumsBytes   = bunchRows * vectorBytes // a tile of sums
	numberBytes = 32 * lanes              // a block of an expanded tile, in bytes
	// amxAheadBytes is how much of the next tile is asked for in each block: all
	// of it by the first bunch, for there may be no other.
	amxAheadBytes = 384
)

// The tiles' registers. Sums are there twice, so that one block is multiplied
// while the sums of the one before are scaled.
const (
	tileLow, tileHigh, tileNumbers = 0, 1, 2
	tileSums                       = 4 // low and high, low and high
)

// The registers that the tiles' instructions take: the assembler does not know
// them, so they are written in bytes, with these registers in them.
var (
	amxX       = reg.RSI
	amxNumbers = reg.RDI
	amxSums    = reg.RBX
	amxStep    = reg.RDX // 64
)

// instructionBytes appends an instruction in bytes that reads some registers.
func instructionBytes(reads []reg.GPPhysical, code ...byte) {
	for i, b := range code {
		in := &ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}}
		if i == 0 {
			for _, r := range reads {
				in.Inputs = append(in.Inputs, r)
			}
		}
		Instruction(in)
	}
}

// vex3 is the prefix of the instructions of map 0F38: pp 0 none, 1 66, 2 F3, 3 F2.
func vex3(v, pp byte) []byte { return []byte{0xc4, 0xe2, (^v&0xf)<<3 | pp} }

// tileMemory is TILELOADD (pp 3) or TILESTORED (pp 2) with lines amxStep apart.
func tileMemory(pp byte, tile int, base reg.GPPhysical, disp int) {
	code := append(vex3(0, pp), 0x4b, 0x84|byte(tile)<<3, 2<<3|baseCode(base))
	code = append(code, byte(disp), byte(disp>>8), byte(disp>>16), byte(disp>>24))
	instructionBytes([]reg.GPPhysical{base, amxStep}, code...)
}

// baseCode is the number of a register in an instruction.
func baseCode(r reg.GPPhysical) byte {
	switch r {
	case amxX:
		return 6
	case amxNumbers:
		return 7
	case amxSums:
		return 3
	}
	panic("not a register of the tiles' instructions")
}

func tileLoad(tile int, base reg.GPPhysical, disp int)  { tileMemory(3, tile, base, disp) }
func tileStore(tile int, base reg.GPPhysical, disp int) { tileMemory(2, tile, base, disp) }

// tileZero is TILEZERO.
func tileZero(tile int) { instructionBytes(nil, append(vex3(0, 3), 0x49, 0xc0|byte(tile)<<3)...) }

// tileDot is TDPBSSD (pp 3) or, with a unsigned, TDPBUSD (pp 1): sums += a·b.
func tileDot(pp byte, sums, a, b int) {
	instructionBytes(nil, append(vex3(byte(b), pp), 0x5e, 0xc0|byte(sums)<<3|byte(a))...)
}

// tileConfig is LDTILECFG from amxSums.
func tileConfig() {
	instructionBytes([]reg.GPPhysical{amxSums}, append(vex3(0, 0), 0x49, 3)...)
}

// tileRelease is TILERELEASE.
func tileRelease() { instructionBytes(nil, append(vex3(0, 0), 0x49, 0xc0)...) }

// amxConfigs are the tiles' shapes for groups of so many columns.
var amxConfigs = map[int]Mem{}

// amxConfig declares the tiles' shapes for groups of so many columns.
func amxConfig(group int) Mem {
	m := GLOBL(fmt.Sprintf("tiles%d", group), constAttrs)
	var c [64]byte
	c[0] = 1 // palette
	shape := func(tile, rows, bytes int) { c[16+2*tile], c[48+tile] = byte(bytes), byte(rows) }
	shape(tileLow, bunchRows, group)
	shape(tileHigh, bunchRows, group)
	shape(tileNumbers, group/4, vectorBytes)
	for i := range 4 {
		shape(tileSums+i, bunchRows, vectorBytes)
	}
	for i := 0; i < 64; i += 8 {
		var v uint64
		for j := range 8 {
			v |= uint64(c[i+j]) << (8 * j)
		}
		DATA(i, U64(v))
	}
	return m
}

// gemmAMX generates the product of bunches of sixteen quantized rows with a
// tile expanded to bytes.
func gemmAMX(group int, mins bool) {
	s, l := avx512, layout{group: group, mins: mins, wide: true}
	config := amxConfigs[group]
	name := fmt.Sprintf("gemm%d", group)
	if mins {
		name += "Min"
	}
	TEXT(name+"AMX", attrs, "func(out *float32, outStride int, numbers *int8, scales *float32, x *byte, bunches, blocks int, sums *int32, ahead *byte)")
	Pragma("noescape")
	Doc(
		fmt.Sprintf("%sAMX computes the %d outputs of a tile for bunches of %d rows of activations; outStride in bytes:", name, lanes, bunchRows),
		"",
		"	for r := range 16·bunches {",
		"		for b := range blocks {",
		fmt.Sprintf("			for g := range %d {", l.groups()),
		fmt.Sprintf("				sum := 256·Σ numbers[k][o]·x[r][b].high[k] + Σ numbers[k][o]·x[r][b].low[k] over the %d columns of the group", group),
		"				out[r][o] = fma(float32(sum)·x[r][b].Scale, d[b][g][o], out[r][o])",
		map[bool]string{true: "				out[r][o] = fma(m[b][g][o], x[r][b].Sum[g], out[r][o])", false: "				// no minima"}[mins],
		"			}", "		}", "	}", "",
		"sums is room for four tiles of sums. Meanwhile the next tile is read from ahead on.",
	)
	out, bunches := param("out"), param("bunches")
	LEAQ(config, amxSums)
	tileConfig()
	Load(Param("x"), amxX)
	Load(Param("sums"), amxSums)
	MOVQ(U32(vectorBytes), amxStep)
	kinds := l.groupBytes() / l.scaleBytes()

	loop("bunch", bunches, func() {
		Load(Param("numbers"), amxNumbers)
		ahead := param("ahead")
		scales, blocks := param("scales"), param("blocks")
		total := make([]reg.VecVirtual, bunchRows)
		for r := range total {
			total[r] = s.reg()
			s.clear(total[r])
		}
		multiply := func(set, block, g int) {
			a, b, sums := block*bunchBytes+g*group, block*numberBytes+g*group*lanes, tileSums+2*set
			tileLoad(tileNumbers, amxNumbers, b)
			tileLoad(tileLow, amxX, a)
			tileLoad(tileHigh, amxX, a+bunchHigh)
			tileZero(sums)
			tileZero(sums + 1)
			tileDot(1, sums, tileLow, tileNumbers)
			tileDot(3, sums+1, tileHigh, tileNumbers)
		}
		keep := func(set int) {
			for i := 2 * set; i < 2*set+2; i++ {
				tileStore(tileSums+i, amxSums, i*sumsBytes)
			}
		}
		d, m := s.vec(), s.vec()
		finish := func(set, g int) {
			s.load(at(scales).Offset(g*kinds*vectorBytes), d)
			if l.mins {
				s.load(at(scales).Offset((g*kinds+1)*vectorBytes), m)
			}
			x := at(amxX)
			sum := bunchSum
			if l.groups() > 1 {
				sum += (1 + g) * vectorBytes
			}
			for r := range total {
				z := s.reg()
				VPSLLD(Imm(8), at(amxSums).Offset((2*set+1)*sumsBytes+r*vectorBytes), z)
				VPADDD(at(amxSums).Offset(2*set*sumsBytes+r*vectorBytes), z, z)
				VCVTDQ2PS(z, z)
				VMULPS_BCST(x.Offset(bunchScale+4*r), z, z)
				VFMADD231PS(d[0], z, total[r])
				if l.mins {
					VFMADD231PS_BCST(x.Offset(sum+4*r), m[0], total[r])
				}
			}
		}
		next := func() {
			for i := range amxAheadBytes / vectorBytes {
				PREFETCHT1(at(ahead).Offset(i * vectorBytes))
			}
			ADDQ(imm(amxAheadBytes), ahead)
			ADDQ(imm(bunchBytes), amxX)
			ADDQ(imm(numberBytes), amxNumbers)
			ADDQ(imm(l.groups()*kinds*vectorBytes), scales)
		}
		// Three groups are under way at once: while the sums of one are scaled,
		// those of the next are stored, and those of the one after it are computed.
		// A store that came right behind its product would wait for it, and hold up
		// the stores and all that follow.
		multiply(0, 0, 0)
		keep(0)
		if groups := l.groups(); groups > 1 {
			multiply(1, 0, 1)
			DECQ(blocks)
			loop("block", blocks, func() {
				for g := range groups {
					keep(1 - g)
					multiply(g, 1, g)
					finish(g, g)
				}
				next()
			})
			keep(1)
			finish(0, 0)
			finish(1, 1)
			next()
		} else {
			step := func(set, left int) { // left: groups after this one, 2 for more
				if left > 0 {
					keep(1 - set)
				}
				if left > 1 {
					multiply(set, 2, 0)
				}
				finish(set, 0)
				next()
			}
			CMPQ(blocks, Imm(1))
			JE(LabelRef("last1"))
			multiply(1, 1, 0)
			Label("pair")
			CMPQ(blocks, Imm(4))
			JL(LabelRef("few"))
			step(0, 2)
			step(1, 2)
			SUBQ(Imm(2), blocks)
			JMP(LabelRef("pair"))
			Label("few")
			CMPQ(blocks, Imm(2))
			JE(LabelRef("last2"))
			step(0, 2)
			step(1, 1)
			step(0, 0)
			JMP(LabelRef("store"))
			Label("last2")
			step(0, 1)
			step(1, 0)
			JMP(LabelRef("store"))
			Label("last1")
			step(0, 0)
			Label("store")
		}
		stride := param("outStride")
		for r := range total {
			VMOVUPS(total[r], at(out))
			ADDQ(stride, out)
		}
	})
	tileRelease()
	done()
}

// expandAMX generates the expansion of a tile to bytes.
func expandAMX(l layout) {
	s := avx512
	TEXT("expand"+l.name+"AMX", attrs, "func(numbers *int8, scales *float32, tile *byte, blocks int)")
	Pragma("noescape")
	Doc(
		fmt.Sprintf("expand%sAMX expands a tile into 8-bit numbers with the offset of %d taken off, four columns of a row side by", l.name, l.offset),
		"side, and scales (and minima) in float32:",
		"",
		"	numbers[((b·8+j)·16 + row)·4 + i] = q[row][32·b + column(j, i)] − offset, column(j, i) = 8·(j/2) + 2·(j%2) + {0, 4, 1, 5}[i]",
		"	scales[((b·groups+g)·kinds+kind)·16 + row] = d or m[row][b][g]",
	)
	numbers, scales, quants, blocks := param("numbers"), param("scales"), param("tile"), param("blocks")
	u := newUnpacker(s, l, quants)
	offset, bytes := s.reg(), s.reg()
	if l.offset != 0 {
		u.broadcastWord(uint16(l.offset)<<8|uint16(l.offset), offset)
	}
	if l.low == 4 && l.high == 0 {
		u.broadcastWord(0x0f0f, bytes)
	}
	kinds := l.groupBytes() / l.scaleBytes()
	loop("block", blocks, func() {
		for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes {
			PREFETCHT0(at(quants).Offset(prefetchBytes + i*vectorBytes))
		}
		put := func(v reg.VecVirtual, i int) {
			if l.offset != 0 {
				VPSUBB(offset, v, v)
			}
			VMOVDQU32(v, at(numbers).Offset(i*vectorBytes))
		}
		w := []vec{s.vec(), s.vec(), s.vec(), s.vec()}
		for v := range pairs / 4 {
			if l.low == 4 && l.high == 0 {
				VPANDD(at(quants).Offset(v*vectorBytes), bytes, w[0][0])
				VPSRLW(Imm(4), at(quants).Offset(v*vectorBytes), w[1][0])
				VPANDD(bytes, w[1][0], w[1][0])
			} else {
				for i := range w {
					u.pair(4*v+i, w[i])
				}
				for i := range 2 {
					VPSLLW(Imm(8), w[i+2][0], w[i+2][0])
					VPORD(w[i+2][0], w[i][0], w[i][0])
				}
			}
			put(w[0][0], 2*v)
			put(w[1][0], 2*v+1)
		}
		d := s.vec()
		for g := range l.groups() * kinds {
			s.scales(l, at(quants).Offset(l.quantBytes()+g*l.scaleBytes()), d)
			s.store(d, at(scales).Offset(g*vectorBytes))
		}
		ADDQ(imm(l.blockBytes()), quants)
		ADDQ(imm(numberBytes), numbers)
		ADDQ(imm(l.groups()*kinds*vectorBytes), scales)
	})
	done()
}

// bunchAMX generates the writing of a quantized row into its place of a bunch.
func bunchAMX() {
	TEXT("bunchAMX", attrs, "func(bunch *byte, row int, x *byte, blocks int)")
	Pragma("noescape")
	Doc(
		"bunchAMX writes a quantized row to its place, 0 to 15, of a bunch:",
		"",
		"	low[b][row][k], high[b][row][k] = x[b].Q[column(k/4, k%4)] as two bytes, columns in the order of an expanded tile",
		"	scale[b][row], sum[b][0 … 2][row] = x[b].Scale, x[b].Sum",
	)
	// In eight columns: their low bytes and their high bytes, each in the order
	// of an expanded tile; then all low bytes of a block before the high ones.
	order := GLOBL("bunchOrder", constAttrs)
	for i := range 4 {
		DATA(16*i, U64(0x0e060c040a020800))
		DATA(16*i+8, U64(0x0f070d050b030901))
	}
	quarters := GLOBL("bunchQuarters", constAttrs)
	for i, q := range []uint64{0, 2, 4, 6, 1, 3, 5, 7} {
		DATA(8*i, U64(q))
	}
	bunch, row, x, blocks := param("bunch"), param("row"), param("x"), param("blocks")
	o, q, v := ZMM(), ZMM(), ZMM()
	VMOVDQU64(order, o)
	VMOVDQU64(quarters, q)
	line := GP64()
	MOVQ(row, line)
	SHLQ(Imm(6), line)
	ADDQ(bunch, line)
	loop("block", blocks, func() {
		VMOVDQU64(at(x), v)
		VPSHUFB(o, v, v)
		VPERMQ(v, q, v)
		VMOVDQU64(v, at(line))
		n := GP32()
		MOVL(at(x).Offset(recScale), n)
		MOVL(n, Mem{Base: bunch, Index: row, Scale: 4, Disp: bunchScale})
		for i := range 3 {
			MOVL(at(x).Offset(recSum+4*i), n)
			MOVL(n, Mem{Base: bunch, Index: row, Scale: 4, Disp: bunchSum + i*vectorBytes})
		}
		ADDQ(imm(xBytes), x)
		ADDQ(imm(bunchBytes), line)
		ADDQ(imm(bunchBytes), bunch)
	})
	done()
}

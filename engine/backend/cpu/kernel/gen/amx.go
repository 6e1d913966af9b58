package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// AMX multiplies tiles of bfloat16 and adds up in float32 (Intel's manual,
// volume 2, TDPBF16PS). A bfloat16 holds any number of eight bits, and an activation
// of 16 bits is two of them, 256·high and low, each times the block's scale, a
// power of two. As long as no sum of a group needs more than float32's 24 bits,
// nothing is rounded, in whatever order the processor adds: the sums are those of
// the other kernels to the bit, and come out scaled. Where numbers of the weights
// and activations are too large together, the sums of high and low are kept apart
// and are added, and rounded, in the end.

// The layout of a block of a bunch of activations (kernel.bunch has the words).
const (
	bunchRows  = 16
	bunchLow   = bunchRows * vectorBytes // behind the high parts
	bunchSum   = 2 * bunchRows * vectorBytes
	bunchBytes = bunchSum + 3*vectorBytes
	sumsBytes  = bunchRows * vectorBytes // a tile of sums
	// panelNumbers is a block of an expanded tile without its scales.
	panelNumbers = pairs * vectorBytes
	// amxAheadLines are asked for of the next panel in each step of the first bunch.
	amxAheadLines = 6
)

// The bits of a kernel's parameter part, twins of those of package kernel.
const (
	partLater = 0
	partMore  = 1
)

// The tiles' registers: two of activations, the weights', and the sums' of the
// steps that are under way, one after the other.
const tileHigh, tileLow, tileNumbers = 0, 1, 2

// sumTiles are the sums of a step, one or two, and of the steps after it.
func sumTiles(apart bool) [][]int {
	if apart { // both parts of the activations take tileHigh in turn
		return [][]int{{4, 5}, {6, 7}, {tileLow, 3}}
	}
	return [][]int{{4}, {5}, {6}, {7}}
}

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

// tileDot is TDPBF16PS: sums += a·b.
func tileDot(sums, a, b int) {
	instructionBytes(nil, append(vex3(byte(b), 2), 0x5c, 0xc0|byte(sums)<<3|byte(a))...)
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
	return amxShapes(fmt.Sprintf("tiles%d", group), 2*group, group/2)
}

// amxShapes declares the tiles' shapes: so many bytes in a line of activations, and so
// many lines of weights.
func amxShapes(name string, bytes, lines int) Mem {
	m := GLOBL(name, constAttrs)
	var c [64]byte
	c[0] = 1 // palette
	shape := func(tile, rows, bytes int) { c[16+2*tile], c[48+tile] = byte(bytes), byte(rows) }
	shape(tileHigh, bunchRows, bytes)
	shape(tileLow, bunchRows, bytes)
	shape(tileNumbers, lines, vectorBytes)
	for i := tileNumbers + 1; i < 8; i++ {
		shape(i, bunchRows, vectorBytes)
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

// apart says whether the sums of the high and low parts of a format are kept
// apart: whether 24 bits are too few for a group's sum.
func (l layout) apart() bool {
	most := max(l.offset, 1<<(l.low+l.high)-1-l.offset)
	return most<<15*l.group > 1<<24
}

// panelBytes is a block of an expanded tile.
func (l layout) panelBytes() int {
	return panelNumbers + l.groups()*l.kinds()*vectorBytes
}

// bfloatSum is the Go for the sum of a group of activations in bfloat16, whose high parts
// lie at an offset of x, times a number. Their parts' sums may have to be kept apart.
func bfloatSum(apart bool, number, high string) string {
	code := `var sum float32
	for COLUMNS {
		n := NUMBER
		sum += n*bfloat(as[uint16](x, HIGH)[k]) + n*bfloat(as[uint16](x, HIGH+1024)[k])
	}`
	if apart {
		code = `var sum, low float32
		for COLUMNS {
			n := NUMBER
			sum += n * bfloat(as[uint16](x, HIGH)[k])
			low += n * bfloat(as[uint16](x, HIGH+1024)[k])
		}
		sum += low`
	}
	return with(code, "NUMBER", number, "HIGH", high)
}

// gemmAMX generates the product of bunches of sixteen quantized rows with the
// expanded tiles of a panel.
//
// All groups of all blocks, tiles and bunches are one stream of steps. Of each
// step the products, the storing of the sums, and their adding up to the totals are
// some steps apart: a store that came right behind its product would wait for it,
// and hold up the stores and all that follow. While tiles are at work this
// processor's second unit for float32 products rests, and each store of a tile and
// each product takes sixteen turns of the other port, so what counts is how few
// instructions add up the sums: two for each vector, or one without minima.
//
// A profile has three quarters of the time at the tiles' loads, products and stores, and a
// quarter at the adding up. What gained nothing (medians of four rounds in turns, 480 rows
// with Q4_1, Q8_0 and Q4_K): two more steps between the storing of sums and their adding
// up, +1 to −5 %; asking for the next bunch's activations in each step, −5 to −10 %; asking
// for the lines of the outputs when a tile begins, +1 to −6 %. Bytes instead of bfloat16
// would need two tiles of sums for each step, of high and of low parts, and six
// instructions for each vector of them, as the fused kernels for Q8_0 have.
func gemmAMX(group int, mins, apart bool) {
	s, l := avx512, layout{group: group, mins: mins}
	config := amxConfigs[group]
	name := fmt.Sprintf("gemm%d", group)
	if mins {
		name += "Min"
	}
	if apart {
		name += "Apart"
	}
	kernel(name+"AMX", "func(out *float32, outStride int, panel *byte, x *byte, xStride, bunches, tiles, blocks int, sums, partial *float32, part int, ahead *byte)",
		fmt.Sprintf(`%sAMX computes the %d outputs of each of tiles tiles for bunches of %d rows of activations, which lie
xStride bytes apart; outStride in bytes too:`, name, lanes, bunchRows),
		with(`for r := range 16 * bunches {
			for t := range tiles {
				for o := range 16 {
					rest := &from(partial, 1024*(r/16*tiles+t)+64*(r%16))[o]
					var total float32
					if part&1 != 0 {
						total = *rest
					}
					for b := range blocks {
						w, high := PANEL*(t*blocks+b), r/16*xStride+BUNCH*b+64*(r%16)
						GROUPS
					}
					if part&2 != 0 {
						*rest = total
					} else {
						from(out, r*outStride)[16*t+o] = total
					}
				}
			}
		}`, "PANEL", itoa(l.panelBytes()), "BUNCH", itoa(bunchBytes), "GROUPS", l.perGroup(bfloatSum(apart,
			"bfloat(as[uint16](panel, w)[32*(k/2)+2*o+k%2])", "high")+
			fmt.Sprintf("\ntotal = fma(sum, as[float32](panel, w+%d)[%d*G+o], total)\n", panelNumbers, 16*l.kinds())+
			when(mins, fmt.Sprintf("total = fma(as[float32](panel, w+%d)[%d*G+o], as[float32](x, high-64*(r%%16)+LINE)[r%%16], total)", panelNumbers+64, 16*l.kinds())))),
		fmt.Sprintf(`Bit %d of part is later: there were blocks before these; bit %d more: others follow. sums is room for six
tiles of sums. Meanwhile the next panel is read from ahead on.`, partLater, partMore))
	groups, block := l.groups(), l.panelBytes()
	kinds := l.kinds()
	tiles := sumTiles(apart)
	// The products come ring-1 steps before their sums are added up, and their
	// storing one.
	ring := len(tiles)

	LEAQ(config, amxSums)
	tileConfig()
	Load(Param("sums"), amxSums)
	MOVQ(U32(vectorBytes), amxStep)
	Load(Param("x"), amxX)
	Load(Param("panel"), amxNumbers)
	local := func(compute func(r reg.GPVirtual)) Mem {
		m, r := AllocLocal(8), GP64()
		compute(r)
		MOVQ(r, m)
		return m
	}
	steps := local(func(r reg.GPVirtual) { // of a bunch and tile
		Load(Param("blocks"), r)
		if groups > 1 {
			SHLQ(Imm(1), r)
		}
	})
	xBack := local(func(r reg.GPVirtual) { // from the end of a bunch's blocks to their start
		Load(Param("blocks"), r)
		IMUL3Q(imm(bunchBytes), r, r)
	})
	xNext := local(func(r reg.GPVirtual) { // from there to the next bunch
		Load(Param("xStride"), r)
		SUBQ(xBack, r)
	})
	panelBack := local(func(r reg.GPVirtual) { // from the end of the panel to its start
		Load(Param("blocks"), r)
		IMUL3Q(imm(block), r, r)
		tiles := param("tiles")
		IMULQ(tiles, r)
	})
	outNext := local(func(r reg.GPVirtual) { // from a bunch's last tile to the next bunch's first
		Load(Param("outStride"), r)
		SHLQ(Imm(4), r)
		tiles := param("tiles")
		SHLQ(Imm(6), tiles)
		SUBQ(tiles, r)
		ADDQ(imm(vectorBytes), r)
	})
	tilesIn, tilesOut, bunchesIn := AllocLocal(8), AllocLocal(8), AllocLocal(8) // left for the products, for the totals
	move := func(name string, m Mem) {
		r := param(name)
		MOVQ(r, m)
	}
	move("tiles", tilesIn)
	move("tiles", tilesOut)
	move("bunches", bunchesIn)

	out, partial, ahead := param("out"), param("partial"), param("ahead")
	x, panel := GP64(), GP64() // those of the totals; amxX and amxNumbers are the products'
	MOVQ(amxX, x)
	MOVQ(amxNumbers, panel)
	stepsIn, stepsOut, left := GP64(), GP64(), GP64()
	MOVQ(steps, stepsIn)
	MOVQ(steps, stepsOut)
	MOVQ(stepsIn, left)
	IMULQ(tilesIn, left)
	IMULQ(bunchesIn, left)

	total := make([]reg.VecVirtual, bunchRows)
	for r := range total {
		total[r] = s.reg()
	}
	begin := func(label string) { // of a bunch and tile
		part := param("part")
		BTQ(Imm(partLater), part)
		JCS(LabelRef(label + "_later"))
		for r := range total {
			s.clear(total[r])
		}
		JMP(LabelRef(label + "_begun"))
		Label(label + "_later")
		for r := range total {
			VMOVUPS(at(partial).Offset(r*vectorBytes), total[r])
		}
		Label(label + "_begun")
	}
	slot := func(step, half int) int { return (step%ring*len(tiles[0]) + half) * sumsBytes }
	// The products of a step, and what follows the last of a tile.
	products := func(step int, keep func(half int)) {
		g, sums := step%groups, tiles[step%ring]
		tileLoad(tileHigh, amxX, g*2*group)
		tileLoad(tileNumbers, amxNumbers, g*group/2*vectorBytes)
		keep(0)
		tileZero(sums[0])
		tileDot(sums[0], tileHigh, tileNumbers)
		low := tileLow
		if apart {
			low = tileHigh
		}
		tileLoad(low, amxX, bunchLow+g*2*group)
		if apart {
			keep(1)
			tileZero(sums[1])
		}
		tileDot(sums[len(sums)-1], low, tileNumbers)
		if g == groups-1 {
			ADDQ(imm(bunchBytes), amxX)
			ADDQ(imm(block), amxNumbers)
		}
	}
	nextIn := func(back string) {
		MOVQ(steps, stepsIn)
		SUBQ(xBack, amxX)
		DECQ(tilesIn)
		JNE(LabelRef(back))
		move("tiles", tilesIn)
		SUBQ(panelBack, amxNumbers)
		// After the last bunch a few steps are taken ahead in vain, of that bunch.
		DECQ(bunchesIn)
		JLE(LabelRef(back))
		ADDQ(xBack, amxX)
		ADDQ(xNext, amxX)
		JMP(LabelRef(back))
	}
	keep := func(step int) func(half int) {
		return func(half int) { tileStore(tiles[step%ring][half], amxSums, slot(step, half)) }
	}
	none := func(int) {}
	d, m := s.reg(), s.reg()
	finish := func(step int) {
		g := step % groups
		scales := at(panel).Offset(panelNumbers + g*kinds*vectorBytes)
		VMOVUPS(scales, d)
		if mins {
			VMOVUPS(scales.Offset(vectorBytes), m)
		}
		sum := bunchSum
		if groups > 1 {
			sum += (1 + g) * vectorBytes
		}
		for r := range total {
			line := at(amxSums).Offset(slot(step, 0) + r*vectorBytes)
			if apart {
				z := s.reg()
				VMOVUPS(line, z)
				VADDPS(line.Offset(sumsBytes), z, z)
				VFMADD231PS(d, z, total[r])
			} else {
				VFMADD231PS(line, d, total[r])
			}
			if mins {
				VFMADD231PS_BCST(at(x).Offset(sum+4*r), m, total[r])
			}
		}
		if g == groups-1 {
			ADDQ(imm(bunchBytes), x)
			ADDQ(imm(block), panel)
		}
	}
	nextOut := func(name, back string) {
		part := param("part")
		BTQ(Imm(partMore), part)
		JCS(LabelRef(name + "_more"))
		stride, line := param("outStride"), GP64()
		MOVQ(out, line)
		for r := range total {
			VMOVUPS(total[r], at(line))
			ADDQ(stride, line)
		}
		JMP(LabelRef(name + "_kept"))
		Label(name + "_more")
		for r := range total {
			VMOVUPS(total[r], at(partial).Offset(r*vectorBytes))
		}
		Label(name + "_kept")
		ADDQ(U32(sumsBytes), partial)
		CMPQ(left, Imm(1))
		JE(LabelRef("done"))
		MOVQ(steps, stepsOut)
		DECQ(tilesOut)
		JE(LabelRef(name + "_bunch"))
		SUBQ(xBack, x)
		ADDQ(imm(vectorBytes), out)
		JMP(LabelRef(name + "_start"))
		Label(name + "_bunch")
		move("tiles", tilesOut)
		ADDQ(xNext, x)
		SUBQ(panelBack, panel)
		ADDQ(outNext, out)
		XORQ(ahead, ahead)
		Label(name + "_start")
		begin(name)
		JMP(LabelRef(back))
	}

	begin("first")
	for step := range ring - 1 {
		before := none
		if step >= ring-2 {
			before = keep(step - (ring - 2))
		}
		products(step, before)
		DECQ(stepsIn)
		JE(LabelRef(fmt.Sprintf("in%d", step)))
		Label(fmt.Sprintf("inDone%d", step))
	}
	unroll := ring // a whole number of blocks
	Label("step")
	for step := range unroll {
		ahead0 := fmt.Sprintf("read%d", step)
		TESTQ(ahead, ahead)
		JE(LabelRef(ahead0))
		for i := range amxAheadLines {
			PREFETCHT1(at(ahead).Offset(i * vectorBytes))
		}
		ADDQ(imm(amxAheadLines*vectorBytes), ahead)
		Label(ahead0)
		in := step + ring - 1
		products(in, keep(in-(ring-2)))
		DECQ(stepsIn)
		JE(LabelRef(fmt.Sprintf("in%d", in)))
		Label(fmt.Sprintf("inDone%d", in))
		finish(step)
		DECQ(stepsOut)
		JE(LabelRef(fmt.Sprintf("out%d", step)))
		Label(fmt.Sprintf("outDone%d", step))
		DECQ(left)
	}
	JMP(LabelRef("step"))
	for step := range ring - 1 + unroll {
		Label(fmt.Sprintf("in%d", step))
		nextIn(fmt.Sprintf("inDone%d", step))
	}
	for step := range unroll {
		Label(fmt.Sprintf("out%d", step))
		nextOut(fmt.Sprintf("out%d", step), fmt.Sprintf("outDone%d", step))
	}
	Label("done")
	tileRelease()
	done()
}

// bfloatTables are what bfloats declared, by layout.
var bfloatTables = map[string][]Mem{}

// bfloats declares the bfloat16 of a layout's numbers less its offset, as many
// as fit a table, and again from the first; none for numbers of eight bits.
func bfloats(l layout) {
	if l.low == 8 {
		return
	}
	bits := l.low + l.high
	n := max(1<<bits, 32)
	var tables []Mem
	for from := 0; from < n; from += 32 {
		m := GLOBL(fmt.Sprintf("bfloats%s%d", l.name, from), constAttrs)
		for i := 0; i < 32; i += 4 {
			var v uint64
			for j := range 4 {
				number := float32((from+i+j)%(1<<bits) - l.offset)
				v |= uint64(math.Float32bits(number)>>16) << (16 * j)
			}
			DATA(2*i, U64(v))
		}
		tables = append(tables, m)
	}
	bfloatTables[l.name] = tables
}

// expander turns the numbers of a block into bfloat16, pair of columns after pair.
type expander struct {
	*unpacker
	tables        []reg.VecVirtual // of bfloat16; none where there are too many numbers
	offset, upper reg.VecVirtual
}

// newExpander returns an expander of the block that quants points to, with the
// tables that bfloats declared for the layout.
func newExpander(l layout, quants reg.GPVirtual, tables []Mem) expander {
	e := expander{unpacker: newUnpacker(avx512, l, quants)}
	for _, m := range tables {
		t := e.reg()
		VMOVDQU64(m, t)
		e.tables = append(e.tables, t)
	}
	if len(tables) == 0 {
		e.offset, e.upper = e.reg(), e.reg()
		e.broadcastWord(uint16(l.offset), e.offset)
		r := GP32()
		MOVL(U32(0xffff0000), r)
		VPBROADCASTD(r, e.upper)
	}
	return e
}

// expand writes columns 2i and 2i+1 to dst. Pairs are asked for in order.
func (e expander) expand(i int, dst Mem) {
	w, fields := e.vec(), 16/e.lowBits()
	switch {
	case e.layout.low <= 4 && e.layout.high == 0 && i/fields < e.lowVectors():
		// The table has each number several times, so what lies above its bits
		// does no harm.
		if i%fields == 0 {
			VMOVDQU32(at(e.quants).Offset(i/fields*vectorBytes), e.low[0])
			VPERMW(e.tables[0], e.low[0], w[0])
		} else {
			VPSRLW(Imm(uint64(i%fields*e.lowBits())), e.low[0], w[0])
			VPERMW(e.tables[0], w[0], w[0])
		}
	case len(e.tables) == 1:
		e.pair(i, w)
		VPERMW(e.tables[0], w[0], w[0])
	case len(e.tables) == 2:
		e.pair(i, w)
		VPERMI2W(e.tables[1], e.tables[0], w[0])
	default:
		e.pair(i, w)
		VPSUBW(e.offset, w[0], w[0])
		even := e.reg()
		VPSLLD(Imm(16), w[0], even)
		VPSRAD(Imm(16), even, even)
		VPSRAD(Imm(16), w[0], w[0])
		VCVTDQ2PS(even, even)
		VCVTDQ2PS(w[0], w[0])
		VPSRLD(Imm(16), even, even)
		VPTERNLOGD(Imm(0xf8), e.upper, w[0], even) // even | odd&upper
		w[0] = even
	}
	VMOVDQU32(w[0], dst)
}

// expandAMX generates the expansion of a tile to bfloat16.
func expandAMX(l layout) {
	s := avx512
	kernel("expand"+l.name+"AMX", "func(panel *byte, tile *byte, blocks int)",
		fmt.Sprintf("expand%sAMX expands blocks of a tile into bfloat16 with the offset of %d taken off, and scales (and minima)\nin float32 behind those of each block:", l.name, l.offset),
		with(`for b := range blocks {
			w := weights(LAYOUT, tile, 0, b)
			for row := range 16 {
				for k := range 32 {
					as[uint16](panel, PANEL*b)[32*(k/2)+2*row+k%2] = bfloat16(float32(NUMBER))
				}
				GROUPS
			}
		}`, "LAYOUT", l.word(), "NUMBER", "w.q(row, k)"+l.less(), "PANEL", itoa(l.panelBytes()),
			"GROUPS", l.inGroups(fmt.Sprintf("as[float32](panel, %d*b+%d)[AT+row] = VALUE", l.panelBytes(), panelNumbers), 16)))
	panel, quants, blocks := param("panel"), param("tile"), param("blocks")
	e, walker := newExpander(l, quants, bfloatTables[l.name]), l.walk(quants)
	kinds := l.kinds()
	loop("block", blocks, func() {
		for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes {
			PREFETCHT0(at(quants).Offset(prefetchBytes + i*vectorBytes))
		}
		for i := range pairs {
			e.expand(i, at(panel).Offset(i*vectorBytes))
		}
		d := s.vec()
		for g := range l.groups() * kinds {
			s.scales(l, walker.block(), g/kinds, g%kinds, d)
			s.store(d, at(panel).Offset(panelNumbers+g*vectorBytes))
		}
		walker.next()
		ADDQ(imm(l.panelBytes()), panel)
	})
	done()
}

// byteSigns says which bytes of a product have a sign.
type byteSigns byte

const (
	signedNone  byteSigns = 0 // TDPBUUD
	signedFirst byteSigns = 2 // TDPBSUD
	signedBoth  byteSigns = 3 // TDPBSSD
)

// tileDotBytes is TDPBUUD, TDPBSUD or TDPBSSD: sums += a·b, of bytes, in integers of
// 32 bits.
func tileDotBytes(sums, a, b int, signs byteSigns) {
	instructionBytes(nil, append(vex3(byte(b), byte(signs)), 0x5e, 0xc0|byte(sums)<<3|byte(a))...)
}

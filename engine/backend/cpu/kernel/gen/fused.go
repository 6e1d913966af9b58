package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A few rows, such as the next tokens of a batch, are too few to share a panel:
// expanding a tile takes as long as multiplying sixteen rows with it. The fused
// kernels do both at once, for a tile is expanded in vectors and multiplied in AMX.
// All blocks of all tiles are one stream of steps, and the stages of a step, which
// wait for one another, are steps apart: the expansion of one, the products of an
// earlier one, the storing of the sums of one before that, and their adding up to
// the totals. The first steps of the later stages are of nothing.

// fusedAhead is how many steps the expansion of a tile is ahead of its products,
// and fusedSlots the places for what is expanded; a stored line may be loaded by
// AMX only when it has left the processor's queue of stores.
const (
	fusedAhead = 2
	fusedSlots = 4
)

// A block of a bunch in bytes: sixteen lines of the high and the low bytes of a row,
// then sixteen scales, and sixteen times −128·ΣQ (kernel.bunchBytesGo has the words).
const (
	byteLow    = 32
	byteScale  = bunchRows * vectorBytes
	byteOffset = byteScale + vectorBytes
	byteBunch  = byteOffset + vectorBytes
)

// fused is the state of a fused kernel's generation.
type fused struct {
	isa
	l      layout
	apart  bool // the sums of high and low parts are kept apart
	whole  bool // of bytes: nothing is expanded
	ring   [][]int
	slots  int // bytes of what is expanded, before the sums
	bunch  int // bytes of a bunch's block
	steps  Mem // of a tile
	totals []reg.VecVirtual
}

// code is the same in Go.
func (f *fused) code() string {
	l := f.l
	group := bfloatSum(f.apart, "float32(w.q(o, k)"+l.less()+")", "high") + "\ntotal = fma(sum, w.d(o, G), total)\n" +
		l.minima("total = fma(w.m(o, G), as[float32](x, high-64*r+LINE)[r], total)")
	if f.whole {
		group = fmt.Sprintf(`sum := as[int32](x, high-64*r+%d)[r]
		for k := range 32 {
			at := k&^3 + []int{0, 2, 1, 3}[k&3]
			sum += 256 * w.q(o, k) * int32(as[int8](x, high)[at])
			sum += w.q(o, k) * int32(as[uint8](x, high+%d)[at])
		}
		total = fma(float32(sum)*as[float32](x, high-64*r+%d)[r], w.d(o, 0), total)`, byteOffset, byteLow, byteScale)
	}
	return with(`for r := range rows {
		for t := range count {
			for o := range 16 {
				var total float32
				for b := range blocks {
					w, high := weights(LAYOUT, tiles, t*stride, b), BUNCH*b+64*r
					GROUPS
				}
				from(out, r*outStride)[16*t+o] = total
			}
		}
	}`, "LAYOUT", l.word(), "BUNCH", itoa(f.bunch), "GROUPS", l.perGroup(group))
}

// fusedAMX generates the product of a bunch with tiles as they lie in memory.
func fusedAMX(l layout) {
	f := &fused{isa: avx512, l: l, apart: l.apart(), whole: l.low == 8, slots: fusedSlots * pairs * vectorBytes, bunch: bunchBytes}
	f.ring = [][]int{{4}, {5}, {6}, {7}}
	if f.apart {
		f.ring = [][]int{{4, 5}, {6, 7}}
	}
	config := amxConfigs[l.group]
	if f.whole {
		f.slots, f.bunch = 0, byteBunch
		config = amxConfigs[inBytes]
	}
	name := "fused" + l.name + "AMX"
	kernel(name, "func(out *float32, outStride int, tiles *byte, stride, count int, x *byte, blocks, rows int, room *byte, ahead *byte, aheads int)",
		fmt.Sprintf(`%s computes the %d outputs of each of count tiles, which lie stride bytes apart, for a bunch of rows rows
of activations, at most 16, to the bit as gemv%sAVX512 does for each:`, name, lanes, l.name),
		f.code(),
		fmt.Sprintf(`room is for what is expanded and for sums. Meanwhile it has the memory read that the first aheads of ahead name,
%d bytes a block.`, aheadBytes))

	LEAQ(config, amxSums)
	tileConfig()
	Load(Param("room"), amxSums)
	MOVQ(U32(vectorBytes), amxStep)
	Load(Param("x"), amxX)
	Load(Param("tiles"), amxNumbers) // the tile that is expanded; of bytes, multiplied
	if !f.whole {
		MOVQ(amxSums, amxNumbers) // what was expanded
	}
	local := func(compute func(r reg.GPVirtual)) Mem {
		m, r := AllocLocal(8), GP64()
		compute(r)
		MOVQ(r, m)
		return m
	}
	groups := l.groups()
	f.steps = local(func(r reg.GPVirtual) {
		Load(Param("blocks"), r)
		if groups > 1 {
			SHLQ(Imm(1), r)
		}
	})
	pad := local(func(r reg.GPVirtual) { // from the end of a tile's blocks to the next tile
		Load(Param("blocks"), r)
		IMUL3Q(imm(l.blockBytes()), r, r)
		stride := param("stride")
		SUBQ(r, stride)
		MOVQ(stride, r)
	})
	number := func(n int) Mem {
		return local(func(r reg.GPVirtual) { MOVQ(U32(uint32(n)), r) })
	}
	count := func() Mem { return local(func(r reg.GPVirtual) { Load(Param("count"), r) }) }
	// Steps that are left of each stage's tile. The later stages begin with the
	// steps of nothing that come before their first.
	toProduct, toStore := fusedAhead, len(f.ring)/2
	if f.whole {
		toProduct = 0
	}
	toFinish := toProduct + toStore + 1
	stepsIn := local(func(r reg.GPVirtual) { MOVQ(f.steps, r) })
	stepsOf, stepsOut := number(toProduct), number(toFinish)
	if f.whole {
		stepsOf = local(func(r reg.GPVirtual) { MOVQ(f.steps, r) })
	}
	tilesIn, tilesOut := count(), count()
	started := number(0) // whether the totals are of a tile
	expanding, finishing, x, out := GP64(), GP64(), GP64(), GP64()
	Load(Param("tiles"), expanding)
	Load(Param("tiles"), finishing)
	Load(Param("x"), x)
	Load(Param("out"), out)
	ahead := readAhead{GP64(), GP64()}
	XORQ(ahead.from, ahead.from)
	XORQ(ahead.to, ahead.to)

	var e expander
	if !f.whole {
		e = newExpander(l, expanding, bfloatTables[l.name])
	}
	f.totals = make([]reg.VecVirtual, bunchRows)
	for r := range f.totals {
		f.totals[r] = f.reg()
	}
	f.clearTotals()
	end := func(left Mem, label string) { // of a stage's tile
		DECQ(left)
		JE(LabelRef(label))
		Label(label + "_done")
	}
	move := func(from, to Mem) {
		r := GP64()
		MOVQ(from, r)
		MOVQ(r, to)
	}
	const unroll = fusedSlots
	Label("step")
	for step := range unroll {
		label := func(what string) string { return fmt.Sprintf("%s%d", what, step) }
		if !f.whole {
			g := step % groups
			slot := at(amxSums).Offset(step * pairs * vectorBytes)
			for i := range pairs / groups {
				e.expand(g*pairs/groups+i, slot.Offset(i*vectorBytes))
			}
			if g == groups-1 {
				prefetchBlock(l, expanding)
				ADDQ(imm(l.blockBytes()), expanding)
			}
			end(stepsIn, label("in"))
			f.products(before(step, toProduct), toStore)
			end(stepsOf, label("of"))
		}
		if step%groups == 0 {
			ahead.ask(label("ask"))
		}
		f.finish(before(step, toFinish), at(finishing), at(x))
		if before(step, toFinish)%groups == groups-1 {
			ADDQ(imm(l.blockBytes()), finishing)
			ADDQ(imm(f.bunch), x)
		}
		end(stepsOut, label("out"))
		if f.whole {
			f.productsOfBytes(step, toStore)
			end(stepsOf, label("of"))
		}
	}
	JMP(LabelRef("step"))
	for step := range unroll {
		label := func(what string) string { return fmt.Sprintf("%s%d", what, step) }
		back := func(stage string) { JMP(LabelRef(label(stage) + "_done")) }
		// What a tile is read for first goes on to the next one. After the last, some
		// steps are taken ahead in vain, of the first.
		next := func(stage string, left Mem, tile reg.Register) {
			move(f.steps, left)
			ADDQ(pad, tile)
			DECQ(tilesIn)
			JNE(LabelRef(label(stage) + "_done"))
			Load(Param("tiles"), tile)
			c := param("count")
			MOVQ(c, tilesIn)
			back(stage)
		}
		if f.whole {
			Label(label("of"))
			Load(Param("x"), amxX)
			next("of", stepsOf, amxNumbers)
		} else {
			Label(label("in"))
			next("in", stepsIn, expanding)
			Label(label("of"))
			move(f.steps, stepsOf)
			Load(Param("x"), amxX)
			back("of")
		}
		Label(label("out"))
		move(f.steps, stepsOut)
		Load(Param("x"), x)
		s := GP64()
		MOVQ(started, s)
		TESTQ(s, s)
		JE(LabelRef(label("first")))
		f.store(out, label("stored"))
		f.clearTotals()
		ADDQ(imm(vectorBytes), out)
		ADDQ(pad, finishing)
		DECQ(tilesOut)
		JE(LabelRef("done"))
		back("out")
		Label(label("first"))
		f.clearTotals()
		MOVQ(U32(1), s)
		MOVQ(s, started)
		Load(Param("tiles"), finishing)
		back("out")
	}
	Label("done")
	tileRelease()
	done()
}

// before is the place in the unrolled loop of the step that comes n before another.
func before(step, n int) int { return (step - n + 2*fusedSlots) % fusedSlots }

// clearTotals generates the beginning of a tile's totals.
func (f *fused) clearTotals() {
	for _, t := range f.totals {
		f.clear(t)
	}
}

// sums is where the sums of a step are stored, those of the high and of the low
// parts if they are apart.
func (f *fused) sums(step, part int) int {
	return f.slots + (step%2*len(f.ring[0])+part)*sumsBytes
}

// products generates the products of a step, and the storing of the sums of an
// earlier one.
func (f *fused) products(step, toStore int) {
	groups := f.l.groups()
	g, sums := step%groups, f.ring[step%len(f.ring)]
	stored := before(step, toStore)
	keep := func(part int) {
		tileStore(f.ring[stored%len(f.ring)][part], amxSums, f.sums(stored, part))
	}
	low := tileHigh
	if !f.apart {
		low = tileLow
	}
	tileLoad(tileHigh, amxX, g*2*f.l.group)
	tileLoad(tileNumbers, amxNumbers, step%fusedSlots*pairs*vectorBytes)
	keep(0)
	tileZero(sums[0])
	tileDot(sums[0], tileHigh, tileNumbers)
	tileLoad(low, amxX, bunchLow+g*2*f.l.group)
	if f.apart {
		keep(1)
		tileZero(sums[1])
	}
	tileDot(sums[len(sums)-1], low, tileNumbers)
	if g == groups-1 {
		ADDQ(imm(f.bunch), amxX)
	}
}

// productsOfBytes is products for numbers of eight bits, which AMX takes as they lie in
// memory: a lane of 32 bits of a vector holds four columns of its row.
func (f *fused) productsOfBytes(step, toStore int) {
	sums, stored := f.ring[step%len(f.ring)], before(step, toStore)
	keep := func(part int) {
		tileStore(f.ring[stored%len(f.ring)][part], amxSums, f.sums(stored, part))
	}
	tileLoad(tileHigh, amxX, 0)
	tileLoad(tileNumbers, amxNumbers, 0)
	keep(0)
	tileZero(sums[0])
	tileDotBytes(sums[0], tileHigh, tileNumbers, signedFirst)
	tileLoad(tileLow, amxX, byteLow)
	keep(1)
	tileZero(sums[1])
	tileDotBytes(sums[1], tileLow, tileNumbers, signedNone)
	ADDQ(imm(byteBunch), amxX)
	prefetchBlock(f.l, amxNumbers)
	ADDQ(imm(f.l.blockBytes()), amxNumbers)
}

// inBytes is the name of the tiles' shapes for numbers of eight bits.
const inBytes = 0

// amxBytesConfig declares them.
func amxBytesConfig() Mem {
	return amxShapes("tilesBytes", 32, 8)
}

// finish generates the adding of a step's sums to the totals. A tile has a whole number
// of couples of blocks where there are couples, and the unrolled loop too.
func (f *fused) finish(step int, tile, x Mem) {
	s, l := f.isa, f.l
	g, block := step%l.groups(), f.l.blockAt(tile, step/f.l.groups()%2)
	d, m := s.vec(), s.vec()
	s.scales(l, block, g, 0, d)
	sum := bunchSum
	if l.mins {
		s.scales(l, block, g, 1, m)
		if l.groups() > 1 {
			sum += (1 + g) * vectorBytes
		}
	}
	for r := range f.totals {
		line := at(amxSums).Offset(f.sums(step, 0) + r*vectorBytes)
		switch {
		case f.whole:
			z := s.reg()
			VPSLLD(Imm(8), line, z)
			VPADDD(line.Offset(sumsBytes), z, z)
			VPADDD_BCST(x.Offset(byteOffset+4*r), z, z)
			VCVTDQ2PS(z, z)
			VMULPS_BCST(x.Offset(byteScale+4*r), z, z)
			VFMADD231PS(d[0], z, f.totals[r])
		case f.apart:
			z := s.reg()
			VMOVUPS(line, z)
			VADDPS(line.Offset(sumsBytes), z, z)
			VFMADD231PS(d[0], z, f.totals[r])
		default:
			VFMADD231PS(line, d[0], f.totals[r])
		}
		if l.mins {
			VFMADD231PS_BCST(x.Offset(sum+4*r), m[0], f.totals[r])
		}
	}
}

// store generates the storing of the totals of the rows that there are.
func (f *fused) store(out reg.Register, label string) {
	stride, rows, line := param("outStride"), param("rows"), GP64()
	MOVQ(out, line)
	for r := range f.totals {
		if r > 0 {
			CMPQ(rows, imm(r))
			JE(LabelRef(label))
		}
		VMOVUPS(f.totals[r], at(line))
		ADDQ(stride, line)
	}
	Label(label)
}

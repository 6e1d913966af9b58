package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A block of a quantized row of activations (kernel.Block has the words): 32
// numbers of 16 bits, and behind them eight of 32 bits.
const (
	xBytes      = 96
	recScale    = 64 // float32
	recNegative = 68 // int32, −Σq of the block, then of its two halves
	recSum      = 80 // float32, scale·Σq of the block, then of its two halves
)

// unpacker takes the 16-bit numbers of a block out of a layout's vectors, pair
// of columns after pair. It keeps the vectors that it is in the middle of.
type unpacker struct {
	isa
	layout
	quants    reg.GPVirtual // the block at hand
	low, high vec
	mask      reg.VecVirtual
	highMask  reg.VecVirtual
}

func newUnpacker(s isa, l layout, quants reg.GPVirtual) *unpacker {
	u := &unpacker{isa: s, layout: l, quants: quants, low: s.vec(), mask: s.reg()}
	u.broadcastWord(1<<l.low-1, u.mask)
	if l.high > 0 {
		u.high, u.highMask = s.vec(), s.reg()
		u.broadcastWord((1<<l.high-1)<<l.low, u.highMask)
	}
	return u
}

// broadcastWord sets all 16-bit lanes to a constant.
func (u *unpacker) broadcastWord(value uint16, dst reg.VecVirtual) {
	r := GP32()
	MOVL(U32(uint32(value)<<16|uint32(value)), r)
	if u.wide() {
		VPBROADCASTD(r, dst)
		return
	}
	VMOVD(r, dst.AsX())
	VPBROADCASTD(dst.AsX(), dst)
}

func (u *unpacker) wide() bool { return u.isa.wide() }

// pair puts the unsigned numbers of columns 2i and 2i+1 into dst. Pairs are
// asked for in order.
func (u *unpacker) pair(i int, dst vec) {
	fields := 16 / u.lowBits() // in a lane of 16 bits
	v, field := i/fields, i%fields
	if v == u.lowVectors() {
		u.lastPair(dst)
		return
	}
	if field == 0 {
		for r := range u.low {
			u.move(at(u.quants).Offset(v*vectorBytes+r*u.size), u.low[r])
		}
	}
	for r := range dst {
		switch {
		case field == 0:
			u.and(u.mask, u.low[r], dst[r])
		case (field+1)*u.lowBits() == 16:
			VPSRLW(Imm(uint64(field*u.lowBits())), u.low[r], dst[r])
		default:
			VPSRLW(Imm(uint64(field*u.lowBits())), u.low[r], dst[r])
			u.and(u.mask, dst[r], dst[r])
		}
	}
	if u.layout.high == 0 {
		return
	}
	fields = 16 / u.layout.high
	v, field = i/fields, i%fields
	if field == 0 {
		for r := range u.high {
			u.move(at(u.quants).Offset((u.lowVectors()+v)*vectorBytes+r*u.size), u.high[r])
		}
	}
	shift := u.lowBits() - field*u.layout.high // to the left
	for r := range dst {
		t, shifted := u.reg(), u.high[r]
		switch {
		case shift > 0:
			VPSLLW(Imm(uint64(shift)), u.high[r], t)
			shifted = t
		case shift < 0:
			VPSRLW(Imm(uint64(-shift)), u.high[r], t)
			shifted = t
		}
		if u.wide() {
			VPTERNLOGD(Imm(0xf8), shifted, u.highMask, dst[r]) // dst | shifted&mask
			continue
		}
		VPAND(shifted, u.highMask, t)
		VPOR(t, dst[r], dst[r])
	}
}

// lastPair is pair for the one that lies in the highest bits of the low vectors.
func (u *unpacker) lastPair(dst vec) {
	for r := range dst {
		for v := u.lowVectors() - 1; v >= 0; v-- {
			bit, from := dst[r], at(u.quants).Offset(v*vectorBytes+r*u.size)
			if v < u.lowVectors()-1 {
				bit = u.reg()
				VPADDW(dst[r], dst[r], dst[r])
			}
			if u.wide() {
				VPSRLW(Imm(15), from, bit)
			} else {
				VMOVDQU(from, bit)
				VPSRLW(Imm(15), bit, bit)
			}
			if v < u.lowVectors()-1 {
				u.or(bit, dst[r], dst[r])
			}
		}
	}
}

func (u *unpacker) lowBits() int { return u.layout.low }

func (u *unpacker) move(m Mem, r reg.VecVirtual) {
	if u.wide() {
		VMOVDQU32(m, r)
	} else {
		VMOVDQU(m, r)
	}
}

// codedBlock is a block whose scales are read: where it lies, and where the couple begins
// that it is one of, if there are couples.
type codedBlock struct{ block, couple Mem }

// blockAt is the block at m, the first or the second of a couple.
func (l layout) blockAt(m Mem, second int) codedBlock {
	return codedBlock{m, m.Offset(-second * l.blockBytes())}
}

// A walker goes from block to block of a tile, of which it begins with the first of a couple.
type walker struct {
	l    layout
	at   reg.GPVirtual
	back reg.GPVirtual // from the block to its couple: 0, or −blockBytes
}

func (l layout) walk(from reg.GPVirtual) walker {
	w := walker{l: l, at: from}
	if l.coupled() {
		w.back = GP64()
		w.begin()
	}
	return w
}

// begin generates the beginning of another tile.
func (w walker) begin() {
	if w.l.coupled() {
		XORQ(w.back, w.back)
	}
}

// block is the one at hand.
func (w walker) block() codedBlock {
	b := w.l.blockAt(at(w.at), 0)
	if w.l.coupled() {
		b.couple = Mem{Base: w.at, Index: w.back, Scale: 1}
	}
	return b
}

// next generates the step to the next block.
func (w walker) next() {
	ADDQ(imm(w.l.blockBytes()), w.at)
	if w.l.coupled() {
		XORQ(I32(-int32(w.l.blockBytes())), w.back)
	}
}

// scales reads the scales (kind 0) or minima (kind 1) of a block's group. A product of a
// code and a float16 is exact in float32: 11 bits times 8.
func (s isa) scales(l layout, b codedBlock, g, kind int, dst vec) {
	m := b.block.Offset(l.scaleAt(g, kind))
	if l.codes == noCodes {
		s.loadHalf(m, dst)
		return
	}
	for i, r := range dst {
		from, factor := m.Offset(i*codesBytes/len(dst)), s.reg()
		switch {
		case l.codes == byteCodes:
			VPMOVSXBD(from, r)
		case kind == 0:
			VPMOVZXBD(from, r)
			VPSLLD(Imm(28), r, r)
			VPSRLD(Imm(28), r, r)
		default:
			VPMOVZXBD(from, r)
			VPSRLD(Imm(4), r, r)
		}
		VCVTDQ2PS(r, r)
		VCVTPH2PS(b.couple.Offset(l.factorAt(kind)+i*s.size/2), factor)
		VMULPS(factor, r, r)
	}
}

// prefetchBytes is how far ahead of its reading gemv asks for a matrix: the
// processor's own guesses end at each page and at each part of an operation. A sixth more
// tokens a second with two pages than with half a one.
const prefetchBytes = 8192

// prefetchBlock generates the asking for the block that lies so far ahead.
func prefetchBlock(l layout, quants reg.Register) {
	for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes {
		PREFETCHT0(at(quants).Offset(prefetchBytes + i*vectorBytes))
	}
}

// gemv generates the product of one quantized row with tiles of a matrix.
func gemv(s isa, l layout) {
	kernel("gemv"+l.name+s.name, "func(out *float32, tiles *byte, x *byte, blocks, count, stride int)",
		fmt.Sprintf(`gemv%s%s computes the %d outputs of each of count tiles, which lie stride bytes apart, from one row of
activations:`, l.name, s.name, lanes),
		with(`for t := range count {
			for row := range 16 {
				var total float32
				for b := range blocks {
					w, a := weights(LAYOUT, tiles, t*stride, b), quantized(x, 0, b)
					GROUPS
				}
				from(out, 64*t)[row] = total
			}
		}`, "LAYOUT", l.word(), "GROUPS", l.perGroup(with(`var sum int32
			for COLUMNS {
				sum += (w.q(row, k)OFFSET) * int32(a.Q[k])
			}
			total = fma(float32(sum)*a.Scale, w.d(row, G), total)
			MINIMA`, "(w.q(row, k)OFFSET)", l.number("row"), "MINIMA", l.minima("total = fma(w.m(row, G), a.Sum[SUM], total)")))))
	out, tile, x := param("out"), param("tiles"), param("x")
	blocks, count, stride := param("blocks"), param("count"), param("stride")

	quants, xp, n := GP64(), GP64(), GP64()
	u, w := newUnpacker(s, l, quants), l.walk(quants)
	total := s.vec()
	loop("tile", count, func() {
		MOVQ(tile, quants)
		w.begin()
		MOVQ(x, xp)
		MOVQ(blocks, n)
		s.zero(total)
		loop("block", n, func() {
			prefetchBlock(l, quants)
			for g := range l.groups() {
				even, odd := s.vec(), s.vec()
				if l.offset != 0 {
					negative := recNegative
					if l.groups() > 1 {
						negative += 4 * (1 + g)
					}
					shift := Imm(uint64(bits.TrailingZeros(uint(l.offset))))
					VPBROADCASTD(at(xp).Offset(negative), even[0])
					VPSLLD(shift, even[0], even[0])
					for _, r := range even[1:] {
						s.copy(even[:1], vec{r})
					}
				} else {
					s.zero(even)
				}
				if s.wide() {
					s.zero(odd)
				}
				numbers, tmp := s.vec(), s.reg()
				for i := range pairs / l.groups() {
					i += g * pairs / l.groups()
					u.pair(i, numbers)
					acc := even
					if s.wide() && i%2 == 1 { // two sums, for the instruction takes its time
						acc = odd
					}
					b := s.reg()
					VPBROADCASTD(at(xp).Offset(4*i), b)
					for r := range numbers {
						s.dot(b, numbers[r], acc[r], tmp)
					}
				}
				if s.wide() {
					each2(VPADDD, odd, even, even)
				}
				s.finish(l, even, []vec{total}, at(xp), w.block(), g)
			}
			w.next()
			ADDQ(imm(xBytes), xp)
		})
		s.store(total, at(out))
		ADDQ(imm(lanes*4), out)
		ADDQ(stride, tile)
	})
	done()
}

// finish adds the integer sums of a group to the totals: total += float(sum)·scale·d (+ m·Σ).
func (s isa) finish(l layout, sum vec, total []vec, record Mem, block codedBlock, g int) {
	b, d := s.reg(), s.vec()
	VBROADCASTSS(record.Offset(recScale), b)
	s.scales(l, block, g, 0, d)
	for r := range sum {
		VCVTDQ2PS(sum[r], sum[r])
		VMULPS(b, sum[r], sum[r])
		VFMADD231PS(d[r], sum[r], total[0][r])
	}
	if !l.mins {
		return
	}
	s.scales(l, block, g, 1, d)
	VBROADCASTSS(record.Offset(sumOffset(l, g)), b)
	for r := range sum {
		VFMADD231PS(b, d[r], total[0][r])
	}
}

func sumOffset(l layout, g int) int {
	if l.groups() > 1 {
		return recSum + 4*(1+g)
	}
	return recSum
}

// unpack generates the expansion of a tile.
func unpack(s isa, l layout) {
	scales1 := 16 * l.groups() * l.kinds()
	kernel("unpack"+l.name+s.name, "func(numbers *int16, scales *float32, tile *byte, blocks int)",
		fmt.Sprintf(`unpack%s%s expands a tile into 16-bit numbers with the offset of %d taken off, and scales (and
minima) in float32:`, l.name, s.name, l.offset),
		with(`for b := range blocks {
			w := weights(LAYOUT, tile, 0, b)
			for row := range 16 {
				for k := range 32 {
					from(numbers, 0)[512*b+32*(k/2)+2*row+k%2] = int16(NUMBER)
				}
				GROUPS
			}
		}`, "LAYOUT", l.word(), "NUMBER", "w.q(row, k)"+l.less(), "GROUPS", l.inGroups(
			fmt.Sprintf("from(scales, 0)[%d*b+AT+row] = VALUE", scales1), 16)))
	numbers, scales, quants, blocks := param("numbers"), param("scales"), param("tile"), param("blocks")
	u, walker := newUnpacker(s, l, quants), l.walk(quants)
	var offset reg.VecVirtual
	if l.offset != 0 {
		offset = s.reg()
		u.broadcastWord(uint16(l.offset), offset)
	}
	kinds := l.kinds()
	loop("block", blocks, func() {
		for i := range (l.blockBytes() + vectorBytes - 1) / vectorBytes { // from the second-level cache, where the product before has it read
			PREFETCHT0(at(quants).Offset(2*l.blockBytes() + i*vectorBytes))
		}
		w, d := s.vec(), s.vec()
		for i := range pairs {
			u.pair(i, w)
			for r := range w {
				if l.offset != 0 {
					VPSUBW(offset, w[r], w[r])
				}
				VMOVDQU(w[r], at(numbers).Offset(i*vectorBytes+r*s.size))
			}
		}
		for g := range l.groups() * kinds {
			s.scales(l, walker.block(), g/kinds, g%kinds, d)
			s.store(d, at(scales).Offset(g*vectorBytes))
		}
		walker.next()
		ADDQ(imm(pairs*vectorBytes), numbers)
		ADDQ(imm(l.groups()*kinds*vectorBytes), scales)
	})
	done()
}

// aheadBytes is how much of the next tile is asked for in each block
// of a product.
const aheadBytes = 256

// gemmRows is how many rows of activations are multiplied with an expanded tile
// at once: their sums in integers, a pair of columns and two products fill
// AVX2's registers.
const gemmRows = 6

// gemm generates the product of any number of quantized rows with some columns
// of an expanded tile.
func gemm(s isa, group int, mins bool) {
	l := layout{group: group, mins: mins}
	name := fmt.Sprintf("gemm%d", group)
	if mins {
		name += "Min"
	}
	kinds := l.kinds()
	kernel(name+s.name, "func(out *float32, outStride int, numbers *int16, scales *float32, x *byte, xStride, rows, blocks, first int, ahead *byte, aheads int)",
		fmt.Sprintf(`%s%s adds to the %d outputs of a tile for each of rows rows of activations the products of blocks blocks of
columns; the outputs count as zero if first is not. Strides are in bytes:`, name, s.name, lanes),
		with(`for r := range rows {
			for o := range 16 {
				total := from(out, r*outStride)[o]
				if first != 0 {
					total = 0
				}
				for b := range blocks {
					a := quantized(x, r*xStride, b)
					GROUPS
				}
				from(out, r*outStride)[o] = total
			}
		}`, "GROUPS", l.perGroup(with(with(`var sum int32
			for COLUMNS {
				sum += int32(from(numbers, 0)[512*b+32*(k/2)+2*o+k%2]) * int32(a.Q[k])
			}
			total = fma(float32(sum)*a.Scale, from(scales, 0)[BASE*b+KINDS*G+o], total)
			MINIMA`, "MINIMA", l.minima("total = fma(from(scales, 0)[BASE*b+KINDS*G+16+o], a.Sum[SUM], total)")),
			"BASE", itoa(16*kinds*l.groups()), "KINDS", itoa(16*kinds)))),
		fmt.Sprintf("Meanwhile it has the memory read that the first aheads of ahead name, %d bytes a block.", aheadBytes))
	// The sums in float32, one row after the other: in the output, a power of
	// two apart, they would be in one another's way. They begin with a cache
	// line, for one that lies in two costs twice as much.
	local, totals := AllocLocal((gemmRows+1)*vectorBytes), GP64()
	LEAQ(local.Offset(vectorBytes-1), totals)
	ANDQ(I8(-vectorBytes), totals)
	ahead := readAhead{GP64(), GP64()}
	XORQ(ahead.from, ahead.from)
	XORQ(ahead.to, ahead.to)
	bunch := func(n int) {
		expandedRows(s, l, n, at(totals), ahead)
		nextRows(n)
	}
	Label("bunch")
	rows := param("rows")
	CMPQ(rows, imm(gemmRows))
	JL(LabelRef("rest"))
	bunch(gemmRows)
	JMP(LabelRef("bunch"))
	Label("rest")
	for n := 1; n < gemmRows; n++ {
		label := fmt.Sprintf("not%d", n)
		CMPQ(rows, imm(n))
		JNE(LabelRef(label))
		bunch(n)
		done()
		Label(label)
	}
	done()
}

// nextRows moves the parameters x and out on by n rows, and takes them off rows.
func nextRows(n int) {
	for _, p := range []struct{ base, stride string }{{"x", "xStride"}, {"out", "outStride"}} {
		base, stride := param(p.base), param(p.stride)
		IMUL3Q(imm(n), stride, stride)
		ADDQ(stride, base)
		Store(base, Param(p.base))
	}
	rows := param("rows")
	SUBQ(imm(n), rows)
	Store(rows, Param("rows"))
}

// readAhead is memory that is asked for while something else is computed.
type readAhead struct{ from, to reg.GPVirtual }

// ask generates the asking for aheadBytes bytes of the memory that the parameter
// ahead names, one piece after the other.
func (r readAhead) ask(label string) {
	CMPQ(r.from, r.to)
	JB(LabelRef(label))
	left := param("aheads")
	TESTQ(left, left)
	JE(LabelRef(label + "_done"))
	DECQ(left)
	Store(left, Param("aheads"))
	next := param("ahead")
	MOVQ(at(next), r.from)
	MOVQ(at(next).Offset(8), r.to)
	ADDQ(imm(16), next)
	Store(next, Param("ahead"))
	Label(label)
	for i := range aheadBytes / vectorBytes {
		PREFETCHT1(at(r.from).Offset(i * vectorBytes))
	}
	ADDQ(imm(aheadBytes), r.from)
	Label(label + "_done")
}

// expandedRows is gemm for n rows.
//
// What bounds it is the three ports that AVX2 has for integers: of a row and block, 32
// multiplications, 30 additions and 8 instructions for the scale and the minimum take 23
// turns for 512 multiply–adds. The high and the low bytes apart, by VPMADDUBSW and sums in
// 16 bits, would be 35 instructions for each 31 here, and float32 has two ports only.
func expandedRows(s isa, l layout, n int, totals Mem, ahead readAhead) {
	kinds := l.kinds()
	total := func(r, i int) Mem { return totals.Offset(r*vectorBytes + i*s.size) }
	label := func(what string) string { return fmt.Sprintf("%s%d", what, n) }
	// What was summed up before: nothing, or what the output has.
	t := s.vec()
	s.zero(t)
	out, first := newStrided("out", "outStride", n), param("first")
	for r := range n {
		TESTQ(first, first)
		JNE(LabelRef(label(fmt.Sprintf("zero%d_", r))))
		s.load(out.row(r), t)
		Label(label(fmt.Sprintf("zero%d_", r)))
		s.store(t, total(r, 0))
	}
	numbers, scales, blocks := param("numbers"), param("scales"), param("blocks")
	x := newStrided("x", "xStride", n)
	loop(label("block"), blocks, func() {
		ahead.ask(label("ask"))
		for g := range l.groups() {
			sum := make([]vec, n)
			for r := range sum {
				sum[r] = s.vec()
			}
			w, t := s.vec(), s.vec()
			for i := range pairs / l.groups() {
				at := at(numbers).Offset((g*pairs/l.groups() + i) * vectorBytes)
				for h := range w {
					VMOVDQU(at.Offset(h*s.size), w[h])
				}
				for r := range n {
					x := x.row(r).Offset(4 * (g*pairs/l.groups() + i))
					if i == 0 { // the first products are the sums
						VPBROADCASTD(x, sum[r][0])
						VPMADDWD(w[1], sum[r][0], sum[r][1])
						VPMADDWD(w[0], sum[r][0], sum[r][0])
						continue
					}
					VPBROADCASTD(x, t[0])
					VPMADDWD(w[1], t[0], t[1])
					VPMADDWD(w[0], t[0], t[0])
					for h := range t {
						VPADDD(t[h], sum[r][h], sum[r][h])
					}
				}
			}
			d, b := w, t[0]
			s.load(at(scales).Offset(g*kinds*vectorBytes), d)
			for r := range n {
				VBROADCASTSS(x.row(r).Offset(recScale), b)
				for h := range d {
					VCVTDQ2PS(sum[r][h], sum[r][h])
					VMULPS(b, sum[r][h], sum[r][h])
					VFMADD213PS(total(r, h), d[h], sum[r][h])
				}
			}
			if l.mins {
				s.load(at(scales).Offset((g*kinds+1)*vectorBytes), d)
			}
			for r := range n {
				if l.mins {
					VBROADCASTSS(x.row(r).Offset(sumOffset(l, g)), b)
				}
				for h := range d {
					if l.mins {
						VFMADD231PS(b, d[h], sum[r][h])
					}
					VMOVUPS(sum[r][h], total(r, h))
				}
			}
		}
		ADDQ(imm(pairs*vectorBytes), numbers)
		ADDQ(imm(l.groups()*kinds*vectorBytes), scales)
		x.advance(xBytes)
	})
	out = newStrided("out", "outStride", n)
	for r := range n {
		s.load(total(r, 0), t)
		s.store(t, out.row(r))
	}
}

// tileRows are the numbers of rows that are multiplied with a tile at once.
// Twelve sums in integers and twelve in float32 fill AVX-512's registers.
var tileRows = []int{12, 8, 4, 2, 1}

// gemmTile generates the product of any number of quantized rows with a tile,
// which is taken apart anew for each bunch of them: it lies in the first-level
// cache, and its numbers need never leave the registers.
func gemmTile(s isa, l layout) {
	kernel("gemm"+l.name+s.name, "func(out *float32, outStride int, tile *byte, x *byte, xStride, rows, blocks int, ahead *byte)",
		fmt.Sprintf("gemm%s%s computes the %d outputs of a tile for each of rows rows of activations, as gemv%s%s does for one; strides\nin bytes:", l.name, s.name, lanes, l.name, s.name),
		fmt.Sprintf(`for r := range rows {
			gemv%s%s(&from(out, r*outStride)[0], tile, &from(x, r*xStride)[0], blocks, 1, 0)
		}`, l.name, s.name),
		fmt.Sprintf("Meanwhile it has %d bytes a block and bunch read from ahead on, which is where the next tile lies.", aheadBytes))
	ahead := AllocLocal(8)
	r := param("ahead")
	MOVQ(r, ahead)
	for _, n := range tileRows {
		label := fmt.Sprintf("rows%d", n)
		Label(label)
		rows := param("rows")
		CMPQ(rows, imm(n))
		JL(LabelRef(label + "_done"))
		tileBunch(s, l, n, ahead)
		JMP(LabelRef(label))
		Label(label + "_done")
	}
	done()
}

// tileBunch generates gemmTile for n rows, and moves the parameters on to the
// rows after them.
func tileBunch(s isa, l layout, n int, ahead Mem) {
	quants, blocks := param("tile"), param("blocks")
	x := newStrided("x", "xStride", n)
	next := GP64()
	MOVQ(ahead, next)
	u, walker := newUnpacker(s, l, quants), l.walk(quants)
	total := make([]reg.VecVirtual, n)
	sums := make([][2]reg.VecVirtual, n)
	for r := range total {
		total[r], sums[r][0] = s.reg(), s.reg()
		s.clear(total[r])
		sums[r][1] = sums[r][0]
		if n <= 4 { // few chains of additions that wait for one another: two a row
			sums[r][1] = s.reg()
		}
	}
	w := s.vec()
	loop(fmt.Sprintf("block%d", n), blocks, func() {
		for i := range aheadBytes / vectorBytes {
			PREFETCHT1(at(next).Offset(i * vectorBytes))
		}
		ADDQ(imm(aheadBytes), next)
		for g := range l.groups() {
			for r := range sums {
				if l.offset == 0 {
					s.clear(sums[r][0])
				} else {
					negative := recNegative
					if l.groups() > 1 {
						negative += 4 * (1 + g)
					}
					VPSLLD_BCST(Imm(uint64(bits.TrailingZeros(uint(l.offset)))), x.row(r).Offset(negative), sums[r][0])
				}
				if n <= 4 {
					s.clear(sums[r][1])
				}
			}
			for i := range pairs / l.groups() {
				i += g * pairs / l.groups()
				u.pair(i, w)
				for r := range n {
					vpdpwssdBroadcast(x.row(r).Offset(4*i), w[0], sums[r][i%2])
				}
			}
			d := w
			s.scales(l, walker.block(), g, 0, d)
			for r := range n {
				if n <= 4 {
					VPADDD(sums[r][1], sums[r][0], sums[r][0])
				}
				VCVTDQ2PS(sums[r][0], sums[r][0])
				VMULPS_BCST(x.row(r).Offset(recScale), sums[r][0], sums[r][0])
				VFMADD231PS(d[0], sums[r][0], total[r])
			}
			if !l.mins {
				continue
			}
			s.scales(l, walker.block(), g, 1, d)
			for r := range n {
				VFMADD231PS_BCST(x.row(r).Offset(sumOffset(l, g)), d[0], total[r])
			}
		}
		walker.next()
		x.advance(xBytes)
	})
	MOVQ(next, ahead)
	out := newStrided("out", "outStride", n)
	for r := range n {
		VMOVUPS(total[r], out.row(r))
	}
	nextRows(n) // on to the rows that follow
}

// done ends a kernel; the upper halves of the registers are cleared, so that
// what follows does not wait for them.
func done() {
	VZEROUPPER()
	RET()
}

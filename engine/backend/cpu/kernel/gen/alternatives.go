package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What package kernel does not do, for the benchmark that says why: Q4_1 unpacked to
// float32 and multiplied with activations in float32, and dot products with
// activations of 8 bits. They take the same tiles.

// q41 is the format that the alternatives are measured with.
var q41 = layouts[1]

// nibbleColumn is the column within a vector's eight that a nibble of its lanes holds,
// the lowest nibble first: even columns below, odd ones above.
func nibbleColumn(nibble int) int { return nibble%4*2 + nibble/4 }

// floatSums is how many chains of additions a tile's products are spread over.
const floatSums = 4

// floatVectorQ41 generates the product of one row of float32 with tiles: a block's
// numbers are multiplied as they are, and its scale and minimum come in the end.
func floatVectorQ41(s isa) {
	kernel("floatVectorQ41"+s.name, "func(out *float32, tiles *byte, x, sums *float32, blocks, count, stride int)",
		fmt.Sprintf(`floatVectorQ41%s computes the %d outputs of each of count tiles from one row of activations x, the sums
of whose blocks of 32 are sums. Each block's products are added up in %d sums:`, s.name, lanes, floatSums),
		`for t := range count {
			for row := range 16 {
				var total float32
				for b := range blocks {
					w := weights(q41, tiles, t*stride, b)
					var sum [4]float32
					for k, v := range from(x, 128*b)[:32] {
						sum[k/2%4] = fma(v, float32(w.q(row, k)), sum[k/2%4])
					}
					total = fma((sum[0]+sum[1])+(sum[2]+sum[3]), w.d(row, 0), total)
					total = fma(from(sums, 0)[b], w.m(row, 0), total)
				}
				from(out, 64*t)[row] = total
			}
		}`)
	out, tile, x, sums := param("out"), param("tiles"), param("x"), param("sums")
	blocks, count, stride := param("blocks"), param("count"), param("stride")
	quants, xp, sp, n := GP64(), GP64(), GP64(), GP64()
	u := newNibbles(s)
	total, number := s.vec(), s.vec()
	loop("tile", count, func() {
		MOVQ(tile, quants)
		MOVQ(x, xp)
		MOVQ(sums, sp)
		MOVQ(blocks, n)
		s.zero(total)
		loop("block", n, func() {
			prefetchBlock(q41, quants)
			var sum [floatSums]vec
			for i := range sum {
				sum[i] = s.vec()
				s.zero(sum[i])
			}
			b := s.reg()
			for v := range q41.lowVectors() {
				u.load(at(quants).Offset(v * vectorBytes))
				for nibble := range 8 {
					acc := sum[nibble%floatSums]
					u.number(nibble, number)
					from := at(xp).Offset(4 * (8*v + nibbleColumn(nibble)))
					if s.wide() {
						VFMADD231PS_BCST(from, number[0], acc[0])
						continue
					}
					VBROADCASTSS(from, b)
					for i := range number {
						VFMADD231PS(b, number[i], acc[i])
					}
				}
			}
			each2(VADDPS, sum[1], sum[0], sum[0])
			each2(VADDPS, sum[3], sum[2], sum[2])
			each2(VADDPS, sum[2], sum[0], sum[0])
			d := sum[1]
			block := at(quants)
			s.scales(q41, q41.blockAt(block, 0), 0, 0, d)
			each2(VFMADD231PS, sum[0], d, total)
			s.scales(q41, q41.blockAt(block, 0), 0, 1, d)
			VBROADCASTSS(at(sp), b)
			for i := range d {
				VFMADD231PS(b, d[i], total[i])
			}
			ADDQ(imm(q41.blockBytes()), quants)
			ADDQ(imm(4*32), xp)
			ADDQ(imm(4), sp)
		})
		s.store(total, at(out))
		ADDQ(imm(vectorBytes), out)
		ADDQ(stride, tile)
	})
	done()
}

// nibbles turns the numbers of a vector of a tile into float32, a column after the other.
type nibbles struct {
	isa
	low   vec
	table reg.VecVirtual // AVX-512: the sixteen numbers, chosen by an index's lowest four bits
	mask  reg.VecVirtual // AVX2: the lowest nibble of each lane
}

// nibbleTable is what fixedTable declared.
var nibbleTable Mem

func newNibbles(s isa) *nibbles {
	u := &nibbles{isa: s, low: s.vec(), table: s.reg()}
	if s.wide() {
		VMOVUPS(nibbleTable, u.table)
		return u
	}
	u.mask = s.reg()
	r := GP32()
	MOVL(U32(0xf), r)
	VMOVD(r, u.mask.AsX())
	VPBROADCASTD(u.mask.AsX(), u.mask)
	return u
}

func (u *nibbles) load(m Mem) { u.isa.load(m, u.low) }

// number puts the numbers of a nibble into dst.
func (u *nibbles) number(nibble int, dst vec) {
	for i, low := range u.low {
		v := low
		if nibble > 0 {
			VPSRLD(Imm(uint64(4*nibble)), low, dst[i])
			v = dst[i]
		}
		if u.wide() {
			VPERMPS(u.table, v, dst[i])
			continue
		}
		if nibble < 7 {
			VPAND(u.mask, v, dst[i])
			v = dst[i]
		}
		VCVTDQ2PS(v, dst[i])
	}
}

// floatPanelTiles is how many tiles a float kernel multiplies together, and
// floatPanelRows how many rows: their sums fill the registers.
func (s isa) floatPanelTiles() int { return 3 - s.regs }

func (s isa) floatPanelRows() int {
	if s.wide() {
		return 12
	}
	return 6
}

// floatPanelQ41 generates the expansion of a tile to float32, scales and minima included.
func floatPanelQ41(s isa) {
	step := s.floatPanelTiles() * vectorBytes // from a column to the next
	kernel("floatPanelQ41"+s.name, "func(panel *float32, tile *byte, blocks int)",
		fmt.Sprintf("floatPanelQ41%s expands blocks of a tile into float32, a column each %d bytes:", s.name, step),
		with(`for k := range 32 * blocks {
			w := weights(q41, tile, 0, k/32)
			for row := range 16 {
				from(panel, STEP*k)[row] = fma(float32(w.q(row, k%32)), w.d(row, 0), w.m(row, 0))
			}
		}`, "STEP", itoa(step)))
	panel, quants, blocks := param("panel"), param("tile"), param("blocks")
	u := newNibbles(s)
	d, m, number := s.vec(), s.vec(), s.vec()
	loop("block", blocks, func() {
		prefetchBlock(q41, quants)
		block := at(quants)
		s.scales(q41, q41.blockAt(block, 0), 0, 0, d)
		s.scales(q41, q41.blockAt(block, 0), 0, 1, m)
		for v := range q41.lowVectors() {
			u.load(at(quants).Offset(v * vectorBytes))
			for nibble := range 8 {
				u.number(nibble, number)
				for i := range number {
					VFMADD213PS(m[i], d[i], number[i])
				}
				s.store(number, at(panel).Offset((8*v+nibbleColumn(nibble))*step))
			}
		}
		ADDQ(imm(q41.blockBytes()), quants)
		ADDQ(imm(32*step), panel)
	})
	done()
}

// floatPanelMul generates the product of any number of rows of float32 with some columns
// of an expanded panel.
func floatPanelMul(s isa) {
	tiles, most := s.floatPanelTiles(), s.floatPanelRows()
	kernel("floatPanelMul"+s.name, "func(out *float32, outStride int, panel, x *float32, xStride, rows, cols, later int)",
		fmt.Sprintf("floatPanelMul%s computes the %d outputs of a panel for each of rows rows of activations; with later it adds to\nwhat is there. Strides are in bytes:", s.name, lanes*tiles),
		with(`for r := range rows {
			for o := range OUTPUTS {
				var total float32
				if later != 0 {
					total = from(out, r*outStride)[o]
				}
				for k, v := range from(x, r*xStride)[:cols] {
					total = fma(v, from(panel, STEP*k)[o], total)
				}
				from(out, r*outStride)[o] = total
			}
		}`, "OUTPUTS", itoa(lanes*tiles), "STEP", itoa(tiles*vectorBytes)))
	Label("bunch")
	rows := param("rows")
	CMPQ(rows, imm(most))
	JL(LabelRef("rest"))
	floatPanelRows(s, most)
	nextRows(most)
	JMP(LabelRef("bunch"))
	Label("rest")
	for n := 1; n < most; n++ {
		label := fmt.Sprintf("not%d", n)
		CMPQ(rows, imm(n))
		JNE(LabelRef(label))
		floatPanelRows(s, n)
		done()
		Label(label)
	}
	done()
}

// floatPanelRows is floatPanelMul for n rows.
func floatPanelRows(s isa, n int) {
	tiles := s.floatPanelTiles()
	label := func(what string) string { return fmt.Sprintf("%s%d", what, n) }
	out, later := newStrided("out", "outStride", n), param("later")
	sums := make([][]vec, n)
	for r := range sums {
		for range tiles {
			v := s.vec()
			s.zero(v)
			sums[r] = append(sums[r], v)
		}
	}
	TESTQ(later, later)
	JE(LabelRef(label("begun")))
	for r := range sums {
		for t, v := range sums[r] {
			s.load(out.row(r).Offset(t*vectorBytes), v)
		}
	}
	Label(label("begun"))
	panel, cols := param("panel"), param("cols")
	x := newStrided("x", "xStride", n)
	w := make([]vec, tiles)
	for t := range w {
		w[t] = s.vec()
	}
	b := s.reg()
	loop(label("column"), cols, func() {
		for t := range w {
			s.load(at(panel).Offset(t*vectorBytes), w[t])
		}
		for r := range sums {
			VBROADCASTSS(x.row(r), b)
			for t := range w {
				for i := range w[t] {
					VFMADD231PS(b, w[t][i], sums[r][t][i])
				}
			}
		}
		ADDQ(imm(tiles*vectorBytes), panel)
		x.advance(4)
	})
	out = newStrided("out", "outStride", n)
	for r := range sums {
		for t, v := range sums[r] {
			s.store(v, out.row(r).Offset(t*vectorBytes))
		}
	}
}

// A block of activations of 8 bits: 32 numbers, in the order in which the bytes of a
// tile's lanes come, a scale, and the scale times their sum.
const (
	int8Scale = 32
	int8Sum   = 36
	int8Bytes = 40
)

// vpdpbusdBroadcast appends VPDPBUSD, which avo does not know: acc += a·b, a unsigned
// bytes and b the same four signed ones for all lanes (Intel's manual, AVX512_VNNI).
func vpdpbusdBroadcast(m Mem, a Op, acc reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPBUSD", Suffixes: []string{"BCST"}, Operands: []Op{m, a, acc},
		Inputs: []Op{m, a, acc}, Outputs: []Op{acc}, ISA: []string{"AVX512_VNNI"},
	})
}

// int8Q41 generates the product of rows of 8 bits with a tile, or with many tiles for one
// row.
func int8Q41() {
	s := avx512
	kernel("int8Q41AVX512", "func(out *float32, outStride int, tiles *byte, x *byte, xStride, rows, blocks, count, stride int)",
		"int8Q41AVX512 computes the 16 outputs of each of count tiles for each of rows rows of activations of 8 bits.\nStrides are in bytes:",
		with(`for r := range rows {
			for t := range count {
				for row := range 16 {
					var total float32
					for b := range blocks {
						w, a := weights(q41, tiles, t*stride, b), r*xStride+BYTES*b
						var sum int32
						for i, q := range as[int8](x, a)[:32] {
							k := 8*(i/8) + 2*(i/4%2) + []int{0, 4, 1, 5}[i%4]
							sum += w.q(row, k) * int32(q)
						}
						total = fma(float32(sum)*as[float32](x, a+32)[0], w.d(row, 0), total)
						total = fma(as[float32](x, a+36)[0], w.m(row, 0), total)
					}
					from(out, r*outStride+64*t)[row] = total
				}
			}
		}`, "BYTES", itoa(int8Bytes)))
	mask := broadcast(0x0f0f0f0f)
	for _, n := range tileRows {
		label := fmt.Sprintf("rows%d", n)
		Label(label)
		rows := param("rows")
		CMPQ(rows, imm(n))
		JL(LabelRef(label + "_done"))
		tile, count, blocks := param("tiles"), param("count"), GP64()
		quants := GP64()
		out := newStrided("out", "outStride", n)
		low, high, d := s.reg(), s.reg(), s.vec()
		var total, sum [12]reg.VecVirtual
		for r := range n {
			total[r], sum[r] = s.reg(), s.reg()
		}
		loop(fmt.Sprintf("tile%d", n), count, func() {
			x := newStrided("x", "xStride", n)
			MOVQ(tile, quants)
			Load(Param("blocks"), blocks)
			for r := range n {
				s.clear(total[r])
			}
			loop(fmt.Sprintf("block%d", n), blocks, func() {
				prefetchBlock(q41, quants)
				for r := range n {
					s.clear(sum[r])
				}
				for v := range q41.lowVectors() {
					VMOVDQU32(at(quants).Offset(v*vectorBytes), high)
					VPANDD(mask, high, low)
					VPSRLW(Imm(4), high, high)
					VPANDD(mask, high, high)
					for half, w := range []reg.VecVirtual{low, high} {
						for r := range n {
							vpdpbusdBroadcast(x.row(r).Offset(4*(2*v+half)), w, sum[r])
						}
					}
				}
				block := at(quants)
				s.scales(q41, q41.blockAt(block, 0), 0, 0, d)
				for r := range n {
					VCVTDQ2PS(sum[r], sum[r])
					VMULPS_BCST(x.row(r).Offset(int8Scale), sum[r], sum[r])
					VFMADD231PS(d[0], sum[r], total[r])
				}
				s.scales(q41, q41.blockAt(block, 0), 0, 1, d)
				for r := range n {
					VFMADD231PS_BCST(x.row(r).Offset(int8Sum), d[0], total[r])
				}
				ADDQ(imm(q41.blockBytes()), quants)
				x.advance(int8Bytes)
			})
			for r := range n {
				VMOVUPS(total[r], out.row(r))
			}
			out.advance(vectorBytes)
			stride := param("stride")
			ADDQ(stride, tile)
		})
		nextRows(n)
		JMP(LabelRef(label))
		Label(label + "_done")
	}
	done()
}

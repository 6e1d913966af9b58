package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// number is a floating-point format of weights, keys or values.
type number struct {
	name  string
	bytes int
}

var (
	f32  = number{"F32", 4}
	f16  = number{"F16", 2}
	bf16 = number{"BF16", 2}
	i8   = number{"I8", 1}
)

// widen reads sixteen numbers as float32.
func (s isa) widen(n number, m Mem, v vec) {
	switch n {
	case f32:
		s.load(m, v)
	case f16:
		s.loadHalf(m, v)
	case bf16:
		for i, r := range v {
			VPMOVZXWD(m.Offset(i*s.size/2), r)
			VPSLLD(Imm(16), r, r)
		}
	case i8:
		for i, r := range v {
			VPMOVSXBD(m.Offset(i*s.size/4), r)
			VCVTDQ2PS(r, r)
		}
	}
}

// floatTiles is how many tiles of a matrix of floats one row is multiplied
// with at once: each is a chain of additions that wait for one another.
const floatTiles = 4

// floatVector generates the product of one row with tiles of floats.
func floatVector(s isa, n number) {
	kernel("gemv"+n.name+s.name, "func(out *float32, tiles *byte, x *float32, cols, count, stride int)",
		fmt.Sprintf(`gemv%s%s computes the %d outputs of each of count tiles, which lie stride bytes apart, from one row of
activations, each in one sum that runs over the columns in order:`, n.name, s.name, lanes),
		with(`for t := range count {
			for row := range 16 {
				var total float32
				for k, v := range from(x, 0)[:cols] {
					total = fma(v, FORMAT.at(as[byte](tiles, t*stride), 16*k+row), total)
				}
				from(out, 64*t)[row] = total
			}
		}`, "FORMAT", n.name))
	out, tile, x := param("out"), param("tiles"), param("x")
	count, stride := param("count"), param("stride")
	several := func(tiles int) {
		w, xp, n3 := GP64(), GP64(), GP64()
		cols := param("cols")
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, n3)
		MOVQ(tile, w)
		MOVQ(x, xp)
		sums := make([]vec, tiles)
		for t := range sums {
			sums[t] = s.vec()
			s.zero(sums[t])
		}
		loop(fmt.Sprintf("columns%d", tiles), cols, func() {
			b, v := s.reg(), s.vec()
			VBROADCASTSS(at(xp), b)
			for t := range sums {
				m := at(w)
				switch t {
				case 1, 2:
					m.Index, m.Scale = stride, uint8(t)
				case 3:
					m.Index, m.Scale = n3, 1
				}
				s.widen(n, m, v)
				for r := range v {
					VFMADD231PS(b, v[r], sums[t][r])
				}
			}
			ADDQ(imm(lanes*n.bytes), w)
			ADDQ(imm(4), xp)
		})
		for t := range sums {
			s.store(sums[t], at(out).Offset(t*vectorBytes))
			ADDQ(stride, tile)
		}
		ADDQ(imm(tiles*vectorBytes), out)
		SUBQ(imm(tiles), count)
	}
	Label("four")
	CMPQ(count, imm(floatTiles))
	JL(LabelRef("one"))
	several(floatTiles)
	JMP(LabelRef("four"))
	Label("one")
	TESTQ(count, count)
	JE(LabelRef("end"))
	several(1)
	JMP(LabelRef("one"))
	Label("end")
	done()
}

// floatRows is how many rows of activations a kernel for floats takes at once.
func (s isa) floatRows() int {
	if s.wide() {
		return 8
	}
	return 4
}

// floatMatrix generates the product of several rows with a tile of floats.
func floatMatrix(s isa, n number) {
	kernel("gemm"+n.name+s.name, "func(out *float32, outStride int, tile *byte, x *float32, xStride, rows, cols int)",
		fmt.Sprintf("gemm%s%s computes the %d outputs of a tile for each of rows rows of activations, 1 to %d; strides in bytes:", n.name, s.name, lanes, s.floatRows()),
		with(`for r := range rows {
			for o := range 16 {
				var total float32
				for k, v := range from(x, r*xStride)[:cols] {
					total = fma(v, FORMAT.at(as[byte](tile, 0), 16*k+o), total)
				}
				from(out, r*outStride)[o] = total
			}
		}`, "FORMAT", n.name))
	byRows(s.floatRows(), func(count int) {
		tile, cols := param("tile"), param("cols")
		x := newStrided("x", "xStride", count)
		sums := make([]vec, count)
		for r := range sums {
			sums[r] = s.vec()
			s.zero(sums[r])
		}
		w, b := s.vec(), s.reg()
		loop(fmt.Sprintf("columns%d", count), cols, func() {
			s.widen(n, at(tile), w)
			for r := range sums {
				VBROADCASTSS(x.row(r), b)
				for i := range w {
					VFMADD231PS(b, w[i], sums[r][i])
				}
			}
			ADDQ(imm(lanes*n.bytes), tile)
			x.advance(4)
		})
		out := newStrided("out", "outStride", count)
		for r := range sums {
			s.store(sums[r], out.row(r))
		}
		done()
	})
}

// strided addresses up to nine rows a stride apart with few registers.
type strided struct {
	bases []reg.GPVirtual // rows 0, 3 and 6
	step  reg.GPVirtual
}

func newStrided(base, stride string, rows int) *strided {
	x := &strided{bases: []reg.GPVirtual{param(base)}}
	if rows > 1 {
		x.step = param(stride)
	}
	for n := 3; n < rows; n += 3 {
		next := GP64()
		LEAQ(Mem{Base: x.bases[len(x.bases)-1], Index: x.step, Scale: 2}, next)
		ADDQ(x.step, next)
		x.bases = append(x.bases, next)
	}
	return x
}

// row is the memory of row r.
func (x *strided) row(r int) Mem {
	m := at(x.bases[r/3])
	if r%3 > 0 {
		m.Index, m.Scale = x.step, uint8(r%3)
	}
	return m
}

// advance moves all rows on by a number of bytes.
func (x *strided) advance(n int) {
	for _, b := range x.bases {
		ADDQ(imm(n), b)
	}
}

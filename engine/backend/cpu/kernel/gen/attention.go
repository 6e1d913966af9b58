package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// attentionRows is how many queries the attention's kernels take at once.
func (s isa) attentionRows() int {
	if s.wide() {
		return 6
	}
	return 3
}

// byRows generates body for each number of rows up to most, chosen by the
// parameter rows.
func byRows(most int, body func(rows int)) {
	rows := param("rows")
	for n := most; n > 1; n-- {
		CMPQ(rows, Imm(uint64(n)))
		JE(LabelRef(fmt.Sprintf("rows%d", n)))
	}
	for n := 1; n <= most; n++ {
		Label(fmt.Sprintf("rows%d", n))
		body(n)
	}
}

// widenGroups generates the widening of groups of keys or values in float16.
func widenGroups(s isa) {
	kernel("widenGroups"+s.name, "func(dst *float32, memory *byte, groupBytes int, table *int32, groups, n int)",
		"widenGroups"+s.name+" copies groups of n float16 numbers, a multiple of 16, one after the other as float32:",
		`for g, at := range from(table, 0)[:groups] {
			for i := range n {
				from(dst, 0)[n*g+i] = KVF16.at(as[byte](memory, int(at)*groupBytes), i)
			}
		}`)
	dst, memory, groupBytes := param("dst"), param("memory"), param("groupBytes")
	table, groups, n := param("table"), param("groups"), param("n")
	v := s.vec()
	loop("group", groups, func() {
		from, left := GP64(), GP64()
		MOVLQSX(at(table), from)
		IMULQ(groupBytes, from)
		ADDQ(memory, from)
		MOVQ(n, left)
		SHRQ(Imm(4), left)
		loop("numbers", left, func() {
			s.loadHalf(at(from), v)
			s.store(v, at(dst))
			ADDQ(imm(2*lanes), from)
			ADDQ(imm(vectorBytes), dst)
		})
		ADDQ(imm(4), table)
	})
	done()
}

// scores generates the products of queries with groups of sixteen keys.
func scores(s isa, n number) {
	kernel("scores"+n.name+s.name, "func(out *float32, outStride int, q *float32, qStride int, keys *byte, groupBytes int, table *int32, groups, dim, rows int, scale float32)",
		fmt.Sprintf(`scores%s%s computes the scaled products of rows queries, 1 to %d, with groups of sixteen keys, which lie
element after element, sixteen keys each`+when(n == i8, `, and then sixteen factors`)+`. dim is even; strides are in bytes:`, n.name, s.name, s.attentionRows()),
		with(`for g, at := range from(table, 0)[:groups] {
			group := as[byte](keys, int(at)*groupBytes)
			for r := range rows {
				for key := range 16 {
					var even, odd float32
					for d := 0; d < dim; d += 2 {
						even = fma(from(q, r*qStride)[d], FORMAT.at(group, 16*d+key), even)
						odd = fma(from(q, r*qStride)[d+1], FORMAT.at(group, 16*(d+1)+key), odd)
					}
					from(out, r*outStride)[16*g+key] = (even + odd) * scaleFACTOR
				}
			}
		}`, "FORMAT", "KV"+n.name, "FACTOR", when(n == i8, " * as[float32](&group[16*dim], 0)[key]")))
	byRows(s.attentionRows(), func(rows int) {
		keys, groupBytes, table, groups := param("keys"), param("groupBytes"), param("table"), param("groups")
		out := newStrided("out", "outStride", rows)
		scale := s.splat("scale")
		loop(fmt.Sprintf("group%d", rows), groups, func() {
			k := GP64()
			MOVLQSX(at(table), k)
			IMULQ(groupBytes, k)
			ADDQ(keys, k)
			q := newStrided("q", "qStride", rows)
			half := param("dim")
			SHRQ(Imm(1), half)
			sums := make([][2]vec, rows)
			for r := range sums {
				for p := range 2 {
					sums[r][p] = s.vec()
					s.zero(sums[r][p])
				}
			}
			w, b := s.vec(), s.reg()
			loop(fmt.Sprintf("element%d", rows), half, func() {
				for p := range 2 {
					s.widen(n, at(k).Offset(p*lanes*n.bytes), w)
					for r := range rows {
						VBROADCASTSS(q.row(r).Offset(4*p), b)
						for i := range w {
							VFMADD231PS(b, w[i], sums[r][p][i])
						}
					}
				}
				ADDQ(imm(2*lanes*n.bytes), k)
				q.advance(8)
			})
			for r := range rows {
				for i := range w {
					VADDPS(sums[r][1][i], sums[r][0][i], w[i])
					VMULPS(scale, w[i], w[i])
					if n == i8 {
						VMULPS(at(k).Offset(i*s.size), w[i], w[i])
					}
				}
				s.store(w, out.row(r))
			}
			out.advance(vectorBytes)
			ADDQ(imm(4), table)
		})
		done()
	})
}

// values generates the weighted sums of values.
func values(s isa, n number) {
	kernel("values"+n.name+s.name, "func(out *float32, outStride int, p *float32, pStride int, values *byte, groupBytes int, table *int32, keys, dim, rows int)",
		fmt.Sprintf(`values%s%s adds the values of keys keys, weighted for rows queries, 1 to %d, to the outputs. Values lie in groups
of sixteen keys, dim numbers each, a multiple of 16`+when(n == i8, `, and then sixteen factors`)+`; strides are in bytes:`, n.name, s.name, s.attentionRows()),
		with(`for key := range keys {
			group := as[byte](values, int(from(table, 0)[key/16])*groupBytes)
			for r := range rows {
				for d := range dim {
					v := FORMAT.at(group, dim*(key%16)+d)FACTOR
					from(out, r*outStride)[d] = fma(from(p, r*pStride)[key], v, from(out, r*outStride)[d])
				}
			}
		}`, "FORMAT", "KV"+n.name, "FACTOR", when(n == i8, " * as[float32](&group[16*dim], 0)[key%16]")))
	byRows(s.attentionRows(), func(rows int) {
		// Strips of sixteen elements side by side: enough sums that none
		// waits for another, as many as there are registers.
		most := 2
		if s.wide() && rows <= 3 {
			most = 4
		}
		out := newStrided("out", "outStride", rows)
		offset := GP64() // of the strip in a value
		XORQ(offset, offset)
		dim := param("dim")
		for strips := most; strips >= 1; strips /= 2 {
			top, end := fmt.Sprintf("strips%d_%d", rows, strips), fmt.Sprintf("done%d_%d", rows, strips)
			Label(top)
			CMPQ(dim, imm(16*strips))
			JL(LabelRef(end))
			valueStrips(s, n, out, offset, rows, strips)
			out.advance(strips * vectorBytes)
			ADDQ(imm(strips*lanes*n.bytes), offset)
			SUBQ(imm(16*strips), dim)
			JMP(LabelRef(top))
			Label(end)
		}
		done()
	})
}

// valueStrips generates one pass over the keys for some strips of the output.
func valueStrips(s isa, n number, out *strided, offset reg.GPVirtual, rows, strips int) {
	label := func(what string) string { return fmt.Sprintf("%s%d_%d", what, rows, strips) }
	sums := make([][]vec, rows)
	for r := range sums {
		sums[r] = make([]vec, strips)
		for t := range sums[r] {
			sums[r][t] = s.vec()
			s.load(out.row(r).Offset(t*vectorBytes), sums[r][t])
		}
	}
	p := newStrided("p", "pStride", rows)
	table, keys := param("table"), param("keys")
	Label(label("group"))
	v, left := GP64(), GP64()
	MOVLQSX(at(table), v)
	step := param("groupBytes")
	IMULQ(step, v)
	base := param("values")
	ADDQ(base, v)
	factor := GP64()
	if n == i8 {
		whole := param("dim")
		SHLQ(Imm(4), whole)
		MOVQ(v, factor)
		ADDQ(whole, factor)
	}
	ADDQ(offset, v)
	MOVQ(keys, left)
	CMPQ(left, imm(16))
	JLE(LabelRef(label("few")))
	MOVQ(U32(16), left)
	Label(label("few"))
	SUBQ(left, keys)
	width := param("dim")
	if n.bytes > 1 {
		IMUL3Q(imm(n.bytes), width, width)
	}
	w, b := s.vec(), s.reg()
	loop(label("key"), left, func() {
		for t := range strips {
			s.widen(n, at(v).Offset(t*lanes*n.bytes), w)
			if n == i8 {
				VBROADCASTSS(at(factor), b)
				for i := range w {
					VMULPS(b, w[i], w[i])
				}
			}
			for r := range rows {
				VBROADCASTSS(p.row(r), b)
				for i := range w {
					VFMADD231PS(b, w[i], sums[r][t][i])
				}
			}
		}
		ADDQ(width, v)
		if n == i8 {
			ADDQ(imm(4), factor)
		}
		p.advance(4)
	})
	ADDQ(imm(4), table)
	TESTQ(keys, keys)
	JNE(LabelRef(label("group")))
	for r := range sums {
		for t := range sums[r] {
			s.store(sums[r][t], out.row(r).Offset(t*vectorBytes))
		}
	}
}

package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A bunch is sixteen rows of activations as AMX takes them. A block of it has a line of 64
// bytes a row, and behind the lines numbers of 32 bits, sixteen beside each other: one a row.

// bunchWriter generates what writes the blocks of a quantized row to its place of a bunch.
type bunchWriter struct {
	bunch, row, x, count reg.GPVirtual
	line                 reg.GPVirtual // the row's of the block at hand
}

func newBunchWriter() bunchWriter {
	w := bunchWriter{param("bunch"), param("row"), param("x"), param("blocks"), GP64()}
	MOVQ(w.row, w.line)
	SHLQ(Imm(6), w.line)
	ADDQ(w.bunch, w.line)
	return w
}

// number is the row's number among the sixteen that lie so far behind a block's beginning.
func (w bunchWriter) number(disp int) Mem {
	return Mem{Base: w.bunch, Index: w.row, Scale: 4, Disp: disp}
}

// blocks generates the rest of the kernel: one block after the other, of so many bytes in
// the bunch.
func (w bunchWriter) blocks(size int, block func()) {
	loop("block", w.count, func() {
		block()
		ADDQ(imm(xBytes), w.x)
		ADDQ(imm(size), w.line)
		ADDQ(imm(size), w.bunch)
	})
	done()
}

// bunchAMX generates the writing of a quantized row into its place of a bunch.
func bunchAMX() {
	kernel("bunchAMX", "func(bunch *byte, row int, x *byte, blocks int)",
		"bunchAMX writes a quantized row to its place, 0 to 15, of a bunch:",
		with(`for b := range blocks {
			a := quantized(x, 0, b)
			for k, q := range a.Q {
				as[uint16](bunch, BUNCH*b+64*row)[k] = bfloat16(a.Scale * float32(q&^255))
				as[uint16](bunch, BUNCH*b+64*row+LOW)[k] = bfloat16(a.Scale * float32(q&255))
			}
			for i, sum := range a.Sum {
				as[float32](bunch, BUNCH*b+SUMS)[16*i+row] = sum
			}
		}`, "BUNCH", itoa(bunchBytes), "LOW", itoa(bunchLow), "SUMS", itoa(bunchSum)))
	w := newBunchWriter()
	lower, upper, mask := ZMM(), ZMM(), GP32()
	MOVL(U32(0xff), mask)
	VPBROADCASTD(mask, lower)
	MOVL(U32(0xffff0000), mask)
	VPBROADCASTD(mask, upper)
	w.blocks(bunchBytes, func() {
		even, odd, scale := ZMM(), ZMM(), ZMM()
		VBROADCASTSS(at(w.x).Offset(recScale), scale)
		VMOVDQU32(at(w.x), odd)
		VPSLLD(Imm(16), odd, even)
		VPSRAD(Imm(16), even, even)
		VPSRAD(Imm(16), odd, odd)
		for i, part := range []func(v, dst Op){
			func(v, dst Op) { VPANDND(v, lower, dst) },
			func(v, dst Op) { VPANDD(v, lower, dst) },
		} {
			e, o := ZMM(), ZMM()
			part(even, e)
			part(odd, o)
			VCVTDQ2PS(e, e)
			VCVTDQ2PS(o, o)
			VMULPS(scale, e, e)
			VMULPS(scale, o, o)
			VPSRLD(Imm(16), e, e)
			VPTERNLOGD(Imm(0xf8), upper, o, e) // e | o&upper
			VMOVDQU32(e, at(w.line).Offset(i*bunchLow))
		}
		n := GP32()
		for i := range 3 {
			MOVL(at(w.x).Offset(recSum+4*i), n)
			MOVL(n, w.number(bunchSum+i*vectorBytes))
		}
	})
}

// bunchBytesAMX generates the writing of a quantized row into its place of a bunch
// in bytes.
func bunchBytesAMX() {
	order := GLOBL("bunchBytesOrder", constAttrs)
	for i := 0; i < vectorBytes; i += 8 {
		var v uint64
		for j := range 8 {
			// In each eight columns the high bytes, then the low ones, in the order in
			// which a tile has them.
			column := j&4 + []int{0, 2, 1, 3}[j&3]
			at := 2 * column
			if i%16 == 0 {
				at++
			}
			v |= uint64(at) << (8 * j)
		}
		DATA(i, U64(v))
	}
	quarters := GLOBL("bunchBytesQuarters", constAttrs)
	for i, q := range []uint64{0, 2, 4, 6, 1, 3, 5, 7} {
		DATA(8*i, U64(q))
	}
	kernel("bunchBytesAMX", "func(bunch *byte, row int, x *byte, blocks int)",
		"bunchBytesAMX writes a quantized row to its place, 0 to 15, of a bunch in bytes:",
		with(`for b := range blocks {
			a, line := quantized(x, 0, b), as[byte](bunch, BUNCH*b+64*row)
			for k := range 32 {
				q := a.Q[k&^3+[]int{0, 2, 1, 3}[k&3]]
				line[k], line[LOW+k] = byte(q>>8), byte(q)
			}
			as[float32](bunch, BUNCH*b+SCALE)[row] = a.Scale
			as[int32](bunch, BUNCH*b+OFFSET)[row] = 128 * a.Negative[0]
		}`, "BUNCH", itoa(byteBunch), "LOW", itoa(byteLow), "SCALE", itoa(byteScale), "OFFSET", itoa(byteOffset)))
	w := newBunchWriter()
	bytes, lanes := ZMM(), ZMM()
	VMOVDQU64(order, bytes)
	VMOVDQU64(quarters, lanes)
	w.blocks(byteBunch, func() {
		v, n := ZMM(), GP32()
		VMOVDQU64(at(w.x), v)
		VPSHUFB(bytes, v, v)
		VPERMQ(v, lanes, v)
		VMOVDQU64(v, at(w.line))
		MOVL(at(w.x).Offset(recScale), n)
		MOVL(n, w.number(byteScale))
		MOVL(at(w.x).Offset(recNegative), n)
		SHLL(Imm(7), n)
		MOVL(n, w.number(byteOffset))
	})
}

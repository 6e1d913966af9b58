package postlink

import "math"

// slots shortens the way to a variable on the stack. Go computes its address
// in 64 bits and cuts it to 32, although the load or the store that follows
// adds an offset of its own:
//
//	local.get 1 i64.extend_i32_u i64.const 440 i64.add i32.wrap_i64 i64.load 0
//
// The stack lies in memory, so the sum does not wrap, and the offset can hold it:
//
//	local.get 1 i64.load 440
func (f *function) slots() {
	if len(f.locals) == 0 || f.locals[0] != (localGroup{1, typeI32}) {
		return
	}
	drop := make([]bool, len(f.code))
	for k := 0; k+5 < len(f.code); k++ {
		c := f.code[k : k+5]
		if !c[0].is(opLocalGet, sp) || c[1].op != opI64ExtendU || c[2].op != opI64Const || c[3].op != opI64Add || c[4].op != opI32Wrap {
			continue
		}
		use := f.user(k + 5)
		if use < 0 {
			continue
		}
		in := &f.code[use]
		align, offset := in.memory()
		sum := c[2].constant() + int64(offset)
		if c[2].constant() < 0 || sum > math.MaxInt32 {
			continue
		}
		in.imm = appendUnsigned(appendUnsigned(nil, align), uint64(sum))
		for j := k + 1; j < k+5; j++ {
			drop[j] = true
		}
	}
	kept := f.code[:0]
	for k, in := range f.code {
		if !drop[k] {
			kept = append(kept, in)
		}
	}
	f.code = kept
}

// user returns the load or store that takes the address which lies on top of
// the stack before instruction k, or -1 if something else takes it, or if it
// is not found in a straight line.
func (f *function) user(k int) int {
	for above := 0; k < len(f.code); k++ { // values above the address
		in := &f.code[k]
		switch op := in.op; {
		case op >= opFirstLoad && op <= opLastLoad:
			if above == 0 {
				return k
			}
		case op >= opFirstStore && op <= opLastStore:
			if above == 1 {
				return k
			}
			above -= 2
		case op == opLocalGet, op == opGlobalGet, op >= opI32Const && op <= opF64Const:
			above++
		case op == opLocalSet, op == opGlobalSet:
			above--
		case op == opLocalTee, unary(op):
			if above == 0 {
				return -1
			}
		case op == opSelect:
			above -= 2
		case op >= opFirstNumeric && op <= opLastNumeric: // two operands
			above--
		default:
			return -1
		}
		if above < 0 {
			return -1
		}
	}
	return -1
}

// unary tells whether an instruction takes one number and gives one.
func unary(op byte) bool {
	switch {
	case op == 0x45, op == 0x50: // eqz
	case op >= 0x67 && op <= 0x69, op >= 0x79 && op <= 0x7b: // clz, ctz, popcnt
	case op >= 0x8b && op <= 0x91, op >= 0x99 && op <= 0x9f: // abs … sqrt
	case op >= 0xa7 && op <= opLastNumeric: // conversions
	default:
		return false
	}
	return true
}

// memory returns the alignment and the offset of a load or store.
func (i *instruction) memory() (align, offset uint64) {
	c := cursor{b: i.imm}
	return c.unsigned(), c.unsigned()
}

package postlink

// unwinds makes the way out after each call the same. A function that was called returns 1
// if its goroutine has to wait; then its caller returns 1 as well. Go writes that as a branch
// out of a block around the whole function, after which the function ends
// with 1:
//
//	block … call f … br_if (that block) … unreachable end i32.const 1 end
//
// The branch's depth is another number after each call. Instead:
//
//	… call f … if i32.const 1 return end … unreachable end
func (f *function) unwinds() {
	n := len(f.code)
	if n < 4 || !f.code[n-4].is(opUnreachable) || f.code[n-3].op != opEnd || !f.code[n-2].is(opI32Const, 1) {
		return
	}
	around := f.code[n-3].block
	for k := range f.code {
		in := &f.code[k]
		if in.op != opBrIf && leaves(in, around) {
			return
		}
	}
	out := make([]instruction, 0, n+n/8)
	for _, in := range f.code[:n-3] {
		switch {
		case in.block == around: // its beginning
		case leaves(&in, around):
			way := &block{opIf}
			out = append(out,
				instruction{op: opIf, imm: []byte{emptyBlock}, block: way},
				instruction{op: opI32Const, imm: []byte{1}},
				instruction{op: opReturn},
				instruction{op: opEnd, block: way})
		default:
			out = append(out, in)
		}
	}
	f.code = append(out, f.code[n-1])
}

// leaves tells whether the instruction can branch out of the block.
func leaves(in *instruction, b *block) bool {
	for _, to := range in.to {
		if to == b {
			return true
		}
	}
	return false
}

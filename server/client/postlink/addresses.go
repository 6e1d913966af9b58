package postlink

// addresses writes a function's number once. A return address is the number of
// the function in the upper bits and that of the place in the lower 16;
// before each call it is stored as one constant:
//
//	local.get 1 i64.const 0x1b4d000e i64.store 0
//
// The number of the function is the same each time, yet stands between numbers
// that are not. So a local variable gets it at the function's start:
//
//	i64.const 0x1b4d0000 local.set 2 …
//	local.get 1 local.get 2 i64.const 14 i64.or i64.store 0
//
// An optimizing compiler makes the same constant of that.
func (f *function) addresses() {
	if len(f.locals) == 0 || f.locals[0] != (localGroup{1, typeI32}) {
		return
	}
	var base int64
	var at []int
	for k := 1; k+1 < len(f.code); k++ {
		in := &f.code[k]
		if in.op != opI64Const || !f.code[k-1].is(opLocalGet, sp) || !f.code[k+1].is(opI64Store, 3, 0) || k < 2 || !f.code[k-2].is(opGlobalSet, 0) {
			continue
		}
		v := in.constant()
		if len(at) > 0 && v>>16 != base>>16 {
			return
		}
		base = v &^ 0xffff
		at = append(at, k)
	}
	if len(at) < 2 {
		return
	}
	const number = 2 // the new variable's index
	f.locals = append([]localGroup{f.locals[0], {1, typeI64}}, f.locals[1:]...)
	out := make([]instruction, 0, len(f.code)+2*len(at)+2)
	out = append(out,
		instruction{op: opI64Const, imm: appendSigned(nil, base)},
		instruction{op: opLocalSet, imm: []byte{number}})
	for k, in := range f.code {
		switch {
		case len(at) > 0 && at[0] == k:
			at = at[1:]
			out = append(out,
				instruction{op: opLocalGet, imm: []byte{number}},
				instruction{op: opI64Const, imm: appendSigned(nil, in.constant()-base)},
				instruction{op: opI64Or})
			continue
		case in.op >= opLocalGet && in.op <= opLocalTee && in.index() >= number:
			in.imm = appendUnsigned(nil, in.index()+1)
		}
		out = append(out, in)
	}
	f.code = out
}

// sp is the local variable that holds the stack pointer.
const sp = 1

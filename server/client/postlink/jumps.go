package postlink

// jumps makes jumps ahead direct. WebAssembly has no goto, so Go wraps a
// function in one block for each place that something jumps to, and the whole
// in a loop that begins with a table of them; the parameter says where to go:
//
//	loop block block … local.get 0 br_table … end (place 0) end (place 1) …
//
// A jump sets the parameter and starts the loop again:
//
//	i32.const 7 local.set 0 br (the loop)
//
// If the block that ends at the place is still open, a branch out of it gets
// there at once, and nothing is decided anew. A condition around it,
// if … end, becomes part of the branch.
func (f *function) jumps() {
	head, ok := f.dispatch()
	if !ok {
		return
	}
	loop, places := f.code[head].block, f.table(head)
	isOpen := map[*block]bool{}
	out := make([]instruction, 0, len(f.code))
	again := false
	for k := 0; k < len(f.code); k++ {
		in := f.code[k]
		if in.block != nil {
			isOpen[in.block] = in.op != opEnd
		}
		if f.jumpsTo(k, loop) {
			pc := uint64(in.constant())
			place := places[min(pc, uint64(len(places)-1))]
			if isOpen[place] {
				k += 2
				last := len(out) - 1
				if out[last].is(opIf, emptyBlock) && f.code[k+1].op == opEnd {
					out[last] = instruction{op: opBrIf, to: []*block{place}}
					k++
				} else {
					out = append(out, instruction{op: opBr, to: []*block{place}})
				}
				continue
			}
			again = true
		}
		out = append(out, in)
	}
	f.code = out
	if !again {
		f.drop(loop)
	}
}

// dispatch returns where the loop is that a function's jumps go to, and
// whether the parameter says nothing but where: everything that reads it
// outside of the table's head has set it just before.
func (f *function) dispatch() (head int, ok bool) {
	for head < len(f.code) && f.code[head].op != opLoop {
		if in := &f.code[head]; in.op == opLocalSet && in.index() == 0 {
			return 0, false
		}
		head++
	}
	if head == len(f.code) {
		return 0, false
	}
	loop := f.code[head].block
	at := head + 1
	for at < len(f.code) && f.code[at].is(opBlock, emptyBlock) {
		at++
	}
	if at+1 >= len(f.code) || !f.code[at].is(opLocalGet, 0) || f.code[at+1].op != opBrTable {
		return 0, false
	}
	for k := range f.code {
		in := &f.code[k]
		switch {
		case k == at:
		case leaves(in, loop) && (in.op != opBr || k < 2 || !f.jumpsTo(k-2, loop)):
			return 0, false
		case in.op == opLocalTee && in.index() == 0:
			return 0, false
		case in.op == opLocalGet && in.index() == 0:
			// A call of a function value: local.set 0, i32.const 0, local.get 0.
			if k < 2 || !f.code[k-1].is(opI32Const, 0) || !f.code[k-2].is(opLocalSet, 0) {
				return 0, false
			}
		}
	}
	return head, true
}

// table returns the blocks of the table behind the loop's head.
func (f *function) table(head int) []*block {
	for f.code[head].op != opBrTable {
		head++
	}
	return f.code[head].to
}

// jumpsTo tells whether a jump over the loop begins at instruction k.
func (f *function) jumpsTo(k int, loop *block) bool {
	return k+2 < len(f.code) && f.code[k].op == opI32Const && f.code[k].constant() >= 0 &&
		f.code[k+1].is(opLocalSet, 0) && f.code[k+2].op == opBr && f.code[k+2].to[0] == loop
}

// drop takes a block away that no branch leaves.
func (f *function) drop(b *block) {
	kept := f.code[:0]
	for _, in := range f.code {
		if in.block != b {
			kept = append(kept, in)
		}
	}
	f.code = kept
}

package postlink

import (
	"fmt"
	"slices"
)

// The instructions that the rewrites look at (WebAssembly core specification
// 5.4). All others are carried along.
const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opSelect      = 0x1b
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI64Store    = 0x37
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF64Const    = 0x44
	opI64Add      = 0x7c
	opI64Or       = 0x84
	opI32Wrap     = 0xa7 // i32.wrap_i64
	opI64ExtendU  = 0xad // i64.extend_i32_u

	opFirstLoad, opLastLoad       = 0x28, 0x35
	opFirstStore, opLastStore     = 0x36, 0x3e
	opFirstNumeric, opLastNumeric = 0x45, 0xc4

	emptyBlock = 0x40 // the type of a block that leaves nothing on the stack

	typeI32, typeI64 = 0x7f, 0x7e
)

// A function is the body of a function, its branches tied to the blocks that they leave.
type function struct {
	locals []localGroup
	code   []instruction
}

// A localGroup is a number of local variables of one type.
type localGroup struct {
	n    uint64
	kind byte
}

// An instruction is one instruction of a body.
type instruction struct {
	op    byte
	imm   []byte   // its immediates as written, except for branches
	block *block   // what block, loop, if and else open, and end closes
	to    []*block // where br, br_if and br_table go, the table's default last
}

// A block is something that a branch can leave: its address stands for it.
type block struct{ op byte }

// is tells whether the instruction has the opcode and these immediates.
func (i *instruction) is(op byte, imm ...byte) bool {
	return i.op == op && slices.Equal(i.imm, imm)
}

// index returns the immediate of an instruction that has one number: the
// index of a local variable.
func (i *instruction) index() uint64 {
	c := cursor{b: i.imm}
	return c.unsigned()
}

// constant returns the value of an i32.const or i64.const.
func (i *instruction) constant() int64 {
	c := cursor{b: i.imm}
	return c.signed()
}

// decode reads a function's body.
func decode(body []byte) (*function, error) {
	f := new(function)
	c := cursor{b: body}
	for n := c.unsigned(); n > 0 && c.err == nil; n-- {
		f.locals = append(f.locals, localGroup{n: c.unsigned(), kind: c.byte()})
	}
	open := []*block{{}} // the body itself
	for c.more() {
		if len(open) == 0 {
			return nil, fmt.Errorf("byte %d lies behind the end", c.at)
		}
		in := instruction{op: c.byte()}
		from := c.at
		target := func() {
			depth := c.unsigned()
			if depth >= uint64(len(open)) {
				c.err = fmt.Errorf("a branch leaves %d blocks of %d", depth+1, len(open))
				return
			}
			in.to = append(in.to, open[uint64(len(open))-1-depth])
		}
		switch op := in.op; {
		case op == opBlock || op == opLoop || op == opIf:
			c.signed()
			in.block = &block{op}
			open = append(open, in.block)
		case op == opElse || op == opEnd:
			in.block = open[len(open)-1]
			if op == opEnd {
				open = open[:len(open)-1]
			}
		case op == opBr || op == opBrIf:
			target()
		case op == opBrTable:
			for n := c.unsigned() + 1; n > 0 && c.err == nil; n-- {
				target()
			}
		default:
			if err := skip(&c, op); err != nil {
				return nil, fmt.Errorf("byte %d: %w", from-1, err)
			}
		}
		if c.err != nil {
			return nil, c.err
		}
		if in.to == nil {
			in.imm = body[from:c.at:c.at]
		}
		f.code = append(f.code, in)
	}
	if len(open) != 0 {
		return nil, errTruncated
	}
	return f, nil
}

// skip reads over the immediates of an instruction that is no branch and no block.
func skip(c *cursor, op byte) error {
	switch {
	case op <= 0x01, op == opReturn, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4: // no immediates
	case op == 0x10, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40: // an index
		c.unsigned()
	case op == 0x11, op >= 0x28 && op <= 0x3e: // two indices, alignment and offset
		c.unsigned()
		c.unsigned()
	case op == opI32Const, op == opI64Const:
		c.signed()
	case op == 0x43:
		c.bytes(4)
	case op == 0x44:
		c.bytes(8)
	case op == 0xfc:
		switch sub := c.unsigned(); {
		case sub <= 7: // conversions
		case sub == 10: // memory.copy
			c.bytes(2)
		case sub == 11: // memory.fill
			c.bytes(1)
		default:
			return fmt.Errorf("instruction 0xfc %d is not one that Go's compiler writes", sub)
		}
	default:
		return fmt.Errorf("instruction 0x%02x is not one that Go's compiler writes", op)
	}
	return c.err
}

// encode writes the function's body.
func (f *function) encode() []byte {
	out := appendUnsigned(nil, uint64(len(f.locals)))
	for _, g := range f.locals {
		out = append(appendUnsigned(out, g.n), g.kind)
	}
	open := []*block{nil}
	for k := range f.code {
		in := &f.code[k]
		out = append(out, in.op)
		if in.op == opBrTable {
			out = appendUnsigned(out, uint64(len(in.to)-1))
		}
		for _, to := range in.to {
			depth := 0
			for open[len(open)-1-depth] != to && depth < len(open)-1 {
				depth++
			}
			out = appendUnsigned(out, uint64(depth))
		}
		out = append(out, in.imm...)
		switch in.op {
		case opBlock, opLoop, opIf:
			open = append(open, in.block)
		case opEnd:
			open = open[:len(open)-1]
		}
	}
	return out
}

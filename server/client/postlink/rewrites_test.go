package postlink

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// small returns a module of one function of Go's type.
func small(locals []byte, code ...byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	body := append(slices.Clone(locals), code...)
	m := []byte(preamble + "\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\x00")
	m = append(m, sectionCode, byte(len(body)+2), 1, byte(len(body)))
	return append(m, body...)
}

// jumping is a function of three places, 0 to 2, in one loop. Place 0 jumps to
// place 2 under a condition and place 1 back to place 0.
var jumping = []byte{
	0x03, 0x40, // loop
	0x02, 0x40, 0x02, 0x40, 0x02, 0x40, // block block block
	0x20, 0, 0x0e, 2, 0, 1, 2, // local.get 0, br_table 0 1 2
	0x0b,                                                 // end: place 0
	0x20, 1, 0x04, 0x40, 0x41, 2, 0x21, 0, 0x0c, 3, 0x0b, // local.get 1, if, i32.const 2, local.set 0, br 3, end
	0x0b,                      // end: place 1
	0x41, 0, 0x21, 0, 0x0c, 1, // i32.const 0, local.set 0, br 1
	0x0b,                // end: place 2
	0x41, 0, 0x0f, 0x0b, // i32.const 0, return, end of the loop
	0x00, 0x0b, // unreachable, end
}

func TestRewrites(t *testing.T) {
	withSP := []byte{1, 1, 0x7f} // one i32: the stack pointer
	// A call's way out and the stack pointer's reading back stand for a call.
	call := func(pc ...byte) []byte {
		return append(append([]byte{0x24, 0, 0x20, 1, 0x42}, pc...), 0x37, 3, 0)
	}
	for _, c := range []struct {
		name         string
		locals, code []byte
		wantLocals   []byte
		want         []byte
	}{
		{
			"a jump ahead under a condition becomes br_if, a jump back stays", withSP, jumping, withSP,
			[]byte{
				0x03, 0x40, 0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 2, 0x0b,
				0x20, 1, 0x0d, 1, // local.get 1, br_if 1
				0x0b, 0x41, 0, 0x21, 0, 0x0c, 1, 0x0b, 0x41, 0, 0x0f, 0x0b, 0x00, 0x0b,
			},
		},
		{
			"a place beyond the table is its last one", withSP, replace(jumping, []byte{0x41, 2, 0x21}, []byte{0x41, 9, 0x21}), withSP,
			replace(jumping, []byte{0x04, 0x40, 0x41, 2, 0x21, 0, 0x0c, 3, 0x0b}, []byte{0x0d, 1}),
		},
		{
			"without a jump back the loop goes", withSP, replace(jumping, []byte{0x41, 0, 0x21, 0, 0x0c, 1}, []byte{0x0c, 0}), withSP,
			[]byte{
				0x02, 0x40, 0x02, 0x40, 0x02, 0x40, 0x20, 0, 0x0e, 2, 0, 1, 2, 0x0b,
				0x20, 1, 0x0d, 1, 0x0b, 0x0c, 0, 0x0b, 0x41, 0, 0x0f, 0x00, 0x0b,
			},
		},
		{
			"a function that reads the place elsewhere stays", withSP, replace(jumping, []byte{0x20, 1, 0x04}, []byte{0x20, 0, 0x04}), withSP,
			replace(jumping, []byte{0x20, 1, 0x04}, []byte{0x20, 0, 0x04}),
		},
		{
			"the way out of a call becomes a return", nil,
			[]byte{0x02, 0x40, 0x20, 0, 0x0d, 0, 0x41, 0, 0x0f, 0x00, 0x0b, 0x41, 1, 0x0b}, nil,
			[]byte{0x20, 0, 0x04, 0x40, 0x41, 1, 0x0f, 0x0b, 0x41, 0, 0x0f, 0x00, 0x0b},
		},
		{
			"a function that ends with something else than 1 stays", nil,
			[]byte{0x02, 0x40, 0x20, 0, 0x0d, 0, 0x41, 0, 0x0f, 0x00, 0x0b, 0x41, 2, 0x0b}, nil,
			[]byte{0x02, 0x40, 0x20, 0, 0x0d, 0, 0x41, 0, 0x0f, 0x00, 0x0b, 0x41, 2, 0x0b},
		},
		{
			"an address on the stack becomes the load's offset", withSP,
			[]byte{0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x28, 2, 8, 0x0b}, withSP,
			[]byte{0x20, 1, 0x28, 2, 24, 0x0b},
		},
		{
			"and that of the store which takes it, past the value", withSP,
			[]byte{0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x20, 1, 0x41, 3, 0x6a, 0x36, 2, 8, 0x41, 0, 0x0b}, withSP,
			[]byte{0x20, 1, 0x20, 1, 0x41, 3, 0x6a, 0x36, 2, 24, 0x41, 0, 0x0b},
		},
		{
			"an address that is stored itself stays", withSP,
			[]byte{0x20, 1, 0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x36, 2, 8, 0x41, 0, 0x0b}, withSP,
			[]byte{0x20, 1, 0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x36, 2, 8, 0x41, 0, 0x0b},
		},
		{
			"an address that a condition stands behind stays", withSP,
			[]byte{0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x20, 0, 0x04, 0x7f, 0x41, 1, 0x05, 0x41, 2, 0x0b, 0x36, 2, 0, 0x41, 0, 0x0b}, withSP,
			[]byte{0x20, 1, 0xad, 0x42, 16, 0x7c, 0xa7, 0x20, 0, 0x04, 0x7f, 0x41, 1, 0x05, 0x41, 2, 0x0b, 0x36, 2, 0, 0x41, 0, 0x0b},
		},
		{
			"return addresses share the function's number", []byte{2, 1, 0x7f, 3, 0x7e},
			slices.Concat([]byte{0x41, 0}, call(0x82, 0x80, 0x04), []byte{0x41, 0}, call(0x83, 0x80, 0x04), []byte{0x20, 2, 0x1a, 0x41, 0, 0x0b}),
			[]byte{3, 1, 0x7f, 1, 0x7e, 3, 0x7e},
			slices.Concat([]byte{0x42, 0x80, 0x80, 0x04, 0x21, 2},
				[]byte{0x41, 0, 0x24, 0, 0x20, 1, 0x20, 2, 0x42, 2, 0x84, 0x37, 3, 0},
				[]byte{0x41, 0, 0x24, 0, 0x20, 1, 0x20, 2, 0x42, 3, 0x84, 0x37, 3, 0},
				[]byte{0x20, 3, 0x1a, 0x41, 0, 0x0b}),
		},
		{
			"addresses of two functions stay", withSP,
			slices.Concat([]byte{0x41, 0}, call(0x82, 0x80, 0x04), []byte{0x41, 0}, call(0x82, 0x80, 0x08), []byte{0x41, 0, 0x0b}), withSP,
			slices.Concat([]byte{0x41, 0}, call(0x82, 0x80, 0x04), []byte{0x41, 0}, call(0x82, 0x80, 0x08), []byte{0x41, 0, 0x0b}),
		},
	} {
		got, err := Shrink(small(c.locals, c.code...))
		if want := small(c.wantLocals, c.want...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %x\nwant %x\n%v", c.name, got, want, err)
		}
	}
}

func replace(code, old, with []byte) []byte {
	if !bytes.Contains(code, old) {
		panic("the code to replace is not there")
	}
	return bytes.Replace(code, old, with, 1)
}

func TestSegments(t *testing.T) {
	data := func(segments ...segment) []byte { return writeSegments(segments) }
	one := data(
		segment{at: 1000, content: []byte{4}},
		segment{at: 8, content: []byte{1, 0, 2}},
		segment{at: 11 + apart - 1, content: []byte{3}})
	got, err := shrinkData(one)
	joined := append([]byte{1, 0, 2}, make([]byte, apart)...)
	joined[len(joined)-1] = 3
	if want := data(segment{8, joined}, segment{1000, []byte{4}}); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x, %v", got, want, err)
	}
	// A little that lies far apart is not made a lot.
	far := data(segment{8, []byte{1}}, segment{1 << 30, []byte{2}})
	if got, err := shrinkData(far); err != nil || !bytes.Equal(got, far) {
		t.Errorf("got %x, %v", got, err)
	}
	for _, bad := range [][]byte{
		data(segment{8, []byte{1, 2}}, segment{9, []byte{3}}),
		data(segment{-8, []byte{1}}),
		{1, 1, 1, 5},                   // a passive segment
		{1, 0, 0x23, 0, 0x0b, 1, 5},    // at a global's place
		{2, 0, 0x41, 8, 0x0b, 1, 5},    // one is missing
		{1, 0, 0x41, 8, 0x0b, 0x7f, 5}, // too short
	} {
		if got, err := shrinkData(bad); err == nil {
			t.Errorf("%x became %x", bad, got)
		}
	}
}

func TestBrokenModules(t *testing.T) {
	for name, c := range map[string]struct {
		module []byte
		want   string
	}{
		"empty":          {nil, "no WebAssembly module"},
		"a script":       {[]byte("#!/bin/sh\nexit"), "no WebAssembly module"},
		"cut off":        {small(nil, 0x41, 1, 0x0b)[:18], "ends in the middle"},
		"no end":         {small(nil, 0x41, 1), "ends in the middle"},
		"an end more":    {small(nil, 0x41, 1, 0x0b, 0x0b), "behind the end"},
		"too far a jump": {small(nil, 0x0c, 7, 0x0b), "leaves 8 blocks of 1"},
		"another tongue": {small(nil, 0xfd, 12, 0x0b), "0xfd is not one that Go's compiler writes"},
	} {
		if _, err := Shrink(c.module); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

package postlink

import (
	"bytes"
	"errors"
	"fmt"
)

// preamble is how every module of version 1 begins.
const preamble = "\x00asm\x01\x00\x00\x00"

// The sections that are read (WebAssembly core specification 5.5.2).
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionFunction = 3
	sectionCode     = 10
	sectionData     = 11
)

// A section is one part of a module, its content as it is written.
type section struct {
	id   byte
	body []byte
}

// Shrink returns the module, which the Go linker made, in a form that
// computes the same and compresses better. Custom sections, which only tools
// read, are left out. The error says where the module is not one.
func Shrink(module []byte) ([]byte, error) {
	sections, err := split(module)
	if err != nil {
		return nil, err
	}
	var plain []bool
	out := []byte(preamble)
	for _, s := range sections {
		switch s.id {
		case sectionCustom:
			continue
		case sectionCode:
			plain, err = goFunctions(sections)
			if err == nil {
				s.body, err = shrinkCode(s.body, plain)
			}
		case sectionData:
			s.body, err = shrinkData(s.body)
		}
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", s.id, err)
		}
		out = append(out, s.id)
		out = appendUnsigned(out, uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out, nil
}

// split returns the module's sections in their order.
func split(module []byte) ([]section, error) {
	if !bytes.HasPrefix(module, []byte(preamble)) {
		return nil, errors.New("this is no WebAssembly module of version 1")
	}
	var all []section
	c := cursor{b: module, at: len(preamble)}
	for c.more() {
		id := c.byte()
		body := c.bytes(c.unsigned())
		all = append(all, section{id, body})
	}
	return all, c.err
}

// goFunction is the type of all functions that Go compiles: the block to
// begin at in, whether to unwind out, both i32.
var goFunction = []byte{0x60, 1, 0x7f, 1, 0x7f}

// goFunctions tells of every function of the code section whether it has the
// type of Go's functions.
func goFunctions(sections []section) ([]bool, error) {
	var is, all []bool
	for _, s := range sections {
		c := cursor{b: s.body}
		switch s.id {
		case sectionType:
			for n := c.unsigned(); n > 0 && c.err == nil; n-- {
				from := c.at
				c.byte() // that it is a function
				for range 2 {
					c.bytes(c.unsigned())
				}
				is = append(is, c.err == nil && bytes.Equal(s.body[from:c.at], goFunction))
			}
		case sectionFunction:
			for n := c.unsigned(); n > 0 && c.err == nil; n-- {
				i := c.unsigned()
				all = append(all, i < uint64(len(is)) && is[i])
			}
		}
		if c.err != nil {
			return nil, c.err
		}
	}
	return all, nil
}

// shrinkCode rewrites the functions of a code section.
func shrinkCode(code []byte, isGo []bool) ([]byte, error) {
	c := cursor{b: code}
	n := c.unsigned()
	out := appendUnsigned(nil, n)
	for i := range n {
		body := c.bytes(c.unsigned())
		if c.err != nil {
			return nil, c.err
		}
		if i < uint64(len(isGo)) && isGo[i] {
			f, err := decode(body)
			if err != nil {
				return nil, fmt.Errorf("function %d: %w", i, err)
			}
			f.unwinds()
			f.jumps()
			f.slots()
			f.addresses()
			body = f.encode()
		}
		out = appendUnsigned(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out, nil
}

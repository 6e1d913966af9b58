package postlink

import (
	"bytes"
	"encoding/binary"
)

// The function table of Go 1.20 and later (pcHeader and _func in runtime,
// symtab.go and runtime2.go; written by cmd/link, pcln.go).
var tableMagic = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8}

const (
	tableHeader = 9 * 8 // magic, numbers of functions and files, a gap, five offsets

	// Within a _func, whose fields are 32 bits each:
	fieldSP        = 16 // offset of the table of stack depths
	fieldFile      = 20 // offset of the table of files
	fieldLine      = 24 // offset of the table of lines
	fieldNumPCData = 28
	fieldUnit      = 32 // where the compilation unit's files begin
	fieldStart     = 36 // line of the function's start
	fieldFuncData  = 43 // how many, one byte
	funcSize       = 44 // then the offsets of the PC data's tables, then those of the function data

	// PC data that only preemption by signals, which a browser does not have,
	// and printed arguments use; function data that only the latter use.
	unsafePoint, argLiveIndex = 0, 3
	argInfo, argLiveInfo      = 5, 6

	none = 0xffffffff // no function data; no PC data is 0
)

// dropLines blanks in the memory's image what tells a traceback files, lines
// and the values of arguments. The runtime is prepared for functions without
// them: a traceback has ? in their place and names the functions as ever.
// What the runtime unwinds and scans stacks with stays. An image in which no
// function table of a known form is found stays as it is.
func dropLines(image []byte) {
	at := bytes.Index(image, tableMagic)
	if at < 0 {
		return
	}
	t, ok := parseTable(image[at:])
	if !ok {
		return
	}
	for _, f := range t.funcs {
		for _, field := range []uint32{fieldFile, fieldLine, fieldUnit, fieldStart} {
			f.set(field, 0)
		}
		for _, k := range []uint32{unsafePoint, argLiveIndex} {
			if k < f.get(fieldNumPCData) {
				f.set(funcSize+4*k, 0)
			}
		}
		data := funcSize + 4*f.get(fieldNumPCData)
		for _, k := range []uint32{argInfo, argLiveInfo} {
			if k < uint32(f[fieldFuncData]) {
				f.set(data+4*k, none)
			}
		}
	}
	kept := make([]bool, len(t.pcs))
	for _, f := range t.funcs {
		t.keep(kept, f.get(fieldSP))
		for k := range f.get(fieldNumPCData) {
			t.keep(kept, f.get(funcSize+4*k))
		}
	}
	for k := range t.pcs {
		if !kept[k] {
			t.pcs[k] = 0
		}
	}
	clear(t.files)
}

// A funcTable is the parts of the function table that are read or changed.
type funcTable struct {
	files []byte // of the compilation units, and their names
	pcs   []byte // tables of values by program counter
	funcs []funcInfo
}

// funcInfo is a _func with what follows it.
type funcInfo []byte

func (f funcInfo) get(field uint32) uint32    { return binary.LittleEndian.Uint32(f[field:]) }
func (f funcInfo) set(field uint32, v uint32) { binary.LittleEndian.PutUint32(f[field:], v) }

// parseTable reads the table at the beginning of b and tells whether all of
// it is as expected.
func parseTable(b []byte) (t funcTable, ok bool) {
	if len(b) < tableHeader {
		return t, false
	}
	word := func(k int) uint64 { return binary.LittleEndian.Uint64(b[8*k:]) }
	n, units, pcs, index := word(1), word(5), word(7), word(8)
	size := uint64(len(b))
	if !(tableHeader < units && units < pcs && pcs < index && index < size && n < (size-index)/8) {
		return t, false
	}
	t.files, t.pcs = b[units:pcs], b[pcs:index]
	lookup := b[index:] // pairs of a function's number and the offset of its _func from here
	for k := range n {
		from := uint64(binary.LittleEndian.Uint32(lookup[8*k+4:]))
		if from%4 != 0 || from+funcSize > uint64(len(lookup)) {
			return t, false
		}
		f := funcInfo(lookup[from:])
		end := funcSize + 4*(uint64(f.get(fieldNumPCData))+uint64(f[fieldFuncData]))
		if end > uint64(len(f)) {
			return t, false
		}
		f = f[:end]
		for _, field := range []uint32{fieldSP, fieldFile, fieldLine} {
			if uint64(f.get(field)) >= uint64(len(t.pcs)) {
				return t, false
			}
		}
		for k := range f.get(fieldNumPCData) {
			if uint64(f.get(funcSize+4*k)) >= uint64(len(t.pcs)) {
				return t, false
			}
		}
		t.funcs = append(t.funcs, f)
	}
	return t, true
}

// keep marks the bytes of the table at the offset: pairs of a value's
// difference and a program counter's, in LEB128, up to a difference of zero
// that is not the first. Equal tables are one, so a table may be of lines and
// of something else.
func (t *funcTable) keep(kept []bool, offset uint32) {
	if offset == 0 {
		return // no table
	}
	c := cursor{b: t.pcs, at: int(offset)}
	for first := true; c.more(); first = false {
		if c.unsigned() == 0 && !first {
			break
		}
		c.unsigned()
	}
	for k := int(offset); k < c.at; k++ {
		kept[k] = true
	}
}

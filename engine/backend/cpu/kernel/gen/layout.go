package main

// layout says how sixteen rows of a matrix are interleaved into a tile; it is
// the twin of kernel.Layout, where the words are.
type layout struct {
	name   string
	low    int // bits of the low field
	high   int // bits above them, in vectors of their own; 0, 1 or 2
	group  int // columns that share a scale, 32 or 16
	codes  codes
	mins   bool // there is a minimum beside each scale
	offset int  // what is taken off the unsigned number
}

var layouts = []layout{
	{name: "Q40", low: 4, group: 32, offset: 8},
	{name: "Q41", low: 4, group: 32, mins: true},
	{name: "Q50", low: 4, high: 1, group: 32, offset: 16},
	{name: "Q51", low: 4, high: 1, group: 32, mins: true},
	{name: "Q80", low: 8, group: 32, offset: 128},
	{name: "Q2K", low: 2, group: 16, codes: nibbleCodes, mins: true},
	{name: "Q3K", low: 3, group: 16, codes: byteCodes, offset: 4},
	{name: "Q4K", low: 4, group: 32, codes: byteCodes, mins: true},
	{name: "Q5K", low: 4, high: 1, group: 32, codes: byteCodes, mins: true},
	{name: "Q6K", low: 4, high: 2, group: 16, codes: byteCodes, offset: 32},
}

const (
	pairs       = 16 // pairs of columns in a block of 32
	vectorBytes = 64 // sixteen lanes of 32 bits
)

func (l layout) lowVectors() int  { return l.low }  // 32 columns × low bits × 16 rows
func (l layout) highVectors() int { return l.high } // the same for the high bits

// quantBytes is what a block of 32 columns takes without its scales.
func (l layout) quantBytes() int { return (l.lowVectors() + l.highVectors()) * vectorBytes }

// codes says how scales (and minima) lie in memory; kernel.codes has the words.
type codes int

const (
	noCodes     codes = iota // float16 themselves
	byteCodes                // a signed byte each, times a float16 of the block
	nibbleCodes              // four bits each, the minimum's above the scale's, times a float16 of the block
)

const (
	halvesBytes = 2 * lanes // a float16 a row
	codesBytes  = lanes     // a code a row
)

// kinds is 2 with minima, else 1.
func (l layout) kinds() int {
	if l.mins {
		return 2
	}
	return 1
}

// scaleAt is where the scales (kind 0) or minima (kind 1) of a group lie in a block, or
// their codes.
func (l layout) scaleAt(g, kind int) int {
	switch l.codes {
	case byteCodes:
		return l.quantBytes() + (g*l.kinds()+kind)*codesBytes
	case nibbleCodes:
		return l.quantBytes() + g*codesBytes
	}
	return l.quantBytes() + (g*l.kinds()+kind)*halvesBytes
}

// coupled says whether two blocks share what their codes are multiples of.
func (l layout) coupled() bool { return l.codes != noCodes && l.mins }

// factorAt is where the numbers lie that codes are multiples of, in a block or in a couple
// of them.
func (l layout) factorAt(kind int) int { return l.scaleAt(l.groups(), 0) + kind*l.blockBytes() }

func (l layout) groups() int { return 32 / l.group }

// blockBytes is what a block of 32 columns takes.
func (l layout) blockBytes() int {
	if l.codes == noCodes {
		return l.scaleAt(l.groups(), 0)
	}
	return l.scaleAt(l.groups(), 0) + halvesBytes
}

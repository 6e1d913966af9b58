package main

// layout says how sixteen rows of a matrix are interleaved into a tile; it is
// the twin of kernel.Layout, where the words are.
type layout struct {
	name   string
	low    int  // bits of the low field
	high   int  // bits above them, in vectors of their own; 0, 1 or 2
	group  int  // columns that share a scale, 32 or 16
	wide   bool // scales are float32, not float16
	mins   bool // there is a minimum beside each scale
	offset int  // what is taken off the unsigned number
}

var layouts = []layout{
	{name: "Q40", low: 4, group: 32, offset: 8},
	{name: "Q41", low: 4, group: 32, mins: true},
	{name: "Q50", low: 4, high: 1, group: 32, offset: 16},
	{name: "Q51", low: 4, high: 1, group: 32, mins: true},
	{name: "Q80", low: 8, group: 32, offset: 128},
	{name: "Q2K", low: 2, group: 16, wide: true, mins: true},
	{name: "Q3K", low: 2, high: 1, group: 16, wide: true, offset: 4},
	{name: "Q4K", low: 4, group: 32, wide: true, mins: true},
	{name: "Q5K", low: 4, high: 1, group: 32, wide: true, mins: true},
	{name: "Q6K", low: 4, high: 2, group: 16, wide: true, offset: 32},
}

const (
	pairs       = 16 // pairs of columns in a block of 32
	vectorBytes = 64 // sixteen lanes of 32 bits
)

func (l layout) lowVectors() int  { return l.low }  // 32 columns × low bits × 16 rows
func (l layout) highVectors() int { return l.high } // the same for the high bits

// quantBytes is what a block of 32 columns takes without its scales.
func (l layout) quantBytes() int { return (l.lowVectors() + l.highVectors()) * vectorBytes }

func (l layout) scaleBytes() int {
	if l.wide {
		return 64
	}
	return 32
}

// groupBytes is what the scales (and minima) of a group take.
func (l layout) groupBytes() int {
	if l.mins {
		return 2 * l.scaleBytes()
	}
	return l.scaleBytes()
}

// kinds is 2 where there are minima beside the scales.
func (l layout) kinds() int { return l.groupBytes() / l.scaleBytes() }

func (l layout) groups() int { return 32 / l.group }

// blockBytes is what a block of 32 columns takes.
func (l layout) blockBytes() int { return l.quantBytes() + l.groups()*l.groupBytes() }

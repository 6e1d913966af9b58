package kernel

import (
	"fmt"

	"vitrine/engine/quant"
)

// Lanes is the number of rows that are interleaved into a tile.
const Lanes = 16

// BlockColumns is the number of columns of a block: what one scale of the
// activations covers, and a whole number of every format's groups.
const BlockColumns = 32

// Layout says how a quantized format is interleaved. A tile is sixteen rows;
// it holds, for each block of 32 columns, vectors of 32 lanes of 16 bits, lane
// 2·row+p with the column 2i+p for a pair i:
//
//   - the low fields: the low bits of as many pairs as fit into 16 bits, the
//     first pair lowest; of three bits that is five pairs, and the highest bits of the
//     three vectors are those of the last pair;
//   - the high fields, if q has more bits than the low field: the rest, in the
//     same way;
//
// and then the scales (and minima) of each group, a number a row: float16 where the
// file has them so. Where the file has a float16 for 256 columns and a small integer, a
// code, for each group, the tile has the codes of each group and then the float16: without
// minima in every block of 32 columns anew, so that a kernel may begin with any of them. Where
// there are minima, two blocks are a couple: the first one has the float16 of the scales
// of both, the second one those of their minima, and kernels begin with the first.
type Layout struct {
	quant.Scheme
	Format    quant.Type
	index     int // in the tables of kernels
	low, high int // bits of the two fields
	codes     codes
}

// layouts are the formats in the order of the generated kernels.
var layouts = func() []*Layout {
	var out []*Layout
	for i, t := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		s, _ := t.Scheme()
		l := &Layout{Scheme: s, Format: t, index: i}
		switch s.Bits {
		case 2, 3, 4, 8:
			l.low = s.Bits
		case 5, 6:
			l.low, l.high = 4, s.Bits-4
		}
		switch {
		case s.Float16:
		case t == quant.Q2_K:
			l.codes = nibbleCodes
		default:
			l.codes = byteCodes
		}
		out = append(out, l)
	}
	return out
}()

// LayoutOf finds the layout of a quantized format; false for floats.
func LayoutOf(t quant.Type) (*Layout, bool) {
	for _, l := range layouts {
		if l.Format == t {
			return l, true
		}
	}
	return nil, false
}

const vectorBytes = 64 // sixteen lanes of 32 bits

func (l *Layout) quantBytes() int { return l.Bits * vectorBytes }

// codes says how scales (and minima) lie in a tile.
type codes uint8

const (
	noCodes     codes = iota // float16 themselves
	byteCodes                // a signed byte each, times a float16 of the block or couple
	nibbleCodes              // four bits each, the minimum's above the scale's, times a float16 of the block or couple
)

const (
	halvesBytes = 2 * Lanes // a float16 a row
	codesBytes  = Lanes     // a code a row
)

// scaleAt is where the scales (kind 0) or minima (kind 1) of a group lie in a block, or
// their codes.
func (l *Layout) scaleAt(g, kind int) int {
	switch l.codes {
	case byteCodes:
		return l.quantBytes() + (g*l.kinds()+kind)*codesBytes
	case nibbleCodes:
		return l.quantBytes() + g*codesBytes
	}
	return l.quantBytes() + (g*l.kinds()+kind)*halvesBytes
}

// coupled says whether two blocks share the float16 that their codes are multiples of.
func (l *Layout) coupled() bool { return l.codes != noCodes && l.Minima }

// factorAt is where the float16 lie that codes are multiples of, in a block or in a couple
// of them.
func (l *Layout) factorAt(kind int) int { return l.scaleAt(l.groups(), 0) + kind*l.blockBytes() }

// coupleAt is where the couple begins in a tile that block b is one of; or that block, if
// there are no couples.
func (l *Layout) coupleAt(b int) int {
	if l.coupled() {
		b &^= 1
	}
	return b * l.blockBytes()
}

// whole is the greatest number of blocks, up to n, that is a whole number of couples; at
// least one of them.
func (l *Layout) whole(n int) int {
	if l.coupled() {
		return max(n&^1, 2)
	}
	return max(n, 1)
}

// cut is where part i of parts begins, as equal as may be, of so many blocks of a tile: with
// the first of a couple.
func (l *Layout) cut(blocks, i, parts int) int {
	if l.coupled() {
		return blocks / 2 * i / parts * 2
	}
	return blocks * i / parts
}

func (l *Layout) kinds() int {
	if l.Minima {
		return 2
	}
	return 1
}

func (l *Layout) groups() int { return BlockColumns / l.Group }

// blockBytes is what a block of 32 columns takes.
func (l *Layout) blockBytes() int {
	if l.codes == noCodes {
		return l.scaleAt(l.groups(), 0)
	}
	return l.scaleAt(l.groups(), 0) + halvesBytes
}

// TileBytes is the size of a tile of the given columns, a multiple of 64.
func (l *Layout) TileBytes(cols int) int {
	n := cols / BlockColumns * l.blockBytes()
	return (n + vectorBytes - 1) / vectorBytes * vectorBytes
}

// Packed is a quantized matrix in tiles.
type Packed struct {
	Layout     *Layout
	Rows, Cols int
	stride     int       // bytes of a tile
	data       []byte    // tiles
	fixed      []float32 // a row: its scale in fixed point
}

// NewPacked makes room for a matrix in memory of PackedBytes bytes. The rows
// of the last tile that the matrix lacks are zero.
func NewPacked(l *Layout, rows, cols int, memory []byte) (*Packed, error) {
	if rows < 1 || cols < 1 || cols%BlockColumns != 0 {
		return nil, fmt.Errorf("kernel: a matrix of %d × %d, want at least one row and columns in blocks of %d", rows, cols, BlockColumns)
	}
	if _, err := l.Format.RowBytes(cols); err != nil {
		return nil, fmt.Errorf("kernel: a matrix of %d columns: %w", cols, err)
	}
	p := &Packed{Layout: l, Rows: rows, Cols: cols, stride: l.TileBytes(cols)}
	want := p.Tiles() * p.stride
	if len(memory) != want {
		return nil, fmt.Errorf("kernel: %d bytes for a matrix of %d × %d in %v, want %d", len(memory), rows, cols, l.Format, want)
	}
	p.data, p.fixed = memory, make([]float32, p.Tiles()*Lanes)
	return p, nil
}

// PackedBytes is the memory that a matrix takes in tiles.
func (l *Layout) PackedBytes(rows, cols int) int {
	return (rows + Lanes - 1) / Lanes * l.TileBytes(cols)
}

// Tiles is the number of tiles.
func (p *Packed) Tiles() int { return (p.Rows + Lanes - 1) / Lanes }

// Bytes is the memory of all tiles.
func (p *Packed) Bytes() int { return len(p.data) }

// blocks is the number of blocks of columns.
func (p *Packed) blocks() int { return p.Cols / BlockColumns }

// tile is the memory of one tile.
func (p *Packed) tile(i int) []byte { return p.data[i*p.stride : (i+1)*p.stride : (i+1)*p.stride] }

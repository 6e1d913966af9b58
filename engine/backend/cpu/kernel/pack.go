package kernel

import (
	"encoding/binary"
	"math"

	"vitrine/engine/quant"
)

// A Packer fills tiles from the rows of a file. It has buffers, so each
// goroutine needs its own.
type Packer struct {
	q    []uint8   // sixteen rows
	d, m []float32 // their scales and minima
}

// Pack fills the tiles lo … hi-1 of p from the whole matrix as it lies in the
// file, row after row.
func (k *Packer) Pack(p *Packed, rows []byte, lo, hi int) error {
	l := p.Layout
	rowBytes, err := l.Format.RowBytes(p.Cols)
	if err != nil {
		return err
	}
	groups := p.Cols / l.Group
	k.q = grow(k.q, Lanes*p.Cols)
	k.d, k.m = grow(k.d, Lanes*groups), grow(k.m, Lanes*groups)
	for t := lo; t < hi; t++ {
		n := min(Lanes, p.Rows-t*Lanes)
		clear(k.q)
		clear(k.d)
		clear(k.m)
		if err := quant.Split(k.q[:n*p.Cols], k.d[:n*groups], k.m[:n*groups], l.Format, rows[t*Lanes*rowBytes:(t*Lanes+n)*rowBytes]); err != nil {
			return err
		}
		k.interleave(p, p.tile(t))
		for row := range Lanes {
			p.fixed[t*Lanes+row] = l.fixedScale(k.d[row*groups:(row+1)*groups], k.m[row*groups:(row+1)*groups])
		}
	}
	return nil
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// interleave writes the sixteen rows at hand into a tile.
func (k *Packer) interleave(p *Packed, tile []byte) {
	l, cols := p.Layout, p.Cols
	for b := range p.blocks() {
		low := tile[b*l.blockBytes():][:l.quantBytes()]
		high := low[l.low*vectorBytes:]
		for row := range Lanes {
			q := (*[BlockColumns]uint8)(k.q[row*cols+b*BlockColumns:])
			fields(low[4*row:], q, l.low, 0)
			if l.high > 0 {
				fields(high[4*row:], q, l.high, l.low)
			}
		}
	}
	groups := cols / l.Group
	for g := range groups {
		for kind, values := range [][]float32{k.d, k.m}[:l.kinds()] {
			at := l.scales(tile, g, kind)
			for row := range Lanes {
				v := values[row*groups+g]
				if l.Float16 {
					binary.LittleEndian.PutUint16(at[2*row:], quant.Float32ToFloat16(v))
				} else {
					binary.LittleEndian.PutUint32(at[4*row:], math.Float32bits(v))
				}
			}
		}
	}
}

// fields writes bits shift … shift+bits-1 of a row's 32 numbers into its two
// lanes of each vector; to starts at the row's lanes of the first one.
func fields(to []byte, q *[BlockColumns]uint8, bits, shift int) {
	inLane := 16 / bits
	mask := uint32(1)<<bits - 1
	for v := range BlockColumns / 2 / inLane {
		var lanes uint32 // the even column below, the odd above
		for f := range inLane {
			i := 2 * (v*inLane + f)
			pair := uint32(q[i])>>shift&mask | uint32(q[i+1])>>shift&mask<<16
			lanes |= pair << (f * bits)
		}
		binary.LittleEndian.PutUint32(to[v*vectorBytes:], lanes)
	}
}

// number reads q of one element back out of a tile.
func (l *Layout) number(block []byte, row, col int) uint8 {
	field := func(from []byte, bits int) uint32 {
		inLane := 16 / bits
		i := col / 2
		lane := from[i/inLane*vectorBytes+4*row+2*(col%2):]
		return uint32(binary.LittleEndian.Uint16(lane)) >> (i % inLane * bits) & (1<<bits - 1)
	}
	q := field(block, l.low)
	if l.high > 0 {
		q |= field(block[l.low*vectorBytes:], l.high) << l.low
	}
	return uint8(q)
}

// scales is the memory of the scales (kind 0) or minima (kind 1) of a tile's group.
func (l *Layout) scales(tile []byte, g, kind int) []byte {
	block, g := g/l.groups(), g%l.groups()
	return tile[block*l.blockBytes()+l.quantBytes()+(g*l.kinds()+kind)*l.scaleBytes():]
}

// scale reads one scale (kind 0) or minimum (kind 1) of group g of a row.
func (l *Layout) scale(tile []byte, g, kind, row int) float32 {
	at := l.scales(tile, g, kind)
	if l.Float16 {
		return quant.Float16ToFloat32(binary.LittleEndian.Uint16(at[2*row:]))
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(at[4*row:]))
}

// Row sets dst, Cols numbers, to row i of the matrix: what Dequantize gives.
func (p *Packed) Row(dst []float32, i int) {
	l, tile, row := p.Layout, p.tile(i/Lanes), i%Lanes
	for g := range p.Cols / l.Group {
		d, m := l.scale(tile, g, 0, row), float32(0)
		if l.Minima {
			m = l.scale(tile, g, 1, row)
		}
		for j := range l.Group {
			col := g*l.Group + j
			q := l.number(tile[col/BlockColumns*l.blockBytes():], row, col%BlockColumns)
			x := d * float32(int(q)-l.Offset)
			if l.Minima {
				x = float32(d*float32(int(q)-l.Offset)) + m // not fused
			}
			dst[col] = x
		}
	}
}

package kernel

import (
	"encoding/binary"

	"vitrine/engine/quant"
)

// A Packer fills tiles from the rows of a file. It has buffers, so each
// goroutine needs its own.
type Packer struct {
	q      []uint8       // sixteen rows
	d, m   []float32     // their scales and minima
	supers []quant.Super // of one of them
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
		rows := rows[t*Lanes*rowBytes : (t*Lanes+n)*rowBytes]
		if err := quant.Split(k.q[:n*p.Cols], k.d[:n*groups], k.m[:n*groups], l.Format, rows); err != nil {
			return err
		}
		k.interleave(p, p.tile(t))
		if l.codes != noCodes {
			if err := k.interleaveCodes(p, p.tile(t), rows, n); err != nil {
				return err
			}
		}
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
	if l.codes != noCodes {
		return
	}
	groups := cols / l.Group
	for g := range groups {
		block := tile[g/l.groups()*l.blockBytes():]
		for kind, values := range [][]float32{k.d, k.m}[:l.kinds()] {
			at := block[l.scaleAt(g%l.groups(), kind):]
			for row := range Lanes {
				binary.LittleEndian.PutUint16(at[2*row:], quant.Float32ToFloat16(values[row*groups+g]))
			}
		}
	}
}

// interleaveCodes writes the codes of the scales of a tile's rows, and what they are
// multiples of: those of the first n from rows, nothing for the others.
func (k *Packer) interleaveCodes(p *Packed, tile, rows []byte, n int) error {
	l := p.Layout
	k.supers = grow(k.supers, p.Cols/quant.SuperElements)
	rowBytes := len(rows) / n
	for row := range Lanes {
		if row < n {
			if err := quant.SplitSupers(k.supers, l.Format, rows[row*rowBytes:(row+1)*rowBytes]); err != nil {
				return err
			}
		} else {
			clear(k.supers)
		}
		for b := range p.blocks() {
			const inSuper = quant.SuperElements / BlockColumns
			block, super := tile[b*l.blockBytes():], &k.supers[b/inSuper]
			for g := range l.groups() {
				i := b%inSuper*l.groups() + g
				if l.codes == nibbleCodes {
					block[l.scaleAt(g, 0)+row] = byte(super.Scales[i] | super.Minima[i]<<4)
					continue
				}
				block[l.scaleAt(g, 0)+row] = byte(super.Scales[i])
				if l.Minima {
					block[l.scaleAt(g, 1)+row] = byte(super.Minima[i])
				}
			}
			couple := tile[l.coupleAt(b):]
			binary.LittleEndian.PutUint16(couple[l.factorAt(0)+2*row:], super.D)
			if l.Minima {
				binary.LittleEndian.PutUint16(couple[l.factorAt(1)+2*row:], super.M)
			}
		}
	}
	return nil
}

// fields writes bits shift … shift+bits-1 of a row's 32 numbers into its two
// lanes of each vector; to starts at the row's lanes of the first one.
func fields(to []byte, q *[BlockColumns]uint8, bits, shift int) {
	inLane := 16 / bits
	mask := uint32(1)<<bits - 1
	vectors := BlockColumns / 2 / inLane
	for v := range vectors {
		var lanes uint32 // the even column below, the odd above
		for f := range inLane {
			i := 2 * (v*inLane + f)
			pair := uint32(q[i])>>shift&mask | uint32(q[i+1])>>shift&mask<<16
			lanes |= pair << (f * bits)
		}
		if last := BlockColumns/2 - 1; last/inLane == vectors { // the last pair, in the bits that are left
			lanes |= (uint32(q[2*last])>>v&1 | uint32(q[2*last+1])>>v&1<<16) << 15
		}
		binary.LittleEndian.PutUint32(to[v*vectorBytes:], lanes)
	}
}

// number reads q of one element back out of a tile.
func (l *Layout) number(block []byte, row, col int) uint8 {
	field := func(from []byte, bits int) uint32 {
		inLane := 16 / bits
		i, vectors := col/2, BlockColumns/2/inLane
		lane := func(v int) uint32 {
			return uint32(binary.LittleEndian.Uint16(from[v*vectorBytes+4*row+2*(col%2):]))
		}
		if i/inLane < vectors {
			return lane(i/inLane) >> (i % inLane * bits) & (1<<bits - 1)
		}
		var q uint32 // of the highest bits
		for v := range vectors {
			q |= lane(v) >> 15 << v
		}
		return q
	}
	q := field(block, l.low)
	if l.high > 0 {
		q |= field(block[l.low*vectorBytes:], l.high) << l.low
	}
	return uint8(q)
}

// scale reads one scale (kind 0) or minimum (kind 1) of group g of a row.
func (l *Layout) scale(tile []byte, g, kind, row int) float32 {
	b, g := g/l.groups(), g%l.groups()
	block := tile[b*l.blockBytes():]
	half := func(at int) float32 { return quant.Float16ToFloat32(binary.LittleEndian.Uint16(tile[at+2*row:])) }
	at, factor := l.scaleAt(g, kind), l.coupleAt(b)+l.factorAt(kind)
	switch l.codes {
	case byteCodes:
		return half(factor) * float32(int8(block[at+row]))
	case nibbleCodes:
		return half(factor) * float32(block[at+row]>>(4*kind)&0xf)
	}
	return half(b*l.blockBytes() + at)
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

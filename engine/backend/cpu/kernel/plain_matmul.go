package kernel

import (
	"encoding/binary"
	"unsafe"
)

// The products in plain Go, block after block as the assembly computes them.

// expand takes the numbers of a tile's block apart into a panel's half: pair i
// of row r goes to panel[i·2·32+2r] and the place after it.
func (l *Layout) expand(panel []int16, block []byte) {
	const pairs, step = BlockColumns / 2, 2 * PanelRows
	spread := func(from []byte, bits, shift int) {
		inLane, mask := 16/bits, uint16(1)<<bits-1
		for v := range pairs / inLane {
			lanes := from[v*vectorBytes:][:vectorBytes]
			to := panel[v*inLane*step:]
			for lane := range 2 * Lanes {
				bunch := binary.LittleEndian.Uint16(lanes[2*lane:])
				for f := range inLane {
					to[f*step+lane] |= int16(bunch & mask << shift)
					bunch >>= bits
				}
			}
		}
	}
	for i := range pairs {
		clear(panel[i*step:][:2*Lanes])
	}
	spread(block, l.low, 0)
	if l.high > 0 {
		spread(block[l.low*vectorBytes:], l.high, l.low)
	}
	if l.Offset == 0 {
		return
	}
	for i := range pairs {
		half := panel[i*step:][:2*Lanes]
		for j := range half {
			half[j] -= int16(l.Offset)
		}
	}
}

// expandScales turns the scales and minima of a tile's block into a panel's half.
func (l *Layout) expandScales(scales []float32, block []byte) {
	for g := range l.groups() {
		for kind := range l.kinds() {
			for row := range Lanes {
				scales[(g*l.kinds()+kind)*PanelRows+row] = l.scale(block, g, kind, row)
			}
		}
	}
}

// multiply adds the products of a block of activations with a panel's half to
// the outputs.
func multiply(out []float32, panel []int16, scales []float32, x *Block, group int, minima bool) {
	const step = 2 * PanelRows
	groups := BlockColumns / group
	for g := range groups {
		var sums [Lanes]int32
		for i := g * group / 2; i < (g+1)*group/2; i++ {
			even, odd := int32(x.Q[2*i]), int32(x.Q[2*i+1])
			w := (*[2 * Lanes]int16)(panel[i*step:])
			for row := range sums {
				sums[row] += even*int32(w[2*row]) + odd*int32(w[2*row+1])
			}
		}
		sum := x.Sum[0]
		if groups > 1 {
			sum = x.Sum[1+g]
		}
		for row, n := range sums {
			if !minima {
				out[row] += float32(n) * x.Scale * scales[g*PanelRows+row]
				continue
			}
			out[row] += float32(n) * x.Scale * scales[2*g*PanelRows+row]
			out[row] += sum * scales[(2*g+1)*PanelRows+row]
		}
	}
}

func gemvGo(l *Layout) gemvFunc {
	return func(out *float32, tiles *byte, x *byte, blocks, count, stride int) {
		var panel [BlockColumns * PanelRows]int16
		var scales [2 * 2 * PanelRows]float32
		xs := blocksAt(x, blocks)
		for t := range count {
			tile := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(tiles), t*stride)), stride)
			o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), t*vectorBytes)), Lanes)
			clear(o)
			for b := range blocks {
				block := tile[b*l.blockBytes():]
				l.expand(panel[:], block)
				l.expandScales(scales[:], block)
				multiply(o, panel[:], scales[:], &xs[b], l.Group, l.Minima)
			}
		}
	}
}

func unpackGo(l *Layout) unpackFunc {
	return func(panel *int16, scales *float32, tile *byte, blocks int) {
		from := unsafe.Slice(tile, blocks*l.blockBytes())
		// The half ends before the panel does: its last pair has no second half.
		q := unsafe.Slice(panel, blocks*BlockColumns*PanelRows-2*Lanes)
		s := unsafe.Slice(scales, blocks*l.groups()*l.kinds()*PanelRows-Lanes)
		for b := range blocks {
			block := from[b*l.blockBytes():]
			l.expand(q[b*BlockColumns*PanelRows:], block)
			l.expandScales(s[b*l.groups()*l.kinds()*PanelRows:], block)
		}
	}
}

func gemmGo(group int, minima bool) gemmFunc {
	kinds := 1 + index(minima)
	return func(out *float32, outStride int, panel *int16, scales *float32, x *byte, xStride, rows, blocks int, _ *byte) {
		q := unsafe.Slice(panel, blocks*BlockColumns*PanelRows)
		d := unsafe.Slice(scales, blocks*BlockColumns/group*kinds*PanelRows)
		for r := range rows {
			o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), PanelRows)
			xs := blocksAt((*byte)(unsafe.Add(unsafe.Pointer(x), r*xStride)), blocks)
			clear(o)
			for b := range blocks {
				for half := range 2 {
					multiply(o[half*Lanes:], q[b*BlockColumns*PanelRows+half*2*Lanes:], d[b*BlockColumns/group*kinds*PanelRows+half*Lanes:],
						&xs[b], group, minima)
				}
			}
		}
	}
}

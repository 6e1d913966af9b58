package kernel

import (
	"encoding/binary"
	"unsafe"
)

// The products in plain Go, block after block as the assembly computes them.

// expand takes the numbers of a tile's block apart: pair i of row r goes to
// numbers[32·i+2·r] and the place after it.
func (l *Layout) expand(numbers []int16, block []byte) {
	const pairs, step = BlockColumns / 2, 2 * Lanes
	spread := func(from []byte, bits, shift int) {
		inLane, mask := 16/bits, uint16(1)<<bits-1
		vectors := pairs / inLane
		for v := range vectors {
			lanes := from[v*vectorBytes:][:vectorBytes]
			to := numbers[v*inLane*step:]
			for lane := range 2 * Lanes {
				bunch := binary.LittleEndian.Uint16(lanes[2*lane:])
				for f := range inLane {
					to[f*step+lane] |= int16(bunch & mask << shift)
					bunch >>= bits
				}
				if vectors*inLane < pairs { // a bit of the last pair
					numbers[(pairs-1)*step+lane] |= int16(bunch << v)
				}
			}
		}
	}
	clear(numbers[:pairs*step])
	spread(block, l.low, 0)
	if l.high > 0 {
		spread(block[l.low*vectorBytes:], l.high, l.low)
	}
	if l.Offset == 0 {
		return
	}
	for i := range numbers[:pairs*step] {
		numbers[i] -= int16(l.Offset)
	}
}

// expandScales turns the scales and minima of a tile's block b into float32.
func (l *Layout) expandScales(scales []float32, tile []byte, b int) {
	for g := range l.groups() {
		for kind := range l.kinds() {
			for row := range Lanes {
				scales[(g*l.kinds()+kind)*Lanes+row] = l.scale(tile, b*l.groups()+g, kind, row)
			}
		}
	}
}

// multiply adds the products of a block of activations with an expanded tile's
// to the outputs.
func multiply(out []float32, numbers []int16, scales []float32, x *Block, group int, minima bool) {
	const step = 2 * Lanes
	groups := BlockColumns / group
	for g := range groups {
		var sums [Lanes]int32
		for i := g * group / 2; i < (g+1)*group/2; i++ {
			even, odd := int32(x.Q[2*i]), int32(x.Q[2*i+1])
			w := (*[2 * Lanes]int16)(numbers[i*step:])
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
				out[row] += float32(n) * x.Scale * scales[g*Lanes+row]
				continue
			}
			out[row] += float32(n) * x.Scale * scales[2*g*Lanes+row]
			out[row] += sum * scales[(2*g+1)*Lanes+row]
		}
	}
}

func gemvGo(l *Layout) gemvFunc {
	return func(out *float32, tiles *byte, x *byte, blocks, count, stride int) {
		var numbers [BlockColumns * Lanes]int16
		var scales [2 * 2 * Lanes]float32
		xs := blocksAt(x, blocks)
		for t := range count {
			tile := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(tiles), t*stride)), stride)
			o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), t*vectorBytes)), Lanes)
			clear(o)
			for b := range blocks {
				block := tile[b*l.blockBytes():]
				l.expand(numbers[:], block)
				l.expandScales(scales[:], tile, b)
				multiply(o, numbers[:], scales[:], &xs[b], l.Group, l.Minima)
			}
		}
	}
}

func unpackGo(l *Layout) unpackFunc {
	return func(numbers *int16, scales *float32, tile *byte, blocks int) {
		from := unsafe.Slice(tile, blocks*l.blockBytes())
		q := unsafe.Slice(numbers, blocks*BlockColumns*Lanes)
		s := unsafe.Slice(scales, blocks*l.groups()*l.kinds()*Lanes)
		for b := range blocks {
			block := from[b*l.blockBytes():]
			l.expand(q[b*BlockColumns*Lanes:], block)
			l.expandScales(s[b*l.groups()*l.kinds()*Lanes:], from, b)
		}
	}
}

func gemmGo(group int, minima bool) gemmFunc {
	kinds := 1 + index(minima)
	return func(out *float32, outStride int, numbers *int16, scales *float32, x *byte, xStride, rows, blocks, first int, _ *byte, _ int) {
		q := unsafe.Slice(numbers, blocks*BlockColumns*Lanes)
		d := unsafe.Slice(scales, blocks*BlockColumns/group*kinds*Lanes)
		for r := range rows {
			o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), Lanes)
			xs := blocksAt((*byte)(unsafe.Add(unsafe.Pointer(x), r*xStride)), blocks)
			if first != 0 {
				clear(o)
			}
			for b := range blocks {
				multiply(o, q[b*BlockColumns*Lanes:], d[b*BlockColumns/group*kinds*Lanes:], &xs[b], group, minima)
			}
		}
	}
}

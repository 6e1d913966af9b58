package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"

	"vitrine/engine/quant"
)

// Definition returns plain Go with the kernels too that only AMX has, products in fixed
// point and attention of split numbers: what they are defined to compute. They gain
// nothing in plain Go, so no level has them. Tests compare with it, and have it compute
// where there is no AMX.
func Definition() *Set {
	s := *plain
	s.magnitude, s.fixedRow, s.fixedGemm = magnitudeGo, fixedRowGo, fixedGemmGo
	for i, l := range layouts {
		s.fixedTile[i] = fixedTileGo(l)
	}
	s.siluPanel, s.geluPanel = gatePanelGo(s.silu), gatePanelGo(s.gelu)
	s.splitRow, s.splitPairs, s.splitGemm = splitRowGo, splitPairsGo, splitGemmGo
	s.softmaxTile, s.scaleTile = softmaxTileGo, scaleTileGo
	return &s
}

// The kernels of fixed point, which the stubs of those in assembly describe.

func magnitudeGo(x *float32, vectors int) uint32 {
	var top uint32
	for _, v := range floats(x, vectors*Lanes) {
		top = max(top, math.Float32bits(v)&math.MaxInt32)
	}
	return top
}

// putFixed writes a number in fixed point to its two signed bytes, the low one a tile
// behind the high one.
func putFixed(at []byte, n int) {
	at[0], at[fixedTile] = byte((n+128)>>8), byte(n)
}

func fixedRowGo(line *byte, x *float32, inverse float32, steps int) {
	out := unsafe.Slice(line, steps*fixedStep-(bunchRows-1)*vectorBytes)
	for i, v := range floats(x, steps*stepColumns) {
		n := 0
		if v == v {
			n = int(math.RoundToEven(float64(v) * float64(inverse)))
		}
		putFixed(out[i/stepColumns*fixedStep+i%stepColumns:], n)
	}
}

func fixedTileGo(l *Layout) fixedTileFunc {
	return func(panel *byte, tile *byte, steps int, inverse *float32) {
		var numbers [BlockColumns * Lanes]int16
		var scales [2 * 2 * Lanes]float32
		from, out := unsafe.Slice(tile, 2*steps*l.blockBytes()), unsafe.Slice(panel, steps*fixedStep)
		inverses := floats(inverse, Lanes)
		for b := range 2 * steps {
			block := from[b*l.blockBytes():]
			l.expand(numbers[:], block)
			l.expandScales(scales[:], from, b)
			for col := range BlockColumns {
				line := out[b/2*fixedStep+(b%2*BlockColumns+col)/4*vectorBytes+col%4:]
				for row := range Lanes {
					at := col/l.Group*l.kinds()*Lanes + row
					w := float64(scales[at]) * float64(numbers[col/2*2*Lanes+2*row+col%2])
					if l.Minima {
						w += float64(scales[at+Lanes])
					}
					n := math.RoundToEven(w * float64(inverses[row]))
					putFixed(line[4*row:], int(min(max(n, -fixedMost), fixedMost)))
				}
			}
		}
	}
}

func fixedGemmGo(out *float32, outStride int, panel *byte, x *byte, xStride, bands, steps int, scales, factors, _ *float32, later int) {
	const beside = partSteps * fixedStep // from one tile's panel to the other's
	w := unsafe.Slice(panel, beside+steps*fixedStep)
	for r := range bands * bunchRows {
		band := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(x), r/bunchRows*xStride)), steps*fixedStep)
		to := floats((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), PanelRows)
		for o := range to {
			var high, low int32
			for s := range steps {
				numbers := band[s*fixedStep+r%bunchRows*vectorBytes:]
				weights := w[o/Lanes*beside+s*fixedStep+4*(o%Lanes):]
				for k := range stepColumns {
					at := k/4*vectorBytes + k%4
					xh, xl := int32(int8(numbers[k])), int32(int8(numbers[fixedTile+k]))
					wh, wl := int32(int8(weights[at])), int32(int8(weights[fixedTile+at]))
					high += xh * wh
					low += xl*wh + xh*wl
				}
			}
			total := (256*float32(high) + float32(low)) * floats(scales, PanelRows)[o] * floats(factors, bands*bunchRows)[r]
			if later != 0 {
				total += to[o]
			}
			to[o] = total
		}
	}
}

func gatePanelGo(gate func(dst, gate, up *float32, n int)) gatedPanelFunc {
	return func(dst *float32, dstStride int, g, up *float32, rows int) {
		for r := range rows {
			to := (*float32)(unsafe.Add(unsafe.Pointer(dst), r*dstStride))
			gate(to, &floats(g, rows*PanelRows)[r*PanelRows], &floats(up, rows*PanelRows)[r*PanelRows], PanelRows)
		}
	}
}

// The kernels of split numbers: of two bfloat16, the low one a tile behind the high one.

func putSplit(at []byte, v float32) {
	high := quant.Float32ToBFloat16(v)
	binary.LittleEndian.PutUint16(at, high)
	binary.LittleEndian.PutUint16(at[splitTile:], quant.Float32ToBFloat16(v-quant.BFloat16ToFloat32(high)))
}

// partsAt reads the two parts back.
func partsAt(b []byte) (high, low float32) {
	return BF16.at(b, 0), BF16.at(b[splitTile:], 0)
}

func splitRowGo(line *byte, x *float32, factor float32, steps int) {
	out := unsafe.Slice(line, steps*splitStep-(bunchRows-1)*vectorBytes)
	for i, v := range floats(x, steps*BlockColumns) {
		putSplit(out[i/BlockColumns*splitStep+2*(i%BlockColumns):], factor*v)
	}
}

func splitPairsGo(lines, rows *byte, stride, pairs int) {
	out := unsafe.Slice(lines, splitTile+pairs*vectorBytes)
	for r := range 2 * pairs {
		row := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(rows), r*stride)), 2*Lanes)
		for n := range Lanes {
			putSplit(out[r/2*vectorBytes+4*n+2*(r%2):], F16.at(row, n))
		}
	}
}

func splitGemmGo(out *float32, outStride int, x, w *byte, tiles, steps, add int) {
	rows, weights := unsafe.Slice(x, tiles*steps*splitStep), unsafe.Slice(w, steps*splitWide)
	for r := range tiles * bunchRows {
		to := floats((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), splitTiles*Lanes)
		for o := range to {
			var total float32
			if add != 0 {
				total = to[o]
			}
			for s := range steps {
				line := rows[(r/bunchRows*steps+s)*splitStep+r%bunchRows*vectorBytes:]
				column := weights[s*splitWide+o/Lanes*splitStep+4*(o%Lanes):]
				for k := range BlockColumns {
					xh, xl := partsAt(line[2*k:])
					wh, wl := partsAt(column[k/2*vectorBytes+2*(k%2):])
					total += xh*wh + xl*wh + xh*wl
				}
			}
			to[o] = total
		}
	}
}

func softmaxTileGo(p *byte, scores *float32, stride, steps int, state *float32) {
	out, st := unsafe.Slice(p, steps*splitStep), floats(state, tileState)
	for r := range bunchRows {
		row := floats((*float32)(unsafe.Add(unsafe.Pointer(scores), r*stride)), steps*BlockColumns)
		before := st[stateTop+r]
		top := max(before, greatestGo(&row[0], len(row)))
		var sum float32
		for k, score := range row {
			weight := float32(math.Exp(float64(score - top)))
			sum += weight
			putSplit(out[k/BlockColumns*splitStep+r*vectorBytes+2*(k%BlockColumns):], weight)
		}
		factor := float32(math.Exp(float64(before - top)))
		st[stateTop+r], st[stateSum+r], st[stateScale+r] = top, st[stateSum+r]*factor+sum, factor
	}
}

func scaleTileGo(x *float32, vectors int, factors *float32) {
	numbers := floats(x, bunchRows*vectors*Lanes)
	for r, factor := range floats(factors, bunchRows) {
		scaleGo(&numbers[r*vectors*Lanes], vectors*Lanes, factor)
	}
}

package cpu

import (
	"math"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
)

// matMul computes the columns lo … hi-1 of n rows of d = x·wᵀ in tiles of two
// rows by four columns: eight sums stay in registers and each loaded number
// is used two or four times. Tiles of one row or one column finish the edges.
func matMul(d, x, w *host.Matrix, n, lo, hi int) {
	i := 0
	for ; i+2 <= n; i += 2 {
		x0, x1, d0, d1 := x.Row(i), x.Row(i+1), d.Row(i), d.Row(i+1)
		j := lo
		for ; j+4 <= hi; j += 4 {
			dot2x4((*[4]float32)(d0[j:]), (*[4]float32)(d1[j:]), x0, x1, w.Row(j), w.Row(j+1), w.Row(j+2), w.Row(j+3))
		}
		for ; j < hi; j++ {
			d0[j], d1[j] = dot(x0, w.Row(j)), dot(x1, w.Row(j))
		}
	}
	if i < n {
		x0, d0 := x.Row(i), d.Row(i)
		j := lo
		for ; j+4 <= hi; j += 4 {
			dot1x4((*[4]float32)(d0[j:]), x0, w.Row(j), w.Row(j+1), w.Row(j+2), w.Row(j+3))
		}
		for ; j < hi; j++ {
			d0[j] = dot(x0, w.Row(j))
		}
	}
}

// dot is Σ a[i]·b[i] in one accumulator, from left to right.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var sum float32
	for i, x := range a {
		sum += float32(x * b[i])
	}
	return sum
}

// dot1x4 is [dot] of x with four rows, side by side so that the additions of
// one do not wait for those of another.
func dot1x4(d *[4]float32, x, w0, w1, w2, w3 []float32) {
	n := len(x)
	w0, w1, w2, w3 = w0[:n], w1[:n], w2[:n], w3[:n]
	var s0, s1, s2, s3 float32
	for i, v := range x {
		s0 += float32(v * w0[i])
		s1 += float32(v * w1[i])
		s2 += float32(v * w2[i])
		s3 += float32(v * w3[i])
	}
	d[0], d[1], d[2], d[3] = s0, s1, s2, s3
}

// dot2x4 is [dot1x4] of two rows x and y.
func dot2x4(d, e *[4]float32, x, y, w0, w1, w2, w3 []float32) {
	n := len(x)
	y, w0, w1, w2, w3 = y[:n], w0[:n], w1[:n], w2[:n], w3[:n]
	var s0, s1, s2, s3, t0, t1, t2, t3 float32
	for i, u := range x {
		v := y[i]
		a := w0[i]
		s0 += float32(u * a)
		t0 += float32(v * a)
		a = w1[i]
		s1 += float32(u * a)
		t1 += float32(v * a)
		a = w2[i]
		s2 += float32(u * a)
		t2 += float32(v * a)
		a = w3[i]
		s3 += float32(u * a)
		t3 += float32(v * a)
	}
	d[0], d[1], d[2], d[3] = s0, s1, s2, s3
	e[0], e[1], e[2], e[3] = t0, t1, t2, t3
}

func rmsNorm(dst, x, w []float32, eps float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	scale := float32(1 / math.Sqrt(sum/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = v * scale * w[i]
	}
}

func rotate(out, in, sines, cosines []float32, style backend.RoPEStyle) {
	half := len(in) / 2
	for pair, sin := range sines {
		cos := cosines[pair]
		a, b := 2*pair, 2*pair+1
		if style == backend.Halves {
			a, b = pair, pair+half
		}
		xa, xb := in[a], in[b]
		out[a] = float32(xa*cos) - float32(xb*sin)
		out[b] = float32(xa*sin) + float32(xb*cos)
	}
}

func siluMul(dst, gate, up []float32) {
	up = up[:len(gate)]
	for i, x := range gate {
		dst[i] = float32(float64(x)/(1+math.Exp(-float64(x)))) * up[i]
	}
}

// attend computes one row's attention for the heads that share kvHead. It
// walks the sequence's blocks twice: for the scores, and for the weighted sum
// of the values.
func (b *Backend) attend(worker int, d, q *host.Matrix, kv *host.KVCache, a *backend.Attention, seq *backend.Sequence, i, kvHead int) {
	config := kv.Config()
	dim, group := config.HeadDim, a.Heads/config.KVHeads
	row, keys := seq.Start+i, seq.First+i+1
	first := kvHead * group
	queries := q.Row(row)[first*dim : (first+group)*dim]
	out := d.Row(row)[first*dim : (first+group)*dim]
	scores := b.scratch(worker, group*keys)

	eachSlot(seq.Blocks, config.BlockSize, keys, func(key, slot int) {
		k := kv.Key(a.Layer, kvHead, slot)
		for g := range group {
			scores[g*keys+key] = dot(queries[g*dim:(g+1)*dim], k) * a.Scale
		}
	})
	for g := range group {
		softmax(scores[g*keys : (g+1)*keys])
	}
	clear(out)
	eachSlot(seq.Blocks, config.BlockSize, keys, func(key, slot int) {
		v := kv.Value(a.Layer, kvHead, slot)
		for g := range group {
			p, o := scores[g*keys+key], out[g*dim:(g+1)*dim]
			for e, x := range v {
				o[e] += float32(p * x)
			}
		}
	})
	for _, tap := range a.Probs {
		if tap.Row == row {
			copy(tap.Dst[first*keys:], scores)
		}
	}
}

// eachSlot calls f with every key position below n and the slot it lies in.
func eachSlot(blocks []int32, blockSize, n int, f func(key, slot int)) {
	for key := 0; key < n; {
		base := int(blocks[key/blockSize]) * blockSize
		for slot := base; slot < base+blockSize && key < n; slot++ {
			f(key, slot)
			key++
		}
	}
}

// softmax sets x to exp(x−max)/Σexp(x−max), in place.
func softmax(x []float32) {
	top := float32(math.Inf(-1))
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for i, v := range x {
		e := math.Exp(float64(v - top))
		x[i] = float32(e)
		sum += e
	}
	inverse := 1 / sum
	for i, v := range x {
		x[i] = float32(float64(v) * inverse)
	}
}

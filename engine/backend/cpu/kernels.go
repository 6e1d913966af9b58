package cpu

import (
	"math"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
)

// matMul computes the columns lo … hi-1 of n rows of d = x·wᵀ, four columns at
// a time: the four rows of w stay in the first-level cache while every row of
// x passes by, so a batch reads the weights from memory once.
func matMul(d, x, w *host.Matrix, n, lo, hi int) {
	j := lo
	for ; j+4 <= hi; j += 4 {
		w0, w1, w2, w3 := w.Row(j), w.Row(j+1), w.Row(j+2), w.Row(j+3)
		for i := range n {
			dot4((*[4]float32)(d.Row(i)[j:]), x.Row(i), w0, w1, w2, w3)
		}
	}
	for ; j < hi; j++ {
		for i := range n {
			d.Row(i)[j] = dot(x.Row(i), w.Row(j))
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

// dot4 is [dot] of x with four rows, side by side so that the additions of
// one do not wait for those of another.
func dot4(d *[4]float32, x, w0, w1, w2, w3 []float32) {
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

func glu(dst, gate, up []float32, a backend.Activation) {
	up = up[:len(gate)]
	if a == backend.GELUTanh {
		// tanh(y) = 1 − 2/(e^2y+1), so (1+tanh(y))/2 = σ(2y).
		for i, v := range gate {
			x := float64(v)
			y := 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
			dst[i] = float32(x/(1+math.Exp(-y))) * up[i]
		}
		return
	}
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
	from := 0 // the first key in the window
	if a.Window > 0 {
		from = max(keys-a.Window, 0)
		for g := range group {
			clear(scores[g*keys : g*keys+from])
		}
	}

	eachSlot(seq.Blocks, config.BlockSize, from, keys, func(key, slot int) {
		k := kv.Key(a.Layer, kvHead, slot)
		for g := range group {
			scores[g*keys+key] = dot(queries[g*dim:(g+1)*dim], k) * a.Scale
		}
	})
	for g := range group {
		softmax(scores[g*keys+from : (g+1)*keys])
	}
	clear(out)
	eachSlot(seq.Blocks, config.BlockSize, from, keys, func(key, slot int) {
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

// eachSlot calls f with the key positions from … n-1 and the slots they lie in.
func eachSlot(blocks []int32, blockSize, from, n int, f func(key, slot int)) {
	for key := from; key < n; {
		base := int(blocks[key/blockSize]) * blockSize
		for slot := base + key%blockSize; slot < base+blockSize && key < n; slot++ {
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

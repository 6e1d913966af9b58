// Package ref is the definition of right: every operation of
// [backend.Backend] in plain Go, written the way the paper writes it.
//
// Numbers are stored in float32; sums run from left to right in float64, and
// are rounded once. It uses one goroutine and no trick, so that it can be read
// next to the formula, compiled for the browser, and trusted when another
// backend disagrees.
package ref

import (
	"math"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
)

// Backend computes in plain Go on one goroutine. The zero value is ready.
type Backend struct {
	host.Memory
	host.Clock
}

// New returns the reference backend.
func New() *Backend { return &Backend{} }

var (
	_ backend.Backend = (*Backend)(nil)
	_ backend.Timer   = (*Backend)(nil)
)

// Name is "ref".
func (*Backend) Name() string { return "ref" }

// Threads is 1.
func (*Backend) Threads() int { return 1 }

// Close has nothing to free.
func (*Backend) Close() error { return nil }

// MatMul computes Dst[i][j] = Σₖ x[i][k]·W[j][k] (+ Bias[j]) of each product.
func (*Backend) MatMul(x backend.Tensor, n int, products ...backend.Product) {
	xm := host.Of(x)
	for _, p := range products {
		d, w := host.Of(p.Dst), host.Of(p.W)
		for i := range n {
			in, out := xm.Row(i), d.Row(i)
			for j := range w.Rows() {
				sum := dot(in, w.Row(j))
				if p.Bias != nil {
					sum += float64(host.Of(p.Bias).Data[j])
				}
				out[j] = float32(sum)
			}
		}
	}
}

// RMSNorm computes dst = x / √(Σx²/width + eps) ⊙ w.
func (*Backend) RMSNorm(dst, x backend.Tensor, w backend.Weight, eps float32, n int) {
	d, xm, wm := host.Of(dst), host.Of(x), host.Of(w)
	for i := range n {
		rmsNorm(d.Row(i), xm.Row(i), wm.Data, eps)
	}
}

// RMSNormHeads does the same with each head of headDim columns.
func (*Backend) RMSNormHeads(x backend.Tensor, headDim int, w backend.Weight, eps float32, n int) {
	xm, wm := host.Of(x), host.Of(w)
	for i := range n {
		row := xm.Row(i)
		for h := 0; h < len(row); h += headDim {
			rmsNorm(row[h:h+headDim], row[h:h+headDim], wm.Data, eps)
		}
	}
}

// RoPE turns pair i of every head by the angle position·InvFreq[i].
func (*Backend) RoPE(dst, x backend.Tensor, headDim int, positions []int32, r *backend.RoPE) {
	d, xm := host.Of(dst), host.Of(x)
	for i, p := range positions {
		in, out := xm.Row(i), d.Row(i)
		for h := 0; h < len(in); h += headDim {
			for pair, f := range r.InvFreq {
				a, b := h+2*pair, h+2*pair+1
				if r.Style == backend.Halves {
					a, b = h+pair, h+pair+headDim/2
				}
				sin, cos := math.Sincos(float64(p) * f)
				sin, cos = sin*r.Scale, cos*r.Scale
				xa, xb := float64(in[a]), float64(in[b])
				out[a] = float32(xa*cos - xb*sin)
				out[b] = float32(xa*sin + xb*cos)
			}
		}
	}
}

// Attention computes, for every query and head, the softmax of its scaled
// products with the keys so far, and with it the mean of their values.
func (*Backend) Attention(dst, q backend.Tensor, c backend.KVCache, a *backend.Attention) {
	d, qm, kv := host.Of(dst), host.Of(q), host.KVOf(c)
	config := kv.Config()
	group := a.Heads / config.KVHeads
	for _, seq := range a.Sequences {
		for i := range seq.Count {
			row, keys := seq.Start+i, seq.First+i+1
			first := 0
			if a.Window > 0 {
				first = max(keys-a.Window, 0)
			}
			slot := func(key int) int {
				return int(seq.Blocks[key/config.BlockSize])*config.BlockSize + key%config.BlockSize
			}
			for h := range a.Heads {
				query := qm.Row(row)[h*config.HeadDim:][:config.HeadDim]
				scores := make([]float64, keys)
				for key := first; key < keys; key++ {
					scores[key] = dot(query, kv.Key(a.Layer, h/group, slot(key))) * float64(a.Scale)
				}
				softmax(scores[first:])
				sums := make([]float64, config.HeadDim)
				for key, p := range scores {
					for e, v := range kv.Value(a.Layer, h/group, slot(key)) {
						sums[e] += p * float64(v)
					}
				}
				out := d.Row(row)[h*config.HeadDim:][:config.HeadDim]
				for e, sum := range sums {
					out[e] = float32(sum)
				}
				for _, tap := range a.Probs {
					if tap.Row == row {
						for key, p := range scores {
							tap.Dst[h*keys+key] = float32(p)
						}
					}
				}
			}
		}
	}
}

// GLU computes dst = a(gate) ⊙ up.
func (*Backend) GLU(dst, gate, up backend.Tensor, n int, a backend.Activation) {
	d, g, u := host.Of(dst), host.Of(gate), host.Of(up)
	for i := range d.Data[:n*d.Cols()] {
		d.Data[i] = float32(activate(float64(g.Data[i]), a) * float64(u.Data[i]))
	}
}

// Scale computes x = x·factor.
func (*Backend) Scale(x backend.Tensor, factor float32, n int) {
	m := host.Of(x)
	for i := range m.Data[:n*m.Cols()] {
		m.Data[i] *= factor
	}
}

func activate(x float64, a backend.Activation) float64 {
	if a == backend.GELUTanh {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	return x / (1 + math.Exp(-x))
}

// Add computes dst = dst + x.
func (*Backend) Add(dst, x backend.Tensor, n int) {
	d, xm := host.Of(dst), host.Of(x)
	for i := range d.Data[:n*d.Cols()] {
		d.Data[i] += xm.Data[i]
	}
}

func dot(a, b []float32) float64 {
	var sum float64
	for i, x := range a {
		sum += float64(x) * float64(b[i])
	}
	return sum
}

func rmsNorm(dst, x, w []float32, eps float32) {
	scale := 1 / math.Sqrt(dot(x, x)/float64(len(x))+float64(eps))
	for i, v := range x {
		dst[i] = float32(float64(v) * scale * float64(w[i]))
	}
}

// softmax sets x to exp(x−max)/Σexp(x−max), in place.
func softmax(x []float64) {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

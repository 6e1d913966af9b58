package wire

import "math"

// Weight is the attention weight in [0, 1] that u stands for in
// [AttentionRows]: (u/255)².
func Weight(u uint8) float32 {
	x := float32(u) / 255
	return x * x
}

// QuantizeWeight is the byte that stands for the attention weight a in
// [AttentionRows]: round(255·√a). The square root spends the 256 levels where
// attention lives, near zero: weights down to 4·10⁻⁶ are not lost, and
// |Weight(QuantizeWeight(a)) − a| < 0.004. A weight below 0 or NaN gives 0,
// one above 1 gives 255.
func QuantizeWeight(a float32) uint8 {
	switch {
	case !(a > 0):
		return 0
	case a >= 1:
		return 255
	}
	return uint8(math.Sqrt(float64(a))*255 + 0.5)
}

// Row is the attention of query position From+r in one layer and head: one
// quantized weight a key position 0 … From+r. It aliases Values; it is nil if
// the frame does not hold that row.
func (f *AttentionRows) Row(r, layer, head int) []uint8 {
	if r < 0 || r >= int(f.Rows) || layer < 0 || layer >= int(f.Layers) || head < 0 || head >= int(f.Heads) {
		return nil
	}
	keys := int(f.From) + r + 1
	before := r*int(f.From) + r*(r+1)/2 // keys of the earlier rows
	at := before*int(f.Layers)*int(f.Heads) + (layer*int(f.Heads)+head)*keys
	if at < 0 || at+keys > len(f.Values) {
		return nil
	}
	return f.Values[at : at+keys : at+keys]
}

// Row is the attention of query position q: q+1 weights. It aliases Values; it
// is nil if q is not in the matrix.
func (f *HeadMatrix) Row(q int) []float32 {
	if q < 0 || q >= int(f.Count) || q >= len(f.Values) || (q+1)*(q+2)/2 > len(f.Values) {
		return nil
	}
	at := q * (q + 1) / 2
	return f.Values[at : at+q+1 : at+q+1]
}

// Layer is the set of points after layer layers: x and y of position 0, of
// position 1, … It aliases XY; it is nil if there is no such set.
func (f *Projection) Layer(layer int) []float32 {
	n := 2 * int(f.Count)
	if layer < 0 || layer > int(f.Layers) || (layer+1)*n > len(f.XY) {
		return nil
	}
	return f.XY[layer*n : (layer+1)*n : (layer+1)*n]
}

// Norm is the Euclidean norm of a position's vector after layer layers; ok is
// false if there is none.
func (f *Projection) Norm(layer, position int) (norm float32, ok bool) {
	i := layer*int(f.Count) + position
	if layer < 0 || layer > int(f.Layers) || position < 0 || position >= int(f.Count) || i >= len(f.Norms) {
		return 0, false
	}
	return f.Norms[i], true
}

// Logit is the raw logit of token id; ok is false if a cut frame does not hold
// it or there is no such token.
func (f *Logits) Logit(id int32) (logit float32, ok bool) {
	if len(f.IDs) == 0 {
		if id < 0 || int(id) >= len(f.Values) {
			return 0, false
		}
		return f.Values[id], true
	}
	for i, have := range f.IDs {
		if have == id && i < len(f.Values) {
			return f.Values[i], true
		}
	}
	return 0, false
}

// Layer is how long the operations Inner of a layer took, in microseconds. It
// aliases Micros; it is nil if there is no such layer.
func (f *Timing) Layer(layer int) []float32 {
	n := len(f.Inner)
	if layer < 0 || layer >= int(f.Layers) || (layer+1)*n > len(f.Micros) {
		return nil
	}
	return f.Micros[layer*n : (layer+1)*n : (layer+1)*n]
}

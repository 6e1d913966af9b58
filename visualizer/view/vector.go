package view

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
)

// VectorFunc names the Go function that computed the residual stream after
// layer layers of a model that runs on the named backend: the row of the
// embedding matrix, the last addition of a layer, or the final norm. (A test
// of server/session holds the names against engine.FuncName.)
func VectorFunc(layer, layers int, backend string) string {
	switch layer {
	case 0:
		return embedFunc(backend)
	case layers:
		return BackendFunc(backend, methodRMSNorm)
	}
	return BackendFunc(backend, methodAdd)
}

// VectorLines tells how number i of a vector came about. before is what
// happened in the layer before it, [wire.Flow] of layer Layer−1; while it is
// not known, and for the embedding, which no layer made, it is nil. They are
// named "embedding", "residual", and "rms" and "norm" after the final norm.
//
//	x₇ = E[260, 7] = 0.1234
//	y = x + Δ = 0.5000 + (−0.2000) = 0.3000
//
// It is empty if there is no such number or what it is made of is not known.
func VectorLines(v *wire.Vector, m *wire.Model, id int32, before *wire.Flow, i int) []Line {
	if i < 0 || i >= len(v.Values) {
		return nil
	}
	if v.Layer == 0 {
		scale := ""
		if strings.HasPrefix(m.Architecture, "gemma") { // Gemma Team 2024: the embedding is multiplied by √width
			scale = "√" + strconv.Itoa(len(v.Values)) + "·"
		}
		return []Line{line("embedding", plain("x"+Subscript(i)+" = "+scale+"E["+strconv.Itoa(int(id))+", "+strconv.Itoa(i)+"] = "+
			Number(float64(v.Values[i]))))}
	}
	if before == nil {
		return nil
	}
	if v.Layer < m.Layers {
		return slices.Concat(FlowLines(before, m, "resid_mid", i), FlowLines(before, m, "resid_out", i))
	}
	out := StageOf(before, "resid_out")
	if out == nil {
		return nil
	}
	return RMSNorm(out.Values, i, v.Values[i], m.NormEps)
}

// ProjectedLines tells how a vector of width numbers became a point of the map
// (package visualizer/project), in two lines named "rms" and "point": it is
// divided by its root mean square, and what differs from the mean of all is
// measured along the two axes a and b.
//
//	rms = ‖x‖/√576 = 48.00/24.00 = 2.000
//	(a·(x/rms − mean), b·(x/rms − mean)) = (1.200, −3.400)
func ProjectedLines(norm float32, width int, x, y float32) []Line {
	root := math.Sqrt(float64(width))
	return []Line{
		line("rms", plain("rms = ‖x‖/√"+strconv.Itoa(width)+" = "+Number(float64(norm))+"/"+Number(root)+" = "+Number(float64(norm)/root))),
		line("point", plain("(a·(x/rms − mean), b·(x/rms − mean)) = ("+Number(float64(x))+", "+Number(float64(y))+")")),
	}
}

// CosineLines tells the cosine of the angle between the embeddings of two
// tokens, in one line named "cosine".
//
//	cos = x·y/(‖x‖·‖y‖) = 0.7123, x = E[260], y = E[9043]
func CosineLines(x, y int32, cosine float32) []Line {
	row := func(id int32) string { return "E[" + strconv.Itoa(int(id)) + "]" }
	return []Line{line("cosine", plain("cos = x·y/(‖x‖·‖y‖) = "+Number(float64(cosine))+", x = "+row(x)+", y = "+row(y)))}
}

// SignedLimit is the limit of a signed colour scale under which a vector can
// be read, and how many of its numbers lie beyond. It is the largest magnitude,
// unless that is more than 2.5 times what 98 % of the numbers stay under: a
// residual stream has a few enormous ones that would leave the rest grey. It is
// 1 if there are no numbers but zeros.
func SignedLimit(values []float32) (limit float32, beyond int) {
	const share, far = 0.98, 2.5
	sizes := make([]float64, 0, len(values))
	for _, v := range values {
		if size := math.Abs(float64(v)); size-size == 0 { // neither NaN nor infinite
			sizes = append(sizes, size)
		}
	}
	if len(sizes) == 0 {
		return 1, 0
	}
	slices.Sort(sizes)
	last := len(sizes) - 1
	end := sizes[last]
	if most := sizes[int(share*float64(last))]; most > 0 && end > far*most {
		end = most
	}
	if end == 0 {
		return 1, 0
	}
	for beyond <= last && sizes[last-beyond] > end {
		beyond++
	}
	return float32(end), beyond
}

// Decades are the powers of ten around the positive ones of the values: low is
// the largest that is not above the smallest, high the smallest that is not
// below the largest, and they are a decade apart at least. Without a positive
// value they are 0 and 1.
func Decades(values []float32) (low, high int) {
	least, most := math.Inf(1), 0.0
	for _, v := range values {
		if x := float64(v); x > 0 && !math.IsInf(x, 1) {
			least, most = min(least, x), max(most, x)
		}
	}
	if most == 0 {
		return 0, 1
	}
	low, high = int(math.Floor(math.Log10(least))), int(math.Ceil(math.Log10(most)))
	return low, max(high, low+1)
}

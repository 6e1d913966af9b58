package view

import (
	"math"
	"testing"

	"vitrine/visualizer/wire"
)

func TestVectorLines(t *testing.T) {
	m := &wire.Model{Architecture: "llama", Layers: 2, NormEps: 0.125}
	before := &wire.Flow{Input: []float32{1, 2, 3}, Stages: []wire.Stage{
		{Name: "o_proj", Shape: []uint32{3}, Values: []float32{0.5, -1, 0}},
		{Name: "resid_mid", Shape: []uint32{3}, Values: []float32{1.5, 1, 3}},
		{Name: "down", Shape: []uint32{3}, Values: []float32{1.5, -5, -3}},
		{Name: "resid_out", Shape: []uint32{3}, Values: []float32{3, -4, 0}},
	}}
	lines(t, VectorLines(&wire.Vector{Values: []float32{7, 0.25}}, m, 260, nil, 1), "embedding: x₁ = E[260, 1] = 0.2500")
	lines(t, VectorLines(&wire.Vector{Values: []float32{7, 0.25}}, &wire.Model{Architecture: "gemma3"}, 3, nil, 0), "embedding: x₀ = √2·E[3, 0] = 7.000")
	lines(t, VectorLines(&wire.Vector{Layer: 1, Values: []float32{3, -4, 0}}, m, 260, before, 1),
		"residual: y = x + Δ = 2.000 + (−1.000) = 1.000", "residual: y = x + Δ = 1.000 + (−5.000) = −4.000")
	lines(t, VectorLines(&wire.Vector{Layer: 2, Values: []float32{1, -0.6877, 0}}, m, 260, before, 1),
		"rms: rms = √(Σ x²/3 + ε) = √(8.333 + 0.1250) = 2.908", "norm: y₁ = x₁/rms·w₁ = −4.000/2.908·0.5000 = −0.6877")
	for _, i := range []int{-1, 3} {
		if got := VectorLines(&wire.Vector{Layer: 1, Values: []float32{3, -4, 0}}, m, 0, before, i); got != nil {
			t.Errorf("number %d, which is not there, has a formula: %v", i, got)
		}
	}
	for _, layer := range []uint16{1, 2} {
		v := &wire.Vector{Layer: layer, Values: []float32{1}}
		if VectorLines(v, m, 0, nil, 0) != nil || VectorLines(v, m, 0, &wire.Flow{}, 0) != nil {
			t.Errorf("layer %d has a formula whose operands are not known", layer)
		}
	}
}

func TestProjectedAndCosineLines(t *testing.T) {
	lines(t, ProjectedLines(48, 576, 1.2, -3.4),
		"rms: rms = ‖x‖/√576 = 48.00/24.00 = 2.000", "point: (a·(x/rms − mean), b·(x/rms − mean)) = (1.200, −3.400)")
	lines(t, CosineLines(260, 9043, -0.25), "cosine: cos = x·y/(‖x‖·‖y‖) = −0.2500, x = E[260], y = E[9043]")
}

func TestSignedLimit(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	ramp := make([]float32, 101) // 0, −1, 2, −3 … 100
	for i := range ramp {
		ramp[i] = float32(i)
		if i%2 == 1 {
			ramp[i] = -ramp[i]
		}
	}
	spiked := append([]float32(nil), ramp...)
	spiked[100], spiked[99] = -9000, 245.5 // the first is far beyond 98, the second is too
	tests := []struct {
		name   string
		values []float32
		limit  float32
		beyond int
	}{
		{"nothing", nil, 1, 0},
		{"zeros", []float32{0, 0}, 1, 0},
		{"none that is finite", []float32{nan, inf}, 1, 0},
		{"even", ramp, 100, 0},
		{"two far out", spiked, 98, 2},
		{"all zeros but one", []float32{0, 0, 0, -8}, 8, 0},
		{"what is not finite does not count", []float32{nan, -2, inf, 1}, 2, 0},
	}
	for _, tt := range tests {
		if limit, beyond := SignedLimit(tt.values); limit != tt.limit || beyond != tt.beyond {
			t.Errorf("%s: limit %g with %d beyond, want %g with %d", tt.name, limit, beyond, tt.limit, tt.beyond)
		}
	}
}

func TestDecades(t *testing.T) {
	for _, tt := range []struct {
		values    []float32
		low, high int
	}{
		{nil, 0, 1},
		{[]float32{0, -3, float32(math.NaN()), float32(math.Inf(1))}, 0, 1},
		{[]float32{1}, 0, 1},
		{[]float32{2, 30}, 0, 2},
		{[]float32{0.02, 10}, -2, 1},
		{[]float32{4800, 0}, 3, 4},
	} {
		if low, high := Decades(tt.values); low != tt.low || high != tt.high {
			t.Errorf("decades of %v are %d to %d, want %d to %d", tt.values, low, high, tt.low, tt.high)
		}
	}
}

package view

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"vitrine/visualizer/wire"
)

// tinyFlow is a layer of width 4 with two query heads of 4 dimensions that
// share one key head, at position 2, computed here as the model would.
func tinyFlow(pairs pairing, gelu bool) (*wire.Flow, *wire.Model) {
	m := &wire.Model{Architecture: "llama", NormEps: 0.125, RopeTheta: 100}
	f := &wire.Flow{Position: 2, Layer: 1, Input: []float32{3, -4, 0, 1}}
	add := func(name string, shape []uint32, values ...float32) {
		f.Stages = append(f.Stages, wire.Stage{Name: name, Shape: shape, Norm: euclid(values), Values: values, Func: "f"})
	}
	turn := func(x []float32) []float32 {
		out := make([]float32, len(x))
		for i := range x {
			d := i % 4
			pair, partner := pairs(d, 4)
			sin, cos := math.Sincos(2 * math.Pow(100, -2*float64(pair)/4))
			other := float64(x[i-d+partner])
			if partner > d {
				other = -other
			}
			out[i] = float32(float64(x[i])*cos + other*sin)
		}
		return out
	}
	rms := float32(math.Sqrt((9+16+0+1)/4.0 + 0.125))
	add("attn_norm", []uint32{4}, 3/rms*0.5, -4/rms*0.5, 0, 1/rms*0.5)
	q, k, v := []float32{1, 2, -1, 0.5, 0.25, -2, 1, 4}, []float32{2, -1, 0.5, 1}, []float32{0.5, -0.25, 8, 1}
	add("q", []uint32{2, 4}, q...)
	add("k", []uint32{1, 4}, k...)
	add("v", []uint32{1, 4}, v...)
	qr, kr := turn(q), turn(k)
	add("q_rope", []uint32{2, 4}, qr...)
	add("k_rope", []uint32{1, 4}, kr...)
	dot := func(h int) float32 {
		return qr[4*h]*kr[0] + qr[4*h+1]*kr[1] + qr[4*h+2]*kr[2] + qr[4*h+3]*kr[3]
	}
	scores := []float32{1, 0, dot(0) / 2, -1, 2, dot(1) / 2}
	add("scores", []uint32{2, 3}, scores...)
	var probs []float32
	for h := range 2 {
		var sum float64
		for _, s := range scores[3*h : 3*h+3] {
			sum += math.Exp(float64(s))
		}
		for _, s := range scores[3*h : 3*h+3] {
			probs = append(probs, float32(math.Exp(float64(s))/sum))
		}
	}
	add("probs", []uint32{2, 3}, probs...)
	add("attn_out", []uint32{2, 4}, 0.5, 1, 2, 3, 4, 5, 6, 7)
	add("o_proj", []uint32{4}, 1, 1, -2, 0.5)
	add("resid_mid", []uint32{4}, 4, -3, -2, 1.5)
	add("ffn_norm", []uint32{4}, 1, 2, 3, 4)
	gate, up := []float32{1.5, -1}, []float32{-0.5, 2}
	add("gate", []uint32{2}, gate...)
	add("up", []uint32{2}, up...)
	var product []float32
	for i, g := range gate {
		act := float64(g) / (1 + math.Exp(-float64(g)))
		if gelu {
			x := float64(g)
			act = x * 0.5 * (1 + math.Tanh(0.7978845608028654*(x+0.044715*x*x*x)))
		}
		product = append(product, float32(act)*up[i])
	}
	add("silu_mul", []uint32{2}, product...)
	add("down", []uint32{4}, 0.5, 0.25, -0.5, -1)
	add("resid_out", []uint32{4}, 4.5, -2.75, -2.5, 0.5)
	return f, m
}

func TestFlowLines(t *testing.T) {
	f, m := tinyFlow(interleaved, false)
	tests := []struct {
		stage string
		i     int
		want  []string
	}{
		{"attn_norm", 1, []string{"rms: rms = √(Σ x²/4 + ε) = √(6.500 + 0.1250) = 2.574", "norm: y₁ = x₁/rms·w₁ = −4.000/2.574·0.5000 = −0.7770"}},
		{"q", 5, []string{"matmul: q₅ = Σⱼ W₅,ⱼ·xⱼ = −2.000", "operand: ‖x‖ = 0.9905, 4"}},
		{"v", 2, []string{"matmul: v₂ = Σⱼ W₂,ⱼ·xⱼ = 8.000", "operand: ‖x‖ = 0.9905, 4"}},
		{"q_rope", 0, []string{"angle: angle = 2·100^(−2·0/4) = 2.000", "rope: q′₀ = q₀·cos − q₁·sin = 1.000·(−0.4161) − 2.000·0.9093 = −2.235"}},
		{"q_rope", 7, []string{"angle: angle = 2·100^(−2·1/4) = 0.2000", "rope: q′₇ = q₇·cos + q₆·sin = 4.000·0.9801 + 1.000·0.1987 = 4.119"}},
		{"k_rope", 1, []string{"angle: angle = 2·100^(−2·0/4) = 2.000", "rope: k′₁ = k₁·cos + k₀·sin = (−1.000)·(−0.4161) + 2.000·0.9093 = 2.235"}},
		{"scores", 1, []string{"score: s = q₂·k₁·1/√4 = 0"}},
		{"scores", 5, []string{"score: s = q₂·k₂·1/√4 = 7.000·1/√4 = 3.500"}},
		{"probs", 1, []string{"softmax: a = exp(s − max)/Σ exp(sⱼ − max) = exp(0 − 1.000)/1.736 = 0.2119"}},
		{"attn_out", 6, []string{"mean: o = Σₖ aₖ·vₖ = 0.8102·v₂ + 0.1808·v₁ + 0.009001·v₀ = 6.000", "operand: v₂ = 8.000"}},
		{"o_proj", 0, []string{"matmul: y₀ = Σⱼ W₀,ⱼ·xⱼ = 1.000", "operand: ‖x‖ = 11.84, 2 × 4"}},
		{"resid_mid", 0, []string{"residual: y = x + Δ = 3.000 + 1.000 = 4.000"}},
		{"ffn_norm", 3, []string{"rms: rms = √(Σ x²/4 + ε) = √(7.812 + 0.1250) = 2.817", "norm: y₃ = x₃/rms·w₃ = 1.500/2.817·7.513 = 4.000"}},
		{"silu_mul", 0, []string{"silu: silu(g) = g/(1 + exp(−g)) = 1.500/(1 + exp(−1.500)) = 1.226", "product: y = silu(g)·u = 1.226·(−0.5000) = −0.6132"}},
		{"down", 3, []string{"matmul: y₃ = Σⱼ W₃,ⱼ·xⱼ = −1.000", "operand: ‖x‖ = 0.8157, 2"}},
		{"resid_out", 3, []string{"residual: y = x + Δ = 1.500 + (−1.000) = 0.5000"}},
		{FlowInput, 0, nil},
		{"probs", 6, nil},
		{"q", -1, nil},
		{"elsewhere", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.stage, func(t *testing.T) { lines(t, FlowLines(f, m, tt.stage, tt.i), tt.want...) })
	}
}

// TestFlowRoles: queries, keys and values carry their roles.
func TestFlowRoles(t *testing.T) {
	f, m := tinyFlow(interleaved, false)
	for _, tt := range []struct {
		stage string
		i     int
		role  Role
		want  string
	}{
		{"q_rope", 0, RoleQuery, "q′₀ q₀ q₁ 1.000 2.000"},
		{"k", 1, RoleKey, "k₁"},
		{"scores", 0, RoleKey, "k₀"},
		{"attn_out", 0, RoleValue, "vₖ v₀ v₁ v₂ v₂"},
	} {
		var got []string
		for _, l := range FlowLines(f, m, tt.stage, tt.i) {
			for _, p := range l.Parts {
				if p.Role == tt.role {
					got = append(got, p.Text)
				}
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s[%d]: parts of role %d are %q, want %q", tt.stage, tt.i, tt.role, got, tt.want)
		}
	}
}

// TestFlowTellsWhatWasDone: of formulas that differ between models the one that
// gives the number is told, and none that does not.
func TestFlowTellsWhatWasDone(t *testing.T) {
	f, m := tinyFlow(halves, true)
	lines(t, FlowLines(f, m, "q_rope", 1),
		"angle: angle = 2·100^(−2·1/4) = 0.2000", "rope: q′₁ = q₁·cos − q₃·sin = 2.000·0.9801 − 0.5000·0.1987 = 1.861")
	lines(t, FlowLines(f, m, "silu_mul", 1),
		"gelu: gelu(g) = g/2·(1 + tanh(√(2/π)·(g + 0.044715·g³))) = gelu(−1.000) = −0.1588",
		"product: y = gelu(g)·u = (−0.1588)·2.000 = −0.3176")

	m.RopeTheta = 10000 // as if the angles were scaled in a way that is not known here
	lines(t, FlowLines(f, m, "k_rope", 3), "rope: k′₃ = k₃·cos ± kₚ·sin = "+Number(float64(StageOf(f, "k_rope").Values[3])))
	StageOf(f, "silu_mul").Values[0] = 9
	lines(t, FlowLines(f, m, "silu_mul", 0), "product: y = act(g)·u = act(1.500)·(−0.5000) = 9.000")
	StageOf(f, "scores").Values[5] *= 3 // a scale that is not 1/√d
	lines(t, FlowLines(f, m, "scores", 3), "score: s = q₂·k₀·scale = −1.000")

	f.Position = 0
	lines(t, FlowLines(f, m, "q_rope", 2), "rope: q′₂ = q₂ = "+Number(float64(StageOf(f, "q_rope").Values[2])))

	for architecture, want := range map[string]string{
		"qwen2": "matmul: q₁ = Σⱼ W₁,ⱼ·xⱼ + b₁ = 2.000", "qwen3": "matmul: q₁ = RMSNorm(W·x)₁ = 2.000",
		"gemma3": "matmul: q₁ = RMSNorm(W·x)₁ = 2.000",
	} {
		m.Architecture = architecture
		lines(t, FlowLines(f, m, "q", 1)[:1], want)
	}
}

// TestFlowWithPostNorms: in models with norms after each part the residual
// stream takes the normed result.
func TestFlowWithPostNorms(t *testing.T) {
	f, m := tinyFlow(interleaved, false)
	if got := StageSources(f, "resid_out"); !reflect.DeepEqual(got, []string{"resid_mid", "down"}) {
		t.Errorf("without a norm the stream takes %q", got)
	}
	f.Stages = append(f.Stages,
		wire.Stage{Name: "ffn_post_norm", Shape: []uint32{4}, Values: []float32{0.25, 0, 0, 0}},
		wire.Stage{Name: "attn_post_norm", Shape: []uint32{4}, Values: []float32{2, 0, 0, 0}})
	if got := StageSources(f, "resid_out"); !reflect.DeepEqual(got, []string{"resid_mid", "ffn_post_norm"}) {
		t.Errorf("with a norm the stream takes %q", got)
	}
	lines(t, FlowLines(f, m, "resid_mid", 0), "residual: y = x + Δ = 3.000 + 2.000 = 4.000")
	lines(t, FlowLines(f, m, "ffn_post_norm", 0)[:1], "rms: rms = √(Σ x²/4 + ε) = √(0.3906 + 0.1250) = 0.7181")
}

// TestFlowCut: what the server cut or a model lacks is left out, and nothing fails.
func TestFlowCut(t *testing.T) {
	names := []string{"attn_norm", "q", "k", "v", "q_rope", "k_rope", "scores", "probs", "attn_out", "o_proj",
		"attn_post_norm", "resid_mid", "ffn_norm", "gate", "up", "silu_mul", "down", "ffn_post_norm", "resid_out", FlowInput}
	for cut := range names {
		f, m := tinyFlow(interleaved, false)
		if s := StageOf(f, names[cut]); s != nil && names[cut] != FlowInput {
			s.Values = s.Values[:1]
		}
		for _, name := range names {
			for i := range 9 {
				FlowLines(f, m, name, i)
			}
		}
		for i := range f.Stages {
			if f.Stages[i].Name == names[cut] {
				f.Stages = append(f.Stages[:i], f.Stages[i+1:]...)
				break
			}
		}
		for _, name := range names {
			for i := range 9 {
				FlowLines(f, m, name, i)
			}
		}
	}
	for _, shape := range [][]uint32{nil, {0}, {0, 4}, {4, 0}, {3}, {1, 1, 1}} {
		f, m := tinyFlow(interleaved, false)
		for n := range f.Stages {
			f.Stages[n].Shape = shape
		}
		for _, name := range names {
			for i := range 9 {
				FlowLines(f, m, name, i)
			}
		}
	}
}

func TestCoordinates(t *testing.T) {
	for _, tt := range []struct {
		shape []uint32
		i     int
		want  []int
	}{
		{[]uint32{9, 64}, 0, []int{0, 0}},
		{[]uint32{9, 64}, 575, []int{8, 63}},
		{[]uint32{9, 64}, 576, nil},
		{[]uint32{576}, 17, []int{17}},
		{[]uint32{576}, -1, nil},
		{[]uint32{0}, 0, nil},
		{nil, 0, []int{}},
		{nil, 1, nil},
	} {
		if got := Coordinates(tt.shape, tt.i); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("element %d of %v is at %v, want %v", tt.i, tt.shape, got, tt.want)
		}
	}
	if got := ShapeText([]uint32{9, 64}) + ", " + ShapeText([]uint32{576}); got != "9 × 64, 576" {
		t.Errorf("shapes are %q", got)
	}
}

func TestHeadRow(t *testing.T) {
	f, _ := tinyFlow(interleaved, false)
	probs := StageOf(f, "probs")
	if got := HeadRow(f, 1); !reflect.DeepEqual(got, probs.Values[3:6]) {
		t.Errorf("the row of head 1 is %v, want %v", got, probs.Values[3:6])
	}
	for _, head := range []int{-1, 2} {
		if got := HeadRow(f, head); got != nil {
			t.Errorf("head %d has a row: %v", head, got)
		}
	}
	probs.Values = probs.Values[:5]
	if got := HeadRow(f, 1); got != nil {
		t.Errorf("a row that was cut is told: %v", got)
	}
	f.Position = 3
	if got := HeadRow(f, 0); got != nil {
		t.Errorf("a row of another length is told: %v", got)
	}
}

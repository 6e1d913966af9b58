package view

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"vitrine/visualizer/wire"
)

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1.000", 0.5: "0.5000", -12.3456: "−12.35", 9.9996: "10.00",
		9999: "9999", 9999.4: "9999", 9999.6: "1.000·10⁴", 49152: "4.915·10⁴", 1e-4: "0.0001000",
		0.00012344: "0.0001234", 0.00001: "1.000·10⁻⁵", 0.000099996: "0.0001000", -2.5e-12: "−2.500·10⁻¹²",
		5e-324: "4.941·10⁻³²⁴", math.MaxFloat64: "1.798·10³⁰⁸", math.Inf(1): "∞", math.Inf(-1): "−∞",
	} {
		if got := Number(x); got != want {
			t.Errorf("Number(%g) is %q, want %q", x, got, want)
		}
	}
	if got := Number(math.NaN()); got != "NaN" {
		t.Errorf("Number(NaN) is %q", got)
	}
}

func TestPercent(t *testing.T) {
	for p, want := range map[float64]string{
		0: "0.00 %", 1: "100.00 %", 0.978: "97.80 %", 0.0001: "0.01 %", 0.00005: "0.01 %", 0.000049: "< 0.01 %",
		1e-30: "< 0.01 %", 0.9999: "99.99 %", 0.99994: "99.99 %", 0.99995: "> 99.99 %", 0.9999999: "> 99.99 %",
	} {
		if got := Percent(p); got != want {
			t.Errorf("Percent(%g) is %q, want %q", p, got, want)
		}
	}
	if got := Percent(math.NaN()); got != "–" {
		t.Errorf("Percent(NaN) is %q", got)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 23040: "22.5 KiB", 1<<20 - 1: "1.0 MiB", 1<<20 - 60: "1023.9 KiB",
		64 << 20: "64.0 MiB", 3 << 30: "3.0 GiB", math.MaxUint64: "16.0 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestSmallDigits(t *testing.T) {
	if got := Subscript(1234567890) + Superscript(-57) + Subscript(-1); got != "₁₂₃₄₅₆₇₈₉₀⁻⁵⁷₋₁" {
		t.Errorf("got %q", got)
	}
}

// lines compares formulas with what they should say, name and text.
func lines(t *testing.T, got []Line, want ...string) {
	t.Helper()
	var text []string
	for _, l := range got {
		text = append(text, l.Name+": "+l.String())
	}
	if !reflect.DeepEqual(text, want) {
		t.Errorf("formulas are\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}

func TestCell(t *testing.T) {
	c := &wire.Cell{
		Position: 33, Key: 2,
		Q: []float32{0.5, -2, 3, 1}, K: []float32{4, 0.25, -1, 2},
		Dot: 0.5, Scale: 0.5, Score: 0.25, Max: -1.5, Sum: 8, Weight: 0.7193,
	}
	c.Dot = 0.5*4 - 2*0.25 - 3 + 2
	lines(t, Cell(c),
		"dot: q₃₃·k₂ = Σ qᵢ·kᵢ = 0.5000·4.000 + (−2.000)·0.2500 + 3.000·(−1.000) + 1.000·2.000 = 0.5000",
		"score: score = q·k·1/√4 = 0.5000·0.5000 = 0.2500",
		"mask: 2 ≤ 33",
		"softmax: a = exp(score − max)/Σ exp(scoreⱼ − max) = exp(0.2500 − (−1.500))/8.000 = 0.7193")

	c.Q, c.K, c.Scale = append(c.Q, 7), append(c.K, 8), 0.3
	lines(t, Cell(c)[:2],
		"dot: q₃₃·k₂ = Σ qᵢ·kᵢ = 0.5000·4.000 + (−2.000)·0.2500 + … + 7.000·8.000 = 0.5000",
		"score: score = q·k·scale = 0.5000·0.3000 = 0.2500")
	lines(t, Cell(&wire.Cell{Position: 1, Dot: 3})[:1], "dot: q₁·k₀ = Σ qᵢ·kᵢ = 3.000")

	roles := map[Role]string{}
	for _, p := range Cell(c)[0].Parts {
		roles[p.Role] += p.Text + " "
	}
	if roles[RoleQuery] != "q₃₃ qᵢ 0.5000 (−2.000) 7.000 " || roles[RoleKey] != "k₂ kᵢ 4.000 0.2500 8.000 " {
		t.Errorf("roles are %q", roles)
	}
}

func TestProbability(t *testing.T) {
	lines(t, Probability(29.6621, 0.8, 37.0776, 1.022, 0.9785),
		"temperature: z/T = 29.66/0.8000 = 37.08",
		"softmax: p = exp(z/T − max)/Σ exp(z′/T − max) = exp(37.08 − 37.08)/1.022 = 0.9785")
}

func TestRMSNorm(t *testing.T) {
	x := []float32{3, -4, 0}
	eps := float32(0.125)
	rms := math.Sqrt(25.0/3 + 0.125)
	lines(t, RMSNorm(x, 1, float32(-4/rms*0.5), eps),
		"rms: rms = √(Σ x²/3 + ε) = √(8.333 + 0.1250) = 2.908",
		"norm: y₁ = x₁/rms·w₁ = −4.000/2.908·0.5000 = −0.6877")
	lines(t, RMSNorm(x, 2, 0, eps)[1:], "norm: y₂ = x₂/rms·w₂ = 0/2.908·w = 0")
	if RMSNorm(x, -1, 0, 0) != nil || RMSNorm(x, 3, 0, 0) != nil || RMSNorm(nil, 0, 0, 0) != nil {
		t.Error("a formula for a value that is not there")
	}
}

func TestFeedForward(t *testing.T) {
	lines(t, SiLUMul(-1.5, -0.5, 0.1368),
		"silu: silu(g) = g/(1 + exp(−g)) = −1.500/(1 + exp(1.500)) = −0.2736",
		"product: y = silu(g)·u = (−0.2736)·(−0.5000) = 0.1368")
	lines(t, Residual(0.5, -0.2, 0.3), "residual: y = x + Δ = 0.5000 + (−0.2000) = 0.3000")
}

func TestBar(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		name  string
		token wire.Token
		want  Bar
	}{
		{"drawn", wire.Token{Flags: wire.FlagDrawn, Bytes: []byte(" a"), Prob: 0.25, LogProb: -3},
			Bar{Label: "·a", Height: 0.25, Known: true, Origin: Drawn}},
		{"forced", wire.Token{Flags: wire.FlagDrawn | wire.FlagForced, Prob: nan, LogProb: float32(math.Log(0.5))},
			Bar{Height: 0.5, Known: true, Origin: Forced}},
		{"given", wire.Token{Flags: wire.FlagSpecial, Prob: 0.75, LogProb: nan}, Bar{Special: true}},
		{"given, computed", wire.Token{LogProb: 0}, Bar{Height: 1, Known: true}},
		{"impossible", wire.Token{Flags: wire.FlagDrawn, Prob: 7}, Bar{Origin: Drawn}},
	}
	for _, tt := range tests {
		got := BarOf(&tt.token)
		if math.Abs(float64(got.Height-tt.want.Height)) < 1e-6 {
			got.Height = tt.want.Height
		}
		if got != tt.want {
			t.Errorf("%s: bar is %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

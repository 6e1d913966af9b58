package view

import (
	"math"
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
)

// Role says what a part of a formula is, so that it gets its colour. The
// letters q, k and v in the text say the same without colour.
type Role uint8

// The roles of attention's operands.
const (
	RolePlain Role = iota
	RoleQuery
	RoleKey
	RoleValue
)

// Part is a piece of a formula.
type Part struct {
	Text string
	Role Role
}

// Line is one line of a formula: in symbols, with the operands filled in, and
// the result. Name is a word for the page's message catalogue, such as "score".
type Line struct {
	Name  string
	Parts []Part
}

// String is the line's text without roles and name.
func (l Line) String() string {
	var s strings.Builder
	for _, p := range l.Parts {
		s.WriteString(p.Text)
	}
	return s.String()
}

func line(name string, parts ...Part) Line { return Line{Name: name, Parts: parts} }

func plain(text string) Part { return Part{Text: text} }
func query(text string) Part { return Part{Text: text, Role: RoleQuery} }
func key(text string) Part   { return Part{Text: text, Role: RoleKey} }

// Cell tells how one attention weight came about (Vaswani et al. 2017, section
// 3.2.1), in four lines named "dot", "score", "mask" and "softmax":
//
//	q₃₃·k₃₂ = Σ qᵢ·kᵢ = 0.1200·0.5000 + … + 1.300·(−0.2500) = −12.35
//	score = q·k·1/√64 = −12.35·0.1250 = −1.544
//	32 ≤ 33
//	a = exp(score − max)/Σ exp(scoreⱼ − max) = exp(−1.544 − 2.100)/3.500 = 0.007472
func Cell(c *wire.Cell) []Line {
	q, k := "q"+Subscript(int(c.Position)), "k"+Subscript(int(c.Key))
	dot := []Part{query(q), plain("·"), key(k), plain(" = Σ "), query("qᵢ"), plain("·"), key("kᵢ"), plain(" = ")}
	last := min(len(c.Q), len(c.K)) - 1
	for i := 0; i <= last; i++ {
		if i == 2 && last > 3 {
			dot = append(dot, plain(" + …"))
			i = last
		}
		if i > 0 {
			dot = append(dot, plain(" + "))
		}
		dot = append(dot, query(operand(float64(c.Q[i]))), plain("·"), key(operand(float64(c.K[i]))))
	}
	if last >= 0 {
		dot = append(dot, plain(" = "))
	}
	dot = append(dot, plain(Number(float64(c.Dot))))

	scale := "scale"
	if d := float64(len(c.Q)); math.Abs(float64(c.Scale)*math.Sqrt(d)-1) < 1e-5 {
		scale = "1/√" + strconv.Itoa(len(c.Q))
	}
	return []Line{
		line("dot", dot...),
		line("score", plain("score = "), query("q"), plain("·"), key("k"), plain("·"+scale+" = "+
			operand(float64(c.Dot))+"·"+Number(float64(c.Scale))+" = "+Number(float64(c.Score)))),
		line("mask", key(strconv.Itoa(int(c.Key))), plain(" ≤ "), query(strconv.Itoa(int(c.Position)))),
		line("softmax", plain("a = exp(score − max)/Σ exp(scoreⱼ − max) = exp("+
			minusOperand(float64(c.Score), float64(c.Max))+")/"+Number(float64(c.Sum))+" = "+Number(float64(c.Weight)))),
	}
}

// minusOperand is "a − b" with brackets around a negative b.
func minusOperand(a, b float64) string { return Number(a) + " − " + operand(b) }

// Probability tells how a logit z became a probability at a temperature, in
// two lines named "temperature" and "softmax". top is the largest of the
// logits over the temperature, sum is Σ exp(z′/T − top) over the tokens that
// are left at that stage, and p the result.
//
//	z/T = 29.66/0.8000 = 37.08
//	p = exp(z/T − max)/Σ exp(z′/T − max) = exp(37.08 − 37.08)/1.022 = 0.9785
func Probability(z, temperature, top, sum, p float64) []Line {
	scaled := z / temperature
	return []Line{
		line("temperature", plain("z/T = "+Number(z)+"/"+Number(temperature)+" = "+Number(scaled))),
		line("softmax", plain("p = exp(z/T − max)/Σ exp(z′/T − max) = exp("+
			minusOperand(scaled, top)+")/"+Number(sum)+" = "+Number(p))),
	}
}

// RMSNorm tells how value i of a vector was normalised (Zhang and Sennrich
// 2019), in two lines named "rms" and "norm". y is the result that the model
// computed; the weight is not sent, so it is told as what y and the other
// operands make it, and left out where xᵢ is 0.
//
//	rms = √(Σ x²/576 + ε) = √(0.5000 + 1.000·10⁻⁵) = 0.7071
//	y₃ = x₃/rms·w₃ = 1.200/0.7071·0.9500 = 1.612
//
// It is empty if i is not an index of x.
func RMSNorm(x []float32, i int, y, eps float32) []Line {
	if i < 0 || i >= len(x) {
		return nil
	}
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	mean := sum / float64(len(x))
	rms := math.Sqrt(mean + float64(eps))
	weight, index := "w", Subscript(i)
	if x[i] != 0 {
		weight = operand(float64(y) * rms / float64(x[i]))
	}
	return []Line{
		line("rms", plain("rms = √(Σ x²/"+strconv.Itoa(len(x))+" + ε) = √("+Number(mean)+" + "+Number(float64(eps))+") = "+Number(rms))),
		line("norm", plain("y"+index+" = x"+index+"/rms·w"+index+" = "+Number(float64(x[i]))+"/"+Number(rms)+"·"+weight+" = "+Number(float64(y)))),
	}
}

// SiLUMul tells how a gate and an up value became one of the feed-forward
// layer's inner values (SwiGLU, Shazeer 2020), in two lines named "silu" and
// "product"; y is the result that the model computed.
//
//	silu(g) = g/(1 + exp(−g)) = 1.500/(1 + exp(−1.500)) = 1.226
//	y = silu(g)·u = 1.226·(−0.5000) = −0.6131
func SiLUMul(gate, up, y float32) []Line {
	g := float64(gate)
	silu := g / (1 + math.Exp(-g))
	return []Line{
		line("silu", plain("silu(g) = g/(1 + exp(−g)) = "+Number(g)+"/(1 + exp("+Number(-g)+")) = "+Number(silu))),
		line("product", plain("y = silu(g)·u = "+operand(silu)+"·"+operand(float64(up))+" = "+Number(float64(y)))),
	}
}

// Residual tells how a layer's result was added to the residual stream, in one
// line named "residual"; y is the sum that the model computed.
//
//	y = x + Δ = 0.5000 + (−0.2000) = 0.3000
func Residual(x, delta, y float32) []Line {
	return []Line{line("residual", plain("y = x + Δ = "+Number(float64(x))+" + "+operand(float64(delta))+" = "+Number(float64(y))))}
}

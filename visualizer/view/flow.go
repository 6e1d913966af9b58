package view

import (
	"math"
	"slices"
	"strconv"

	"vitrine/visualizer/wire"
)

// FlowInput names what enters a layer, [wire.Flow.Input], beside the names of
// its stages.
const FlowInput = "input"

// StageOf finds a stage of a flow by its name, or [FlowInput] as a stage; it is
// nil if the model has none of that name.
func StageOf(f *wire.Flow, name string) *wire.Stage {
	if name == FlowInput {
		return &wire.Stage{Name: name, Shape: []uint32{uint32(len(f.Input))}, Norm: euclid(f.Input), Values: f.Input}
	}
	for i := range f.Stages {
		if f.Stages[i].Name == name {
			return &f.Stages[i]
		}
	}
	return nil
}

// HeadRow is the exact attention of a flow's position in one head: a weight a
// key up to its own. It is nil if the flow does not tell all of it. It aliases
// the flow.
func HeadRow(f *wire.Flow, head int) []float32 {
	s := StageOf(f, "probs")
	if s == nil || len(s.Shape) != 2 || head < 0 || head >= int(s.Shape[0]) {
		return nil
	}
	keys := int(s.Shape[1])
	if keys != int(f.Position)+1 || (head+1)*keys > len(s.Values) {
		return nil
	}
	return s.Values[head*keys : (head+1)*keys : (head+1)*keys]
}

func euclid(values []float32) float32 {
	var sum float64
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return float32(math.Sqrt(sum))
}

// StageSources are the stages that a stage is computed from, in the order of
// its formula; names of stages that the flow lacks are left out. It is empty
// for [FlowInput] and for names that are not known.
func StageSources(f *wire.Flow, name string) []string {
	return slices.DeleteFunc(sourcesOf(f, name), func(source string) bool { return StageOf(f, source) == nil })
}

// sourcesOf is [StageSources] with the names of stages that the flow lacks.
func sourcesOf(f *wire.Flow, name string) (all []string) {
	switch name {
	case "attn_norm":
		all = []string{FlowInput}
	case "q", "k", "v":
		all = []string{"attn_norm"}
	case "q_rope":
		all = []string{"q"}
	case "k_rope":
		all = []string{"k"}
	case "scores":
		all = []string{"q_rope", "k_rope"}
	case "probs":
		all = []string{"scores"}
	case "attn_out":
		all = []string{"probs", "v"}
	case "o_proj":
		all = []string{"attn_out"}
	case "attn_post_norm":
		all = []string{"o_proj"}
	case "resid_mid":
		all = []string{FlowInput, lastOf(f, "attn_post_norm", "o_proj")}
	case "ffn_norm":
		all = []string{"resid_mid"}
	case "gate", "up":
		all = []string{"ffn_norm"}
	case "silu_mul":
		all = []string{"gate", "up"}
	case "down":
		all = []string{"silu_mul"}
	case "ffn_post_norm":
		all = []string{"down"}
	case "resid_out":
		all = []string{"resid_mid", lastOf(f, "ffn_post_norm", "down")}
	}
	return all
}

// lastOf is the first of two stages that the flow has.
func lastOf(f *wire.Flow, first, second string) string {
	if StageOf(f, first) != nil {
		return first
	}
	return second
}

// Coordinates are the indices of element i in a tensor of that shape,
// outermost first: of [heads, head dim] the head and the dimension. They are
// nil if there is no such element.
func Coordinates(shape []uint32, i int) []int {
	at := make([]int, len(shape))
	for axis := len(shape) - 1; axis >= 0; axis-- {
		n := int(shape[axis])
		if n <= 0 || i < 0 {
			return nil
		}
		at[axis], i = i%n, i/n
	}
	if i != 0 {
		return nil
	}
	return at
}

// ShapeText writes a shape: "9 × 64".
func ShapeText(shape []uint32) string {
	text := ""
	for axis, n := range shape {
		if axis > 0 {
			text += " × "
		}
		text += strconv.FormatUint(uint64(n), 10)
	}
	return text
}

// FlowLines tells how element i of a stage came about, with those of its
// operands that the flow holds. Weights stay in the server, so a product
// with a matrix is told by its row and by the norm of the vector. Where more
// than one formula is in use (which pairs RoPE turns, which activation gates), the one
// that gives the value is told, and if none does, symbols alone.
//
// It is empty for [FlowInput], for stages that are not known or lack one that
// they are computed from, and for elements that are not there.
func FlowLines(f *wire.Flow, m *wire.Model, name string, i int) []Line {
	s := StageOf(f, name)
	if s == nil || i < 0 || i >= len(s.Values) {
		return nil
	}
	sources := StageSources(f, name)
	at := Coordinates(s.Shape, i)
	if len(sources) == 0 || len(sources) != len(sourcesOf(f, name)) || at == nil {
		return nil
	}
	e := element{f, m, s, i, at, s.Values[i]}
	switch name {
	case "attn_norm", "attn_post_norm", "ffn_norm", "ffn_post_norm":
		return RMSNorm(StageOf(f, sources[0]).Values, i, e.y, m.NormEps)
	case "q", "k", "v", "o_proj", "gate", "up", "down":
		return e.matMul(sources[0])
	case "q_rope", "k_rope":
		return e.rope(sources[0])
	case "scores":
		return e.score()
	case "probs":
		return e.softmax()
	case "attn_out":
		return e.mean()
	case "silu_mul":
		return e.glu()
	case "resid_mid", "resid_out":
		return e.residual(sources)
	}
	return nil
}

// element is one number of a stage.
type element struct {
	f  *wire.Flow
	m  *wire.Model
	s  *wire.Stage
	i  int     // its place among the stage's values
	at []int   // its coordinates
	y  float32 // its value
}

// value is the number at a place of another stage; ok is false if that was not told.
func (e *element) value(name string, i int) (v float32, ok bool) {
	s := StageOf(e.f, name)
	if s == nil || i < 0 || i >= len(s.Values) {
		return 0, false
	}
	return s.Values[i], true
}

// matMul tells a product with a weight matrix.
//
//	q₃₂₁ = Σⱼ W₃₂₁,ⱼ·xⱼ = −0.4021
//	‖x‖ = 14.20, 576 numbers
func (e *element) matMul(source string) []Line {
	x := StageOf(e.f, source)
	y, role := "y", RolePlain
	switch e.s.Name {
	case "q":
		y, role = "q", RoleQuery
	case "k":
		y, role = "k", RoleKey
	case "v":
		y, role = "v", RoleValue
	}
	index := Subscript(e.i)
	product := "Σⱼ W" + index + ",ⱼ·xⱼ"
	qkv := role != RolePlain
	switch {
	case qkv && e.m.Architecture == "qwen2":
		product += " + b" + index
	case qkv && role != RoleValue && (e.m.Architecture == "qwen3" || e.m.Architecture == "gemma3"):
		product = "RMSNorm(W·x)" + index // a norm over each head follows
	}
	return []Line{
		line("matmul", Part{y + index, role}, plain(" = "+product+" = "+Number(float64(e.y)))),
		line("operand", plain("‖x‖ = "+Number(float64(x.Norm))+", "+ShapeText(x.Shape))),
	}
}

// rope tells how a number of a query or key was turned by its position (Su et
// al. 2021, equation 34).
//
//	angle = 33·10000^(−2·5/64) = 8.271
//	q′₁₀ = q₁₀·cos − q₁₁·sin = 0.5000·(−0.4040) − 0.2500·0.9148 = −0.4307
func (e *element) rope(source string) []Line {
	if len(e.at) == 0 {
		return nil
	}
	letter, role := "q", RoleQuery
	if source == "k" {
		letter, role = "k", RoleKey
	}
	dim := int(e.s.Shape[len(e.s.Shape)-1])
	d := e.at[len(e.at)-1]
	from := e.i - d // of the head
	name := func(i int) Part { return Part{letter + Subscript(i), role} }
	result := []Part{{letter + "′" + Subscript(e.i), role}, plain(" = "), name(e.i)}
	last := plain(" = " + Number(float64(e.y)))
	if e.f.Position == 0 {
		return []Line{line("rope", append(result, last)...)} // by the angle 0
	}
	for _, pairs := range [...]pairing{interleaved, halves} {
		if !e.turns(pairs, source, from, dim) {
			continue
		}
		pair, partner := pairs(d, dim)
		angle := e.angle(pair, dim)
		sign := " − "
		if partner < d {
			sign = " + "
		}
		x, _ := e.value(source, e.i)
		other, _ := e.value(source, from+partner)
		return []Line{
			line("angle", plain("angle = "+strconv.Itoa(int(e.f.Position))+"·"+strconv.FormatFloat(float64(e.m.RopeTheta), 'f', -1, 32)+
				"^(−2·"+strconv.Itoa(pair)+"/"+strconv.Itoa(dim)+") = "+Number(angle))),
			line("rope", append(result, plain("·cos"+sign), name(from+partner), plain("·sin = "),
				Part{operand(float64(x)), role}, plain("·"+operand(math.Cos(angle))+sign), Part{operand(float64(other)), role},
				plain("·"+operand(math.Sin(angle))), last)...),
		}
	}
	return []Line{line("rope", append(result, plain("·cos ± "), Part{letter + "ₚ", role}, plain("·sin"), last)...)}
}

// A pairing says which two of a head's numbers are turned together: the pair's
// number, which sets its angle, and the partner of number d.
type pairing func(d, dim int) (pair, partner int)

// interleaved turns 2i and 2i+1, as in the paper and in GGUF files of the Llama family.
func interleaved(d, _ int) (pair, partner int) { return d / 2, d ^ 1 }

// halves turns i and i+d/2, as in Hugging Face's files.
func halves(d, dim int) (pair, partner int) { return d % (dim / 2), (d + dim/2) % dim }

func (e *element) angle(pair, dim int) float64 {
	return float64(e.f.Position) * math.Pow(float64(e.m.RopeTheta), -2*float64(pair)/float64(dim))
}

// turns says whether a pairing gives the head whose numbers begin at from.
func (e *element) turns(pairs pairing, source string, from, dim int) bool {
	if dim%2 != 0 {
		return false
	}
	for d := range dim {
		pair, partner := pairs(d, dim)
		x, ok := e.value(source, from+d)
		other, okOther := e.value(source, from+partner)
		y, okTurned := e.value(e.s.Name, from+d)
		if !ok || !okOther || !okTurned {
			return false
		}
		sin, cos := math.Sincos(e.angle(pair, dim))
		if partner > d {
			sin = -sin
		}
		if !near(float64(x)*cos+float64(other)*sin, float64(y)) {
			return false
		}
	}
	return true
}

// near says whether a formula gives a float32 that was computed.
func near(formula, computed float64) bool {
	return math.Abs(formula-computed) <= 1e-3*math.Abs(computed)+1e-4
}

// score tells a scaled product of the query with a key, and with the query's own
// key, which the flow holds, the product too.
//
//	s = q₃₃·k₁₂·1/√64 = −1.544
func (e *element) score() []Line {
	if len(e.at) != 2 {
		return nil
	}
	head, k := e.at[0], e.at[1]
	q := Part{"q" + Subscript(int(e.f.Position)), RoleQuery}
	kPart := Part{"k" + Subscript(k), RoleKey}
	scale := "scale"
	if dot, ok := e.ownDot(head); ok {
		dim := len(StageOf(e.f, "q_rope").Values) / int(e.s.Shape[0])
		if own, known := e.value("scores", e.i-k+int(e.f.Position)); known && near(dot/math.Sqrt(float64(dim)), float64(own)) {
			scale = "1/√" + strconv.Itoa(dim)
		}
		if k == int(e.f.Position) {
			return []Line{line("score", plain("s = "), q, plain("·"), kPart, plain("·"+scale+" = "+
				operand(dot)+"·"+scale+" = "+Number(float64(e.y))))}
		}
	}
	return []Line{line("score", plain("s = "), q, plain("·"), kPart, plain("·"+scale+" = "+Number(float64(e.y))))}
}

// ownDot is the product of a head's query with the key of the same position.
func (e *element) ownDot(head int) (dot float64, ok bool) {
	q, k := StageOf(e.f, "q_rope"), StageOf(e.f, "k_rope")
	if q == nil || k == nil || len(q.Shape) != 2 || len(k.Shape) != 2 || k.Shape[0] == 0 || q.Shape[0]%k.Shape[0] != 0 || q.Shape[1] != k.Shape[1] {
		return 0, false
	}
	dim := int(q.Shape[1])
	kvHead := head / int(q.Shape[0]/k.Shape[0])
	if (head+1)*dim > len(q.Values) || (kvHead+1)*dim > len(k.Values) {
		return 0, false
	}
	for d := range dim {
		dot += float64(q.Values[head*dim+d]) * float64(k.Values[kvHead*dim+d])
	}
	return dot, true
}

// softmax tells how a score became a weight.
//
//	a = exp(s − max)/Σ exp(sⱼ − max) = exp(−1.544 − 2.100)/3.500 = 0.007472
func (e *element) softmax() []Line {
	scores := StageOf(e.f, "scores")
	if len(e.at) != 2 {
		return nil
	}
	keys := int(e.s.Shape[1])
	from := e.at[0] * keys
	if from+keys > len(scores.Values) {
		return nil
	}
	top, sum := math.Inf(-1), 0.0
	for _, s := range scores.Values[from : from+keys] {
		top = max(top, float64(s))
	}
	for _, s := range scores.Values[from : from+keys] {
		sum += math.Exp(float64(s) - top)
	}
	return []Line{line("softmax", plain("a = exp(s − max)/Σ exp(sⱼ − max) = exp("+
		minusOperand(float64(scores.Values[e.i]), top)+")/"+Number(sum)+" = "+Number(float64(e.y))))}
}

// mean tells a weighted sum of values by its heaviest terms. Of the values only
// that of the flow's own position is at hand.
//
//	o = Σₖ aₖ·vₖ = 0.8200·v₀ + 0.1000·v₃₃ + … = 0.2510
//	v₃₃ = 0.4000
func (e *element) mean() []Line {
	const terms = 3
	if len(e.at) != 2 {
		return nil
	}
	head, d := e.at[0], e.at[1]
	probs := StageOf(e.f, "probs")
	parts := []Part{plain("o = Σₖ aₖ·"), {"vₖ", RoleValue}}
	if len(probs.Shape) == 2 {
		keys := int(probs.Shape[1])
		if from := head * keys; from+keys <= len(probs.Values) {
			top, rest := TopKeys(nil, probs.Values[from:from+keys], terms)
			for n, k := range top {
				before := " = "
				if n > 0 {
					before = " + "
				}
				parts = append(parts, plain(before+Number(float64(k.Weight))+"·"), Part{"v" + Subscript(k.Key), RoleValue})
			}
			if rest > 0 {
				parts = append(parts, plain(" + …"))
			}
		}
	}
	lines := []Line{line("mean", append(parts, plain(" = "+Number(float64(e.y))))...)}
	if v := StageOf(e.f, "v"); v != nil && len(v.Shape) == 2 && v.Shape[0] > 0 && e.s.Shape[0]%v.Shape[0] == 0 {
		kvHead := head / int(e.s.Shape[0]/v.Shape[0])
		if own, ok := e.value("v", kvHead*int(v.Shape[1])+d); ok {
			lines = append(lines, line("operand", Part{"v" + Subscript(int(e.f.Position)), RoleValue}, plain(" = "+Number(float64(own)))))
		}
	}
	return lines
}

// glu tells how gate and up became one number, gated by SiLU or, in models of
// the Gemma family, by the approximation of GELU with tanh (Hendrycks and Gimpel 2016).
func (e *element) glu() []Line {
	gate, ok := e.value("gate", e.i)
	up, okUp := e.value("up", e.i)
	if !ok || !okUp {
		return nil
	}
	g, u := float64(gate), float64(up)
	if near(g/(1+math.Exp(-g))*u, float64(e.y)) {
		return SiLUMul(gate, up, e.y)
	}
	gelu := g / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(g+0.044715*g*g*g)))
	if near(gelu*u, float64(e.y)) {
		return []Line{
			line("gelu", plain("gelu(g) = g/2·(1 + tanh(√(2/π)·(g + 0.044715·g³))) = gelu("+Number(g)+") = "+Number(gelu))),
			line("product", plain("y = gelu(g)·u = "+operand(gelu)+"·"+operand(u)+" = "+Number(float64(e.y)))),
		}
	}
	return []Line{line("product", plain("y = act(g)·u = act("+Number(g)+")·"+operand(u)+" = "+Number(float64(e.y))))}
}

// residual tells a sum of the residual stream.
func (e *element) residual(sources []string) []Line {
	if len(sources) < 2 {
		return nil
	}
	x, ok := e.value(sources[0], e.i)
	delta, okDelta := e.value(sources[1], e.i)
	if !ok || !okDelta {
		return nil
	}
	return Residual(x, delta, e.y)
}

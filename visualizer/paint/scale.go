package paint

import (
	"math"
	"slices"
	"strconv"
)

// Mapping says how a value is bent before it becomes a colour.
type Mapping uint8

// The mappings of a scale.
const (
	Linear     Mapping = iota // colour follows the value
	SquareRoot                // colour follows the square root: small weights stay visible
)

// Scale maps values of a stated range to colours. The zero Scale is not
// usable; a [Theme] makes scales.
type Scale struct {
	Lo, Hi  float32 // values at the two ends; beyond them the end's colour is used
	Mapping Mapping
	table   *table
}

// Attention returns the scale of attention weights, 0 … 1 by square root,
// indigo: the index of a weight's colour is the weight as it travels on the
// wire, round(255·√a).
func (t *Theme) Attention() Scale { return Scale{0, 1, SquareRoot, &t.attention} }

// Probability returns the scale of probabilities, 0 … 1 by square root, plum.
func (t *Theme) Probability() Scale { return Scale{0, 1, SquareRoot, &t.probability} }

// Signed returns the scale of signed values, -limit … limit, orange below
// zero, grey at zero, blue above. A limit that is not positive and finite
// counts as 1.
func (t *Theme) Signed(limit float32) Scale {
	if !(limit > 0) || math.IsInf(float64(limit), 0) {
		limit = 1
	}
	return Scale{-limit, limit, Linear, &t.signed}
}

// unit returns where v lies in the scale's range, 0 … 1 after the mapping; ok
// is false for NaN.
func (s Scale) unit(v float32) (u float64, ok bool) {
	if v != v {
		return 0, false
	}
	u = (float64(v) - float64(s.Lo)) / (float64(s.Hi) - float64(s.Lo))
	u = min(max(u, 0), 1)
	if s.Mapping == SquareRoot {
		u = math.Sqrt(u)
	}
	return u, true
}

// Index returns the index 0 … 255 of v's colour; ok is false for NaN, which
// has none.
func (s Scale) Index(v float32) (i uint8, ok bool) {
	u, ok := s.unit(v)
	return uint8(math.Round(u * 255)), ok
}

// At returns the colour of an index, see [Scale.Index].
func (s Scale) At(i uint8) Color { return s.table[i] }

// Color returns the colour of v; for NaN it is the zero Color, which is
// transparent.
func (s Scale) Color(v float32) Color {
	i, ok := s.Index(v)
	if !ok {
		return Color{}
	}
	return s.table[i]
}

// Paint draws the scale as a colour bar over r, its low end at the left or,
// when r is higher than wide, at the bottom.
func (s Scale) Paint(c *Canvas, r Rect) {
	n := max(r.W, r.H)
	for i := range n {
		col := s.table[0]
		if n > 1 {
			col = s.table[(i*255+(n-1)/2)/(n-1)]
		}
		if r.W >= r.H {
			c.Fill(Rect{r.X + i, r.Y, 1, r.H}, col)
		} else {
			c.Fill(Rect{r.X, r.Y + r.H - 1 - i, r.W, 1}, col)
		}
	}
}

// Tick is a mark of a legend or axis.
type Tick struct {
	At    float32 // place along the bar: 0 at the low end, 1 at the high one
	Value float32
	Text  string // the value with up to three significant digits
}

// Ticks returns the marks for the scale's colour bar, lowest first: the ends
// and, within, zero for a signed scale or round values for a square-root one.
func (s Scale) Ticks() []Tick {
	marks := []float32{s.Lo, (s.Lo + s.Hi) / 2, s.Hi}
	if s.Mapping == SquareRoot {
		w := s.Hi - s.Lo
		marks = []float32{s.Lo, s.Lo + 0.01*w, s.Lo + 0.1*w, s.Lo + 0.3*w, s.Hi}
	}
	ticks := make([]Tick, 0, len(marks))
	for _, v := range marks {
		u, _ := s.unit(v)
		ticks = append(ticks, Tick{float32(u), v, number(v)})
	}
	return ticks
}

// number writes v with up to three significant digits and a true minus sign.
func number(v float32) string {
	text := strconv.FormatFloat(math.Abs(float64(v)), 'g', 3, 32)
	if v < 0 {
		return "−" + text
	}
	return text
}

// MaxAbs returns the largest magnitude among the values, without NaN and
// infinities; 0 if there is none. It is the limit under which [Theme.Signed]
// clips nothing.
func MaxAbs(values []float32) float32 {
	var m float32
	for _, v := range values {
		if a := float32(math.Abs(float64(v))); a > m && !math.IsInf(float64(a), 0) {
			m = a
		}
	}
	return m
}

// AbsQuantile returns the magnitude that the share p in [0, 1] of the values
// does not exceed (nearest rank), without NaN and infinities; 0 if there is none. A
// residual stream has a few enormous values that would leave all others grey:
// p = 0.98 as the limit of [Theme.Signed] shows the rest, and the legend's ends
// then mean "or beyond".
func AbsQuantile(values []float32, p float32) float32 {
	a := make([]float64, 0, len(values))
	for _, v := range values {
		if m := math.Abs(float64(v)); m-m == 0 {
			a = append(a, m)
		}
	}
	if len(a) == 0 {
		return 0
	}
	slices.Sort(a)
	if !(p > 0) {
		return float32(a[0])
	}
	// 0.2 as a float32 is a little more than a fifth: a rank that is whole but for
	// rounding is taken as whole.
	rank := math.Ceil(float64(p) * float64(len(a)) * (1 - 1e-6))
	return float32(a[int(min(max(rank, 1), float64(len(a))))-1])
}

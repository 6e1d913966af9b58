package paint

// Palette names the colours that a theme is made of. The page may take one,
// change what its style sheet sets differently (the card behind the pictures
// most of all), and call [NewTheme].
type Palette struct {
	Dark bool // light marks on a dark page

	Paper  Color // behind every picture, the page's card
	Ink    Color // axes and outlines that must be seen
	Dim    Color // secondary marks
	Line   Color // hairlines
	Accent Color // indigo: the page's one accent
	Soft   Color // the accent as a background
	Hot    Color // selection, needle
	Masked Color // cells that the causal mask forbids
	Fog    Color // dots of what is not known

	// Queries, keys and values: hues of Okabe and Ito (2008, "Color
	// Universal Design") which stay apart for every common colour vision,
	// with the lightness that the paper asks for. The page prints the letters
	// beside them.
	Q, K, V Color

	// Middles and ends of the colour scales. Those of weights and of
	// probabilities start at the paper: nothing looks like nothing.
	AttentionMid, AttentionHigh     Color // indigo
	ProbabilityMid, ProbabilityHigh Color // plum
	Negative, NegativeMid           Color // orange: below zero, the end first
	Zero                            Color // grey
	PositiveMid, Positive           Color // blue: above zero, the end last
}

// LightPalette returns the colours of the light page.
func LightPalette() Palette {
	return Palette{
		Paper:  RGB(0xffffff),
		Ink:    RGB(0x1c1e24),
		Dim:    RGB(0x666974),
		Line:   RGB(0xe2e0d9),
		Accent: RGB(0x4a3fb5),
		Soft:   RGB(0xefedfb),
		Hot:    RGB(0x9a6700),
		Masked: RGB(0xecebe7),
		Fog:    RGB(0x9d9b94),

		Q: RGB(0x005a9c),
		K: RGB(0xbb4e00),
		V: RGB(0x00845f),

		AttentionMid: RGB(0x8b80db), AttentionHigh: RGB(0x261c7d),
		ProbabilityMid: RGB(0xcf7bb4), ProbabilityHigh: RGB(0x6d1450),
		Negative: RGB(0x803300), NegativeMid: RGB(0xee9b56),
		Zero:        RGB(0xecebe8),
		PositiveMid: RGB(0x6aaae6), Positive: RGB(0x0b4c92),
	}
}

// DarkPalette returns the colours of the dark page.
func DarkPalette() Palette {
	return Palette{
		Dark:   true,
		Paper:  RGB(0x1a1d26),
		Ink:    RGB(0xe9e9ee),
		Dim:    RGB(0x9a9daa),
		Line:   RGB(0x2f3440),
		Accent: RGB(0xa79cff),
		Soft:   RGB(0x252342),
		Hot:    RGB(0xffd166),
		Masked: RGB(0x252934),
		Fog:    RGB(0x626777),

		Q: RGB(0x58a6ee),
		K: RGB(0xff8b4d),
		V: RGB(0x4ddcb0),

		AttentionMid: RGB(0x6c5fd6), AttentionHigh: RGB(0xe6e2ff),
		ProbabilityMid: RGB(0xa8478a), ProbabilityHigh: RGB(0xffdcf2),
		Negative: RGB(0xffcf9e), NegativeMid: RGB(0xcf7128),
		Zero:        RGB(0x343843),
		PositiveMid: RGB(0x3b80c9), Positive: RGB(0xb9dcff),
	}
}

// Theme is a palette with the tables of its colour scales. It is not changed
// once made: widgets compare its address to see whether to repaint.
type Theme struct {
	Palette
	attention   table
	probability table
	signed      table
}

// table holds the colours of a scale by value, lowest first.
type table [256]Color

// NewTheme computes the scales of a palette.
func NewTheme(p Palette) *Theme {
	t := &Theme{Palette: p}
	t.attention.ramp(p.Paper, p.AttentionMid, p.AttentionHigh)
	t.probability.ramp(p.Paper, p.ProbabilityMid, p.ProbabilityHigh)
	t.signed.ramp(p.Negative, p.NegativeMid, p.Zero, p.PositiveMid, p.Positive)
	return t
}

// Light returns the theme of [LightPalette].
func Light() *Theme { return NewTheme(LightPalette()) }

// Dark returns the theme of [DarkPalette].
func Dark() *Theme { return NewTheme(DarkPalette()) }

// ramp fills the table with the colours on the way through the given stops,
// which are equally far apart.
func (t *table) ramp(stops ...Color) {
	last := float64(len(stops) - 1)
	for i := range t {
		at := float64(i) / float64(len(t)-1) * last
		k := min(int(at), len(stops)-2)
		t[i] = Mix(stops[k], stops[k+1], at-float64(k))
	}
}

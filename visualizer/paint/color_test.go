package paint

import (
	"math"
	"testing"
)

func TestHexRoundTrip(t *testing.T) {
	for _, tt := range []struct {
		color Color
		want  string
	}{{RGB(0x4a3fb5), "#4a3fb5"}, {RGB(0x00ff0a), "#00ff0a"}, {Color{1, 2, 3, 4}, "#010203"}} {
		if got := tt.color.Hex(); got != tt.want {
			t.Errorf("%v is %q, want %q", tt.color, got, tt.want)
		}
	}
}

// TestOKLab compares with the values that Ottosson's article gives for sRGB
// white and with round trips of every corner and some colours between.
func TestOKLab(t *testing.T) {
	if w := toOKLab(RGB(0xffffff)); math.Abs(w[0]-1) > 1e-6 || math.Abs(w[1]) > 1e-6 || math.Abs(w[2]) > 1e-6 {
		t.Errorf("white is %v, want 1, 0, 0", w)
	}
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := Color{uint8(r), uint8(g), uint8(b), 255}
				if got := fromOKLab(toOKLab(c)); got != c {
					t.Fatalf("%v comes back as %v", c, got)
				}
			}
		}
	}
}

func TestMix(t *testing.T) {
	a, b := RGB(0x102030), Color{200, 100, 50, 55}
	for _, tt := range []struct {
		t    float64
		want Color
	}{{0, a}, {-1, a}, {math.NaN(), a}, {1, b}, {7, b}} {
		if got := Mix(a, b, tt.t); got != tt.want {
			t.Errorf("Mix at %g is %v, want %v", tt.t, got, tt.want)
		}
	}
	if got := Mix(RGB(0), RGB(0xffffff), 0.5); got != RGB(0x636363) {
		t.Errorf("half way from black to white is %v, want the grey of lightness 0.5, #636363", got.Hex())
	}
	if got := Mix(a, b, 0.5)[3]; got != 155 {
		t.Errorf("alpha half way from 255 to 55 is %d, want 155", got)
	}
}

// luminance is WCAG 2.2's relative luminance.
func luminance(c Color) float64 {
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is WCAG 2.2's contrast ratio.
func contrast(a, b Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// visions simulate colour vision deficiencies of full severity on linear light
// (G. Machado, M. Oliveira and L. Fernandes 2009, "A physiologically-based model
// for simulation of color vision deficiency").
var visions = map[string][3][3]float64{
	"common":       {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// seen is how a colour looks to a vision.
func seen(c Color, m [3][3]float64) Color {
	var out Color
	for i, row := range m {
		out[i] = gamma(row[0]*linear(c[0]) + row[1]*linear(c[1]) + row[2]*linear(c[2]))
	}
	out[3] = 255
	return out
}

// difference is the distance of two colours in OKLab; about 0.02 can just be told apart
// side by side.
func difference(a, b Color) float64 {
	p, q := toOKLab(a), toOKLab(b)
	return math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]))
}

func TestPaletteLegible(t *testing.T) {
	for name, p := range map[string]Palette{"light": LightPalette(), "dark": DarkPalette()} {
		for mark, c := range map[string]Color{
			"Ink": p.Ink, "Dim": p.Dim, "Accent": p.Accent, "Hot": p.Hot, "Q": p.Q, "K": p.K, "V": p.V,
		} {
			if r := contrast(c, p.Paper); r < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f on the paper, want 4.5", name, mark, r)
			}
		}
		if r := contrast(p.Accent, p.Soft); r < 4.5 {
			t.Errorf("%s: Accent has a contrast of %.2f on Soft, want 4.5", name, r)
		}
		if r := contrast(p.Ink, p.Masked); r < 4.5 {
			t.Errorf("%s: Ink has a contrast of %.2f on Masked, want 4.5", name, r)
		}
		for pair, c := range map[string][2]Color{
			"paper and masked": {p.Paper, p.Masked},
			"paper and soft":   {p.Paper, p.Soft},
			"masked and soft":  {p.Masked, p.Soft},
			"masked and fog":   {p.Masked, p.Fog},
		} {
			if d := difference(c[0], c[1]); d < 0.02 {
				t.Errorf("%s: %s are only %.3f apart", name, pair, d)
			}
		}
	}
}

func TestPaletteForEveryVision(t *testing.T) {
	for name, p := range map[string]Palette{"light": LightPalette(), "dark": DarkPalette()} {
		pairs := map[string][2]Color{
			"Q and K": {p.Q, p.K}, "Q and V": {p.Q, p.V}, "K and V": {p.K, p.V},
			"negative and positive":               {p.NegativeMid, p.PositiveMid},
			"strong negative and strong positive": {p.Negative, p.Positive},
			"Accent and Hot":                      {p.Accent, p.Hot},
		}
		for vision, m := range visions {
			for pair, c := range pairs {
				if d := difference(seen(c[0], m), seen(c[1], m)); d < 0.06 {
					t.Errorf("%s, %s: %s are only %.3f apart", name, vision, pair, d)
				}
			}
		}
	}
}

// TestScalesMonotone holds that lightness alone orders every scale: away from
// the paper for weights and probabilities, away from the grey of zero on both
// sides, equally on both, for signed values.
func TestScalesMonotone(t *testing.T) {
	for name, th := range map[string]*Theme{"light": Light(), "dark": Dark()} {
		sign := -1.0
		if th.Palette.Dark {
			sign = 1
		}
		rising := func(scale string, a, b Color) {
			t.Helper()
			if step := sign * (toOKLab(b)[0] - toOKLab(a)[0]); step < -0.004 {
				t.Errorf("%s: the %s scale turns back from %v to %v", name, scale, a.Hex(), b.Hex())
			}
		}
		for i := range 255 {
			rising("attention", th.attention[i], th.attention[i+1])
			rising("probability", th.probability[i], th.probability[i+1])
		}
		for i := 128; i < 255; i++ {
			rising("signed", th.signed[i], th.signed[i+1])
			rising("signed", th.signed[255-i], th.signed[254-i])
			if d := math.Abs(toOKLab(th.signed[i])[0] - toOKLab(th.signed[255-i])[0]); d > 0.06 {
				t.Errorf("%s: signed values at %d have lightnesses %.3f apart", name, i, d)
			}
		}
		for scale, tb := range map[string]*table{"attention": &th.attention, "probability": &th.probability} {
			if d := difference(tb[0], tb[255]); d < 0.5 {
				t.Errorf("%s: the %s scale spans only %.2f", name, scale, d)
			}
		}
	}
}

package paint

import "math"

// Color is one pixel: red, green, blue and alpha in sRGB, not premultiplied.
type Color [4]uint8

// RGB returns the opaque colour 0xRRGGBB, as written in CSS.
func RGB(hex uint32) Color {
	return Color{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// Hex returns the colour as CSS writes it, "#4a3fb5", without its alpha.
func (c Color) Hex() string {
	const digits = "0123456789abcdef"
	b := [7]byte{'#'}
	for i, v := range c[:3] {
		b[1+2*i], b[2+2*i] = digits[v>>4], digits[v&15]
	}
	return string(b[:])
}

// WithAlpha returns c with the given alpha, 0 transparent to 255 opaque.
func (c Color) WithAlpha(a uint8) Color { return Color{c[0], c[1], c[2], a} }

// Mix returns the colour at t in [0, 1] on the way from a to b, straight in
// OKLab (B. Ottosson 2020, "A perceptual color space for image processing"),
// where equal steps look equally large and a hue stays the same hue on its way to
// white. Alpha is mixed linearly. A t that is NaN counts as 0.
func Mix(a, b Color, t float64) Color {
	if !(t > 0) {
		return a
	}
	if t >= 1 {
		return b
	}
	p, q := toOKLab(a), toOKLab(b)
	for i := range p {
		p[i] += (q[i] - p[i]) * t
	}
	m := fromOKLab(p)
	m[3] = uint8(math.Round(float64(a[3]) + (float64(b[3])-float64(a[3]))*t))
	return m
}

// oklab is a colour as lightness L in [0, 1] and the opponent axes a
// (green–red) and b (blue–yellow).
type oklab [3]float64

// linear decodes an sRGB component (IEC 61966-2-1) to linear light in [0, 1].
func linear(u uint8) float64 {
	v := float64(u) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// gamma encodes linear light as an sRGB component, clipping what sRGB cannot show.
func gamma(v float64) uint8 {
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(math.Round(min(max(v, 0), 1) * 255))
}

func toOKLab(c Color) oklab {
	r, g, b := linear(c[0]), linear(c[1]), linear(c[2])
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	return oklab{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

func fromOKLab(c oklab) Color {
	l := c[0] + 0.3963377774*c[1] + 0.2158037573*c[2]
	m := c[0] - 0.1055613458*c[1] - 0.0638541728*c[2]
	s := c[0] - 0.0894841775*c[1] - 1.2914855480*c[2]
	l, m, s = l*l*l, m*m*m, s*s*s
	return Color{
		gamma(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		gamma(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		gamma(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
		255,
	}
}

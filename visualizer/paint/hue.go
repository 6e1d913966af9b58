package paint

// NumHues is how many hues there are to tell things of one sort apart. What has
// a hue carries its number or name too: eight are as many as an eye tells apart.
const NumHues = 8

// The hues on light and on dark paper: those of Okabe and Ito (2008), with the
// lightness that each paper asks for, and a brown and a slate for the black and the yellow
// that no paper shows well.
var (
	huesLight = [NumHues]Color{RGB(0x0072b2), RGB(0xc25800), RGB(0x008a64), RGB(0xb0538c), RGB(0x2f8fc4), RGB(0x9a7400), RGB(0x7a4b2a), RGB(0x5b6480)}
	huesDark  = [NumHues]Color{RGB(0x58a6ee), RGB(0xff8b4d), RGB(0x4ddcb0), RGB(0xe89ac7), RGB(0x8fd0f5), RGB(0xe6c34a), RGB(0xc99a76), RGB(0xa9b1cc)}
)

// Hue is the colour of hue n, from 1; they come round.
func (t *Theme) Hue(n int) Color {
	n = mod(n-1, NumHues)
	if t.Dark {
		return huesDark[n]
	}
	return huesLight[n]
}

package paint

// Limits of a canvas. Browsers refuse larger canvas elements, so a larger one
// could not be shown.
const (
	MaxSide   = 1 << 14 // pixels a side
	MaxPixels = 1 << 25 // pixels in all: 8K video fits
)

// Canvas is a picture of W×H pixels, four bytes a pixel: red, green, blue and
// alpha, not premultiplied, row by row from the top. That is the layout of
// the browser's ImageData.
type Canvas struct {
	W, H int
	Pix  []byte // len 4·W·H
}

// NewCanvas returns a transparent canvas of w×h pixels, within the limits that
// [Canvas.Resize] keeps.
func NewCanvas(w, h int) *Canvas {
	c := new(Canvas)
	c.Resize(w, h)
	return c
}

// Resize sets the canvas's size. Sides are limited to 0 … [MaxSide], and the
// height further so that the canvas has at most [MaxPixels]; W and H say what
// became of it. The memory is used again where it is large enough. After a
// change of size the canvas is transparent; without one it keeps its pixels.
// It reports whether the size changed.
func (c *Canvas) Resize(w, h int) bool {
	w = min(max(w, 0), MaxSide)
	h = min(max(h, 0), MaxSide)
	if w > 0 {
		h = min(h, MaxPixels/w)
	}
	if w == c.W && h == c.H && len(c.Pix) == 4*w*h {
		return false
	}
	n := 4 * w * h
	if cap(c.Pix) < n {
		c.Pix = make([]byte, n)
	} else {
		c.Pix = c.Pix[:n]
		clear(c.Pix)
	}
	c.W, c.H = w, h
	return true
}

// Bounds is the whole canvas as a rectangle.
func (c *Canvas) Bounds() Rect { return Rect{0, 0, c.W, c.H} }

// Clear sets every pixel to col.
func (c *Canvas) Clear(col Color) { c.Fill(c.Bounds(), col) }

// Pixel returns the colour at (x, y); outside the canvas it is the zero Color.
func (c *Canvas) Pixel(x, y int) Color {
	if !c.Bounds().Contains(x, y) {
		return Color{}
	}
	return Color(c.Pix[4*(y*c.W+x):])
}

// line returns the bytes of the pixels x0 … x1-1 of row y, which must lie on
// the canvas.
func (c *Canvas) line(x0, x1, y int) []byte {
	o := 4 * y * c.W
	return c.Pix[o+4*x0 : o+4*x1]
}

// Fill sets the pixels of r to col, alpha included.
func (c *Canvas) Fill(r Rect, col Color) {
	r = r.Intersect(c.Bounds())
	if r.Empty() {
		return
	}
	first := c.line(r.X, r.X+r.W, r.Y)
	fillLine(first, col)
	for y := r.Y + 1; y < r.Y+r.H; y++ {
		copy(c.line(r.X, r.X+r.W, y), first)
	}
}

// fillLine sets the pixels of a line, len(p) = 4·pixels, to col. It doubles what
// is filled already, so a long line is a few block copies.
func fillLine(p []byte, col Color) {
	if len(p) < 4 {
		return
	}
	*(*Color)(p) = col
	for n := 4; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// Frame draws a border of the given thickness just inside r.
func (c *Canvas) Frame(r Rect, thickness int, col Color) {
	n := min(thickness, (r.W+1)/2, (r.H+1)/2)
	if n <= 0 {
		return
	}
	c.Fill(Rect{r.X, r.Y, r.W, n}, col)
	c.Fill(Rect{r.X, r.Y + r.H - n, r.W, n}, col)
	c.Fill(Rect{r.X, r.Y + n, n, r.H - 2*n}, col)
	c.Fill(Rect{r.X + r.W - n, r.Y + n, n, r.H - 2*n}, col)
}

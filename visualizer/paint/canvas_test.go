package paint

import (
	"math"
	"testing"
)

func TestCanvasResize(t *testing.T) {
	tests := []struct{ w, h, wantW, wantH int }{
		{3, 2, 3, 2}, {0, 5, 0, 5}, {-1, -1, 0, 0},
		{MaxSide + 5, 1, MaxSide, 1}, {1, 1 << 40, 1, MaxSide},
		{MaxSide, MaxSide, MaxSide, MaxPixels / MaxSide},
	}
	for _, tt := range tests {
		var c Canvas
		c.Resize(tt.w, tt.h)
		if c.W != tt.wantW || c.H != tt.wantH || len(c.Pix) != 4*c.W*c.H {
			t.Errorf("%d×%d became %d×%d with %d bytes, want %d×%d", tt.w, tt.h, c.W, c.H, len(c.Pix), tt.wantW, tt.wantH)
		}
	}
	c := NewCanvas(10, 10)
	c.Clear(RGB(0x123456))
	if c.Resize(10, 10) || c.Pixel(5, 5) != RGB(0x123456) {
		t.Error("the same size changed the picture")
	}
	first := &c.Pix[0]
	if !c.Resize(5, 4) || &c.Pix[0] != first {
		t.Error("a smaller size took new memory")
	}
	if c.Pixel(4, 3) != (Color{}) || c.Pixel(5, 0) != (Color{}) || c.Pixel(0, -1) != (Color{}) {
		t.Error("after a change of size, or outside, a pixel is not transparent")
	}
}

func TestFillClips(t *testing.T) {
	red := RGB(0xff0000)
	tests := []struct {
		name string
		r    Rect
		want int // red pixels on 8×6
	}{
		{"inside", Rect{1, 1, 3, 2}, 6}, {"all", Rect{-9, -9, 99, 99}, 48}, {"left", Rect{-2, 0, 3, 6}, 6},
		{"right bottom", Rect{7, 5, 9, 9}, 1}, {"outside", Rect{8, 0, 3, 3}, 0}, {"empty", Rect{2, 2, 0, 5}, 0}, {"negative", Rect{2, 2, -3, 5}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCanvas(8, 6)
			c.Fill(tt.r, red)
			got := 0
			for y := range c.H {
				for x := range c.W {
					if c.Pixel(x, y) == red {
						got++
						if !tt.r.Contains(x, y) {
							t.Errorf("(%d, %d) is filled", x, y)
						}
					}
				}
			}
			if got != tt.want {
				t.Errorf("%d pixels, want %d", got, tt.want)
			}
		})
	}
}

func TestFrame(t *testing.T) {
	for _, tt := range []struct{ w, h, thickness, want int }{
		{5, 4, 1, 14}, {5, 4, 2, 20}, {5, 4, 9, 20}, {1, 1, 1, 1}, {6, 6, 2, 32}, {5, 5, 0, 0}, {0, 5, 1, 0},
	} {
		c := NewCanvas(10, 10)
		c.Frame(Rect{2, 2, tt.w, tt.h}, tt.thickness, RGB(1))
		got := 0
		for i := 3; i < len(c.Pix); i += 4 {
			if c.Pix[i] > 0 {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("a frame of %d around %d×%d has %d pixels, want %d", tt.thickness, tt.w, tt.h, got, tt.want)
		}
	}
}

// ink is the sum of the coverage of a canvas that was painted on with opaque black.
func ink(c *Canvas) (sum float64) {
	for i := 3; i < len(c.Pix); i += 4 {
		sum += float64(c.Pix[i]) / 255
	}
	return sum
}

// TestShapesArea compares the ink of smooth shapes with their areas.
func TestShapesArea(t *testing.T) {
	black := RGB(0)
	tests := []struct {
		name  string
		paint func(c *Canvas)
		want  float64
	}{
		{"disc", func(c *Canvas) { c.Disc(20.3, 19.8, 9.5, black) }, math.Pi * 9.5 * 9.5},
		{"small disc", func(c *Canvas) { c.Disc(20.3, 19.8, 3, black) }, math.Pi * 9},
		{"ring", func(c *Canvas) { c.Ring(20, 20, 10, 2, black) }, math.Pi * (11*11 - 9*9)},
		{"diamond", func(c *Canvas) { c.Diamond(20, 20, 10, black) }, 200},
		{"line", func(c *Canvas) { c.Line(5, 7, 33, 28, 3, black) }, 35*3 + math.Pi*2.25},
		{"point of a line", func(c *Canvas) { c.Line(20, 20, 20, 20, 8, black) }, math.Pi * 16},
		{"half outside", func(c *Canvas) { c.Disc(0, 20, 10, black) }, math.Pi * 50},
		{"nowhere", func(c *Canvas) {
			nan, inf := math.NaN(), math.Inf(1)
			c.Disc(nan, 5, 5, black)
			c.Disc(5, 5, nan, black)
			c.Disc(-50, 5, 5, black)
			c.Disc(5, 5, -3, black)
			c.Line(nan, 0, 5, 5, 2, black)
			c.Ring(inf, 5, 5, 1, black)
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCanvas(40, 40)
			tt.paint(c)
			if got := ink(c); math.Abs(got-tt.want) > 0.03*tt.want+1e-9 {
				t.Errorf("ink of %.1f pixels, want %.1f", got, tt.want)
			}
		})
	}
}

func TestBlend(t *testing.T) {
	tests := []struct {
		name       string
		below, top Color
		coverage   float64
		want       Color
	}{
		{"all of an opaque one", RGB(0x102030), RGB(0x405060), 1, RGB(0x405060)},
		{"half over opaque", Color{0, 100, 200, 255}, Color{100, 0, 200, 255}, 0.5, Color{50, 50, 200, 255}},
		{"half over nothing keeps the colour", Color{}, RGB(0x405060), 0.5, Color{0x40, 0x50, 0x60, 128}},
		{"alpha counts", Color{0, 0, 0, 255}, Color{255, 255, 255, 51}, 1, Color{51, 51, 51, 255}},
		{"nothing", RGB(0x102030), RGB(0xffffff), 0, RGB(0x102030)},
		{"not a number", RGB(0x102030), RGB(0xffffff), math.NaN(), RGB(0x102030)},
		{"over half", Color{200, 0, 0, 128}, Color{0, 200, 0, 255}, 0.5, Color{67, 133, 0, 192}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCanvas(1, 1)
			c.Clear(tt.below)
			c.blend(0, 0, tt.top, tt.coverage)
			if got := c.Pixel(0, 0); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPatternsAndOddPeriods(t *testing.T) {
	c := NewCanvas(24, 24)
	for _, period := range []int{-1, 0, 1, 2, 7} {
		c.Hatch(Rect{-5, -5, 50, 50}, period, 1, RGB(0))
		c.Stripes(c.Bounds(), period, 1, RGB(0))
		c.Dots(c.Bounds(), period, 1, RGB(0))
	}
	c = NewCanvas(24, 24)
	c.Stripes(c.Bounds(), 6, 2, RGB(0))
	if got := ink(c); got != 24*8 {
		t.Errorf("stripes of 2 in 6 ink %g of 576 pixels, want 192", got)
	}
	c = NewCanvas(24, 24)
	c.Hatch(c.Bounds(), 6, 2, RGB(0))
	if got := ink(c); got != 24*8 {
		t.Errorf("hatching of 2 in 6 inks %g of 576 pixels, want 192", got)
	}
	c = NewCanvas(24, 24)
	c.Dots(c.Bounds(), 4, 1, RGB(0))
	if got := ink(c); got != 36 {
		t.Errorf("dots every 4 ink %g of 576 pixels, want 36", got)
	}
}

func TestRect(t *testing.T) {
	r := Rect{2, 3, 4, 5}
	if !r.Contains(2, 3) || !r.Contains(5, 7) || r.Contains(6, 3) || r.Contains(2, 8) || r.Contains(1, 3) {
		t.Error("Contains is wrong at a corner")
	}
	if got := r.Inset(1); got != (Rect{3, 4, 2, 3}) {
		t.Errorf("inset by 1 is %v", got)
	}
	if got := r.Intersect(Rect{5, 0, 9, 4}); got != (Rect{5, 3, 1, 1}) {
		t.Errorf("intersection is %v", got)
	}
	if got := r.Intersect(Rect{6, 3, 9, 9}); got != (Rect{}) {
		t.Errorf("neighbours share %v", got)
	}
	if !(Rect{0, 0, 0, 3}).Empty() || r.Empty() {
		t.Error("Empty is wrong")
	}
}

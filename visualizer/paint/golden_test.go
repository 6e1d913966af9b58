package paint

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pictures in testdata instead of comparing with them")

// pictures are the golden ones. Their numbers are made by formula, to look
// like a model's: attention with sinks and bands (newHeads), a residual stream with
// a few enormous values (residual), a geometric distribution. None was measured.
var pictures = []struct {
	name  string
	paint func(t *Theme) *Canvas
}{
	{"atlas", func(t *Theme) *Canvas {
		c, rows := new(Canvas), &hidden{Rows: newHeads(44, 6, 3), hide: func(q, layer, head int) bool {
			return layer == 5 && head == 2 && q < 20
		}}
		var a Atlas
		a.Layout(6, 3, 6*50, 2, 48)
		a.Paint(c, t, rows, 40)
		c.Frame(a.Tile(4, 1).Inset(-2), 2, t.Hot)
		return c
	}},
	{"atlas-pooled", func(t *Theme) *Canvas {
		c := new(Canvas)
		var a Atlas
		a.Layout(12, 4, 12*30, 2, 28)
		a.Paint(c, t, newHeads(200, 12, 4), 200)
		return c
	}},
	{"matrix", func(t *Theme) *Canvas {
		c := new(Canvas)
		var m Matrix
		rows := &hidden{Rows: newHeads(24, 6, 2), hide: func(q, _, _ int) bool { return q == 9 || q == 10 }}
		m.Layout(300, 300, 28, 1, Window{0, 24}, Window{0, 24})
		m.Paint(c, t, rows, 5, 1, 22)
		c.Frame(m.Row(17).Inset(-1), 1, t.Hot)
		return c
	}},
	{"matrix-window", func(t *Theme) *Canvas {
		c := new(Canvas)
		var m Matrix
		m.Layout(200, 120, 28, 1, Window{60, 180}, Window{0, 180})
		m.Paint(c, t, newHeads(180, 3, 2), 1, 1, 180)
		return c
	}},
	{"strip", func(t *Theme) *Canvas {
		c, v := NewCanvas(580, 60), residual(576)
		v[100] = float32(math.NaN())
		var s Strip
		c.Clear(t.Paper)
		s.Layout(c.Bounds(), 576, 96, 1)
		s.Paint(c, t, v, t.Signed(AbsQuantile(v, 0.98)))
		return c
	}},
	{"block-grid", func(t *Theme) *Canvas {
		c := new(Canvas)
		var g BlockGrid
		g.Layout(520, 240, 40, 16, 60, 5)
		blocks := make([]Block, 36)
		for i := range blocks {
			blocks[i] = Block{State: BlockState(i % 4), Own: i/4%2 == 0, Hashed: i/8%2 == 0, Filled: (i * 5) % 17}
		}
		g.Paint(c, t, blocks)
		return c
	}},
	{"block-grid-small", func(t *Theme) *Canvas {
		c := new(Canvas)
		var g BlockGrid
		g.Layout(300, 100, 300, 16, 60, 1)
		blocks := make([]Block, 300)
		for i := range blocks {
			blocks[i] = Block{State: BlockState(i / 12 % 4), Own: i < 150, Hashed: i%3 == 0, Filled: i % 17}
		}
		g.Paint(c, t, blocks)
		return c
	}},
	{"block-heat", func(t *Theme) *Canvas {
		c, k, v := NewCanvas(532, 120), residual(16*64), residual(16*64)
		for i := range v {
			v[i] *= 0.1 * float32(math.Cos(float64(i)))
		}
		c.Clear(t.Paper)
		var b BlockHeat
		b.Layout(c.Bounds(), 16, 64, 1, 20, 20)
		b.Paint(c, t, k, v, 11, t.Signed(AbsQuantile(k, 0.98)), t.Signed(AbsQuantile(v, 0.98)))
		return c
	}},
	{"scatter", func(t *Theme) *Canvas {
		c, s := new(Canvas), newScatter()
		s.Place(2.4)
		s.Paint(c, t, scatterMarks(t))
		order := make([]int, s.count)
		for i := range order {
			order[i] = i
		}
		for _, l := range s.Labels(nil, order, 8, func(int) (int, int) { return 30, 12 }) {
			c.Frame(l.Box, 1, t.Line)
		}
		return c
	}},
	{"curve", func(t *Theme) *Canvas {
		c := NewCanvas(400, 200)
		c.Clear(t.Paper)
		var v Curve
		v.Layout(c.Bounds().Inset(8), 14, false)
		v.Paint(c, t, geometric(14, 0.35), 0.71, 2)
		return c
	}},
	{"curve-log", func(t *Theme) *Canvas {
		c := NewCanvas(400, 200)
		c.Clear(t.Paper)
		var v Curve
		v.Layout(c.Bounds().Inset(8), 49152, true)
		v.Paint(c, t, geometric(49152, 0.02), 0.4, 2)
		return c
	}},
	{"bars", func(t *Theme) *Canvas {
		c := NewCanvas(300, 150)
		c.Clear(t.Paper)
		var b Bars
		n := b.Layout(c.Bounds(), 10, 12, 3, false)
		bars := make([]Bar, n)
		for i := range bars {
			bars[i] = Bar{Value: float32(math.Pow(0.62, float64(i))) * 0.9, Color: t.Accent, Removed: i >= 5, Marked: i == 2}
		}
		bars[8].Value = float32(math.NaN())
		b.Paint(c, t, bars, 0, 1)
		return c
	}},
	{"bars-upright", func(t *Theme) *Canvas {
		c := NewCanvas(320, 60)
		c.Clear(t.Paper)
		var b Bars
		n := b.Layout(c.Bounds(), 32, 0, 2, true)
		bars := make([]Bar, n)
		for i := range bars {
			bars[i] = Bar{Value: float32(0.5 + 0.5*math.Sin(float64(i)*1.7)), Color: t.Accent, Marked: i == 20}
		}
		b.Paint(c, t, bars, 0, 1)
		return c
	}},
	{"bar-grid", func(t *Theme) *Canvas {
		c := NewCanvas(420, 150)
		c.Clear(t.Paper)
		const rows, columns = 6, 30
		values := make([]float32, rows*columns)
		for i := range values {
			values[i] = float32(math.Pow(3, float64(i/columns-rows))) * float32(2.4+0.6*math.Sin(float64(i)*1.7))
		}
		values[2*columns+8] = float32(math.NaN())
		var g BarGrid
		g.Layout(c.Bounds().Inset(6), rows, columns, 2, 5)
		g.Paint(c, t, values, 1, t.Accent, t.Accent, t.Q, t.Q, t.Accent)
		c.Frame(g.Cell(4, 20).Inset(-2), 2, t.Hot)
		return c
	}},
	{"legends", func(t *Theme) *Canvas {
		c := NewCanvas(280, 120)
		c.Clear(t.Paper)
		t.Attention().Paint(c, Rect{10, 10, 200, 14})
		t.Probability().Paint(c, Rect{10, 34, 200, 14})
		t.Signed(3).Paint(c, Rect{10, 58, 200, 14})
		t.Signed(3).Paint(c, Rect{230, 10, 14, 100})
		for i, col := range []Color{t.Q, t.K, t.V, t.Accent, t.Hot, t.Ink, t.Dim, t.Masked, t.Line, t.Soft} {
			c.Fill(Rect{10 + 20*i, 86, 18, 18}, col)
		}
		return c
	}},
}

// residual is a made-up vector with the look of a residual stream: small
// values and a few that are many times larger.
func residual(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		x := float64(i)
		v[i] = float32(math.Sin(x*12.9898)*math.Cos(x*0.37) + 0.4*math.Sin(x*x*0.013))
		if i%97 == 41 {
			v[i] *= 30
		}
	}
	return v
}

// geometric is the cumulative sum of probabilities that fall by the factor 1-p.
func geometric(n int, p float64) []float32 {
	c := make([]float32, n)
	for i := range c {
		c[i] = float32((1 - math.Pow(1-p, float64(i+1))) / (1 - math.Pow(1-p, float64(n))))
	}
	return c
}

// newScatter has 28 points that wind outwards over 4 layers; point 0 is far off.
func newScatter() *Scatter {
	const layers, count = 4, 28
	xy := make([]float32, 0, 2*layers*count)
	for layer := range layers {
		for i := range count {
			r, a := 1+float64(i)*0.3, float64(i)*0.7+float64(layer)*0.35
			if i == 0 {
				r = 60
			}
			scale := math.Pow(3, float64(layer))
			xy = append(xy, float32(scale*r*math.Cos(a)), float32(scale*r*math.Sin(a)))
		}
	}
	s := new(Scatter)
	s.Layout(320, 260, 16)
	s.Set(xy, layers, count)
	return s
}

// scatterMarks has every shape, and trails.
func scatterMarks(t *Theme) func(i int) Mark {
	return func(i int) Mark {
		m := Mark{Color: t.Accent, Radius: 5, Shape: Shape(i % 3)}
		if i > 22 {
			m.Color, m.Radius, m.Trail = t.Hot, 7, true
		}
		return m
	}
}

func TestGolden(t *testing.T) {
	themes := []struct {
		name  string
		theme *Theme
	}{{"light", Light()}, {"dark", Dark()}}
	for _, p := range pictures {
		for _, th := range themes {
			t.Run(p.name+"-"+th.name, func(t *testing.T) {
				compareGolden(t, p.name+"-"+th.name, p.paint(th.theme))
			})
		}
	}
}

// compareGolden compares a canvas, byte for byte, with a picture in testdata.
func compareGolden(t *testing.T, name string, c *Canvas) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		var b bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.BestCompression}
		if err := encoder.Encode(&b, &image.NRGBA{Pix: c.Pix, Stride: 4 * c.W, Rect: image.Rect(0, 0, c.W, c.H)}); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 30<<10 {
			t.Errorf("%s has %d bytes, want at most 30 KiB", path, b.Len())
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if want.Bounds() != image.Rect(0, 0, c.W, c.H) {
		t.Fatalf("painted %d×%d, %s is %v", c.W, c.H, path, want.Bounds())
	}
	wrong := 0
	for y := range c.H {
		for x := range c.W {
			r, g, b, a := want.At(x, y).RGBA()
			if got := c.Pixel(x, y); got != (Color{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)}) {
				if wrong == 0 {
					t.Errorf("first difference from %s at (%d, %d): %v", path, x, y, got)
				}
				wrong++
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d pixels differ from %s; if that is meant, run go test ./visualizer/paint -update and look at it", wrong, c.W*c.H, path)
	}
}

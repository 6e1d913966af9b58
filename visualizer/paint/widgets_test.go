package paint

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWindowZoomPan(t *testing.T) {
	tests := []struct {
		name       string
		w          Window
		at, factor float64
		want       Window
	}{
		{"half about the middle", Window{0, 100}, 0.5, 0.5, Window{25, 75}},
		{"half about the start", Window{20, 60}, 0, 0.5, Window{20, 40}},
		{"half about the end", Window{20, 60}, 1, 0.5, Window{40, 60}},
		{"out again stops at the ends", Window{80, 100}, 0, 10, Window{0, 100}},
		{"out at the end", Window{80, 100}, 1, 2, Window{60, 100}},
		{"no fewer than the least", Window{40, 48}, 0.5, 0.01, Window{42, 46}},
		{"not a number", Window{40, 48}, math.NaN(), math.NaN(), Window{0, 4}},
		{"endless", Window{40, 48}, 0.5, math.Inf(1), Window{0, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.Zoom(tt.at, tt.factor, 4, 100); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		by   int
		want Window
	}{{5, Window{45, 65}}, {-100, Window{0, 20}}, {100, Window{80, 100}}, {0, Window{40, 60}}} {
		if got := (Window{40, 60}).Pan(tt.by, 100); got != tt.want {
			t.Errorf("moved by %d: %v, want %v", tt.by, got, tt.want)
		}
	}
	if got := (Window{40, 60}).Pan(1, 5); got != (Window{0, 5}) {
		t.Errorf("a window larger than the sequence became %v", got)
	}
	if got := (Window{3, 1}).Zoom(0.5, 2, 1, -4); got.Len() != 0 {
		t.Errorf("a window of an empty sequence became %v", got)
	}
}

// TestMatrixPixels compares every pixel of matrices of many sizes and windows
// with the weight that At finds there, and Cell with At.
func TestMatrixPixels(t *testing.T) {
	const n = 70
	rows := &hidden{Rows: newHeads(n, 2, 2), hide: func(q, _, _ int) bool { return q%9 == 4 }}
	theme := Light()
	scale := theme.Attention()
	for _, tt := range []struct {
		w, h, gap, tokens int
		queries, keys     Window
	}{
		{400, 400, 1, n, Window{0, n}, Window{0, n}},
		{400, 400, 1, 30, Window{0, n}, Window{0, n}},
		{70, 70, 1, n, Window{0, n}, Window{0, n}},
		{33, 20, 1, n, Window{0, n}, Window{0, n}},
		{50, 90, 1, n, Window{30, n}, Window{0, n}},
		{90, 20, 0, n, Window{10, 60}, Window{25, 65}},
		{1, 1, 1, n, Window{0, n}, Window{0, n}},
	} {
		var m Matrix
		c := new(Canvas)
		w, h := m.Layout(tt.w, tt.h, 20, tt.gap, tt.queries, tt.keys)
		if w > tt.w || h > tt.h || w == 0 || h == 0 {
			t.Fatalf("%+v: the picture has %d×%d", tt, w, h)
		}
		m.Paint(c, theme, rows, 1, 0, tt.tokens)
		for y := range c.H {
			for x := range c.W {
				q, k, ok := m.At(x, y)
				if !ok || q < tt.queries.From || q >= tt.queries.To || k < tt.keys.From || k >= tt.keys.To {
					t.Fatalf("%+v: (%d, %d) is q %d, k %d, %v", tt, x, y, q, k, ok)
				}
				box, got := m.Cell(q, k), c.Pixel(x, y)
				if !box.Contains(x, y) {
					if got != theme.Paper || box.Inset(-m.gap).Intersect(Rect{x, y, 1, 1}).Empty() {
						t.Fatalf("%+v: (%d, %d) is %v outside its cell %v", tt, x, y, got, box)
					}
					continue
				}
				row := rows.Row(q, 1, 0)
				switch {
				case q >= tt.tokens:
					// A cell that reaches beyond the sequence shows the part within.
				case k >= tt.tokens:
					if got != theme.Paper {
						t.Fatalf("%+v: (%d, %d), of a key to come, is %v", tt, x, y, got)
					}
				case k > q:
					if got != theme.Masked {
						t.Fatalf("%+v: masked (%d, %d) is %v", tt, x, y, got)
					}
				case row == nil:
					if got != theme.Paper && got != theme.Fog {
						t.Fatalf("%+v: unknown (%d, %d) is %v", tt, x, y, got)
					}
				default:
					if want := scale.At(row[k]); got != want {
						t.Fatalf("%+v: (%d, %d) is q %d, k %d: %v, want %v", tt, x, y, q, k, got, want)
					}
				}
			}
		}
		q, k := tt.queries.To-1, tt.keys.From
		if r, cl := m.Row(q), m.Cell(q, k); r.Y != cl.Y || r.H != cl.H || r.X != 0 || r.W != w-m.gap {
			t.Errorf("%+v: row %d is %v, its first cell %v", tt, q, r, cl)
		}
		if col, cl := m.Column(k), m.Cell(q, k); col.X != cl.X || col.W != cl.W || col.Y != 0 || col.H != h-m.gap {
			t.Errorf("%+v: column %d is %v, its last cell %v", tt, k, col, cl)
		}
	}
}

func TestMatrixNothing(t *testing.T) {
	var m Matrix
	for _, w := range []Window{{}, {5, 5}, {9, 2}, {-3, 0}} {
		if x, y := m.Layout(100, 100, 10, 1, w, Window{0, 5}); x != 0 || y != 0 {
			t.Errorf("window %v makes %d×%d", w, x, y)
		}
	}
	m.Paint(new(Canvas), Light(), newHeads(3, 1, 1), 0, 0, 3)
	if _, _, ok := m.At(0, 0); ok || !m.Cell(0, 0).Empty() || !m.Row(0).Empty() || !m.Column(0).Empty() {
		t.Error("an empty matrix has something at (0, 0)")
	}
}

// TestHeatPixels compares every pixel of tables of many sizes with the number
// that At finds there.
func TestHeatPixels(t *testing.T) {
	theme := Dark()
	for _, tt := range []struct{ rows, cols, w, h, gap, missing int }{
		{4, 6, 60, 40, 1, 0}, {4, 6, 60, 40, 1, 5}, {16, 64, 130, 40, 1, 0}, {30, 100, 64, 17, 1, 40}, {3, 3, 1, 1, 0, 0},
	} {
		values := residual(tt.rows*tt.cols - tt.missing)
		values[len(values)/2] = float32(math.NaN())
		scale := theme.Signed(AbsQuantile(values, 0.9))
		c := NewCanvas(tt.w+10, tt.h+10)
		var g Heat
		box := g.Layout(Rect{5, 5, tt.w, tt.h}, tt.rows, tt.cols, tt.gap)
		g.Paint(c, theme, values, scale)
		for y := range c.H {
			for x := range c.W {
				row, col, ok := g.At(x, y)
				if ok != box.Contains(x, y) {
					t.Fatalf("%+v: At(%d, %d) is %v in %v", tt, x, y, ok, box)
				}
				i := row*tt.cols + col
				if !ok || !g.Cell(row, col).Contains(x, y) {
					continue
				}
				got := c.Pixel(x, y)
				switch {
				case i >= len(values):
					if got != theme.Paper {
						t.Fatalf("%+v: beyond the numbers (%d, %d) is %v", tt, x, y, got)
					}
				case values[i] != values[i]:
					if got != theme.Paper && got != theme.Fog {
						t.Fatalf("%+v: NaN at (%d, %d) is %v", tt, x, y, got)
					}
				case got != scale.Color(values[i]):
					t.Fatalf("%+v: (%d, %d) is number %d, %g: %v, want %v", tt, x, y, i, values[i], got, scale.Color(values[i]))
				}
			}
		}
	}
}

func TestStrip(t *testing.T) {
	for _, tt := range []struct{ count, columns, w, h, wantColumns int }{
		{576, 0, 960, 60, 96}, {576, 64, 960, 60, 64}, {576, 9999, 960, 60, 576}, {577, 0, 960, 60, 96}, {1, 0, 50, 50, 1}, {7, 0, 70, 10, 7},
	} {
		var s Strip
		box := s.Layout(Rect{0, 0, tt.w, tt.h}, tt.count, tt.columns, 1)
		if s.Columns() != tt.wantColumns {
			t.Errorf("%+v: %d columns", tt, s.Columns())
		}
		for i := range tt.count {
			cell := s.Cell(i)
			if cell.Empty() || box.Intersect(cell) != cell {
				t.Fatalf("%+v: cell %d is %v in %v", tt, i, cell, box)
			}
			if got, ok := s.At(cell.X, cell.Y); !ok || got != i {
				t.Fatalf("%+v: cell %d is hit as %d, %v", tt, i, got, ok)
			}
		}
		if !s.Cell(tt.count).Empty() || !s.Cell(-1).Empty() {
			t.Errorf("%+v: there are cells beyond the ends", tt)
		}
	}
	var s Strip
	s.Layout(Rect{0, 0, 80, 40}, 13, 8, 0)
	if _, ok := s.At(79, 39); ok {
		t.Error("beyond number 12 of 13 there is a number")
	}
}

func TestBlockGrid(t *testing.T) {
	for _, tt := range []struct{ w, h, blocks, slots, maxCell, gap int }{
		{600, 300, 40, 16, 60, 5}, {600, 300, 3000, 16, 60, 1}, {50, 10, 500, 16, 60, 2}, {3, 3, 2, 16, 60, 2}, {600, 300, 40, 200, 60, 5}, {600, 300, 1, 16, 600, 0},
	} {
		var g BlockGrid
		w, h := g.Layout(tt.w, tt.h, tt.blocks, tt.slots, tt.maxCell, tt.gap)
		if g.cell > minBlock && (w > tt.w || h > tt.h) {
			t.Errorf("%+v: the picture has %d×%d with cells of %d", tt, w, h, g.cell)
		}
		c := new(Canvas)
		g.Paint(c, Light(), make([]Block, tt.blocks/2))
		if c.W != w || c.H != h {
			t.Errorf("%+v: painted %d×%d, laid out %d×%d", tt, c.W, c.H, w, h)
		}
		for i := range tt.blocks {
			cell := g.Cell(i)
			if got, _, ok := g.At(cell.X, cell.Y); !ok || got != i {
				t.Fatalf("%+v: block %d is hit as %d, %v", tt, i, got, ok)
			}
			if text := g.Text(i); !text.Empty() && cell.Intersect(text) != text {
				t.Fatalf("%+v: text of block %d is %v in %v", tt, i, text, cell)
			}
			for s := range tt.slots {
				mark := g.Slot(i, s)
				if mark.Empty() {
					continue
				}
				if cell.Intersect(mark) != mark || !g.Text(i).Intersect(mark).Empty() {
					t.Fatalf("%+v: slot %d of block %d is %v in %v", tt, s, i, mark, cell)
				}
				if b, got, ok := g.At(mark.X, mark.Y); !ok || b != i || got != s {
					t.Fatalf("%+v: slot %d of block %d is hit as %d of %d, %v", tt, s, i, got, b, ok)
				}
			}
		}
		if _, _, ok := g.At(w, 0); ok {
			t.Errorf("%+v: a block lies right of the picture", tt)
		}
		if !g.Cell(tt.blocks).Empty() || !g.Cell(-1).Empty() || !g.Slot(0, tt.slots).Empty() {
			t.Errorf("%+v: there are blocks or slots beyond the ends", tt)
		}
	}
}

// TestBlockGaugeCounts counts the marks that are painted as written.
func TestBlockGaugeCounts(t *testing.T) {
	th, c := Light(), new(Canvas)
	var g BlockGrid
	g.Layout(100, 100, 1, 16, 100, 0)
	for filled := -1; filled < 19; filled++ {
		g.Paint(c, th, []Block{{State: BlockUsed, Own: true, Filled: filled}})
		got := 0
		for s := range 16 {
			if mark := g.Slot(0, s); c.Pixel(mark.X, mark.Y) == th.Accent {
				got++
			}
		}
		if want := min(max(filled, 0), 16); got != want {
			t.Errorf("%d slots written show %d marks", filled, got)
		}
	}
}

// TestBlockStatesDiffer holds that the states differ in pattern alone, for those
// who see no colour: each pair differs after its own two colours are made one.
func TestBlockStatesDiffer(t *testing.T) {
	th := Light()
	var g BlockGrid
	g.Layout(60, 60, 1, 16, 60, 0)
	lightness := func(b Block) (profile [60]bool) {
		c := new(Canvas)
		g.Paint(c, th, []Block{b})
		mean := 0.0
		for x := range 60 {
			mean += luminance(c.Pixel(x, 20)) / 60
		}
		for x := range 60 {
			profile[x] = luminance(c.Pixel(x, 20)) < mean-0.02
		}
		return profile
	}
	states := map[string]Block{
		"free": {}, "cached": {State: BlockCached}, "used": {State: BlockUsed}, "shared": {State: BlockShared},
		"cached and hashed": {State: BlockCached, Hashed: true}, "used and hashed": {State: BlockUsed, Hashed: true}, "shared and hashed": {State: BlockShared, Hashed: true},
	}
	seen := map[[60]bool]string{}
	for name, b := range states {
		p := lightness(b)
		if other, ok := seen[p]; ok && !(name == "free" && other == "used" || name == "used" && other == "free") {
			t.Errorf("%s and %s have the same pattern", name, other)
		}
		seen[p] = name
	}
}

func TestBlockHeatHits(t *testing.T) {
	for _, box := range []Rect{{3, 4, 600, 150}, {0, 0, 200, 400}, {0, 0, 40, 9}} {
		var b BlockHeat
		kBox, vBox := b.Layout(box, 16, 64, 1, 10, 30)
		if !kBox.Intersect(vBox).Empty() || box.Intersect(kBox) != kBox || box.Intersect(vBox) != vBox {
			t.Errorf("%v: keys take %v, values %v", box, kBox, vBox)
		}
		if kBox.W < 64 || kBox.H < 16 {
			continue // cells share pixels
		}
		for _, at := range [][2]int{{0, 0}, {15, 63}, {7, 31}} {
			for isValue, cell := range map[bool]Rect{false: b.Key(at[0], at[1]), true: b.Value(at[0], at[1])} {
				got, slot, dim, ok := b.At(cell.X, cell.Y)
				if !ok || got != isValue || slot != at[0] || dim != at[1] {
					t.Errorf("%v: slot %d, dimension %d of value %v is hit as %d, %d of %v, %v", box, at[0], at[1], isValue, slot, dim, got, ok)
				}
			}
		}
	}
}

func TestBarsLengths(t *testing.T) {
	th := Light()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name       string
		value      float32
		lo, hi     float32
		whole, end int // filled pixels of a 100-pixel track, and whether one is partly filled
	}{
		{"half", 0.5, 0, 1, 50, 0}, {"a part", 0.505, 0, 1, 50, 1}, {"nothing", 0, 0, 1, 0, 0}, {"hardly any", 1e-9, 0, 1, 1, 0},
		{"all", 1, 0, 1, 100, 0}, {"more", 3, 0, 1, 100, 0}, {"infinite", inf, 0, 1, 100, 0}, {"less than nothing", -1, 0, 1, 0, 0},
		{"from below zero", 0, -1, 1, 50, 0}, {"no range", 5, 1, 1, 0, 0}, {"turned range", 5, 2, 1, 0, 0}, {"range not a number", 5, nan, 1, 0, 0},
	}
	for _, upright := range []bool{false, true} {
		for _, tt := range tests {
			c := NewCanvas(100, 100)
			c.Clear(th.Paper)
			var b Bars
			if n := b.Layout(c.Bounds(), 3, 10, 2, upright); n != 3 {
				t.Fatalf("%d of 3 bars have room", n)
			}
			b.Paint(c, th, []Bar{{Value: 1, Color: th.K}, {Value: tt.value, Color: th.Q}}, tt.lo, tt.hi)
			track := b.Track(1)
			whole, part := 0, 0
			for i := range 100 {
				p := c.Pixel(track.X+i, track.Y+5)
				if upright {
					p = c.Pixel(track.X+5, track.Y+99-i)
				}
				switch {
				case p == th.Q && i == whole:
					whole++
				case p != th.Paper:
					part++
				}
			}
			if whole != tt.whole || part != tt.end {
				t.Errorf("%s, upright %v: %d pixels and %d partly filled, want %d and %d", tt.name, upright, whole, part, tt.whole, tt.end)
			}
		}
	}
}

func TestBarsLayout(t *testing.T) {
	for _, tt := range []struct {
		box              Rect
		count, size, gap int
		upright          bool
		want             int
	}{
		{Rect{0, 0, 100, 50}, 4, 10, 2, false, 4}, {Rect{0, 0, 100, 50}, 9, 10, 2, false, 4}, {Rect{0, 0, 100, 50}, 9, 10, 2, true, 8},
		{Rect{0, 0, 100, 50}, 10, 0, 1, true, 10}, {Rect{0, 0, 100, 50}, 1000, 0, 1, true, 50}, {Rect{}, 5, 10, 2, false, 0}, {Rect{0, 0, 100, 50}, -1, -1, -1, false, 0},
	} {
		var b Bars
		if got := b.Layout(tt.box, tt.count, tt.size, tt.gap, tt.upright); got != tt.want {
			t.Errorf("%+v: %d bars have room", tt, got)
		}
		for i := range tt.want {
			track := b.Track(i)
			if tt.box.Intersect(track) != track || track.Empty() {
				t.Errorf("%+v: track %d is %v", tt, i, track)
			}
			if got, ok := b.At(track.X, track.Y); !ok || got != i {
				t.Errorf("%+v: track %d is hit as %d, %v", tt, i, got, ok)
			}
		}
		if !b.Track(tt.want).Empty() || !b.Track(-1).Empty() {
			t.Errorf("%+v: there are tracks beyond the ends", tt)
		}
	}
}

func TestDrawn(t *testing.T) {
	cumulative := []float32{0.25, 0.5, 0.5, 0.75, 0.99}
	for _, tt := range []struct {
		u    float32
		want int
	}{{0, 0}, {0.2499, 0}, {0.25, 1}, {0.5, 3}, {0.98, 4}, {0.995, 4}, {float32(math.NaN()), -1}} {
		if got := Drawn(cumulative, tt.u); got != tt.want {
			t.Errorf("u %g draws %d, want %d", tt.u, got, tt.want)
		}
	}
	if got := Drawn(nil, 0.5); got != -1 {
		t.Errorf("of none %d is drawn", got)
	}
}

func TestCurve(t *testing.T) {
	th := Light()
	for _, log := range []bool{false, true} {
		for _, n := range []int{1, 2, 14, 300, 49152} {
			c := NewCanvas(220, 120)
			c.Clear(th.Paper)
			var v Curve
			box := Rect{10, 10, 200, 100}
			v.Layout(box, n, log)
			cumulative := geometric(n, 0.3)
			v.Paint(c, th, cumulative, float32(math.NaN()), 1)
			for i := range min(n, 20) {
				step := v.Step(i)
				if box.Intersect(step) != step || step.Empty() {
					t.Fatalf("log %v, %d candidates: step %d is %v", log, n, i, step)
				}
				if step.W < 3 {
					continue
				}
				if got, ok := v.At(step.X+step.W/2, step.Y); !ok || got != i {
					t.Errorf("log %v, %d candidates: step %d is hit as %d, %v", log, n, i, got, ok)
				}
				// The curve over the middle of the step has the height of its sum.
				x, top := step.X+step.W/2, 0
				for c.Pixel(x, box.Y+top) == th.Paper && top < box.H {
					top++
				}
				if want := 100 * (1 - float64(cumulative[i])); math.Abs(float64(top)-want) > 1.5 {
					t.Errorf("log %v, %d candidates: over candidate %d the curve is %d pixels from the top, want %.1f", log, n, i, top, want)
				}
			}
			for y := range c.H {
				for x := range c.W {
					if !box.Contains(x, y) && c.Pixel(x, y) != th.Paper {
						t.Fatalf("log %v, %d candidates: (%d, %d) outside the box is painted", log, n, x, y)
					}
				}
			}
			if !v.Step(n).Empty() || !v.Step(-1).Empty() {
				t.Errorf("log %v, %d candidates: there are steps beyond the ends", log, n)
			}
		}
	}
}

// TestCurveNeedle holds that the needle meets the block of the candidate drawn.
func TestCurveNeedle(t *testing.T) {
	var v Curve
	v.Layout(Rect{0, 0, 300, 200}, 9, false)
	cumulative := geometric(9, 0.3)
	for _, u := range []float32{0, 0.1, 0.5, 0.77, 0.999} {
		i := Drawn(cumulative, u)
		x, y := v.Needle(i, u)
		var below float32
		if i > 0 {
			below = cumulative[i-1]
		}
		if got, ok := v.At(int(x), 0); !ok || got != i || y < v.height(cumulative[i]) || y > v.height(below) {
			t.Errorf("u %g draws %d; its needle meets %d at %g, want between %g and %g", u, i, got, y, v.height(cumulative[i]), v.height(below))
		}
	}
}

func TestScatterMoves(t *testing.T) {
	s := newScatter()
	at := func(layer float64, i int) (x, y float64) {
		s.Place(layer)
		x, y, _, _ = s.Point(i)
		return x, y
	}
	for i := 1; i < s.count; i++ {
		x0, y0 := at(1, i)
		x1, y1 := at(2, i)
		x, y := at(1.25, i)
		if math.Abs(x-(x0+0.25*(x1-x0))) > 1e-9 || math.Abs(y-(y0+0.25*(y1-y0))) > 1e-9 {
			t.Errorf("point %d is not a quarter of its way", i)
		}
		if got, ok := s.At(int(x), int(y), 3); !ok {
			t.Errorf("nothing lies at point %d", i)
		} else if gx, gy, _, _ := s.Point(got); math.Hypot(gx-x, gy-y) > 3 {
			t.Errorf("point %d is hit as %d", i, got)
		}
	}
	for _, layer := range []float64{-1, math.NaN(), 99, math.Inf(1)} {
		s.Place(layer)
		if s.layer < 0 || s.layer > 3 {
			t.Errorf("layer %g was taken as %g", layer, s.layer)
		}
	}
	s.Place(0)
	if _, _, outside, ok := s.Point(0); !ok || !outside {
		t.Error("the far point is not held at the edge")
	}
	if _, _, outside, ok := s.Point(27); !ok || outside {
		t.Error("a near point is held at the edge")
	}
	if _, _, _, ok := s.Point(28); ok {
		t.Error("there is a point 28 of 28")
	}
	a := s.PixelsPerUnit()
	s.Place(1)
	b := s.PixelsPerUnit()
	s.Place(0.5)
	if m := s.PixelsPerUnit(); math.Abs(a/b-3) > 0.1 || math.Abs(m-math.Sqrt(a*b)) > 1e-9*m {
		t.Errorf("pixels a unit: %g, %g, half way %g; points triple from layer to layer", a, b, m)
	}
}

// TestScatterKeepsShape holds that one scale serves both axes, upright: what is
// above in the plane is above on the canvas.
func TestScatterKeepsShape(t *testing.T) {
	var s Scatter
	s.Layout(400, 200, 10)
	s.Set([]float32{0, 0, 2, 0, 0, 2, -2, -2, 1, 1}, 1, 5)
	x0, y0, _, _ := s.Point(0)
	x1, y1, _, _ := s.Point(1)
	x2, y2, _, _ := s.Point(2)
	if y1 != y0 || x2 != x0 || x1-x0 != y0-y2 || !(x1 > x0) {
		t.Errorf("the corner lies at (%g, %g), right of it (%g, %g), above (%g, %g)", x0, y0, x1, y1, x2, y2)
	}
}

func TestScatterOddNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	var s Scatter
	s.Layout(100, 100, 5)
	for _, xy := range [][]float32{
		{0, 0, 0, 0}, {1, 1, 1, 1}, {nan, 0, 1, nan}, {inf, 0, -inf, inf}, {3e38, -3e38, -3e38, 3e38}, {1e-45, 0, 0, 0},
	} {
		for _, layers := range []int{1, 2} {
			if !s.Set(xy, layers, 2/layers) {
				t.Fatalf("%v was refused", xy)
			}
			s.Place(0.5)
			s.Paint(new(Canvas), Light(), scatterMarks(Light()))
			s.Labels(nil, []int{0, 1, 7}, 5, func(int) (int, int) { return 10, 10 })
			for i := range 2 / layers {
				x, y, _, ok := s.Point(i)
				if ok && !(x >= 0 && x <= 100 && y >= 0 && y <= 100) {
					t.Errorf("%v: point %d lies at (%g, %g)", xy, i, x, y)
				}
			}
		}
	}
	for _, tt := range []struct{ layers, count, n int }{{2, 3, 11}, {0, 3, 12}, {2, 0, 12}, {-2, -3, 12}, {1 << 40, 1 << 40, 12}} {
		if s.Set(make([]float32, tt.n), tt.layers, tt.count) {
			t.Errorf("%d numbers were taken for %d layers of %d points", tt.n, tt.layers, tt.count)
		}
		s.Paint(new(Canvas), Light(), scatterMarks(Light()))
	}
}

func TestLabelsApart(t *testing.T) {
	s := newScatter()
	order := []int{27, 3, 27, 5, 400, -1, 8, 12, 1, 2, 4, 6, 7, 9, 10, 11, 13, 0}
	labels := s.Labels([]Label{{-5, Rect{0, 0, 900, 900}}}, order, 8, func(i int) (int, int) { return 20 + i, 12 })
	if labels[0].Point != -5 || labels[1].Point != 27 {
		t.Errorf("the first labels are %v, want the one given and the most important", labels[:2])
	}
	labels = labels[1:]
	if len(labels) < 10 {
		t.Errorf("only %d labels found a place", len(labels))
	}
	for i, a := range labels {
		if (Rect{0, 0, s.w, s.h}).Intersect(a.Box) != a.Box {
			t.Errorf("label %v leaves the canvas", a)
		}
		for _, b := range labels[i+1:] {
			if !a.Box.Intersect(b.Box).Empty() {
				t.Errorf("labels %v and %v overlap", a, b)
			}
		}
	}
}

func TestEase(t *testing.T) {
	for _, tt := range [][2]float64{{0, 0}, {1, 1}, {0.5, 0.5}, {-3, 0}, {3, 1}, {0.25, 0.15625}} {
		if got := Ease(tt[0]); got != tt[1] {
			t.Errorf("Ease(%g) is %g, want %g", tt[0], got, tt[1])
		}
	}
}

// TestOddSizes lays every widget out in random sizes, useless ones too, on a
// canvas that does not fit, paints it and asks it what lies where. Nothing may panic.
func TestOddSizes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	th, rows := Light(), newHeads(40, 3, 2)
	size := func() int {
		return []int{-7, 0, 1, 2, 3, 5, 17, 64, 200, 1 << 20}[r.IntN(10)]
	}
	values := residual(100)
	for range 3000 {
		c := NewCanvas(r.IntN(80), r.IntN(80))
		box := Rect{r.IntN(60) - 20, r.IntN(60) - 20, min(size(), 500), min(size(), 500)}
		x, y := r.IntN(300)-50, r.IntN(300)-50
		switch r.IntN(8) {
		case 0:
			var a Atlas
			a.Layout(min(size(), 3), min(size(), 2), min(size(), 300), size(), size())
			a.Paint(c, th, rows, min(size(), 40))
			a.At(x, y)
			a.Row(size(), size(), size())
			a.Invalidate(size())
			a.Layout(3, 2, 100, 1, size())
			a.At(x, y)
			a.Paint(c, th, rows, min(size(), 40))
		case 1:
			var m Matrix
			m.Layout(min(size(), 300), min(size(), 300), size(), size(), Window{size(), min(size(), 40)}, Window{size(), min(size(), 64)})
			m.At(x, y)
			m.Paint(c, th, rows, 1, 1, min(size(), 40))
			m.At(x, y)
			m.Cell(size(), size())
		case 2:
			var s Strip
			s.Layout(box, min(size(), 300), size(), size())
			s.Paint(c, th, values, th.Signed(1))
			s.At(x, y)
			s.Cell(size())
		case 3:
			var g BlockGrid
			g.Layout(min(size(), 300), size(), min(size(), 500), size(), size(), size())
			g.Paint(c, th, []Block{{State: BlockShared, Filled: size()}, {State: 99, Hashed: true}})
			g.At(x, y)
			g.Slot(size(), size())
			g.Text(size())
		case 4:
			var b BlockHeat
			b.Layout(box, min(size(), 100), min(size(), 100), size(), size(), size())
			b.Paint(c, th, values, values[:7], size(), th.Signed(1), th.Signed(2))
			b.At(x, y)
		case 5:
			var v Curve
			n := size()
			v.Layout(box, n, r.IntN(2) == 0)
			v.Paint(c, th, geometric(min(max(n, 0), 300), 0.1), r.Float32(), min(size(), 20))
			v.At(x, y)
			v.Step(size())
		case 6:
			var b Bars
			b.Layout(box, size(), size(), size(), r.IntN(2) == 0)
			b.Paint(c, th, []Bar{{Value: 0.3, Marked: true}, {Value: 0.7, Removed: true}}, 0, 1)
			b.At(x, y)
		case 7:
			s := newScatter()
			s.Layout(min(size(), 300), min(size(), 300), size())
			s.Place(r.Float64() * 4)
			s.Paint(c, th, scatterMarks(th))
			s.At(x, y, 10)
			s.Labels(nil, []int{1, 2, 3}, size(), func(int) (int, int) { return size(), size() })
		}
	}
}

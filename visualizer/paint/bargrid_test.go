package paint

import (
	"math"
	"testing"
)

// TestBarGridPixels compares every pixel of bars with their numbers, and Cell
// with At.
func TestBarGridPixels(t *testing.T) {
	theme := Light()
	for _, size := range []struct{ w, h, rows, columns, gap, space int }{
		{300, 120, 4, 30, 1, 3}, {30, 8, 4, 30, 1, 3}, {61, 47, 3, 7, 2, 0}, {90, 90, 1, 1, 0, 5}, {33, 9, 4, 32, 0, 1},
	} {
		values := make([]float32, size.rows*size.columns)
		for i := range values {
			values[i] = float32(i%5) / 4
		}
		values[0] = float32(math.NaN())
		c := NewCanvas(size.w+10, size.h+10)
		c.Clear(theme.Paper)
		var g BarGrid
		box := g.Layout(Rect{5, 5, size.w, size.h}, size.rows, size.columns, size.gap, size.space)
		if box.Empty() || box.W > size.w || box.H > size.h {
			t.Fatalf("%+v: laid out over %+v", size, box)
		}
		g.Paint(c, theme, values, 1, theme.Accent, theme.Hot)
		for row := range size.rows {
			color := theme.Hot
			if row == 0 {
				color = theme.Accent
			}
			for column := range size.columns {
				cell := g.Cell(row, column)
				if cell.Empty() {
					t.Fatalf("%+v: no place for the bar %d of row %d", size, column, row)
				}
				if r, col, ok := g.At(cell.X, cell.Y); !ok || r != row || col != column {
					t.Fatalf("%+v: at the bar %d of row %d stands %d of %d, %v", size, column, row, col, r, ok)
				}
				v := values[row*size.columns+column]
				if v != v {
					continue
				}
				want := float64(v) * float64(cell.H)
				if v > 0 {
					want = max(want, 1)
				}
				full := 0
				for y := range cell.H {
					if c.Pixel(cell.X, cell.Y+y) == color {
						full++
					}
				}
				if full != int(want) {
					t.Errorf("%+v: the bar %d of row %d is %d pixels high, want %d of %d", size, column, row, full, int(want), cell.H)
				}
			}
		}
	}
}

func TestBarGridOfMoreColumnsThanPixels(t *testing.T) {
	theme, c := Light(), NewCanvas(10, 20)
	values := make([]float32, 100)
	values[37] = 1 // on pixel 3 with nine others
	var g BarGrid
	g.Layout(c.Bounds(), 1, 100, 1, 0)
	g.Paint(c, theme, values, 1, theme.Accent)
	for x := range 10 {
		if got := c.Pixel(x, 0) == theme.Accent; got != (x == 3) {
			t.Errorf("pixel %d is full: %v", x, got)
		}
	}
	if _, column, ok := g.At(3, 5); !ok || column != 30 {
		t.Errorf("at pixel 3 stands column %d, %v", column, ok)
	}
}

func TestBarGridRefuses(t *testing.T) {
	for _, c := range []struct {
		box           Rect
		rows, columns int
	}{{Rect{}, 2, 2}, {Rect{0, 0, 10, 10}, 0, 2}, {Rect{0, 0, 10, 10}, 2, -1}, {Rect{0, 0, 10, 3}, 2, 2}} {
		var g BarGrid
		if box := g.Layout(c.box, c.rows, c.columns, 1, 1); !box.Empty() {
			t.Errorf("%+v: laid out over %+v", c, box)
		}
		g.Paint(NewCanvas(10, 10), Light(), []float32{1}, 1) // paints nothing
		if _, _, ok := g.At(0, 0); ok || !g.Cell(0, 0).Empty() {
			t.Errorf("%+v: something stands in it", c)
		}
	}
	theme, c := Light(), NewCanvas(4, 8)
	c.Clear(theme.Paper)
	var g BarGrid
	g.Layout(c.Bounds(), 1, 4, 0, 0)
	for _, top := range []float32{0, -1, float32(math.NaN())} {
		g.Paint(c, theme, []float32{1, 2, 3, 4}, top, theme.Accent)
		if c.Pixel(0, 6) != theme.Paper {
			t.Errorf("a bar of a scale that ends at %v", top)
		}
	}
}

package paint

import (
	"bytes"
	"math"
	"testing"
)

func init() {
	pictures = append(pictures, []struct {
		name  string
		paint func(t *Theme) *Canvas
	}{
		{"block-grid-hues", func(t *Theme) *Canvas {
			c := new(Canvas)
			var g BlockGrid
			g.Layout(520, 240, 40, 16, 60, 5)
			blocks := make([]Block, 36)
			for i := range blocks {
				blocks[i] = Block{State: BlockState(i % 4), Hue: 1 + i%NumHues, Hashed: i/8%2 == 0, Filled: (i * 5) % 17}
			}
			g.Paint(c, t, blocks)
			return c
		}},
		{"block-grid-marks", func(t *Theme) *Canvas {
			c := new(Canvas)
			var g BlockGrid
			g.Layout(520, 240, 40, 16, 60, 5)
			blocks := make([]Block, 36)
			for i := range blocks {
				blocks[i] = Block{State: BlockShared, Hue: 1 + i%NumHues, Hashed: i%2 == 0, Filled: (i * 5) % 17}
			}
			g.Paint(c, t, blocks)
			for i := range 8 {
				g.PaintSharers(c, t, i, []int{1 + i, 2 + i, 3 + i, 4 + i}[:1+i%4])
			}
			for i := range 8 {
				g.PaintEviction(c, 8+i, t.Hot.WithAlpha(uint8(255-30*i)))
			}
			g.PaintCopy(c, 17, 18, t.Hot)
			g.PaintCopy(c, 17, 33, t.Hot)
			g.PaintCopy(c, 38, 21, t.Hot.WithAlpha(120))
			// What is not there is not painted.
			g.PaintCopy(c, 20, 20, t.Hot)
			g.PaintCopy(c, 0, 99, t.Hot)
			g.PaintEviction(c, -1, t.Hot)
			g.PaintSharers(c, t, 99, []int{1})
			g.PaintSharers(c, t, 20, nil)
			return c
		}},
		{"gantt", func(t *Theme) *Canvas {
			c := NewCanvas(420, 130)
			c.Clear(t.Paper)
			var g Gantt
			work, tokens, hues := make([][]Work, 8), make([][]int, 8), make([]int, 8)
			for row := range work {
				hues[row] = row + 1
				for col := range 40 {
					work[row] = append(work[row], Work((row*7+col/5)%int(WorkEnd+1)))
					tokens[row] = append(tokens[row], max(0, col%5-1+row/6))
				}
			}
			g.Layout(c.Bounds(), len(work), 16, 40, 9, 50)
			g.Paint(c, t, work, tokens, hues)
			c.Frame(g.Column(12), 1, t.Hot)
			g.PaintFork(c, t, 4, 6, 10)
			g.PaintFork(c, t, 4, 5, 10)
			g.PaintFork(c, t, 2, 1, 30)
			g.PaintFork(c, t, 2, 99, 30) // there is no such row
			return c
		}},
		{"lines", func(t *Theme) *Canvas {
			c := NewCanvas(300, 160)
			c.Clear(t.Paper)
			l := Lines{Box: c.Bounds().Inset(8), MaxX: 100, MaxY: 100 * 100}
			var square, straight []XY
			for x := 0.0; x <= 100; x += 4 {
				square, straight = append(square, XY{x, x * x}), append(straight, XY{x, 20 * x})
			}
			l.Area(c, straight, t.Soft)
			l.Paint(c, straight, 2, 0, t.Hue(1))
			l.Paint(c, square, 2, 7, t.Hue(2))
			return c
		}},
	}...)
}

func TestGanttAt(t *testing.T) {
	var g Gantt
	g.Layout(Rect{10, 20, 200, 100}, 4, 20, 30, 5, 40)
	for _, c := range []struct {
		x, y     int
		row, col int
		ok       bool
	}{
		{9, 30, 0, 0, false}, {10, 20, 0, -1, true}, {50, 20, 0, 0, true}, {54, 39, 0, 0, true}, {55, 40, 1, 1, true}, {199, 99, 3, 29, true}, {205, 99, 3, 31, false}, {60, 101, 0, 0, false},
	} {
		row, col, ok := g.At(c.x, c.y)
		if ok != c.ok || ok && (row != c.row || col != c.col) {
			t.Errorf("at %d,%d: row %d, column %d, %v; want %d, %d, %v", c.x, c.y, row, col, ok, c.row, c.col, c.ok)
		}
		if ok && col >= 0 && !g.Cell(row, col).Contains(c.x, c.y) {
			t.Errorf("the cell %d, %d does not contain %d,%d", row, col, c.x, c.y)
		}
	}
	if !g.Cell(4, 0).Empty() || !g.Cell(0, 30).Empty() {
		t.Error("there are cells outside the chart")
	}
}

func TestLinesOfNothing(t *testing.T) {
	c := NewCanvas(20, 20)
	for _, l := range []Lines{{Box: c.Bounds()}, {}, {Box: c.Bounds(), MaxX: math.NaN(), MaxY: 1}, {Box: c.Bounds(), MaxX: 1, MaxY: math.Inf(1)}} {
		points := []XY{{0, 0}, {math.NaN(), 1}, {math.Inf(1), math.Inf(-1)}, {-5, 7}}
		l.Paint(c, points, 1, 3, Color{})
		l.Paint(c, points, 1, 0, Color{})
		l.Area(c, points, Color{})
		if x, y := l.Pixel(XY{math.NaN(), math.NaN()}); math.IsNaN(x) || math.IsNaN(y) {
			t.Errorf("%+v: a point lies at %g, %g", l, x, y)
		}
	}
}

func TestHuesComeRound(t *testing.T) {
	for _, theme := range []*Theme{Light(), Dark()} {
		seen := map[Color]bool{}
		for n := 1; n <= NumHues; n++ {
			seen[theme.Hue(n)] = true
		}
		if len(seen) != NumHues || theme.Hue(NumHues+1) != theme.Hue(1) || theme.Hue(0) != theme.Hue(NumHues) {
			t.Errorf("%d hues", len(seen))
		}
	}
}

// A pool of which blocks are painted anew, one by one, is the pool painted whole.
func TestPaintBlockIsPaint(t *testing.T) {
	for _, gap := range []int{2, 5} {
		var g BlockGrid
		g.Layout(300, 200, 30, 16, 40, gap)
		theme := NewTheme(LightPalette())
		blocks := make([]Block, 30)
		for i := range blocks {
			blocks[i] = Block{State: BlockState(i % 4), Hue: 1 + i%NumHues, Hashed: i%3 == 0, Filled: i % 17}
		}
		step, whole := new(Canvas), new(Canvas)
		g.Paint(step, theme, blocks)
		for _, i := range []int{0, 7, 29} {
			step.Frame(g.Cell(i).Inset(-1), 2, theme.Hot) // as the chosen request's blocks are marked
			blocks[i] = Block{State: BlockState((i + 1) % 4), Hue: 2, Filled: 3}
			r := g.PaintBlock(step, theme, i, blocks[i])
			if cell := g.Cell(i); r.X > cell.X || r.Y > cell.Y || r.X+r.W < cell.X+cell.W || r.Y+r.H < cell.Y+cell.H || r.Intersect(step.Bounds()) != r {
				t.Errorf("gap %d: block %d lies at %v, and %v was painted", gap, i, cell, r)
			}
		}
		g.Paint(whole, theme, blocks)
		if !bytes.Equal(step.Pix, whole.Pix) {
			t.Errorf("gap %d: the pictures differ", gap)
		}
		if r := g.PaintBlock(step, theme, 99, Block{}); !r.Empty() {
			t.Errorf("a block that is not there was painted at %v", r)
		}
	}
}

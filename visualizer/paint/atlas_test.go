package paint

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// heads is made-up attention with the shapes that real heads have: a sink at the
// first key, a band along the diagonal, a previous-token line and a slow
// decay, mixed by layer and head. Rows sum to 1 before they are quantized.
type heads struct {
	rows [][]uint8 // position·layers·heads, then layer, head
	l, h int
}

// newHeads computes n positions of l layers with h heads.
func newHeads(n, l, h int) *heads {
	s := &heads{l: l, h: h}
	weights := make([]float64, n)
	for q := range n {
		for layer := range l {
			for head := range h {
				sink, band := float64((layer*3+head)%7), float64((layer+head*2)%5)
				var sum float64
				for k := range q + 1 {
					d := float64(q - k)
					score := band * math.Exp(-d*d/8)
					if k == 0 {
						score += sink
					}
					if (layer+head)%4 == 1 && q-k == 1 {
						score += 4
					}
					score += 1.5 * math.Sin(float64(k*(head+1)+layer))
					weights[k] = math.Exp(score)
					sum += weights[k]
				}
				row := make([]uint8, q+1)
				for k := range row {
					row[k] = Weight8(float32(weights[k] / sum))
				}
				s.rows = append(s.rows, row)
			}
		}
	}
	return s
}

func (s *heads) Row(q, layer, head int) []uint8 {
	return s.rows[(q*s.l+layer)*s.h+head]
}

func BenchmarkAtlas(b *testing.B) {
	rows := newHeads(513, 30, 9)
	c, light, dark := NewCanvas(0, 0), Light(), Dark()
	for _, width := range []int{840, 1680} {
		var a Atlas
		a.Layout(30, 9, width, 2, 200)
		name := number(float32(a.tile))
		b.Run("everything/tile="+name, func(b *testing.B) {
			for b.Loop() {
				a.Invalidate(0)
				a.Paint(c, light, rows, 512)
			}
		})
		b.Run("theme/tile="+name, func(b *testing.B) {
			theme := light
			for b.Loop() {
				if theme == light {
					theme = dark
				} else {
					theme = light
				}
				a.Paint(c, theme, rows, 512)
			}
		})
		b.Run("row/tile="+name, func(b *testing.B) {
			for b.Loop() {
				a.Invalidate(511)
				a.Paint(c, light, rows, 512)
			}
		})
	}
}

// hidden hides rows of another source, and counts what is read.
type hidden struct {
	Rows
	hide  func(q, layer, head int) bool
	reads int
}

func (s *hidden) Row(q, layer, head int) []uint8 {
	s.reads++
	if s.hide(q, layer, head) {
		return nil
	}
	return s.Rows.Row(q, layer, head)
}

// checkAtlas compares every pixel of a painted atlas with the weight that At
// finds there by reading the rows.
func checkAtlas(t *testing.T, a *Atlas, c *Canvas, theme *Theme, tokens int) {
	t.Helper()
	scale := theme.Attention()
	for y := range c.H {
		for x := range c.W {
			layer, head, q, k, ok := a.At(x, y)
			got := c.Pixel(x, y)
			switch {
			case !ok:
				if _, _, inTile := a.TileAt(x, y); !inTile && got != theme.Paper {
					t.Fatalf("gap at (%d, %d) is %v, want paper", x, y, got)
				}
				if got != theme.Paper && got != theme.Masked {
					t.Fatalf("(%d, %d) outside the sequence is %v, want paper or masked", x, y, got)
				}
			case q >= tokens || k >= tokens:
				t.Fatalf("At(%d, %d) = q %d, k %d of %d tokens", x, y, q, k, tokens)
			case k > q:
				if got != theme.Masked {
					t.Fatalf("(%d, %d) is q %d, k %d: %v, want masked", x, y, q, k, got)
				}
			default:
				row := a.source.Row(q, layer, head)
				if row == nil {
					if got != theme.Paper && got != theme.Fog {
						t.Fatalf("(%d, %d) is unknown q %d: %v, want paper or fog", x, y, q, got)
					}
					continue
				}
				if want := scale.At(row[k]); got != want {
					t.Fatalf("(%d, %d) is layer %d head %d q %d k %d, weight %d: %v, want %v",
						x, y, layer, head, q, k, row[k], got, want)
				}
			}
		}
	}
}

func TestAtlasShowsLargestWeight(t *testing.T) {
	rows := newHeads(300, 3, 2)
	theme := Light()
	for _, width := range []int{16, 60, 200, 1000} {
		for _, tokens := range []int{0, 1, 2, 7, 8, 9, 33, 130, 300} {
			var a Atlas
			c := new(Canvas)
			a.Layout(3, 2, width, 2, 400)
			a.Paint(c, theme, rows, tokens)
			checkAtlas(t, &a, c, theme, tokens)
		}
	}
}

func TestAtlasUnknownRows(t *testing.T) {
	rows := &hidden{Rows: newHeads(90, 2, 2), hide: func(q, layer, head int) bool { return q%7 < 4 || layer == 1 && head == 0 }}
	theme := Dark()
	for _, width := range []int{30, 90, 300} {
		var a Atlas
		c := new(Canvas)
		a.Layout(2, 2, width, 3, 400)
		a.Paint(c, theme, rows, 90)
		checkAtlas(t, &a, c, theme, 90)
	}
}

// TestAtlasIncremental drives an atlas through random growth, rewinds, late
// rows, themes and sizes, and compares it after each with one painted from nothing.
func TestAtlasIncremental(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	rows := newHeads(260, 3, 2)
	late := &hidden{Rows: rows, hide: func(int, int, int) bool { return false }}
	themes := []*Theme{Light(), Dark()}
	var a Atlas
	c, theme, tokens, width := new(Canvas), themes[0], 0, 100
	a.Layout(3, 2, width, 2, 400)
	for step := range 400 {
		switch r.IntN(8) {
		case 0, 1, 2, 3:
			tokens = min(tokens+1+r.IntN(4), 260)
		case 4:
			tokens = min(tokens+r.IntN(90), 260)
		case 5:
			tokens = r.IntN(tokens + 1)
		case 6:
			theme = themes[r.IntN(2)]
			if r.IntN(3) == 0 {
				width = 20 + r.IntN(300)
				a.Layout(3, 2, width, 2, 400)
			}
		case 7:
			gap := r.IntN(260)
			if r.IntN(2) == 0 {
				gap = 300 // nothing is hidden any more
			}
			late.hide = func(q, _, head int) bool { return q > gap && q < gap+20 && head == 1 }
			a.Invalidate(0)
		}
		a.Paint(c, theme, late, tokens)
		if a.Paint(c, theme, late, tokens) {
			t.Fatalf("step %d: painting again changed pixels", step)
		}
		var fresh Atlas
		want := new(Canvas)
		fresh.Layout(3, 2, width, 2, 400)
		fresh.Paint(want, theme, late, tokens)
		if c.W != want.W || c.H != want.H || !bytes.Equal(c.Pix, want.Pix) {
			t.Fatalf("step %d: %d tokens at width %d differ from a fresh picture", step, tokens, width)
		}
	}
}

// TestAtlasReadsOnce holds the promise that growth, even through changes of
// scale, reads each row once.
func TestAtlasReadsOnce(t *testing.T) {
	rows := &hidden{Rows: newHeads(400, 2, 2), hide: func(int, int, int) bool { return false }}
	theme, c := Light(), new(Canvas)
	var a Atlas
	a.Layout(2, 2, 42, 2, 400)
	for tokens := 1; tokens <= 400; tokens++ {
		before := rows.reads
		if !a.Paint(c, theme, rows, tokens) {
			t.Fatalf("%d tokens: nothing was painted", tokens)
		}
		if got := rows.reads - before; got != 4 {
			t.Fatalf("%d tokens: %d rows read for one position of 4 heads", tokens, got)
		}
	}
	before := rows.reads
	a.Paint(c, Dark(), rows, 400)
	a.Layout(2, 2, 40, 0, 400)
	a.Paint(c, theme, rows, 400)
	if rows.reads != before {
		t.Errorf("a theme and a layout of the same grain read %d rows", rows.reads-before)
	}
}

func TestAtlasLayout(t *testing.T) {
	tests := []struct {
		name                            string
		layers, heads, width, gap, tile int
		wantTile, wantW, wantH          int
	}{
		{"a stage of 840", 30, 9, 840, 2, 200, 26, 838, 250},
		{"few heads stop at the largest tile", 2, 2, 1000, 4, 120, 120, 244, 244},
		{"too narrow keeps the smallest tile", 30, 9, 10, 2, 200, 4, 178, 52},
		{"nothing", 0, 9, 840, 2, 200, 0, 0, 0},
		{"negative", -1, -1, -5, -5, -5, 0, 0, 0},
		{"as many as there can be lose the gap", 5000, 5000, 1 << 30, 9, 200, 4, 4*1024 + 1023, 4*1024 + 1023},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a Atlas
			w, h := a.Layout(tt.layers, tt.heads, tt.width, tt.gap, tt.tile)
			if a.tile != tt.wantTile || w != tt.wantW || h != tt.wantH {
				t.Errorf("tile %d, %d×%d; want tile %d, %d×%d", a.tile, w, h, tt.wantTile, tt.wantW, tt.wantH)
			}
		})
	}
}

func TestAtlasHits(t *testing.T) {
	rows := newHeads(40, 4, 3)
	var a Atlas
	if _, _, _, _, ok := a.At(0, 0); ok {
		t.Error("an atlas without a layout has something at (0, 0)")
	}
	a.Layout(4, 3, 400, 2, 400)
	if _, _, _, _, ok := a.At(0, 0); ok {
		t.Error("an atlas that was not painted has something at (0, 0)")
	}
	a.Paint(new(Canvas), Light(), rows, 40)
	for layer := range 4 {
		for head := range 3 {
			box := a.Tile(layer, head)
			l, h, ok := a.TileAt(box.X+box.W-1, box.Y+box.H-1)
			if !ok || l != layer || h != head {
				t.Errorf("last pixel of tile %d, %d belongs to %d, %d, %v", layer, head, l, h, ok)
			}
			if _, _, ok := a.TileAt(box.X+box.W, box.Y); ok {
				t.Errorf("the gap right of tile %d, %d is a tile", layer, head)
			}
			for _, q := range []int{0, 17, 39} {
				row := a.Row(layer, head, q)
				l, h, gotQ, k, ok := a.At(row.X, row.Y)
				if !ok || l != layer || h != head || gotQ != q || k != 0 {
					t.Errorf("start of row %d of tile %d, %d is %d, %d, q %d, k %d, %v", q, layer, head, l, h, gotQ, k, ok)
				}
			}
		}
	}
	for _, p := range [][2]int{{-1, 0}, {0, -1}, {400, 0}, {0, 400}} {
		if _, _, _, _, ok := a.At(p[0], p[1]); ok {
			t.Errorf("something lies at %v", p)
		}
	}
	if got := a.Tile(4, 0); !got.Empty() {
		t.Errorf("tile of layer 4 of 4 is %v", got)
	}
	if got := a.Row(0, 0, 4000); !got.Empty() {
		t.Errorf("row of position 4000 is %v", got)
	}
}

func TestTriangle(t *testing.T) {
	src := &Triangle{Values: []float32{1, 0.25, 0.75, 0, float32(math.NaN()), 2}}
	for q, want := range [][]uint8{{255}, {128, 221}, {0, 0, 255}, nil} {
		if got := src.Row(q, 3, 1); !bytes.Equal(got, want) {
			t.Errorf("row %d is %v, want %v", q, got, want)
		}
	}
	if src.Row(-1, 0, 0) != nil || src.Row(1<<40, 0, 0) != nil {
		t.Error("rows outside the matrix are not nil")
	}
}

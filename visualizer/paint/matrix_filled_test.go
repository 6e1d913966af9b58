package paint

import "testing"

// TestLayoutFilled: the cells of a filled matrix cover the square without gap
// or overlap, differ by one pixel at most, and are found where they are.
func TestLayoutFilled(t *testing.T) {
	for _, tt := range []struct{ side, from, count int }{
		{233, 0, 134}, {233, 5, 60}, {100, 0, 100}, {100, 0, 99}, {10, 0, 3}, {7, 2, 1}, {50, 0, 455}, {1, 0, 9},
	} {
		var m Matrix
		window := Window{tt.from, tt.from + tt.count}
		if w, h := m.LayoutFilled(tt.side, window, window); w != tt.side || h != tt.side {
			t.Fatalf("%+v: the picture has %d×%d pixels, want all %d×%d", tt, w, h, tt.side, tt.side)
		}
		least, most, end := tt.side, 0, 0
		for i := window.From; i < window.To; i++ {
			cell := m.Cell(i, i)
			if cell.X != cell.Y || cell.W != cell.H || cell.W < 1 || cell.X > end {
				t.Fatalf("%+v: position %d has the cell %+v after pixel %d", tt, i, cell, end)
			}
			least, most, end = min(least, cell.W), max(most, cell.W), cell.X+cell.W
			q, k, ok := m.At(cell.X, cell.Y+cell.H-1)
			if !ok || q > i || k > i || m.Cell(q, k) != cell {
				t.Fatalf("%+v: at the cell of %d is (%d, %d), %v", tt, i, q, k, ok)
			}
		}
		if end != tt.side || most > least+1 {
			t.Errorf("%+v: cells of %d to %d pixels end at %d", tt, least, most, end)
		}
	}
	var m Matrix
	for _, side := range []int{0, -3} {
		if w, h := m.LayoutFilled(side, Window{0, 4}, Window{0, 4}); w != 0 || h != 0 {
			t.Errorf("%d pixels a side give %d×%d", side, w, h)
		}
	}
	if w, h := m.LayoutFilled(40, Window{3, 3}, Window{0, 4}); w != 0 || h != 0 {
		t.Errorf("no positions give %d×%d", w, h)
	}
}

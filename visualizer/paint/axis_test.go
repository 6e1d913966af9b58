package paint

import "testing"

// TestAxisPartition checks that for every count and size the cells partition
// both the positions and the pixels, in order, and that the inverse maps agree.
func TestAxisPartition(t *testing.T) {
	for count := 1; count <= 70; count++ {
		for pixels := 1; pixels <= 70; pixels++ {
			a := axis{count, pixels}
			position, pixel := 0, 0
			for cell := range a.cells() {
				from, to := a.positions(cell)
				if from != position || to <= from {
					t.Fatalf("%+v cell %d holds positions %d to %d, want a range from %d", a, cell, from, to, position)
				}
				for p := from; p < to; p++ {
					if got := a.cellOf(p); got != cell {
						t.Fatalf("%+v cellOf(%d) = %d, want %d", a, p, got, cell)
					}
				}
				position = to

				from, to = a.pixelsOf(cell)
				if from != pixel || to <= from {
					t.Fatalf("%+v cell %d covers pixels %d to %d, want a range from %d", a, cell, from, to, pixel)
				}
				for p := from; p < to; p++ {
					if got := a.cellAt(p); got != cell {
						t.Fatalf("%+v cellAt(%d) = %d, want %d", a, p, got, cell)
					}
				}
				pixel = to
			}
			if position != count || pixel != pixels {
				t.Fatalf("%+v: cells end at position %d, pixel %d", a, position, pixel)
			}
		}
	}
}

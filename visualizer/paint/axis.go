package paint

import "math"

// Window is a range of positions, From … To-1.
type Window struct{ From, To int }

// Len is the number of positions in w, 0 if To is not beyond From.
func (w Window) Len() int { return max(w.To-w.From, 0) }

// Zoom returns w scaled by factor (below 1 shows fewer positions, larger) around the
// place at, 0 at w's start to 1 at its end, which stays where it is as far as
// the limits allow: the result lies within 0 … count-1 and has at least least
// positions, or all of them if there are fewer.
func (w Window) Zoom(at, factor float64, least, count int) Window {
	n, count := w.Len(), max(count, 0)
	want := float64(n) * factor
	if !(want >= 1) {
		want = 1
	}
	m := int(math.Round(min(want, float64(count))))
	m = min(max(m, least), count)
	from := float64(w.From) + at*float64(n-m)
	if from != from {
		from = 0
	}
	start := int(math.Round(min(max(from, 0), float64(max(count-m, 0)))))
	return Window{start, start + m}
}

// Pan returns w moved by so many positions, as far as it stays within
// 0 … count-1.
func (w Window) Pan(by, count int) Window {
	n := min(w.Len(), max(count, 0))
	from := min(max(w.From+by, 0), max(count, 0)-n)
	return Window{from, from + n}
}

// axis lays count positions out over pixels. With at least as many pixels as
// positions a cell is a position and covers one pixel or more; with fewer, a
// cell is a pixel and holds one position or more. Either way cells,
// positions and pixels keep their order and none is left out.
type axis struct{ count, pixels int }

// cells is the number of cells.
func (a axis) cells() int { return min(a.count, a.pixels) }

// cellOf is the cell that holds a position.
func (a axis) cellOf(position int) int {
	if a.count <= a.pixels {
		return position
	}
	return position * a.pixels / a.count
}

// cellAt is the cell that covers a pixel.
func (a axis) cellAt(pixel int) int {
	if a.count > a.pixels {
		return pixel
	}
	return ((pixel+1)*a.count - 1) / a.pixels
}

// positions returns the positions from … to-1 that a cell holds.
func (a axis) positions(cell int) (from, to int) {
	if a.count <= a.pixels {
		return cell, cell + 1
	}
	return ceilDiv(cell*a.count, a.pixels), ceilDiv((cell+1)*a.count, a.pixels)
}

// pixelsOf returns the pixels from … to-1 that a cell covers.
func (a axis) pixelsOf(cell int) (from, to int) {
	if a.count > a.pixels {
		return cell, cell + 1
	}
	return cell * a.pixels / a.count, (cell + 1) * a.pixels / a.count
}

// ceilDiv is ⌈a/b⌉ for a ≥ 0 and b > 0.
func ceilDiv(a, b int) int { return (a + b - 1) / b }

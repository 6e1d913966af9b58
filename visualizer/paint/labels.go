package paint

// Label is where the client may set a point's text.
type Label struct {
	Point int
	Box   Rect
}

// labelSides are the places of a label about its point, the preferred one
// first: which side of the point the label's centre lies on.
var labelSides = [8][2]int{{1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}

// Labels appends to dst places for the texts of points, in the order given, the
// most important first. size gives a text's width and height in pixels; space is
// kept between a point's centre and its text. A label lies within the canvas and
// on no other label, and on as few points as it can; one that finds no place is
// left out. (A greedy form of point-feature label placement: J. Christensen,
// J. Marks and S. Shieber 1995.)
func (s *Scatter) Labels(dst []Label, order []int, space int, size func(i int) (w, h int)) []Label {
	base := len(dst)
	canvas := Rect{0, 0, s.w, s.h}
	for _, i := range order {
		x, y, _, ok := s.Point(i)
		if !ok {
			continue
		}
		w, h := size(i)
		best, fewest := Rect{}, -1
		for _, side := range labelSides {
			box := Rect{
				int(x) - w/2 + side[0]*(w/2+space),
				int(y) - h/2 + side[1]*(h/2+space),
				w, h,
			}
			if box.Empty() || canvas.Intersect(box) != box || overlaps(dst[base:], box) {
				continue
			}
			if n := s.covered(box, i); fewest < 0 || n < fewest {
				best, fewest = box, n
			}
		}
		if fewest >= 0 {
			dst = append(dst, Label{i, best})
		}
	}
	return dst
}

// overlaps reports whether box lies on one of the labels.
func overlaps(labels []Label, box Rect) bool {
	for _, l := range labels {
		if !l.Box.Intersect(box).Empty() {
			return true
		}
	}
	return false
}

// covered counts the points other than except that lie under box.
func (s *Scatter) covered(box Rect, except int) (n int) {
	for i, p := range s.placed {
		if i != except && p.x == p.x && p.y == p.y && box.Contains(int(p.x), int(p.y)) {
			n++
		}
	}
	return n
}

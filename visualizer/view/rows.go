package view

// SeenRows remembers which attention rows were drawn, so that a picture of many
// rows repaints only those that differ.
type SeenRows struct{ first []*uint8 }

// Update takes note of the rows of positions 0 … n-1 as row gives them, and
// returns the first position whose row is another one than at the last call: come, gone,
// or replaced by that of another token; n if there is none. A row is known by
// its memory, not by its values: [vitrine/visualizer/session] never writes
// into one that it has handed out.
func (s *SeenRows) Update(n int, row func(q int) []uint8) (from int) {
	from = n
	was := s.first
	for len(s.first) < n {
		s.first = append(s.first, nil)
	}
	clear(s.first[n:]) // so that dropped rows can be collected
	s.first = s.first[:n]
	for q := range n {
		var at *uint8
		if r := row(q); len(r) > 0 {
			at = &r[0]
		}
		if q < from && (q >= len(was) || at != s.first[q]) {
			from = q
		}
		s.first[q] = at
	}
	return from
}

package view

import "testing"

func TestSeenRows(t *testing.T) {
	rows := [][]uint8{{1}, {1, 2}, {1, 2, 3}, nil}
	row := func(q int) []uint8 { return rows[q] }
	var s SeenRows
	steps := []struct {
		name   string
		change func()
		n      int
		want   int
	}{
		{"nothing", func() {}, 0, 0},
		{"the first rows", func() {}, 2, 0},
		{"the same again", func() {}, 2, 2},
		{"one more", func() {}, 3, 2},
		{"one more that is not known", func() {}, 4, 3},
		{"the same again, unknown too", func() {}, 4, 4},
		{"it became known", func() { rows[3] = []uint8{1, 2, 3, 4} }, 4, 3},
		{"equal values of another token", func() { rows[1] = []uint8{1, 2} }, 4, 1},
		{"a row was dropped", func() { rows[0] = nil }, 4, 0},
		{"cut", func() {}, 2, 2},
		{"grown again with the same rows", func() {}, 4, 2},
		{"cut to nothing", func() {}, 0, 0},
		{"and back", func() {}, 1, 0},
	}
	for _, step := range steps {
		step.change()
		if got := s.Update(step.n, row); got != step.want {
			t.Errorf("%s: rows differ from %d on, want %d", step.name, got, step.want)
		}
	}
}

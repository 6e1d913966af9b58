package view

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTicks(t *testing.T) {
	tests := []struct {
		name         string
		from, to     int
		pitch, least float64
		marked       []int
		want         []int
	}{
		{"room for all", 0, 4, 12, 12, nil, []int{0, 1, 2, 3}},
		{"every second", 0, 7, 7, 12, nil, []int{0, 2, 4, 6}},
		{"every fifth", 0, 12, 3, 12, nil, []int{0, 5, 10}},
		{"many on a pixel", 0, 100, 0.25, 12, nil, []int{0, 50}},
		{"a window", 7, 14, 7, 12, nil, []int{8, 10, 12}},
		{"a marked one moves its neighbours out", 0, 7, 7, 12, []int{3}, []int{0, 3, 6}},
		{"of two marked that are near the first stays", 0, 7, 7, 12, []int{3, 4}, []int{0, 3, 6}},
		{"marked beyond the window", 0, 3, 12, 12, []int{-1, 3, 9}, []int{0, 1, 2}},
		{"nothing", 3, 3, 12, 12, []int{3}, nil},
		{"no room at all", 0, 3, 0, 12, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Ticks(nil, tt.from, tt.to, tt.pitch, tt.least, tt.marked...); !slices.Equal(got, tt.want) {
				t.Errorf("labels at %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTicksNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(-3, 500).Draw(t, "from")
		to := from + rapid.IntRange(0, 600).Draw(t, "count")
		pitch := rapid.Float64Range(0.01, 40).Draw(t, "pitch")
		marked := rapid.SliceOfN(rapid.IntRange(-5, 1200), 0, 4).Draw(t, "marked")
		const least = 12.0
		ticks := Ticks(nil, from, to, pitch, least, marked...)
		for i, p := range ticks {
			if p < from || p >= to {
				t.Fatalf("label at %d outside %d … %d", p, from, to-1)
			}
			if i > 0 && float64(p-ticks[i-1])*pitch < least {
				t.Fatalf("labels at %d and %d are %g apart", ticks[i-1], p, float64(p-ticks[i-1])*pitch)
			}
		}
		if len(marked) > 0 && marked[0] >= from && marked[0] < to && !slices.Contains(ticks, marked[0]) {
			t.Fatalf("the marked %d has no label among %v", marked[0], ticks)
		}
	})
}

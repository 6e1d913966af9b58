package project

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestCosine(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name string
		a, b []float32
		want float32
	}{
		{"same direction", []float32{1, 2}, []float32{2, 4}, 1},
		{"opposite", []float32{1, -2}, []float32{-3, 6}, -1},
		{"right angle", []float32{1, 1}, []float32{1, -1}, 0},
		{"60 degrees", []float32{1, 0}, []float32{0.5, 0.8660254}, 0.5},
		{"zero", []float32{0, 0}, []float32{1, 1}, 0},
		{"empty", nil, nil, 0},
		{"enormous", []float32{1e38, 1e38}, []float32{3e38, 0}, 0.70710678},
		{"tiny", []float32{1e-40, 0}, []float32{1e-40, 1e-40}, 0.70710678},
		{"other length", []float32{1}, []float32{1, 2}, nan},
		{"NaN", []float32{nan}, []float32{1}, nan},
		{"infinite", []float32{inf}, []float32{1}, nan},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Cosine(tt.a, tt.b)
			if tt.want != tt.want {
				if got == got {
					t.Errorf("got %g, want NaN", got)
				}
				return
			}
			if !(math.Abs(float64(got-tt.want)) < 1e-6) {
				t.Errorf("got %g, want %g", got, tt.want)
			}
		})
	}
}

func TestNearestAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	rows := gaussian(r, 500, 12, 1)
	copy(rows[77], rows[33]) // equals: the smaller number comes first
	copy(rows[400], rows[33])
	rows[5] = nil
	rows[6] = []float32{1, 2}
	rows[7][3] = float32(math.NaN())
	query := rows[33]
	var all []Match
	for i, row := range rows {
		if c := Cosine(query, row); len(row) == len(query) && c == c {
			all = append(all, Match{i, c})
		}
	}
	slices.SortStableFunc(all, func(a, b Match) int {
		switch {
		case a.Cosine > b.Cosine:
			return -1
		case a.Cosine < b.Cosine:
			return 1
		}
		return a.Row - b.Row
	})
	for _, k := range []int{0, 1, 3, 20, 1000} {
		got := Nearest(nil, query, len(rows), k, func(i int) []float32 { return rows[i] })
		if !slices.Equal(got, all[:min(k, len(all))]) {
			t.Errorf("k %d: got %v, want %v", k, got, all[:min(k, len(all))])
		}
	}
	kept := []Match{{-1, 5}}
	got := Nearest(kept, query, len(rows), 2, func(i int) []float32 { return rows[i] })
	if !slices.Equal(got, []Match{{-1, 5}, all[0], all[1]}) {
		t.Errorf("appending gives %v", got)
	}
	if got := Nearest(nil, query, -3, 2, nil); len(got) != 0 {
		t.Errorf("no rows give %v", got)
	}
}

func TestNearestAllocates(t *testing.T) {
	rows := gaussian(rand.New(rand.NewPCG(8, 8)), 300, 8, 1)
	dst := make([]Match, 0, 10)
	row := func(i int) []float32 { return rows[i] }
	if n := testing.AllocsPerRun(10, func() { Nearest(dst, rows[0], 300, 10, row) }); n != 0 {
		t.Errorf("%g allocations a call, want none", n)
	}
}

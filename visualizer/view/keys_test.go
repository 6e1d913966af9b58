package view

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTopKeys(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		name    string
		weights []float32
		n       int
		want    []KeyWeight
		rest    float32
	}{
		{"nothing", nil, 3, nil, 0},
		{"none asked for", []float32{0.5, 0.5}, 0, nil, 1},
		{"fewer than asked for", []float32{0.25, 0.75}, 3, []KeyWeight{{1, 0.75}, {0, 0.25}}, 0},
		{"equals in order", []float32{0.25, 0.25, 0.25, 0.25}, 2, []KeyWeight{{0, 0.25}, {1, 0.25}}, 0.5},
		{"the rest is summed", []float32{0.125, 0.5, 0.125, 0.25}, 2, []KeyWeight{{1, 0.5}, {3, 0.25}}, 0.25},
		{"not a number", []float32{nan, 0.5, nan}, 2, []KeyWeight{{1, 0.5}, {0, 0}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, rest := TopKeys(nil, tt.weights, tt.n)
			if !slices.Equal(got, tt.want) || rest != tt.rest {
				t.Errorf("got %v and %g, want %v and %g", got, rest, tt.want, tt.rest)
			}
		})
	}
}

// TestTopKeysSorts holds the selection against a full sort.
func TestTopKeysSorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 9), func(i int) float32 { return float32(i) / 16 }), 0, 40).Draw(t, "weights")
		n := rapid.IntRange(0, 45).Draw(t, "n")
		var all []KeyWeight
		for k, w := range weights {
			all = append(all, KeyWeight{k, w})
		}
		slices.SortStableFunc(all, func(a, b KeyWeight) int {
			switch {
			case a.Weight > b.Weight:
				return -1
			case a.Weight < b.Weight:
				return 1
			}
			return 0
		})
		n = min(n, len(all))
		var rest float32
		for _, o := range all[n:] {
			rest += o.Weight
		}
		before := []KeyWeight{{99, 9}}
		got, gotRest := TopKeys(before, weights, n)
		if !slices.Equal(got[:1], before) || !slices.Equal(got[1:], all[:n]) || gotRest != rest {
			t.Fatalf("got %v and %g, want %v and %g", got[1:], gotRest, all[:n], rest)
		}
	})
}

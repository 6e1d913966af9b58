package view

import (
	"testing"

	"vitrine/visualizer/wire"
)

func TestSettlingOf(t *testing.T) {
	tests := []struct {
		name string
		tops []int32 // the likeliest token after each layer; 0 for a layer without candidates
		want Settling
		ok   bool
	}{
		{"no layers", nil, Settling{}, false},
		{"a last layer without candidates", []int32{5, 0}, Settling{}, false},
		{"only at the end", []int32{1, 2, 3}, Settling{3, 2, 2}, true},
		{"from the beginning", []int32{3, 3, 3}, Settling{3, 0, 0}, true},
		{"it comes, goes and comes back", []int32{1, 3, 2, 3, 3}, Settling{3, 1, 3}, true},
		{"a layer without candidates does not count", []int32{3, 0, 3}, Settling{3, 0, 2}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &wire.Lens{}
			for _, id := range tt.tops {
				var layer []wire.Candidate
				if id != 0 {
					layer = []wire.Candidate{{ID: id, Prob: 0.5}, {ID: 3, Prob: 0.25}}
				}
				l.Layers = append(l.Layers, layer)
			}
			got, ok := SettlingOf(l)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %+v, %v, want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

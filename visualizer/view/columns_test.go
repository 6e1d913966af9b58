package view

import "testing"

func TestFillColumns(t *testing.T) {
	tests := []struct {
		name            string
		count, w, h     int
		columns, pixels int // pixels: how many of a row are covered
	}{
		{"nothing", 0, 10, 10, 0, 0},
		{"no room", 5, 0, 10, 0, 0},
		{"less than a pixel a cell", 101, 10, 10, 0, 0},
		{"a pixel a cell", 100, 10, 10, 10, 10},
		{"one row", 10, 100, 10, 10, 100},
		{"one column", 10, 10, 100, 1, 10},
		{"a vector over a wide place", 576, 460, 120, 34, 442},
		{"the feed-forward layer's", 1536, 440, 125, 62, 434},
		{"one", 1, 30, 20, 1, 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := FillColumns(tt.count, tt.w, tt.h)
			if got != tt.columns {
				t.Fatalf("%d columns, want %d", got, tt.columns)
			}
			if got > 0 && tt.w/got*got != tt.pixels {
				t.Errorf("%d of %d pixels are covered, want %d", tt.w/got*got, tt.w, tt.pixels)
			}
		})
	}
}

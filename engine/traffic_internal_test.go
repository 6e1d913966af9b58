package engine

import "testing"

// Layers with a window read no more keys than it has room for, and those of a chunk
// what the windows of all its rows cover.
func TestKeyLayers(t *testing.T) {
	mixed := []windowed{{0, 2}, {8, 3}}
	for _, c := range []struct {
		windows            []windowed
		first, count, want int
	}{
		{[]windowed{{0, 4}}, 0, 1, 4}, {[]windowed{{0, 4}}, 99, 1, 400}, {[]windowed{{0, 4}}, 90, 10, 400},
		{mixed, 0, 1, 5}, {mixed, 7, 1, 2*8 + 3*8}, {mixed, 99, 1, 2*100 + 3*8}, {mixed, 90, 10, 2*100 + 3*17},
	} {
		if got := keyLayers(c.windows, c.first, c.count); got != c.want {
			t.Errorf("%v, %d rows from %d on: %d keys, want %d", c.windows, c.count, c.first, got, c.want)
		}
	}
}

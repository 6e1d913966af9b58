package kernel

import (
	"math/rand/v2"
	"testing"
)

// A number of the file lies where its row and column say, to the bit, whatever is left
// over of squares and tiles; rows that there are not are zero.
func TestPackFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for f := F32; f <= BF16; f++ {
		size := f.Bytes()
		for range 30 {
			rows, cols := 1+r.IntN(70), 1+r.IntN(40)
			data := make([]byte, rows*cols*size)
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			memory := make([]byte, f.FloatsBytes(rows, cols))
			for i := range memory {
				memory[i] = 0xff
			}
			w, err := NewFloats(f, rows, cols, memory)
			if err != nil {
				t.Fatal(err)
			}
			w.Pack(data, 0, w.Tiles())
			for row := range w.Tiles() * Lanes {
				for col := range cols {
					got := string(w.tile(row / Lanes)[(col*Lanes+row%Lanes)*size:][:size])
					want := string(make([]byte, size))
					if row < rows {
						want = string(data[(row*cols+col)*size:][:size])
					}
					if got != want {
						t.Fatalf("%d × %d numbers of %d bytes: row %d, column %d is %x, want %x", rows, cols, size, row, col, got, want)
					}
				}
			}
		}
	}
}

package cpu

import (
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
)

// A weight tells what its tiles take: where they are not as in the file, more than that.
func TestWeightBytes(t *testing.T) {
	b := New(1)
	defer b.Close()
	const rows, cols = 32, 512
	for _, c := range []struct {
		t     quant.Type
		rows  int
		share float64 // of the file's bytes, about
	}{
		{quant.Q4_1, rows, 1}, {quant.Q2_K, rows, 1.14}, {quant.Q4_K, rows, 1.11}, {quant.Q6_K, rows, 1.07}, {quant.F16, rows, 1},
		{quant.F32, rows - 1, 32. / 31}, {quant.F16, 1, 2}, // a vector becomes float32
	} {
		rowBytes, err := c.t.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		w, err := b.NewWeight("w", c.t, c.rows, cols, make([]byte, c.rows*rowBytes))
		if err != nil {
			t.Fatal(err)
		}
		got := float64(w.(backend.Sized).Bytes()) / float64(c.rows*rowBytes)
		if got < c.share-.01 || got > c.share+.01 {
			t.Errorf("%d × %d in %v: %.3f of the file's bytes, want about %v", c.rows, cols, c.t, got, c.share)
		}
		if l, ok := kernel.LayoutOf(c.t); ok && w.(backend.Sized).Bytes() != l.PackedBytes(c.rows, cols) {
			t.Errorf("%v: %d bytes, want those of its layout", c.t, w.(backend.Sized).Bytes())
		}
	}
}

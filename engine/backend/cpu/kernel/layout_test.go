package kernel

import (
	"testing"

	"vitrine/engine/quant"
)

// What a matrix takes in tiles stays near what it takes in the file: a model that fits
// into memory as a file is to fit packed too.
func TestPackedSize(t *testing.T) {
	most := map[quant.Type]float64{
		quant.Q4_0: 1, quant.Q4_1: 1, quant.Q5_0: 1, quant.Q5_1: 1, quant.Q8_0: 1,
		// Each block of 32 columns, or each couple of them, has the float16 that the file has for 256.
		quant.Q2_K: 1.15, quant.Q3_K: 1.17, quant.Q4_K: 1.12, quant.Q5_K: 1.1, quant.Q6_K: 1.07,
	}
	const rows, cols = 4096, 4096
	for _, l := range layouts {
		rowBytes, err := l.Format.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		share := float64(l.PackedBytes(rows, cols)) / float64(rows*rowBytes)
		t.Logf("%v: %.3f", l.Format, share)
		if bound, ok := most[l.Format]; !ok || share > bound {
			t.Errorf("a matrix in %v takes %.3f of its size in the file, want at most %v", l.Format, share, bound)
		}
	}
	for f := F32; f <= BF16; f++ {
		if got, want := f.FloatsBytes(rows, cols), rows*cols*f.Bytes(); got != want {
			t.Errorf("a matrix of floats of %d bytes takes %d, want %d", f.Bytes(), got, want)
		}
	}
}

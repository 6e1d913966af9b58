package wire

import (
	"math"
	"testing"
)

func TestWeightRoundTrip(t *testing.T) {
	for u := range 256 {
		if got := QuantizeWeight(Weight(uint8(u))); int(got) != u {
			t.Errorf("byte %d is weight %g, which is byte %d", u, Weight(uint8(u)), got)
		}
	}
	for i := range 100_001 {
		a := float32(i) / 100_000
		if err := math.Abs(float64(Weight(QuantizeWeight(a)) - a)); err >= 0.004 {
			t.Fatalf("weight %g comes back as %g", a, Weight(QuantizeWeight(a)))
		}
	}
	for a, want := range map[float32]uint8{
		-1: 0, 0: 0, 1e-7: 0, 4e-6: 1, 1: 255, 1.0001: 255,
		float32(math.Inf(1)): 255, float32(math.Inf(-1)): 0,
	} {
		if got := QuantizeWeight(a); got != want {
			t.Errorf("QuantizeWeight(%g) = %d, want %d", a, got, want)
		}
	}
	if got := QuantizeWeight(float32(math.NaN())); got != 0 {
		t.Errorf("QuantizeWeight(NaN) = %d, want 0", got)
	}
}

// TestRows fills frames in the stated order with values that name their own
// place, and asks for every place.
func TestRows(t *testing.T) {
	const from, rows, layers, heads = 2, 3, 2, 2
	f := &AttentionRows{From: from, Rows: rows, Layers: layers, Heads: heads}
	for r := range rows {
		for l := range layers {
			for h := range heads {
				for k := range from + r + 1 {
					f.Values = append(f.Values, uint8(r<<6|l<<5|h<<4|k))
				}
			}
		}
	}
	for r := range rows {
		for l := range layers {
			for h := range heads {
				row := f.Row(r, l, h)
				if len(row) != from+r+1 {
					t.Fatalf("row %d, layer %d, head %d has %d keys", r, l, h, len(row))
				}
				for k, v := range row {
					if v != uint8(r<<6|l<<5|h<<4|k) {
						t.Errorf("row %d, layer %d, head %d, key %d is %08b", r, l, h, k, v)
					}
				}
			}
		}
	}
	for _, at := range [][3]int{{-1, 0, 0}, {rows, 0, 0}, {0, -1, 0}, {0, layers, 0}, {0, 0, -1}, {0, 0, heads}} {
		if row := f.Row(at[0], at[1], at[2]); row != nil {
			t.Errorf("row at %v is %v, want nil", at, row)
		}
	}
	f.Values = f.Values[:len(f.Values)-1]
	if row := f.Row(rows-1, layers-1, heads-1); row != nil {
		t.Errorf("a row beyond Values is %v, want nil", row)
	}
}

func TestHeadMatrixRow(t *testing.T) {
	f := &HeadMatrix{Count: 3, Values: []float32{0, 10, 11, 20, 21, 22}}
	for q := range 3 {
		row := f.Row(q)
		if len(row) != q+1 || row[0] != float32(10*q) || row[q] != float32(11*q) {
			t.Errorf("row %d is %v", q, row)
		}
	}
	f.Count = math.MaxUint32
	for _, q := range []int{-1, 3, math.MaxUint32 - 1} {
		if row := f.Row(q); row != nil {
			t.Errorf("row %d is %v, want nil", q, row)
		}
	}
}

func TestProjectionLayer(t *testing.T) {
	f := &Projection{Count: 2, Layers: 1, XY: []float32{1, 2, 3, 4, 5, 6, 7, 8}}
	if l := f.Layer(1); len(l) != 4 || l[0] != 5 || l[3] != 8 {
		t.Errorf("layer 1 is %v", l)
	}
	if f.Layer(-1) != nil || f.Layer(2) != nil {
		t.Error("a layer that is not there is not nil")
	}
}

func TestProjectionNorm(t *testing.T) {
	f := &Projection{Count: 2, Layers: 1, Norms: []float32{1, 2, 3, 4}}
	if norm, ok := f.Norm(1, 0); !ok || norm != 3 {
		t.Errorf("layer 1, position 0 has norm %g, %v", norm, ok)
	}
	for _, at := range [][2]int{{-1, 0}, {2, 0}, {0, -1}, {0, 2}} {
		if norm, ok := f.Norm(at[0], at[1]); ok {
			t.Errorf("layer %d, position %d, which is not there, has norm %g", at[0], at[1], norm)
		}
	}
}

func TestLogit(t *testing.T) {
	whole := &Logits{Vocab: 2, Values: []float32{5, 6}}
	cut := &Logits{Vocab: 9, IDs: []int32{7, 3}, Values: []float32{2, 1}}
	tests := []struct {
		f    *Logits
		id   int32
		want float32
		ok   bool
	}{{whole, 1, 6, true}, {whole, 2, 0, false}, {whole, -1, 0, false}, {cut, 3, 1, true}, {cut, 0, 0, false}}
	for _, tt := range tests {
		if got, ok := tt.f.Logit(tt.id); got != tt.want || ok != tt.ok {
			t.Errorf("Logit(%d) of %+v = %g, %v", tt.id, tt.f, got, ok)
		}
	}
}

package model_test

import (
	"path/filepath"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
)

// The last layer is computed for the rows alone whose logits are wanted, unless
// somebody looks at it. Logits, keys and values are the same to the bit.
func TestRowsWithoutLogits(t *testing.T) {
	for _, name := range architectures {
		for on, b := range map[string]backend.Backend{
			"ref": ref.New(), "go": cpu.With(cpu.Options{Threads: 2}), "cpu": cpu.With(cpu.Options{Threads: 2, Level: kernel.Best(), KV: kernel.KVF16}),
			"two ranks": ranks(t, 2, newExact),
		} {
			t.Run(name+"/"+on, func(t *testing.T) {
				defer b.Close()
				m, err := model.Load(filepath.Join("testdata", name), b, model.LoadOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				c := m.Config()
				// Two sequences, of five and of nine tokens.
				run := func(wanted []int32, watched bool) (logits, kvs []float32) {
					kv, err := m.NewKVCache(6, 4)
					if err != nil {
						t.Fatal(err)
					}
					tables := [][]int32{{4, 1}, {0, 5, 2}}
					batch := model.Batch{LogitRows: wanted, Logits: make([]float32, len(wanted)*c.Vocab)}
					for i, n := range []int{5, 9} {
						batch.Sequences = append(batch.Sequences, backend.Sequence{Start: len(batch.Tokens), Count: n, Blocks: tables[i]})
						for p := range n {
							batch.Tokens = append(batch.Tokens, int32(31*i+17*p)%int32(c.Vocab))
							batch.Positions = append(batch.Positions, int32(p))
							batch.Slots = append(batch.Slots, tables[i][p/4]*4+int32(p%4))
						}
					}
					if watched {
						batch.Taps = []model.Tap{{Point: model.AttnOut, Layer: c.Layers - 1, Count: 1, Dst: make([]float32, c.Cols(model.AttnOut))}}
					}
					if err := m.Forward(kv, &batch); err != nil {
						t.Fatal(err)
					}
					for layer := range c.Layers {
						for head := range c.KVHeads {
							k, v := make([]float32, 24*c.HeadDim), make([]float32, 24*c.HeadDim)
							b.ReadKV(k, v, kv, layer, head, 0)
							kvs = append(append(kvs, k...), v...)
						}
					}
					if err := b.Sync(); err != nil {
						t.Fatal(err)
					}
					return batch.Logits, kvs
				}
				var all []int32
				for row := range int32(14) {
					all = append(all, row)
				}
				for _, wanted := range [][]int32{nil, {13}, {4, 13}, {12, 0, 7}, all[1:]} {
					got, kvs := run(wanted, false)
					want, wantKVs := run(wanted, true)
					if !slices.Equal(got, want) {
						t.Errorf("the logits of rows %v differ from those of a batch that is watched", wanted)
					}
					if !slices.Equal(kvs, wantKVs) {
						t.Errorf("with the logits of rows %v, keys and values differ from those of a batch that is watched", wanted)
					}
					every, _ := run(all, false)
					for i, row := range wanted {
						if !slices.Equal(got[i*c.Vocab:(i+1)*c.Vocab], every[int(row)*c.Vocab:(int(row)+1)*c.Vocab]) {
							t.Errorf("the logits of row %d of %v differ from those that it has among all", row, wanted)
						}
					}
				}
			})
		}
	}
}

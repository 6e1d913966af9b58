package host_test

import (
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
)

// A copied block reads as the one that it was copied from, in every layer and
// head, and no other block changes.
func TestCopyKV(t *testing.T) {
	c := backend.KVConfig{Layers: 3, Blocks: 5, BlockSize: 4, KVHeads: 2, HeadDim: 4}
	width, slots := c.KVHeads*c.HeadDim, c.Blocks*c.BlockSize
	for _, b := range []backend.Backend{ref.New(), cpu.New(2)} {
		t.Run(b.Name(), func(t *testing.T) {
			defer b.Close()
			kv, err := b.NewKVCache(c)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := b.NewTensor(slots, width)
			if err != nil {
				t.Fatal(err)
			}
			all := make([]int32, slots)
			for i := range all {
				all[i] = int32(i)
			}
			// Every number of the cache is another one.
			next := float32(1)
			fill := func() backend.Tensor {
				values := make([]float32, slots*width)
				for i := range values {
					values[i], next = next, next+1
				}
				b.Write(rows, 0, values)
				return rows
			}
			values, err := b.NewTensor(slots, width)
			if err != nil {
				t.Fatal(err)
			}
			for l := range c.Layers {
				b.Gather(values, fill(), all)
				b.StoreKV(kv, l, fill(), values, all)
			}
			type place struct{ layer, head, block int }
			read := func() map[place][]float32 {
				out := map[place][]float32{}
				for l := range c.Layers {
					for h := range c.KVHeads {
						for block := range c.Blocks {
							k, v := make([]float32, c.BlockSize*c.HeadDim), make([]float32, c.BlockSize*c.HeadDim)
							b.ReadKV(k, v, kv, l, h, block*c.BlockSize)
							out[place{l, h, block}] = slices.Concat(k, v)
						}
					}
				}
				if err := b.Sync(); err != nil {
					t.Fatal(err)
				}
				return out
			}
			before := read()
			const dst, src = 1, 3
			b.CopyKV(kv, dst, src)
			for at, got := range read() {
				from := at
				if at.block == dst {
					from.block = src
				}
				if !slices.Equal(got, before[from]) {
					t.Errorf("layer %d, head %d, block %d holds %v, want %v", at.layer, at.head, at.block, got, before[from])
				}
			}
		})
	}
}

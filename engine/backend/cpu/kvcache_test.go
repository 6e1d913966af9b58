package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
)

var kvFormats = []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8}

// blocked is a sequence of n tokens whose keys and values lie in a cache, in blocks that
// were given out in no order.
type blocked struct {
	b     *cpu.Backend
	kv    backend.KVCache
	table []int32
	slots []int32
}

func newBlocked(t testing.TB, format kernel.KV, n, blockSize, heads, dim int, k, v []float32) *blocked {
	t.Helper()
	c := &blocked{b: cpu.With(cpu.Options{Threads: 1, Level: kernel.Best(), KV: format})}
	t.Cleanup(func() { c.b.Close() })
	blocks := (n + blockSize - 1) / blockSize
	for _, i := range rand.New(rand.NewPCG(uint64(n), uint64(blockSize))).Perm(blocks) {
		c.table = append(c.table, int32(i))
	}
	for p := range n {
		c.slots = append(c.slots, c.table[p/blockSize]*int32(blockSize)+int32(p%blockSize))
	}
	var err error
	// One block more, which nothing is stored in.
	if c.kv, err = c.b.NewKVCache(backend.KVConfig{Layers: 1, Blocks: blocks + 1, BlockSize: blockSize, KVHeads: heads, HeadDim: dim}); err != nil {
		t.Fatal(err)
	}
	c.b.StoreKV(c.kv, 0, c.tensor(t, n, heads*dim, k), c.tensor(t, n, heads*dim, v), c.slots)
	return c
}

func (c *blocked) tensor(t testing.TB, rows, cols int, values []float32) backend.Tensor {
	t.Helper()
	x, err := c.b.NewTensor(rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	if values != nil {
		c.b.Write(x, 0, values)
	}
	return x
}

// attend computes the attention of the last rows tokens, with a query's head for each
// head of keys.
func (c *blocked) attend(dst, q backend.Tensor, n, rows, heads int) {
	c.b.Attention(dst, q, c.kv, &backend.Attention{
		Heads: heads, Scale: .2, Sequences: []backend.Sequence{{Count: rows, First: n - rows, Blocks: c.table}},
	})
}

// How keys and values are divided into blocks does not matter to a result, to the bit.
func TestBlockSizesAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	const n, rows, heads = 293, 5, 2
	for _, format := range kvFormats {
		for _, dim := range []int{32, 6} {
			k, v, q := random(r, n*heads*dim), random(r, n*heads*dim), random(r, rows*heads*dim)
			var want []float32
			for _, size := range []int{16, 1, 3, 4, 8, 12, 24, 40, 64} {
				c := newBlocked(t, format, n, size, heads, dim, k, v)
				dst := c.tensor(t, rows, heads*dim, nil)
				c.attend(dst, c.tensor(t, rows, heads*dim, q), n, rows, heads)
				got := make([]float32, rows*heads*dim)
				c.b.Read(got, dst, 0)
				if want == nil {
					want = got
				} else if !slices.Equal(got, want) {
					t.Errorf("%v, heads of %d: blocks of %d give another result than blocks of 16", format, dim, size)
				}
			}
		}
	}
}

// A copied block holds what the other does, to the bit, and what lies around it stays.
func TestCopyKVOfAnyBlockSize(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	const heads = 2
	for _, format := range kvFormats {
		for _, dim := range []int{32, 6} {
			for _, size := range []int{1, 3, 4, 8, 16, 20, 24, 32} {
				n := 5 * size
				c := newBlocked(t, format, n, size, heads, dim, random(r, n*heads*dim), random(r, n*heads*dim))
				read := func(block int) []float32 {
					var all []float32
					for head := range heads {
						k, v := make([]float32, size*dim), make([]float32, size*dim)
						c.b.ReadKV(k, v, c.kv, 0, head, block*size)
						all = append(append(all, k...), v...)
					}
					return all
				}
				var before [][]float32
				for block := range 6 {
					before = append(before, read(block))
				}
				for i, copied := range [][2]int{{5, 1}, {0, 3}} { // the first to where nothing was
					dst, src := copied[0], copied[1]
					c.b.CopyKV(c.kv, dst, src)
					before[dst] = before[src]
					for block, want := range before {
						if !slices.Equal(read(block), want) {
							t.Fatalf("%v, heads of %d, blocks of %d: after copy %d, of block %d to %d, block %d is another", format, dim, size, i, src, dst, block)
						}
					}
				}
			}
		}
	}
}

// BenchmarkBlockSize is the attention of one token after 1,000, and of the last 128 of as
// many, for blocks that are whole groups of sixteen slots and others.
func BenchmarkBlockSize(b *testing.B) {
	r := rand.New(rand.NewPCG(25, 26))
	const n, heads, dim = 1000, 3, 64
	k, v := random(r, n*heads*dim), random(r, n*heads*dim)
	for _, rows := range []int{1, 128} {
		q := random(r, rows*heads*dim)
		for _, size := range []int{16, 1, 4, 8, 24} {
			b.Run(fmt.Sprintf("%d/%d", rows, size), func(b *testing.B) {
				c := newBlocked(b, kernel.KVF16, n, size, heads, dim, k, v)
				dst, query := c.tensor(b, rows, heads*dim, nil), c.tensor(b, rows, heads*dim, q)
				for b.Loop() {
					c.attend(dst, query, n, rows, heads)
				}
			})
		}
	}
}

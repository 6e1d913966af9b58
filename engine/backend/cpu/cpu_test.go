package cpu_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/quant"
)

// The largest normalised mean squared error against ref that an operation may
// have.
const maxNMSE = 1e-7

func nmse(got, want []float32) float64 {
	var num, den float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		num += d * d
		den += float64(want[i]) * float64(want[i])
	}
	if den == 0 {
		return num
	}
	return num / den
}

func bytesOf(values []float32) []byte {
	out := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
	}
	return out
}

// random returns n numbers; now and then some of them are extreme.
func random(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	switch r.IntN(6) {
	case 0:
		out[r.IntN(n)] = 1e4 // one outlier
	case 1:
		for i := range out {
			out[i] *= 1e-30
		}
	case 2:
		for i := range out {
			out[i] = out[0]
		}
	}
	return out
}

// bench runs the same operations on both backends.
type bench struct {
	t    *testing.T
	both [2]backend.Backend // ref, cpu
}

func newBench(t *testing.T, threads int, level kernel.Level) *bench {
	b := &bench{t, [2]backend.Backend{ref.New(), cpu.With(cpu.Options{Threads: threads, Level: level})}}
	t.Cleanup(func() {
		if err := b.both[1].Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) tensor(i, rows, cols int, values []float32) backend.Tensor {
	t, err := b.both[i].NewTensor(rows, cols)
	if err != nil {
		b.t.Fatal(err)
	}
	if values != nil {
		b.both[i].Write(t, 0, values)
	}
	return t
}

func (b *bench) weight(i, rows, cols int, values []float32) backend.Weight {
	w, err := b.both[i].NewWeight("w", quant.F32, rows, cols, bytesOf(values))
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// compare runs op on both and compares the rows × cols numbers of its result.
func (b *bench) compare(what string, rows, cols int, op func(i int, be backend.Backend) backend.Tensor) {
	b.t.Helper()
	var out [2][]float32
	for i, be := range b.both {
		t := op(i, be)
		out[i] = make([]float32, rows*cols)
		be.Read(out[i], t, 0)
		if err := be.Sync(); err != nil {
			b.t.Fatal(err)
		}
	}
	if e := nmse(out[1], out[0]); !(e <= maxNMSE) {
		b.t.Errorf("%s: normalised mean squared error %.2g, want at most %.0g", what, e, maxNMSE)
	}
}

func TestOperationsAgreeWithRef(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, level := range kernel.Levels() {
		threads := 1 + int(level)
		b := newBench(t, threads, level)
		for range 40 {
			n, in, out := 1+r.IntN(9), 1+r.IntN(200), 1+r.IntN(300)
			x, w, bias, up := random(r, n*in), random(r, out*in), random(r, out), random(r, n*in)
			norm := random(r, in)
			shape := fmt.Sprintf("%v, %d threads, %d × %d × %d", level, threads, n, in, out)

			b.compare("MatMul "+shape, n, out, func(i int, be backend.Backend) backend.Tensor {
				d := b.tensor(i, n, out, nil)
				be.MatMul(b.tensor(i, n, in, x), n, backend.Product{Dst: d, W: b.weight(i, out, in, w)})
				return d
			})
			b.compare("MatMul with bias "+shape, n, out, func(i int, be backend.Backend) backend.Tensor {
				d := b.tensor(i, n, out, nil)
				be.MatMul(b.tensor(i, n, in, x), n, backend.Product{Dst: d, W: b.weight(i, out, in, w), Bias: b.weight(i, 1, out, bias)})
				return d
			})
			b.compare("RMSNorm "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
				d := b.tensor(i, n, in, nil)
				be.RMSNorm(d, b.tensor(i, n, in, x), b.weight(i, 1, in, norm), 1e-5, n)
				return d
			})
			for _, a := range []backend.Activation{backend.SiLU, backend.GELUTanh} {
				b.compare("GLU "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
					d := b.tensor(i, n, in, x)
					be.GLU(d, d, b.tensor(i, n, in, up), n, a)
					return d
				})
			}
			b.compare("Scale "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
				d := b.tensor(i, n, in, x)
				be.Scale(d, 25.3, n)
				return d
			})
			b.compare("Add "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
				d := b.tensor(i, n, in, x)
				be.Add(d, b.tensor(i, n, in, up), n)
				return d
			})
			b.compare("Gather "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
				d, rows := b.tensor(i, n, in, nil), make([]int32, n)
				for j := range rows {
					rows[j] = int32(n - 1 - j)
				}
				be.Gather(d, b.tensor(i, n, in, x), rows)
				return d
			})
			b.compare("Embed "+shape, n, in, func(i int, be backend.Backend) backend.Tensor {
				d, ids := b.tensor(i, n, in, nil), make([]int32, n)
				for j := range ids {
					ids[j] = int32(j * 7 % out)
				}
				be.Embed(d, b.weight(i, out, in, w), ids)
				return d
			})
		}
	}
}

func TestRoPEAgreesWithRef(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, level := range kernel.Levels() {
		testRoPE(r, newBench(t, 2, level))
	}
}

func testRoPE(r *rand.Rand, b *bench) {
	for range 40 {
		n, heads, pairs := 1+r.IntN(5), 1+r.IntN(4), 1+r.IntN(32)
		x := random(r, n*heads*2*pairs)
		positions := make([]int32, n)
		for i := range positions {
			positions[i] = r.Int32N(8192)
		}
		for _, style := range []backend.RoPEStyle{backend.Interleaved, backend.Halves} {
			rope := backend.RoPE{Style: style, Scale: 1}
			for i := range pairs {
				rope.InvFreq = append(rope.InvFreq, math.Pow(10000, -float64(i)/float64(pairs)))
			}
			b.compare("RoPE", n, heads*2*pairs, func(i int, be backend.Backend) backend.Tensor {
				in := b.tensor(i, n, heads*2*pairs, x)
				be.RoPE(in, in, 2*pairs, positions, &rope)
				return in
			})
		}
		norm := random(r, 2*pairs)
		b.compare("RMSNormHeads", n, heads*2*pairs, func(i int, be backend.Backend) backend.Tensor {
			in := b.tensor(i, n, heads*2*pairs, x)
			be.RMSNormHeads(in, 2*pairs, b.weight(i, 1, 2*pairs, norm), 1e-6, n)
			return in
		})
	}
}

// attentionCase is a batch of sequences with their keys and values in a
// shuffled block table.
type attentionCase struct {
	config    backend.KVConfig
	attention backend.Attention
	rows      int
	q         []float32
	k, v      [][]float32 // a sequence: (First+Count) × width
}

func randomAttention(r *rand.Rand) attentionCase {
	c := attentionCase{config: backend.KVConfig{Layers: 2, Blocks: 64, BlockSize: 1 + r.IntN(17), KVHeads: 1 + r.IntN(3), HeadDim: 2 * (1 + r.IntN(16))}}
	group := 1 + r.IntN(4)
	c.attention = backend.Attention{Layer: 1, Heads: c.config.KVHeads * group, Scale: float32(1 / math.Sqrt(float64(c.config.HeadDim)))}
	if r.IntN(2) == 0 {
		c.attention.Window = 1 + r.IntN(40)
	}
	table := r.Perm(c.config.Blocks)
	for range 1 + r.IntN(4) {
		count := 1 + r.IntN(6)
		room := 16 * c.config.BlockSize
		first := r.IntN(max(room-count, 1))
		if count > room {
			count, first = room, 0
		}
		s := backend.Sequence{Start: c.rows, Count: count, First: first}
		for range (first + count + c.config.BlockSize - 1) / c.config.BlockSize {
			s.Blocks = append(s.Blocks, int32(table[0]))
			table = table[1:]
		}
		width := c.config.KVHeads * c.config.HeadDim
		c.k = append(c.k, random(r, (first+count)*width))
		c.v = append(c.v, random(r, (first+count)*width))
		c.attention.Sequences = append(c.attention.Sequences, s)
		c.rows += count
	}
	c.q = random(r, c.rows*c.attention.Heads*c.config.HeadDim)
	return c
}

// run stores the keys and values and computes the attention of the sequences
// in only (all, if it is nil), with a tap on every row.
func (c *attentionCase) run(t *testing.T, be backend.Backend, only []int) (out []float32, probs [][]float32) {
	t.Helper()
	kv, err := be.NewKVCache(c.config)
	if err != nil {
		t.Fatal(err)
	}
	width := c.config.KVHeads * c.config.HeadDim
	a := c.attention
	a.Sequences, a.Probs = nil, nil
	heads := a.Heads * c.config.HeadDim
	var q []float32
	for i, s := range c.attention.Sequences {
		if only != nil && !slices.Contains(only, i) {
			continue
		}
		n := s.First + s.Count
		k, _ := be.NewTensor(n, width)
		v, _ := be.NewTensor(n, width)
		be.Write(k, 0, c.k[i])
		be.Write(v, 0, c.v[i])
		slots := make([]int32, n)
		for p := range slots {
			slots[p] = s.Blocks[p/c.config.BlockSize]*int32(c.config.BlockSize) + int32(p%c.config.BlockSize)
		}
		be.StoreKV(kv, a.Layer, k, v, slots)
		q = append(q, c.q[s.Start*heads:(s.Start+s.Count)*heads]...)
		row := len(q)/heads - s.Count
		for r := range s.Count {
			probs = append(probs, make([]float32, a.Heads*(s.First+r+1)))
			a.Probs = append(a.Probs, backend.ProbTap{Row: row + r, Dst: probs[len(probs)-1]})
		}
		a.Sequences = append(a.Sequences, backend.Sequence{Start: row, Count: s.Count, First: s.First, Blocks: s.Blocks})
	}
	rows := len(q) / heads
	qt, _ := be.NewTensor(rows, heads)
	dt, _ := be.NewTensor(rows, heads)
	be.Write(qt, 0, q)
	be.Attention(dt, qt, kv, &a)
	out = make([]float32, rows*heads)
	be.Read(out, dt, 0)
	if err := be.Sync(); err != nil {
		t.Fatal(err)
	}
	return out, probs
}

func TestAttentionAgreesWithRef(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	type choice struct {
		level kernel.Level
		kv    kernel.KV
		most  float64
	}
	var choices []choice
	for _, level := range kernel.Levels() {
		choices = append(choices, choice{level, kernel.KVF32, maxNMSE}, choice{level, kernel.KVF16, 1e-4}, choice{level, kernel.KVI8, 1e-1})
	}
	for range 60 {
		c := randomAttention(r)
		want, wantProbs := c.run(t, ref.New(), nil)
		for _, choice := range choices {
			if choice.kv == kernel.KVF16 && c.tiny() {
				continue // float16 has no such small numbers
			}
			b := cpu.With(cpu.Options{Threads: 2, Level: choice.level, KV: choice.kv})
			got, gotProbs := c.run(t, b, nil)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			c.compare(t, got, want, gotProbs, wantProbs, choice.most)
		}
	}
}

// tiny says whether a sequence's keys or values are all near zero.
func (c *attentionCase) tiny() bool {
	for _, list := range slices.Concat(c.k, c.v) {
		if max(slices.Max(list), -slices.Min(list)) < 1e-3 {
			return true
		}
	}
	return false
}

func (c *attentionCase) compare(t *testing.T, got, want []float32, gotProbs, wantProbs [][]float32, most float64) {
	t.Helper()
	if e := nmse(got, want); !(e <= most) {
		t.Fatalf("attention of %+v: normalised mean squared error %.2g", c.attention, e)
	}
	for i := range wantProbs {
		if e := nmse(gotProbs[i], wantProbs[i]); !(e <= most) {
			t.Fatalf("weights of row %d: normalised mean squared error %.2g", i, e)
		}
		keys := len(wantProbs[i]) / c.attention.Heads
		for h := range c.attention.Heads {
			var sum float64
			for _, p := range gotProbs[i][h*keys : (h+1)*keys] {
				sum += float64(p)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Fatalf("weights of row %d, head %d add up to %v", i, h, sum)
			}
		}
	}
}

// A row's result is the same to the bit whatever else is in the batch and
// whatever the number of threads.
func TestBatchInvariance(t *testing.T) {
	for _, level := range kernel.Levels() {
		for _, kv := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
			one := cpu.With(cpu.Options{Threads: 1, Level: level, KV: kv})
			three := cpu.With(cpu.Options{Threads: 3, Level: level, KV: kv})
			testBatchInvariance(t, one, three)
			if err := errors.Join(one.Close(), three.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func testBatchInvariance(t *testing.T, one, three *cpu.Backend) {
	r := rand.New(rand.NewPCG(7, 8))
	for range rounds(20) {
		c := randomAttention(r)
		all, _ := c.run(t, three, nil)
		heads := c.attention.Heads * c.config.HeadDim
		for i, s := range c.attention.Sequences {
			alone, _ := c.run(t, one, []int{i})
			if !slices.Equal(alone, all[s.Start*heads:(s.Start+s.Count)*heads]) {
				t.Fatalf("attention of sequence %d differs alone and in the batch", i)
			}
		}
	}
	const in, out, rows = 576, 1001, 7
	x, w := random(r, rows*in), random(r, out*in)
	product := func(b *cpu.Backend, x []float32) []float32 {
		n := len(x) / in
		xt, _ := b.NewTensor(n, in)
		dt, _ := b.NewTensor(n, out)
		wt, err := b.NewWeight("w", quant.F32, out, in, bytesOf(w))
		if err != nil {
			t.Fatal(err)
		}
		b.Write(xt, 0, x)
		b.MatMul(xt, n, backend.Product{Dst: dt, W: wt})
		got := make([]float32, n*out)
		b.Read(got, dt, 0)
		return got
	}
	all := product(three, x)
	for i := range rows {
		if !slices.Equal(product(one, x[i*in:(i+1)*in]), all[i*out:(i+1)*out]) {
			t.Fatalf("row %d of the product differs alone and in the batch", i)
		}
	}
}

// biased is x·wᵀ + bias for n rows of x; data is w in that format.
func biased(t *testing.T, b *cpu.Backend, format quant.Type, n int, x []float32, data []byte, bias []float32) []float32 {
	t.Helper()
	in, out := len(x)/n, len(bias)
	xt, _ := b.NewTensor(n, in)
	dt, _ := b.NewTensor(n, out)
	wt, err := b.NewWeight("w", format, out, in, data)
	if err != nil {
		t.Fatal(err)
	}
	bt, err := b.NewWeight("b", quant.F32, 1, out, bytesOf(bias))
	if err != nil {
		t.Fatal(err)
	}
	b.Write(xt, 0, x)
	b.MatMul(xt, n, backend.Product{Dst: dt, W: wt, Bias: bt})
	got := make([]float32, n*out)
	b.Read(got, dt, 0)
	return got
}

// Many rows, which are divided among the workers, have the products that each has
// alone, with a bias and with a row that is no number among them.
func TestManyRowsAreThatOfEach(t *testing.T) {
	const in, out, rows = 512, 77, 2*128 + 5
	r := rand.New(rand.NewPCG(9, 10))
	x, w, bias := random(r, rows*in), random(r, out*in), random(r, out)
	x[200*in+3] = float32(math.NaN())
	for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0, quant.F16} {
		rowBytes, err := format.RowBytes(in)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, out*rowBytes)
		if err := quant.Quantize(data, format, w); err != nil {
			t.Fatal(err)
		}
		product := func(b *cpu.Backend, x []float32) []float32 {
			return biased(t, b, format, len(x)/in, x, data, bias)
		}
		for _, level := range kernel.Levels() {
			b := cpu.With(cpu.Options{Threads: 2, Level: level})
			all := product(b, x)
			for _, i := range []int{0, 15, 16, 127, 128, 143, 144, 200, 255, 256, rows - 1} {
				alone, got := product(b, x[i*in:(i+1)*in]), all[i*out:(i+1)*out]
				for o := range alone {
					if alone[o] != got[o] && !(i == 200 && alone[o] != alone[o] && got[o] != got[o]) {
						t.Fatalf("%v, %v: output %d of row %d is %v alone and %v among others", format, level, o, i, alone[o], got[o])
					}
				}
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Numbers that are not numbers stay visible: they are not turned into zeros.
func TestNaNPropagates(t *testing.T) {
	b := cpu.New(2)
	defer b.Close()
	nan := float32(math.NaN())
	x, _ := b.NewTensor(1, 4)
	d, _ := b.NewTensor(1, 4)
	b.Write(x, 0, []float32{1, nan, 2, 3})
	w, err := b.NewWeight("w", quant.F32, 1, 4, bytesOf([]float32{1, 1, 1, 1}))
	if err != nil {
		t.Fatal(err)
	}
	b.RMSNorm(d, x, w, 1e-5, 1)
	got := make([]float32, 4)
	b.Read(got, d, 0)
	for i, v := range got {
		if !math.IsNaN(float64(v)) {
			t.Errorf("RMSNorm of a row with a NaN: element %d is %v", i, v)
		}
	}
}

func TestReadKV(t *testing.T) {
	b := cpu.New(1)
	defer b.Close()
	kv, err := b.NewKVCache(backend.KVConfig{Layers: 1, Blocks: 2, BlockSize: 2, KVHeads: 2, HeadDim: 2})
	if err != nil {
		t.Fatal(err)
	}
	k, _ := b.NewTensor(2, 4)
	v, _ := b.NewTensor(2, 4)
	b.Write(k, 0, []float32{1, 2, 3, 4, 5, 6, 7, 8})
	b.Write(v, 0, []float32{10, 20, 30, 40, 50, 60, 70, 80})
	b.StoreKV(kv, 0, k, v, []int32{2, 3})
	gotK, gotV := make([]float32, 4), make([]float32, 4)
	b.ReadKV(gotK, gotV, kv, 0, 1, 2)
	if want := []float32{3, 4, 7, 8}; !slices.Equal(gotK, want) {
		t.Errorf("keys %v, want %v", gotK, want)
	}
	if want := []float32{30, 40, 70, 80}; !slices.Equal(gotV, want) {
		t.Errorf("values %v, want %v", gotV, want)
	}
}

func TestBadWeights(t *testing.T) {
	b := cpu.New(1)
	defer b.Close()
	if _, err := b.NewWeight("w", quant.F32, 2, 3, make([]byte, 23)); err == nil {
		t.Error("a weight with a byte too few was taken")
	}
	if _, err := b.NewWeight("w", quant.Q4_1, 1, 33, make([]byte, 40)); err == nil {
		t.Error("a row that is no multiple of the block was taken")
	}
	if _, err := b.NewKVCache(backend.KVConfig{Layers: 1, Blocks: 0, BlockSize: 1, KVHeads: 1, HeadDim: 1}); err == nil {
		t.Error("a KV cache without blocks was made")
	}
}

// A sequence whose numbers are none leaves its neighbours' as they are, also
// where its keys and values lay in the block that a neighbour has now.
func TestNaNStaysInItsSequence(t *testing.T) {
	nan := float32(math.NaN())
	for _, level := range kernel.Levels() {
		for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
			b := cpu.With(cpu.Options{Threads: 2, Level: level, KV: format})
			const dim, size = 16, 16
			kv, err := b.NewKVCache(backend.KVConfig{Layers: 1, Blocks: 2, BlockSize: size, KVHeads: 1, HeadDim: dim})
			if err != nil {
				t.Fatal(err)
			}
			tensor := func(rows int, value float32) backend.Tensor {
				x, err := b.NewTensor(rows, dim)
				if err != nil {
					t.Fatal(err)
				}
				values := make([]float32, rows*dim)
				for i := range values {
					values[i] = value
				}
				b.Write(x, 0, values)
				return x
			}
			all := make([]int32, 2*size)
			for i := range all {
				all[i] = int32(i)
			}
			bad := tensor(2*size, nan)
			b.StoreKV(kv, 0, bad, bad, all) // an earlier sequence had both blocks
			good := tensor(3, 0.5)
			b.StoreKV(kv, 0, good, good, all[:3])
			q, dst := tensor(2, 1), tensor(2, 0)
			b.Attention(dst, q, kv, &backend.Attention{Heads: 1, Scale: 1, Sequences: []backend.Sequence{
				{Start: 0, Count: 1, First: 2, Blocks: []int32{0}},
				{Start: 1, Count: 1, First: 5, Blocks: []int32{1}},
			}})
			got := make([]float32, 2*dim)
			b.Read(got, dst, 0)
			for e, v := range got[:dim] {
				if math.Abs(float64(v)-0.5) > 0.01 {
					t.Fatalf("%v, %v: element %d of the good sequence is %v, want 0.5", level, format, e, v)
				}
			}
			if v := got[dim]; v == v {
				t.Errorf("%v, %v: the bad sequence's NaN became %v", level, format, v)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A row of a long sequence has the same result to the bit alone, in a chunk, and
// with the spans of its keys computed apart; and a later row's values, whatever
// they are, do not reach an earlier one.
func TestLongAttentionDoesNotDependOnChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, level := range kernel.Levels() {
		if level == kernel.Go && testing.Short() {
			continue
		}
		for _, window := range []int{0, 700} {
			for _, blockSize := range []int{16, 6} {
				const first, count, heads, dim = 1493, 13, 3, 32
				n := first + count
				config := backend.KVConfig{Layers: 1, Blocks: (n + blockSize - 1) / blockSize, BlockSize: blockSize, KVHeads: 1, HeadDim: dim}
				table := make([]int32, config.Blocks)
				slots := make([]int32, n)
				for i := range table {
					table[i] = int32(len(table) - 1 - i)
				}
				for p := range slots {
					slots[p] = table[p/blockSize]*int32(blockSize) + int32(p%blockSize)
				}
				k, v, q := random(r, n*dim), random(r, n*dim), random(r, count*heads*dim)
				for e := range dim {
					v[(n-1)*dim+e] = 1e6 // more than float16 holds
				}
				run := func(threads, from, rows int) []float32 {
					b := cpu.With(cpu.Options{Threads: threads, Level: level, KV: kernel.KVF16})
					defer b.Close()
					kv, err := b.NewKVCache(config)
					if err != nil {
						t.Fatal(err)
					}
					tensor := func(rows, cols int, values []float32) backend.Tensor {
						x, err := b.NewTensor(rows, cols)
						if err != nil {
							t.Fatal(err)
						}
						b.Write(x, 0, values)
						return x
					}
					b.StoreKV(kv, 0, tensor(n, dim, k), tensor(n, dim, v), slots)
					dst, err := b.NewTensor(rows, heads*dim)
					if err != nil {
						t.Fatal(err)
					}
					b.Attention(dst, tensor(rows, heads*dim, q[from*heads*dim:(from+rows)*heads*dim]), kv, &backend.Attention{
						Heads: heads, Scale: 0.2, Window: window,
						Sequences: []backend.Sequence{{Count: rows, First: first + from, Blocks: table}},
					})
					out := make([]float32, rows*heads*dim)
					b.Read(out, dst, 0)
					return out
				}
				together := run(1, 0, count)
				for i := range count {
					alone := run(1+i%3, i, 1)
					for e, want := range alone {
						got := together[i*heads*dim+e]
						if got != want && !(got != got && want != want) {
							t.Fatalf("%v, window %d, blocks of %d: element %d of row %d is %v alone and %v in a chunk", level, window, blockSize, e, i, want, got)
						}
						if i < count-1 && got-got != 0 {
							t.Fatalf("%v, window %d, blocks of %d: row %d is %v: a later value reached it", level, window, blockSize, i, got)
						}
					}
				}
			}
		}
	}
}

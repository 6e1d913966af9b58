package bench

import (
	"context"
	"fmt"
	"testing"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
	"vitrine/engine/sampler"
	"vitrine/server/machine"
)

// limits are what one thread of this machine can do at most.
type limits struct {
	peak      machine.Peak
	bandwidth machine.Bandwidth
	// memory is what matrices, keys and values for one token lie in: more than any cache holds.
	memory []byte
}

// slowBuffer is memory enough for plain Go, which computes more slowly than any memory is read.
const slowBuffer = 64 << 20

// limitsAt are the limits of a level: with AMX, bytes are multiplied in its tiles. In plain
// Go there is no peak.
func limitsAt(b *testing.B, level kernel.Level, bandwidth machine.Bandwidth, memory []byte) *limits {
	b.Helper()
	peak, ok, err := machine.MeasurePeak(1, level)
	if err != nil {
		b.Fatal(err)
	}
	if peak.AMXInt8 > 0 {
		peak.Int8, peak.Int8With = peak.AMXInt8, machine.AMXInt8With
	}
	if ok {
		b.Logf("one thread: %.0f GMAC/s of int8 with %s, %.0f of float32 with %s, %.1f GB/s", peak.Int8/1e9, peak.Int8With, peak.Float32/1e9, peak.Float32With, bandwidth.GB())
	}
	if level == kernel.Go {
		memory = memory[:min(len(memory), slowBuffer)]
	}
	return &limits{peak, bandwidth, memory}
}

// told reports multiply–adds and bytes an operation, and their shares of the limits.
func (l *limits) told(b *testing.B, multiplyAdds, bytes int, integers bool) {
	b.Helper()
	each := b.Elapsed().Seconds() / float64(b.N)
	if multiplyAdds > 0 {
		peak, unit := l.peak.Float32, "%float32-peak"
		if integers {
			peak, unit = l.peak.Int8, "%int8-peak"
		}
		rate := float64(multiplyAdds) / each
		b.ReportMetric(rate/1e9, "GMAC/s")
		if peak > 0 {
			b.ReportMetric(100*rate/peak, unit)
		}
	}
	rate := float64(bytes) / each
	b.ReportMetric(rate/1e9, "GB/s")
	b.ReportMetric(100*rate/l.bandwidth.BytesPerSecond, "%memory")
}

// filled is memory that is there, with numbers that are small but not denormal.
func filled(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = 0x11
	}
	return out
}

// BenchmarkLimits says how far each kernel is from what one thread of this
// machine can do: the multiply–adds of bytes or of float32 that it reaches when
// nothing is loaded, and the rate at which it reads memory. What one token reads of
// matrices, keys and values is as long as the buffer that the rate is measured with:
// no cache holds it. Kernels that work within the caches read more than memory gives. LIMITS.md
// has what came out on one machine. Activations have 16 bits, so half of
// the peak of bytes is the most that a product can reach, without AMX. The peak of the
// level AMX is that of its tiles of bytes: those of bfloat16, which are as exact as
// vectors, reach half of it and need two products; in fixed point three take the place
// of one, and attention multiplies three pairs of bfloat16.
func BenchmarkLimits(b *testing.B) {
	buffer := machine.Describe().MemoryBuffer()
	bandwidth, err := machine.ReadBandwidth(context.Background(), 1, buffer)
	if err != nil {
		b.Fatal(err)
	}
	memory := filled(buffer)
	for _, level := range kernel.Levels() {
		b.Run(level.String(), func(b *testing.B) {
			s, l := kernel.For(level), limitsAt(b, level, bandwidth, memory)
			for _, t := range []quant.Type{quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
				l.products(b, s, t)
			}
			for _, n := range []int{3, 12} {
				l.attention(b, s, n)
			}
			for _, t := range []quant.Type{quant.F32, quant.F16, quant.BF16} {
				l.floatProducts(b, s, t)
			}
			l.fixedProducts(b, s)
			l.tiles(b, s)
			l.vectors(b, s)
		})
	}
	for _, vocab := range []int{49152, 262144} {
		limitsAt(b, kernel.Best(), bandwidth, memory).sampler(b, vocab)
	}
}

// products multiplies one row with a matrix that no cache holds, and 16 and 512
// rows with one that stays in the second-level cache.
func (l *limits) products(b *testing.B, s *kernel.Set, t quant.Type) {
	layout, ok := kernel.LayoutOf(t)
	if !ok {
		b.Fatalf("%v has no layout", t)
	}
	const cols = 768
	var x kernel.Rows
	var panel kernel.Panel
	row := make([]float32, cols)
	for i := range row {
		row[i] = float32(i%17) - 8
	}
	for _, n := range []int{1, 16, 512} {
		b.Run(fmt.Sprintf("%v/%d", t, n), func(b *testing.B) {
			rows := 768
			if n == 1 {
				rows = len(l.memory) / layout.TileBytes(cols) * kernel.Lanes
			}
			w, err := kernel.NewPacked(layout, rows, cols, l.memory[:layout.PackedBytes(rows, cols)])
			if err != nil {
				b.Fatal(err)
			}
			s.Reserve(&x, n, cols, w)
			for i := range n {
				s.Quantize(&x, i, row)
			}
			out := make([]float32, n*rows)
			for b.Loop() {
				if n == 1 {
					s.MatVec(out, w, &x, 0, 0, w.Tiles())
					continue
				}
				for i := range w.Panels() {
					s.MatMul(out[i*kernel.PanelRows:], rows, &panel, w, i, i+1, &x, n)
				}
			}
			l.told(b, n*rows*cols, layout.PackedBytes(rows, cols), true)
		})
	}
}

// attention computes scores and weighted values of n queries of one head.
func (l *limits) attention(b *testing.B, s *kernel.Set, n int) {
	const dim, inChunk, groupsInChunk = 64, 128, 8 // chunks as the backend takes them
	for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
		b.Run(fmt.Sprintf("attention-%v/%d", format, n), func(b *testing.B) {
			key, value := format.KeyGroupBytes(dim), format.ValueGroupBytes(dim)
			groups := len(l.memory) / (key + value) / groupsInChunk * groupsInChunk
			k, v := l.memory[:groups*key], l.memory[groups*key:][:groups*value]
			table := make([]int32, groups)
			for i := range table {
				table[i] = int32(i)
			}
			var room kernel.Widened
			q, scores, out := make([]float32, n*dim), make([]float32, n*inChunk), make([]float32, n*dim)
			for b.Loop() {
				for at := 0; at < groups; at += groupsInChunk {
					keys := kernel.Groups{Format: format, Memory: k, Bytes: key, Table: table[at : at+groupsInChunk]}
					values := kernel.Groups{Format: format, Memory: v, Bytes: value, Table: table[at : at+groupsInChunk]}
					s.Scores(scores, inChunk, q, dim, s.Widen(&room, keys, n), dim, n, 1)
					s.Values(out, dim, scores, inChunk, s.Widen(&room, values, n), inChunk, dim, n)
				}
			}
			l.told(b, 2*n*groups*kernel.Lanes*dim, len(k)+len(v), false)
		})
	}
}

// floatProducts multiplies one row with a matrix that no cache holds, and 16 rows with one
// that stays in the second-level cache.
func (l *limits) floatProducts(b *testing.B, s *kernel.Set, t quant.Type) {
	format, ok := kernel.FloatOf(t)
	if !ok {
		b.Fatalf("%v is no format of floats", t)
	}
	const cols = 768
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("%v/%d", t, n), func(b *testing.B) {
			rows := 768
			if n == 1 {
				rows = len(l.memory) / (cols * format.Bytes()) / kernel.Lanes * kernel.Lanes
			}
			w, err := kernel.NewFloats(format, rows, cols, l.memory[:format.FloatsBytes(rows, cols)])
			if err != nil {
				b.Fatal(err)
			}
			x, width := make([]float32, n*cols), w.Tiles()*kernel.Lanes
			out := make([]float32, n*width)
			for b.Loop() {
				if n == 1 {
					s.FloatVec(out, w, x, 0, w.Tiles())
					continue
				}
				for i := range w.Tiles() {
					s.FloatMul(out[i*kernel.Lanes:], width, w, i, x, cols, n)
				}
			}
			l.told(b, n*rows*cols, format.FloatsBytes(rows, cols), false)
		})
	}
}

// fixedProducts multiplies the rows that a worker has of a prompt in fixed point, and
// gates them, where there are kernels for that.
func (l *limits) fixedProducts(b *testing.B, s *kernel.Set) {
	const rows, cols, most = 1536, 576, 256
	n := s.Bands(most, cols, 1)
	if n == 0 {
		return
	}
	var x kernel.FixedRows
	var panel kernel.Panel
	s.ReserveFixed(&x, n, cols)
	row := make([]float32, cols)
	for i := range row {
		row[i] = float32(i%17) - 8
	}
	for i := range n {
		s.Fix(&x, i, row)
	}
	out := make([]float32, n*rows)
	for _, t := range []quant.Type{quant.Q4_1, quant.Q8_0} {
		b.Run(fmt.Sprintf("fixed-%v/%d", t, n), func(b *testing.B) {
			layout, ok := kernel.LayoutOf(t)
			if !ok {
				b.Fatalf("%v has no layout", t)
			}
			w, err := kernel.NewPacked(layout, rows, cols, filled(layout.PackedBytes(rows, cols)))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s.FixedMul(out, rows, &panel, w, 0, w.Panels(), &x)
			}
			l.told(b, n*rows*cols, layout.PackedBytes(rows, cols), true)
		})
	}
	b.Run(fmt.Sprintf("gate-panel/%d", n), func(b *testing.B) {
		gate, up := make([]float32, n*kernel.PanelRows), make([]float32, n*kernel.PanelRows)
		for b.Loop() {
			s.GatePanel(out, kernel.PanelRows, gate, up, n, false)
		}
		l.told(b, 0, 3*4*n*kernel.PanelRows, false)
	})
}

// tiles computes the attention of 96 queries of one head, where there are tiles for it.
func (l *limits) tiles(b *testing.B, s *kernel.Set) {
	const dim, n, keys = 64, 96, 1 << 13
	if !s.Tiles(kernel.KVF16, dim) {
		return
	}
	b.Run(fmt.Sprintf("attention-tiles/%d", n), func(b *testing.B) {
		const groups = keys / kernel.Lanes
		bytes := kernel.KVF16.KeyGroupBytes(dim) // that of values too, for dim is whole vectors
		k, v := filled(groups*bytes), filled(groups*bytes)
		table := make([]int32, groups)
		for i := range table {
			table[i] = int32(i)
		}
		var a kernel.AttentionTiles
		q := make([]float32, n*dim)
		for b.Loop() {
			s.BeginTiles(&a, q, dim, n, 0.125)
			for at := 0; at < groups; at += kernel.TileKeys / kernel.Lanes {
				some := table[at : at+kernel.TileKeys/kernel.Lanes]
				s.TileScores(&a, kernel.Groups{Format: kernel.KVF16, Memory: k, Bytes: bytes, Table: some})
				s.TileValues(&a, kernel.Groups{Format: kernel.KVF16, Memory: v, Bytes: bytes, Table: some}, kernel.TileKeys)
			}
		}
		l.told(b, 2*n*keys*dim, len(k)+len(v), true)
	})
}

// vectors are the kernels that work on a token's own numbers, as many as SmolLM2 has of
// each: all of them stay in the first-level cache. Bytes are those that are read and
// written once.
func (l *limits) vectors(b *testing.B, s *kernel.Set) {
	const width, ffn, head, scores = 576, 1536, 64, 512
	numbers := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%17)/8 - 1
		}
		return x
	}
	x, w, dst := numbers(ffn), numbers(ffn), numbers(ffn)
	var rows kernel.Rows
	s.Reserve(&rows, 1, width)
	halves := make([]uint16, width)
	for _, c := range []struct {
		name string
		each int // numbers read and written for each of n
		n    int
		run  func()
	}{
		{"norm", 4, width, func() { s.RMSNorm(dst[:width], x[:width], w[:width], 1e-5) }}, // x twice
		{"quantize", 2, width, func() { s.Quantize(&rows, 0, x[:width]) }},
		{"rope-pairs", 4, head, func() { s.RotatePairs(dst[:head], x[:head], w[:head], w[head:2*head]) }},
		{"rope-halves", 3, head, func() { s.RotateHalves(dst[:head], x[:head], w[:head/2], w[head/2:head]) }},
		{"silu", 3, ffn, func() { s.SiLU(dst, x, w) }},
		{"gelu", 3, ffn, func() { s.GELU(dst, x, w) }},
		{"greatest", 1, scores, func() { s.Greatest(x[:scores]) }},
		// Of its own results again and again: they become 1, which takes as long.
		{"exp-sum", 2, scores, func() { s.ExpSum(dst[:scores], 1) }},
		{"add", 3, width, func() { s.Add(dst[:width], x[:width]) }},
		{"scale", 2, width, func() { s.Scale(dst[:width], -1) }},
		{"to-half", 2, width, func() { s.ToHalf(halves, x[:width]) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
			l.told(b, 0, 4*c.each*c.n, false)
		})
	}
}

// sampler draws a token; what it tells is as if the logits were read once.
func (l *limits) sampler(b *testing.B, vocab int) {
	logits := make([]float32, vocab)
	for i := range logits {
		logits[i] = float32(i%1009) / 100
	}
	for _, c := range []struct {
		name string
		set  func(p *sampler.Params)
	}{
		{"greedy", func(p *sampler.Params) { p.Temperature = 0 }},
		{"plain", func(p *sampler.Params) { p.Temperature = .8 }},
		{"top_k", func(p *sampler.Params) { p.Temperature, p.TopK = .8, 50 }},
		{"top_p", func(p *sampler.Params) { p.Temperature, p.TopP = .8, .95 }},
	} {
		b.Run(fmt.Sprintf("sampler-%s/%d", c.name, vocab), func(b *testing.B) {
			s, p := sampler.New(vocab), sampler.Defaults()
			c.set(&p)
			for pos := 0; b.Loop(); pos++ {
				if _, err := s.Sample(logits, &p, sampler.History{}, pos); err != nil {
					b.Fatal(err)
				}
			}
			l.told(b, 0, 4*vocab, false)
		})
	}
}

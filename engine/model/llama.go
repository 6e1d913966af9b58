package model

import (
	"fmt"
	"math"

	"vitrine/engine/backend"
)

// Batch is what one step of the engine computes: rows of tokens, each with its
// position and the slot of the KV cache that its key and value go to.
type Batch struct {
	Tokens    []int32
	Positions []int32
	Slots     []int32 // block·BlockSize + place in the block
	Sequences []backend.Sequence
	// LogitRows are the rows whose logits are wanted, and Logits gets them,
	// len(LogitRows) × Vocab numbers.
	LogitRows []int32
	Logits    []float32
	Taps      []Tap
	// Timing, if not nil, gets the time that each operation took.
	Timing *Timing
}

// layer holds the weights of one transformer block.
type layer struct {
	attnNorm            backend.Weight
	q, k, v, o          backend.Weight
	qBias, kBias, vBias backend.Weight // nil where the architecture has none
	qNorm, kNorm        backend.Weight // nil where the architecture has none
	attnPostNorm        backend.Weight // nil where the architecture has none
	ffnPostNorm         backend.Weight // nil where the architecture has none
	ffnNorm             backend.Weight
	gate, up, down      backend.Weight
}

// Model is a decoder of the Llama family (Touvron et al. 2023): RMS norm
// before each part, rotary positions, grouped-query attention, SwiGLU. Qwen 2
// (biases on Q, K, V), Qwen 3 (normalized Q and K) and Gemma 3 (norms after each
// part too, layers with a sliding window, GELU) are the same with something
// added. A Model belongs to one goroutine at a time.
type Model struct {
	config  Config
	backend backend.Backend
	// parallel is the backend if it divides the model among ranks, as division says.
	parallel backend.Parallel
	division division
	// rope turns queries and keys; localRope does in layers with a window.
	rope, localRope backend.RoPE
	closers         []func() error
	// What a step reads of weights, in the backend's memory and as the file stores them.
	stepBytes, stepFileBytes int64

	embedding backend.Weight // vocab × width
	layers    []layer
	norm      backend.Weight
	output    backend.Weight // vocab × width; embedding where they are tied

	// Activations of a batch; rows grow to the largest batch seen.
	room                               int
	x, normed, q, k, v, attn, gate, up backend.Tensor
	qRope, kRope                       backend.Tensor
	logitRoom                          int
	picked, logits                     backend.Tensor

	// The arguments of the operation at hand, kept so that a step allocates nothing.
	attention backend.Attention
	products  []backend.Product
	positions []int32
	sequences []backend.Sequence
}

// matMul enqueues products of x.
func (m *Model) matMul(x backend.Tensor, n int, products ...backend.Product) {
	m.products = append(m.products[:0], products...)
	m.backend.MatMul(x, n, m.products...)
}

// Config returns the hyperparameters.
func (m *Model) Config() Config { return m.config }

// Backend returns the backend that holds the weights.
func (m *Model) Backend() backend.Backend { return m.backend }

// StepBytes is the number of bytes of weights, in the layout of the backend's memory,
// that one step reads, whatever its batch: all but the embedding matrix, of which a
// step reads a row a token. Where that matrix also makes the logits it is read whole.
func (m *Model) StepBytes() int64 { return m.stepBytes }

// StepFileBytes is the same as the file stores the weights: what a program reads that
// computes with the file as it is.
func (m *Model) StepFileBytes() int64 { return m.stepFileBytes }

// NewKVCache makes a cache of the model's shape with the given blocks.
func (m *Model) NewKVCache(blocks, blockSize int) (backend.KVCache, error) {
	c := backend.KVConfig{
		Layers: m.config.Layers, Blocks: blocks, BlockSize: blockSize,
		KVHeads: m.config.KVHeads, HeadDim: m.config.HeadDim,
	}
	if m.parallel != nil {
		return m.parallel.NewDividedKV(c, m.division.kvHeads)
	}
	return m.backend.NewKVCache(c)
}

// Forward runs the batch through the model: keys and values of its tokens go
// to the cache, and the logits and taps that were asked for are filled when it
// returns. What nobody can see is left out: the last layer of rows without logits
// and taps.
func (m *Model) Forward(kv backend.KVCache, batch *Batch) error {
	n := len(batch.Tokens)
	if err := m.check(batch); err != nil {
		return err
	}
	if err := m.reserve(n, len(batch.LogitRows)); err != nil {
		return err
	}
	b, c, taps := m.backend, &m.config, taps{m.backend, batch.Taps}
	activation := backend.SiLU
	if c.GELU {
		activation = backend.GELUTanh
	}

	// Who looks at what is between two operations gets them one after the other. Who asks
	// for times gets those of what runs without being asked.
	var together backend.Gater
	if !taps.any(Gate) && !taps.any(Up) {
		together, _ = b.(backend.Gater)
	}

	watch := begin(b, batch.Timing)
	b.Embed(m.x, m.embedding, batch.Tokens)
	if c.EmbedScale != 1 {
		b.Scale(m.x, c.EmbedScale, n)
	}
	op := m.allReduce(m.x, n, watch, OpEmbed, OpEmbedAllReduce, 0)
	taps.at(Embed, 0, m.x)
	watch.done(op, 0)
	r := rows{m.x, n, batch.Positions, batch.Sequences}
	for i := range m.layers {
		l, rope := &m.layers[i], &m.rope
		if c.LayerWindow(i) > 0 {
			rope = &m.localRope
		}

		b.RMSNorm(m.normed, m.x, l.attnNorm, c.NormEps, n)
		taps.at(AttnNorm, i, m.normed)
		watch.done(OpAttnNorm, i)
		query := backend.Product{Dst: m.q, W: l.q, Bias: l.qBias}
		key, value := backend.Product{Dst: m.k, W: l.k, Bias: l.kBias}, backend.Product{Dst: m.v, W: l.v, Bias: l.vBias}
		if i == c.Layers-1 && m.wantsLogitsOnly(batch) {
			m.matMul(m.normed, n, key, value)
			if r = m.pickRows(batch); r.n > 0 {
				b.RMSNorm(m.normed, r.x, l.attnNorm, c.NormEps, r.n)
				m.matMul(m.normed, r.n, query)
			}
		} else {
			m.matMul(m.normed, n, query, key, value)
		}
		watch.done(OpQKV, i)
		if l.qNorm != nil {
			b.RMSNormHeads(m.q, c.HeadDim, l.qNorm, c.NormEps, r.n)
			b.RMSNormHeads(m.k, c.HeadDim, l.kNorm, c.NormEps, n)
			watch.done(OpQKNorm, i)
		}
		taps.at(Q, i, m.q)
		taps.at(K, i, m.k)
		taps.at(V, i, m.v)
		b.RoPE(m.qRope, m.q, c.HeadDim, r.positions, rope)
		b.RoPE(m.kRope, m.k, c.HeadDim, batch.Positions, rope)
		taps.at(QRope, i, m.qRope)
		taps.at(KRope, i, m.kRope)
		watch.done(OpRoPE, i)

		b.StoreKV(kv, i, m.kRope, m.v, batch.Slots)
		watch.done(OpStoreKV, i)
		if r.n == 0 { // a part of a prompt: its keys and values were all
			break
		}
		m.attention = backend.Attention{
			Layer: i, Heads: c.Heads, Scale: c.AttentionScale(), Window: c.LayerWindow(i),
			Sequences: r.sequences, Probs: taps.probs(i, m.attention.Probs[:0]),
		}
		b.Attention(m.attn, m.qRope, kv, &m.attention)
		taps.at(AttnOut, i, m.attn)
		watch.done(OpAttention, i)
		m.matMul(m.attn, r.n, backend.Product{Dst: m.normed, W: l.o})
		op = m.allReduce(m.normed, r.n, watch, OpOProj, OpAttnAllReduce, i)
		taps.at(OProj, i, m.normed)
		watch.done(op, i)
		if l.attnPostNorm != nil {
			b.RMSNorm(m.normed, m.normed, l.attnPostNorm, c.NormEps, r.n)
			taps.at(AttnPostNorm, i, m.normed)
			watch.done(OpAttnPostNorm, i)
		}
		b.Add(r.x, m.normed, r.n)
		taps.at(ResidMid, i, r.x)
		watch.done(OpResidMid, i)

		b.RMSNorm(m.normed, r.x, l.ffnNorm, c.NormEps, r.n)
		taps.at(FFNNorm, i, m.normed)
		watch.done(OpFFNNorm, i)
		gate, up := backend.Product{Dst: m.gate, W: l.gate}, backend.Product{Dst: m.up, W: l.up}
		if together != nil {
			together.MatMulGLU(m.normed, r.n, gate, up, activation)
			op = OpGatedUnit
		} else {
			m.matMul(m.normed, r.n, gate, up)
			taps.at(Gate, i, m.gate)
			taps.at(Up, i, m.up)
			watch.done(OpGateUp, i)
			b.GLU(m.gate, m.gate, m.up, r.n, activation)
			op = OpActivation
		}
		taps.at(SiLUMul, i, m.gate)
		watch.done(op, i)
		m.matMul(m.gate, r.n, backend.Product{Dst: m.normed, W: l.down})
		op = m.allReduce(m.normed, r.n, watch, OpDown, OpFFNAllReduce, i)
		taps.at(Down, i, m.normed)
		watch.done(op, i)
		if l.ffnPostNorm != nil {
			b.RMSNorm(m.normed, m.normed, l.ffnPostNorm, c.NormEps, r.n)
			taps.at(FFNPostNorm, i, m.normed)
			watch.done(OpFFNPostNorm, i)
		}
		b.Add(r.x, m.normed, r.n)
		taps.at(ResidOut, i, r.x)
		watch.done(OpResidOut, i)
	}
	if taps.any(FinalNorm) {
		b.RMSNorm(m.normed, r.x, m.norm, c.NormEps, r.n)
		taps.at(FinalNorm, 0, m.normed)
		watch.done(OpFinalNorm, 0)
	}
	if wanted := len(batch.LogitRows); wanted > 0 {
		if r.x != m.picked {
			b.Gather(m.picked, m.x, batch.LogitRows)
		}
		m.unembed(wanted, batch.Logits, watch)
	}
	if err := b.Sync(); err != nil {
		return err
	}
	watch.end()
	return nil
}

// AttentionScale is 1/√QueryScale.
func (c *Config) AttentionScale() float32 { return float32(1 / math.Sqrt(float64(c.QueryScale))) }

// unembed enqueues the final norm and the vocabulary projection of the first
// rows of m.picked, and the copy of their logits into dst.
func (m *Model) unembed(rows int, dst []float32, watch stopwatch) {
	m.backend.RMSNorm(m.picked, m.picked, m.norm, m.config.NormEps, rows)
	watch.done(OpFinalNorm, 0)
	dst = dst[:rows*m.config.Vocab]
	if b, ok := m.backend.(backend.Viewer); ok {
		m.logits = b.View(m.logits, dst, m.config.Vocab)
	}
	m.matMul(m.picked, rows, backend.Product{Dst: m.logits, W: m.output})
	if _, ok := m.backend.(backend.Viewer); !ok {
		m.backend.Read(dst, m.logits, 0)
	}
	watch.done(OpUnembed, 0)
}

// Unembed turns vectors of the residual stream (n × Width numbers) into logits
// (n × Vocab): the final norm and the vocabulary projection. With vectors from
// the middle of the model it is the logit lens (nostalgebraist 2020).
func (m *Model) Unembed(dst, hidden []float32) error {
	n := len(hidden) / m.config.Width
	if len(hidden) != n*m.config.Width || len(dst) != n*m.config.Vocab {
		return fmt.Errorf("model: unembed %d numbers into %d, want rows of %d into rows of %d", len(hidden), len(dst), m.config.Width, m.config.Vocab)
	}
	if n == 0 {
		return nil
	}
	if err := m.reserve(0, n); err != nil {
		return err
	}
	m.backend.Write(m.picked, 0, hidden)
	m.unembed(n, dst, stopwatch{})
	return m.backend.Sync()
}

// Embedding copies the embedding vectors of ids into dst, len(ids) × Width.
func (m *Model) Embedding(dst []float32, ids []int32) error {
	if len(dst) != len(ids)*m.config.Width {
		return fmt.Errorf("model: room for %d numbers, want %d", len(dst), len(ids)*m.config.Width)
	}
	for i, id := range ids {
		if id < 0 || int(id) >= m.config.Vocab {
			return fmt.Errorf("model: token %d is %d, want 0 to %d", i, id, m.config.Vocab-1)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := m.reserve(len(ids), 0); err != nil {
		return err
	}
	m.backend.Embed(m.x, m.embedding, ids)
	m.allReduce(m.x, len(ids), stopwatch{}, OpEmbed, OpEmbedAllReduce, 0)
	m.backend.Read(dst, m.x, 0)
	return m.backend.Sync()
}

// check refuses a batch whose parts do not fit one another.
func (m *Model) check(batch *Batch) error {
	n := len(batch.Tokens)
	switch {
	case n == 0:
		return fmt.Errorf("model: empty batch")
	case len(batch.Positions) != n || len(batch.Slots) != n:
		return fmt.Errorf("model: %d tokens, %d positions and %d slots, want as many of each", n, len(batch.Positions), len(batch.Slots))
	case len(batch.Logits) != len(batch.LogitRows)*m.config.Vocab:
		return fmt.Errorf("model: room for %d logits, want %d rows of %d", len(batch.Logits), len(batch.LogitRows), m.config.Vocab)
	}
	for i, id := range batch.Tokens {
		if id < 0 || int(id) >= m.config.Vocab {
			return fmt.Errorf("model: token of row %d is %d, want 0 to %d", i, id, m.config.Vocab-1)
		}
	}
	row := 0
	for _, s := range batch.Sequences {
		if s.Start != row || s.Count < 1 {
			return fmt.Errorf("model: a sequence starts at row %d with %d rows, want it at %d with at least one", s.Start, s.Count, row)
		}
		row += s.Count
	}
	if row != n {
		return fmt.Errorf("model: the sequences hold %d rows, want all %d", row, n)
	}
	return nil
}

// reserve makes the activations large enough for n rows and for the logits of
// rows of them.
func (m *Model) reserve(n, rows int) error {
	c := &m.config
	type room struct {
		t    *backend.Tensor
		cols int
		at   backend.Borders // of the columns, among ranks
	}
	grow := func(n int, rooms ...room) error {
		for _, r := range rooms {
			t, err := m.newTensor(n, r.cols, r.at)
			if err != nil {
				return fmt.Errorf("model: activations of %d rows: %w", n, err)
			}
			*r.t = t
		}
		return nil
	}
	if n > m.room {
		heads, kvHeads, d := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, &m.division
		err := grow(n, room{&m.x, c.Width, nil}, room{&m.normed, c.Width, nil},
			room{&m.q, heads, d.q}, room{&m.qRope, heads, d.q}, room{&m.attn, heads, d.q},
			room{&m.k, kvHeads, d.kv}, room{&m.kRope, kvHeads, d.kv}, room{&m.v, kvHeads, d.kv},
			room{&m.gate, c.FFN, d.ffn}, room{&m.up, c.FFN, d.ffn})
		if err != nil {
			return err
		}
		m.room = n
	}
	if rows > m.logitRoom {
		if err := grow(rows, room{&m.picked, c.Width, nil}); err != nil {
			return err
		}
		if _, ok := m.backend.(backend.Viewer); !ok {
			if err := grow(rows, room{&m.logits, c.Vocab, m.division.vocab}); err != nil {
				return err
			}
		}
		m.logitRoom = rows
	}
	return nil
}

// Close frees the weights and the file. It does not close the backend.
func (m *Model) Close() error {
	var first error
	for _, c := range m.closers {
		if err := c(); err != nil && first == nil {
			first = err
		}
	}
	m.closers = nil
	return first
}

// taps enqueues the reads that the taps of a batch ask for.
type taps struct {
	backend backend.Backend
	list    []Tap
}

func (t taps) at(p Point, layer int, values backend.Tensor) {
	for i := range t.list {
		if tap := &t.list[i]; tap.Point == p && tap.Layer == layer {
			t.backend.Read(tap.Dst[:tap.Count*values.Cols()], values, tap.Row)
		}
	}
}

func (t taps) any(p Point) bool {
	for i := range t.list {
		if t.list[i].Point == p {
			return true
		}
	}
	return false
}

// probs appends the taps of a layer's attention weights to out.
func (t taps) probs(layer int, out []backend.ProbTap) []backend.ProbTap {
	for i := range t.list {
		if tap := &t.list[i]; tap.Point == Probs && tap.Layer == layer {
			out = append(out, backend.ProbTap{Row: tap.Row, Dst: tap.Dst})
		}
	}
	return out
}

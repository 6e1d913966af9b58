package session

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/chat"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
	"vitrine/server/telling"
	pageview "vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// twin is another request of the engine with the same tokens, to compare with.
func (r *rig) twin(t *testing.T, tokens []int32) *engine.Handle {
	t.Helper()
	h, err := r.engine.Add(context.Background(), engine.Request{Prompt: tokens, Params: sampler.Defaults(), Paused: true, Hold: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Release() })
	return h
}

func probe(t *testing.T, h *engine.Handle, from, count int, logits bool, points ...engine.At) *engine.Probed {
	t.Helper()
	p, err := h.Probe(context.Background(), engine.Probe{From: from, Count: count, Points: points, Logits: logits})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestQueries(t *testing.T) {
	template, err := chat.Parse(chatML)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []func() backend.Backend{
		func() backend.Backend { return ref.New() },
		func() backend.Backend { return cpu.New(2) },
	} {
		b := b()
		t.Run(b.Name(), func(t *testing.T) {
			r := start(t, tinyFolder(t, tinyContext), tinyTokenizer(t), template, b, Options{}, engine.Options{})
			checkQueries(t, r, 3)
		})
	}
}

func TestQueriesOfTheRealModel(t *testing.T) {
	checkQueries(t, smollm2(t, Options{}), 1)
}

// TestVectorFunc holds the functions that the page names beside a vector
// against those that the engine says compute it.
func TestVectorFunc(t *testing.T) {
	const layers = 3
	for layer := range layers + 1 {
		name := pageview.VectorFunc(layer, layers, "cpu")
		if want := engine.FuncName(residual(layer, layers).Point, "cpu"); name != want {
			t.Errorf("after %d layers the page names %s, want %s", layer, name, want)
		}
	}
}

// checkQueries asks every kind of question and holds the answers against a
// twin of the conversation. For the slow model not every layer is asked.
func checkQueries(t *testing.T, r *rig, places int) {
	p := visit(t, r.serve(t), "")
	p.send(&wire.Chat{Text: "What is gravity?", Params: params(8)})
	p.waitState(wire.StateLengthCapped, wire.StateStopped)
	tokens := p.ids()
	h := r.twin(t, tokens)
	c := r.engine.Model().Config()
	n := len(tokens)

	near := func(what string, got, want []float32) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s: %d values, want %d", what, len(got), len(want))
			return
		}
		for i := range got {
			if !(math.Abs(float64(got[i]-want[i])) <= 1e-6*max(1, math.Abs(float64(want[i])))) {
				t.Errorf("%s[%d] is %v, want %v", what, i, got[i], want[i])
				return
			}
		}
	}

	for _, layer := range []int{0, 1, c.Layers} {
		at := map[int]engine.At{0: {Point: model.Embed}, 1: {Point: model.ResidOut}, c.Layers: {Point: model.FinalNorm}}[layer]
		pos := n - 2
		v := p.ask(wire.Query{What: wire.QueryVector, Position: uint32(pos), Layer: uint16(layer)}).(*wire.Vector)
		near(fmt.Sprintf("vector after %d layers", layer), v.Values, probe(t, h, pos, 1, false, at).Row(at, 0))
	}

	nb := p.ask(wire.Query{What: wire.QueryNeighbours, Token: 65}).(*wire.Neighbours)
	want, err := r.engine.Neighbours(context.Background(), 65, neighbours)
	if err != nil || len(nb.Tokens) != len(want) {
		t.Fatalf("%d neighbours, want %d (%v)", len(nb.Tokens), len(want), err)
	}
	for i := range want {
		if nb.Tokens[i].ID != want[i].ID || nb.Tokens[i].Cosine != want[i].Cosine || string(nb.Tokens[i].Bytes) != string(r.engine.Tokenizer().Bytes(want[i].ID)) {
			t.Errorf("neighbour %d is %+v, want %+v", i, nb.Tokens[i], want[i])
		}
	}

	pr := p.ask(wire.Query{What: wire.QueryProjection}).(*wire.Projection)
	if int(pr.Count) != n || int(pr.Layers) != c.Layers || len(pr.XY) != 2*n*(c.Layers+1) || len(pr.Explained) != c.Layers+1 {
		t.Errorf("projection of %d positions, %d layers, %d numbers", pr.Count, pr.Layers, len(pr.XY))
	}
	for _, layer := range []int{0, c.Layers} {
		at := residual(layer, c.Layers)
		for pos, rows := 0, probe(t, h, 0, n, false, at); pos < n; pos++ {
			var sum float64
			for _, x := range rows.Row(at, pos) {
				sum += float64(x) * float64(x)
			}
			if norm, ok := pr.Norm(layer, pos); !ok || !(math.Abs(float64(norm)-math.Sqrt(sum)) <= 1e-6*math.Sqrt(sum)) {
				t.Errorf("position %d has norm %g after %d layers, want %g", pos, norm, layer, math.Sqrt(sum))
			}
		}
	}
	for i, share := range pr.Explained {
		if !(share > 0 && share <= 1.0001) {
			t.Errorf("two axes explain %v of layer %d", share, i)
		}
	}

	for i := range places {
		layer, head := i%c.Layers, i%c.Heads
		m := p.ask(wire.Query{What: wire.QueryHead, Layer: uint16(layer), Head: uint16(head)}).(*wire.HeadMatrix)
		all := probe(t, h, 0, n, false, engine.At{Point: model.Probs, Layer: layer})
		var values []float32
		for q := range n {
			values = append(values, all.Probs(layer, q, head)...)
		}
		near("head matrix", m.Values, values)
	}

	// Every weight of some rows follows from its operands.
	for i := range places {
		layer, head := c.Layers-1-i%c.Layers, (c.Heads-1-i)%c.Heads
		for _, pos := range []int{0, n / 2, n - 1} {
			weights := probe(t, h, pos, 1, false, engine.At{Point: model.Probs, Layer: layer}).Probs(layer, 0, head)
			for _, key := range []int{0, pos / 2, pos} {
				cell, ok := p.ask(wire.Query{What: wire.QueryCell, Layer: uint16(layer), Head: uint16(head), Position: uint32(pos), Key: uint32(key)}).(*wire.Cell)
				if !ok {
					t.Fatalf("no cell: %+v", *p.know.LastProblem())
				}
				near("cell", []float32{cell.Weight}, []float32{weights[key]})
				near("dot", []float32{cell.Dot}, []float32{dotProduct(cell.Q, cell.K)})
				near("score", []float32{cell.Score}, []float32{cell.Dot * cell.Scale})
				near("scale", []float32{cell.Scale}, []float32{float32(1 / math.Sqrt(float64(c.HeadDim)))})
				near("weight", []float32{cell.Weight}, []float32{float32(math.Exp(float64(cell.Score-cell.Max)) / float64(cell.Sum))})
				if int(cell.KVHead) != head*c.KVHeads/c.Heads || len(cell.Q) != c.HeadDim || len(cell.K) != c.HeadDim {
					t.Errorf("KV head %d of %d for head %d, %d and %d operands", cell.KVHead, c.KVHeads, head, len(cell.Q), len(cell.K))
				}
			}
		}
	}

	checkFlow(t, r, p, h, n-1, c.Layers-1)
	checkFlow(t, r, p, h, 2, 0)

	lens := p.ask(wire.Query{What: wire.QueryLens, Position: uint32(n - 2)}).(*wire.Lens)
	layers, err := h.Lens(context.Background(), n-2, lensTop)
	if err != nil || len(lens.Layers) != len(layers) {
		t.Fatalf("lens of %d layers, want %d (%v)", len(lens.Layers), len(layers), err)
	}
	for l := range layers {
		for i, c := range layers[l] {
			if got := lens.Layers[l][i]; got.ID != c.ID || got.Prob != c.Prob || got.Logit != c.Logit {
				t.Errorf("lens of layer %d: %+v, want %+v", l, got, c)
			}
		}
	}

	for _, pos := range []int{1, n - 1, n} {
		l := p.ask(wire.Query{What: wire.QueryLogits, Position: uint32(pos)}).(*wire.Logits)
		near("logits", l.Values, probe(t, h, pos-1, 1, true).Logits(0))
		if len(l.IDs) != 0 || !math.IsInf(float64(l.Rest), -1) || int(l.Vocab) != c.Vocab {
			t.Errorf("logits of %d ids, rest %v, vocabulary %d", len(l.IDs), l.Rest, l.Vocab)
		}
	}

	from := n - 5
	rows := p.ask(wire.Query{What: wire.QueryAttention, Position: uint32(from)}).(*wire.AttentionRows)
	if int(rows.Rows) != 5 {
		t.Errorf("%d attention rows, want 5", rows.Rows)
	}
	for r := range int(rows.Rows) {
		layer, head := c.Layers-1, r%c.Heads
		weights := probe(t, h, from+r, 1, false, engine.At{Point: model.Probs, Layer: layer}).Probs(layer, 0, head)
		for key, u := range rows.Row(r, layer, head) {
			if u != wire.QuantizeWeight(weights[key]) {
				t.Errorf("attention row %d, key %d: %d, want %d", from+r, key, u, wire.QuantizeWeight(weights[key]))
			}
		}
	}

	checkBlocks(t, r, p, h, n)

	text := "thinner 你好 the"
	m := p.ask(wire.Query{What: wire.QueryMerges, Text: text}).(*wire.Merges)
	encoded, err := (&prompter{tokenizer: r.engine.Tokenizer()}).encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []int32
	end := uint32(0)
	for _, w := range m.Words {
		got = append(got, w.IDs...)
		if w.Start != end {
			t.Errorf("a word begins at %d, want %d", w.Start, end)
		}
		end = w.End
		symbols := w.Initial
		for _, step := range w.Merges {
			joined := slices.Concat(symbols[step.Left], symbols[step.Left+1])
			if string(step.Symbols[step.Left]) != string(joined) || len(step.Symbols) != len(symbols)-1 {
				t.Errorf("merging %q at %d gives %q", symbols, step.Left, step.Symbols)
			}
			symbols = step.Symbols
		}
		if len(symbols) != len(w.Pieces) {
			t.Errorf("%d symbols are left and %d pieces made", len(symbols), len(w.Pieces))
		}
	}
	if !slices.Equal(got, encoded) || int(end) != len(text) || m.Text != text || m.Algorithm != "byte-level BPE" {
		t.Errorf("merges of %q by %q give %v, want %v", m.Text, m.Algorithm, got, encoded)
	}

	pieces := p.ask(wire.Query{What: wire.QueryPieces, Tokens: tokens[:3]}).(*wire.Pieces)
	for i, id := range tokens[:3] {
		if string(pieces.Bytes[i]) != string(r.engine.Tokenizer().Bytes(id)) || pieces.Special[i] != r.engine.Tokenizer().IsSpecial(id) {
			t.Errorf("piece %d is %q, special %v", id, pieces.Bytes[i], pieces.Special[i])
		}
	}

	name := engine.FuncName(model.Probs, r.model.Backend)
	source := p.ask(wire.Query{What: wire.QuerySource, Text: name}).(*wire.Source)
	if source.Func != name || !strings.HasPrefix(source.File, "engine/backend/") || source.Line == 0 || !strings.Contains(source.Text, ") Attention(") {
		t.Errorf("source of %s: %s:%d\n%s", name, source.File, source.Line, source.Text)
	}
}

// checkFlow holds every stage against the twin's, and those that are sums of
// others against the sums.
func checkFlow(t *testing.T, r *rig, p *page, h *engine.Handle, pos, layer int) {
	t.Helper()
	flow := p.ask(wire.Query{What: wire.QueryFlow, Position: uint32(pos), Layer: uint16(layer)}).(*wire.Flow)
	c := r.engine.Model().Config()
	stages := map[string]wire.Stage{}
	for _, s := range flow.Stages {
		stages[s.Name] = s
		count, norm := 1, 0.0
		for _, n := range s.Shape {
			count *= int(n)
		}
		for _, x := range s.Values {
			norm += float64(x) * float64(x)
		}
		if count != len(s.Values) || math.Abs(math.Sqrt(norm)-float64(s.Norm)) > 1e-4*(1+math.Sqrt(norm)) {
			t.Errorf("%s: shape %v, norm %v for %d values of norm %v", s.Name, s.Shape, s.Norm, len(s.Values), math.Sqrt(norm))
		}
		if _, err := sources.Find(s.Func); err != nil {
			t.Errorf("%s was computed by %q: %v", s.Name, s.Func, err)
		}
	}
	for _, point := range flowPoints(&c) {
		at := engine.At{Point: point, Layer: layer}
		probed := probe(t, h, pos, 1, false, at)
		want := probed.Row(at, 0)
		if point == model.Probs {
			for head := range c.Heads {
				want = append(want, probed.Probs(layer, 0, head)...)
			}
		}
		if !slices.Equal(stages[point.String()].Values, want) {
			t.Errorf("%v of position %d, layer %d differs from the twin's", point, pos, layer)
		}
	}
	if len(flow.Stages) != len(flowPoints(&c))+1 {
		t.Errorf("%d stages, want %d", len(flow.Stages), len(flowPoints(&c))+1)
	}
	// The scores give the weights.
	keys := pos + 1
	for head := range c.Heads {
		scores, weights := stages["scores"].Values[head*keys:][:keys], stages["probs"].Values[head*keys:][:keys]
		var sum float64
		for _, s := range scores {
			sum += math.Exp(float64(s - slices.Max(scores)))
		}
		for key, s := range scores {
			if w := math.Exp(float64(s-slices.Max(scores))) / sum; math.Abs(w-float64(weights[key])) > 1e-6 {
				t.Errorf("head %d, key %d: score %v gives %v, the weight is %v", head, key, s, w, weights[key])
			}
		}
	}
	for i, x := range flow.Input {
		if mid := x + stages["o_proj"].Values[i]; math.Abs(float64(mid-stages["resid_mid"].Values[i])) > 1e-4*(1+math.Abs(float64(mid))) {
			t.Errorf("input + o_proj is %v at %d, resid_mid is %v", mid, i, stages["resid_mid"].Values[i])
			break
		}
	}
}

// checkBlocks follows the pool and reads the conversation's own blocks.
func checkBlocks(t *testing.T, r *rig, p *page, h *engine.Handle, n int) {
	t.Helper()
	c, size := r.engine.Model().Config(), r.engine.Pool().BlockSize
	p.send(&wire.Subscribe{Views: wire.ViewBlocks})
	p.wait("the block table", func() bool { return len(p.know.Pool().Table) == (n-1+size-1)/size })
	p.wait("the snapshot that subscribing brings", func() bool { return p.know.Pool().Table[0].Filled > 0 })
	p.mu.Lock()
	table := p.know.Pool().Table
	p.mu.Unlock()
	for i, b := range table {
		layer, head := c.Layers-1, c.KVHeads-1
		heat, ok := p.ask(wire.Query{What: wire.QueryBlock, Block: b.Block, Layer: uint16(layer), Head: uint16(head)}).(*wire.BlockHeat)
		if !ok {
			t.Fatalf("no heat of block %d", b.Block)
		}
		if heat.Filled != b.Filled || int(heat.Dim) != c.HeadDim || len(heat.K) != int(heat.Filled)*c.HeadDim {
			t.Errorf("block %d: %d of %d slots, %d numbers", b.Block, heat.Filled, b.Filled, len(heat.K))
		}
		k, v, err := h.KV(context.Background(), layer, head, i*size, int(heat.Filled))
		if err != nil || !slices.Equal(k, heat.K) || !slices.Equal(v, heat.V) {
			t.Errorf("block %d holds other keys or values than the twin's (%v)", b.Block, err)
		}
	}
	// The twin's blocks are nobody's business here.
	s, err := h.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := p.ask(wire.Query{What: wire.QueryBlock, Block: uint32(s.Blocks[0])}).(*wire.Problem); !ok || got.Code != telling.CodeBadField {
		t.Errorf("another request's block was answered")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.know.PoolBlock(int(s.Blocks[0])); b.Refs == 0 || b.Owner != 0 {
		t.Errorf("another request's block is told as %+v", b)
	}
}

func TestBadQueries(t *testing.T) {
	p := chatted(t, tiny(t, Options{}).serve(t), 4)
	n := uint32(len(p.ids()))
	for _, c := range []struct {
		query wire.Query
		field string
	}{
		{wire.Query{What: wire.QueryVector, Position: n}, "Position"},
		{wire.Query{What: wire.QueryVector, Layer: 4}, "Layer"},
		{wire.Query{What: wire.QueryFlow, Layer: 3}, "Layer"},
		{wire.Query{What: wire.QueryFlow, Position: math.MaxUint32}, "Position"},
		{wire.Query{What: wire.QueryCell, Head: 4}, "Head"},
		{wire.Query{What: wire.QueryCell, Position: 2, Key: 3}, "Key"},
		{wire.Query{What: wire.QueryHead, Layer: 65535}, "Layer"},
		{wire.Query{What: wire.QueryHead, Head: 65535}, "Head"},
		{wire.Query{What: wire.QueryLens, Position: n}, "Position"},
		{wire.Query{What: wire.QueryLogits}, "Position"},
		{wire.Query{What: wire.QueryLogits, Position: n + 1}, "Position"},
		{wire.Query{What: wire.QueryAttention, Position: n}, "Position"},
		{wire.Query{What: wire.QueryBlock, Block: math.MaxUint32}, "Block"},
		{wire.Query{What: wire.QueryBlock, Head: 2}, "Head"},
		{wire.Query{What: wire.QueryNeighbours, Token: -1}, "token"},
		{wire.Query{What: wire.QueryNeighbours, Token: 320}, "token"},
		{wire.Query{What: wire.QueryPieces, Tokens: []int32{0, -5}}, "Tokens[1]"},
		{wire.Query{What: wire.QueryPieces, Tokens: make([]int32, maxPieces+1)}, "Tokens"},
		{wire.Query{What: wire.QuerySource, Text: "os.Exit"}, "Text"},
		{wire.Query{What: wire.QuerySource, Text: "engine/../../../etc/passwd.x"}, "Text"},
	} {
		got, ok := p.ask(c.query).(*wire.Problem)
		if !ok || got.Code != telling.CodeBadField || got.Field != c.field || got.Detail == "" {
			t.Errorf("%+v: %+v, want a problem with %s", c.query, got, c.field)
		}
	}
}

func TestMergesOfALongText(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	long := make([]byte, 100_000)
	for i := range long {
		long[i] = "the inner 你"[i%13]
	}
	text := string(long[:len(long)/13*13])
	m := p.ask(wire.Query{What: wire.QueryMerges, Text: text}).(*wire.Merges)
	if !m.Cut || len(m.Words) == 0 {
		t.Errorf("%d words of %d bytes are told, cut %v", len(m.Words), len(text), m.Cut)
	}
	if got, ok := p.ask(wire.Query{What: wire.QueryMerges, Text: string(make([]byte, maxMergesText+1))}).(*wire.Problem); !ok || got.Code != telling.CodeTooLong {
		t.Errorf("a text of 1 MiB: %+v", got)
	}
}

// What was asked about tokens that go while it is computed is answered about
// those that are there then.
func TestQueriesDuringRewinds(t *testing.T) {
	p := chatted(t, tiny(t, Options{}).serve(t), 60)
	n := len(p.ids())
	for i := range 20 {
		pos := n - 1 - i
		mark := p.mark()
		p.send(&wire.Query{ID: uint32(i + 1), What: wire.QueryHead})
		p.send(&wire.Control{Op: wire.OpRewind, Position: uint32(pos)})
		f := p.waitFrame("the matrix", mark, func(f wire.Frame) bool { return answers(f, wire.Query{ID: uint32(i + 1)}) }).(*wire.HeadMatrix)
		p.wait("the rewind", func() bool { return len(p.know.Tokens()) == pos })
		p.mu.Lock()
		answeredAt := slices.Index(p.frames, wire.Frame(f))
		length := 0
		for _, g := range p.frames[:answeredAt] {
			if tokens, ok := g.(*wire.Tokens); ok {
				length = int(tokens.From) + len(tokens.Tokens)
			}
		}
		p.mu.Unlock()
		if int(f.Count) != length {
			t.Fatalf("rewind %d: a matrix of %d tokens came when there were %d", i, f.Count, length)
		}
	}
}

package session

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"vitrine/engine"
	"vitrine/engine/model"
	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/project"
	"vitrine/visualizer/wire"
)

const (
	// maxMatrix is the longest sequence whose whole matrix or projection is
	// computed: one head's matrix of it takes 8 MiB.
	maxMatrix = 2048
	// maxProjectionBytes bounds the vectors that a projection holds at once.
	maxProjectionBytes = 256 << 20
	// probeRows is how many positions are run through the model between two
	// steps of the engine, so that a long question does not hold up others.
	probeRows = 32
	// maxRowsFrame bounds one frame of attention rows; [wire.MaxRowsAnswer] bounds all
	// that answer one question; the page asks again for what is left.
	maxRowsFrame = 1 << 20

	neighbours    = 16 // told of a token
	lensTop       = 5  // candidates a layer
	maxPieces     = 4096
	maxMergesText = 1 << 20
	maxTold       = 16 << 10 // bytes of a text whose merges are told
	maxSymbols    = 1 << 16  // symbols that are told of all merges together
	maxFuncName   = 256
)

// view is what an answer is made of: a conversation at one moment. It is used
// by the goroutine that answers, and shares nothing with the session's owner.
type view struct {
	inf        *inference
	handle     *engine.Handle
	branch     uint32
	tokens     int
	heard      *wire.Logits  // what a remote engine told of the choice in question; nil if nothing
	projecting chan struct{} // a place for one projection on the whole server
}

// check refuses a question about what is not there, and says how many
// positions the answer depends on.
func (v *view) check(q *wire.Query) (needs int, err error) {
	if v.inf != nil && v.inf.remote != nil {
		return v.checkRemote(q)
	}
	switch q.What {
	case wire.QuerySource:
		if len(q.Text) > maxFuncName {
			return 0, telling.Wrong("Text", "told.no_function", "N", len(q.Text))
		}
		return 0, nil
	case wire.QueryMerges, wire.QueryNeighbours, wire.QueryPieces:
		return 0, nil
	}
	if v.inf == nil {
		return 0, nil // the caller says so
	}
	if v.handle == nil || v.tokens == 0 {
		return 0, telling.Wrong("Position", "told.no_tokens")
	}
	c := v.inf.engine.Model().Config()
	pos := int(q.Position)
	last := v.tokens - 1
	layers, heads := c.Layers-1, c.Heads-1
	switch q.What {
	case wire.QueryVector:
		needs, layers = pos+1, c.Layers
	case wire.QueryFlow, wire.QueryCell:
		needs = pos + 1
	case wire.QueryLens:
		needs, layers = pos+1, math.MaxUint16
	case wire.QueryLogits:
		needs, layers, last = pos, math.MaxUint16, v.tokens
		if pos == 0 {
			return 0, telling.Wrong("Position", "told.first")
		}
	case wire.QueryBlock:
		needs, heads = v.tokens, c.KVHeads-1
	case wire.QueryProjection, wire.QueryHead:
		needs = v.tokens
		if v.tokens > maxMatrix {
			return 0, telling.Refuse(telling.CodeTooLong, "told.too_long_to_compute", "N", v.tokens, "Most", maxMatrix)
		}
		if q.What == wire.QueryProjection {
			layers, heads = math.MaxUint16, math.MaxUint16
		}
	case wire.QueryAttention:
		needs, layers = v.tokens, math.MaxUint16
	}
	switch q.What {
	case wire.QueryVector, wire.QueryFlow, wire.QueryCell, wire.QueryLens, wire.QueryLogits, wire.QueryAttention:
		if pos > last {
			return 0, telling.Wrong("Position", "told.range", "N", pos, "Most", last)
		}
	}
	if int(q.Layer) > layers {
		return 0, telling.Wrong("Layer", "told.range", "N", q.Layer, "Most", layers)
	}
	if slices.Contains([]wire.QueryKind{wire.QueryCell, wire.QueryHead, wire.QueryBlock}, q.What) && int(q.Head) > heads {
		return 0, telling.Wrong("Head", "told.range", "N", q.Head, "Most", heads)
	}
	if q.What == wire.QueryCell && q.Key > q.Position {
		return 0, telling.Wrong("Key", "told.ahead", "N", q.Key, "Most", q.Position)
	}
	return needs, nil
}

// answer computes the frames that answer a question that check has let pass.
func (v *view) answer(ctx context.Context, q *wire.Query) ([]wire.Frame, error) {
	if v.inf != nil && v.inf.remote != nil {
		return v.answerRemote(ctx, q)
	}
	var f wire.Frame
	var err error
	switch q.What {
	case wire.QueryMerges:
		f, err = merges(v.inf.engine.Tokenizer(), q)
	case wire.QueryVector:
		f, err = v.vector(ctx, q)
	case wire.QueryNeighbours:
		f, err = v.neighbours(ctx, q)
	case wire.QueryProjection:
		f, err = v.projection(ctx, q)
	case wire.QueryHead:
		f, err = v.head(ctx, q)
	case wire.QueryCell:
		f, err = v.cell(ctx, q)
	case wire.QueryFlow:
		f, err = v.flow(ctx, q)
	case wire.QueryLens:
		f, err = v.lens(ctx, q)
	case wire.QueryLogits:
		f, err = v.logits(ctx, q)
	case wire.QueryBlock:
		f, err = v.block(ctx, q)
	case wire.QueryPieces:
		f, err = v.pieces(q)
	case wire.QuerySource:
		f, err = findSource(q)
	case wire.QueryAttention:
		return v.attention(ctx, q)
	default:
		err = telling.Wrong("What", "told.unknown", "N", uint8(q.What))
	}
	if err != nil {
		return nil, err
	}
	return []wire.Frame{f}, nil
}

// residual is the point at which the residual stream stands after layer
// layers, as wire.Vector counts them.
func residual(layer, layers int) engine.At {
	switch layer {
	case 0:
		return engine.At{Point: model.Embed}
	case layers:
		return engine.At{Point: model.FinalNorm}
	}
	return engine.At{Point: model.ResidOut, Layer: layer - 1}
}

func (v *view) vector(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	at := residual(int(q.Layer), v.inf.engine.Model().Config().Layers)
	p, err := v.handle.Probe(ctx, engine.Probe{From: int(q.Position), Count: 1, Points: []engine.At{at}})
	if err != nil {
		return nil, err
	}
	return &wire.Vector{Query: q.ID, Branch: v.branch, Position: q.Position, Layer: q.Layer, Values: p.Row(at, 0)}, nil
}

func (v *view) neighbours(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	near, err := v.inf.engine.Neighbours(ctx, q.Token, min(neighbours, v.inf.engine.Model().Config().Vocab-1))
	if err != nil {
		return nil, err
	}
	f := &wire.Neighbours{Query: q.ID, Token: q.Token}
	for _, n := range near {
		f.Tokens = append(f.Tokens, wire.Neighbour{ID: n.ID, Bytes: v.inf.engine.Tokenizer().Bytes(n.ID), Cosine: n.Cosine})
	}
	return f, nil
}

// projection collects the residual stream of all positions and layers, some
// positions at a time, and projects it.
func (v *view) projection(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	c := v.inf.engine.Model().Config()
	if need := v.tokens * (c.Layers + 1) * c.Width * 4; need > maxProjectionBytes {
		return nil, telling.Refuse(telling.CodeTooLong, "told.too_long_to_project", "N", v.tokens, "Take", need>>20, "Most", maxProjectionBytes>>20)
	}
	select {
	case v.projecting <- struct{}{}:
		defer func() { <-v.projecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	points := make([]engine.At, c.Layers+1)
	rows := make([][][]float32, c.Layers+1)
	for layer := range points {
		points[layer] = residual(layer, c.Layers)
	}
	for from := 0; from < v.tokens; from += probeRows {
		n := min(probeRows, v.tokens-from)
		p, err := v.handle.Probe(ctx, engine.Probe{From: from, Count: n, Points: points})
		if err != nil {
			return nil, err
		}
		for layer, at := range points {
			for r := range n {
				rows[layer] = append(rows[layer], p.Row(at, r))
			}
		}
	}
	f := &wire.Projection{Query: q.ID, Branch: v.branch, Count: uint32(v.tokens), Layers: uint16(c.Layers)}
	xy, explained, err := project.Layers(func(layer int) [][]float32 {
		for _, x := range rows[layer] {
			f.Norms = append(f.Norms, euclid(x))
		}
		project.Normalize(rows[layer])
		return rows[layer]
	}, c.Layers+1)
	if err != nil {
		return nil, err
	}
	f.Explained = explained
	for _, layer := range xy {
		for _, point := range layer {
			f.XY = append(f.XY, point[0], point[1])
		}
	}
	return f, nil
}

func (v *view) head(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	f := &wire.HeadMatrix{Query: q.ID, Branch: v.branch, Layer: q.Layer, Head: q.Head, Count: uint32(v.tokens)}
	f.Values = make([]float32, 0, v.tokens*(v.tokens+1)/2)
	for from := 0; from < v.tokens; from += probeRows {
		n := min(probeRows, v.tokens-from)
		p, err := v.handle.Probe(ctx, engine.Probe{From: from, Count: n, Points: []engine.At{{Point: model.Probs, Layer: int(q.Layer)}}})
		if err != nil {
			return nil, err
		}
		for r := range n {
			f.Values = append(f.Values, p.Probs(int(q.Layer), r, int(q.Head))...)
		}
	}
	return f, nil
}

// attention answers with as many frames as the rows take.
func (v *view) attention(ctx context.Context, q *wire.Query) ([]wire.Frame, error) {
	c := v.inf.engine.Model().Config()
	points := make([]engine.At, c.Layers)
	for layer := range points {
		points[layer] = engine.At{Point: model.Probs, Layer: layer}
	}
	var frames []wire.Frame
	total := 0
	for from := int(q.Position); from < v.tokens && total < wire.MaxRowsAnswer; {
		n := max(1, min(probeRows, v.tokens-from, maxRowsFrame/(c.Layers*c.Heads*v.tokens)))
		p, err := v.handle.Probe(ctx, engine.Probe{From: from, Count: n, Points: points})
		if err != nil {
			return nil, err
		}
		f := &wire.AttentionRows{Branch: v.branch, From: uint32(from), Rows: uint16(n), Layers: uint16(c.Layers), Heads: uint16(c.Heads)}
		for r := range n {
			for layer := range c.Layers {
				for head := range c.Heads {
					for _, a := range p.Probs(layer, r, head) {
						f.Values = append(f.Values, wire.QuantizeWeight(a))
					}
				}
			}
		}
		frames = append(frames, f)
		total += len(f.Values)
		from += n
	}
	return frames, nil
}

func (v *view) lens(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	layers, err := v.handle.Lens(ctx, int(q.Position), min(lensTop, v.inf.engine.Model().Config().Vocab))
	if err != nil {
		return nil, err
	}
	f := &wire.Lens{Query: q.ID, Branch: v.branch, Position: q.Position}
	for _, layer := range layers {
		var told []wire.Candidate
		for _, c := range layer {
			told = append(told, wire.Candidate{ID: c.ID, Bytes: v.inf.engine.Tokenizer().Bytes(c.ID), Prob: c.Prob, Logit: c.Logit})
		}
		f.Layers = append(f.Layers, told)
	}
	return f, nil
}

func (v *view) logits(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	p, err := v.handle.Probe(ctx, engine.Probe{From: int(q.Position) - 1, Count: 1, Logits: true})
	if err != nil {
		return nil, err
	}
	f := wholeLogits(v.branch, int(q.Position), p.Logits(0))
	return &f, nil
}

// block shows one of the conversation's own blocks; what others hold is not
// its business. The keys and values are read by position, so that a block that
// has moved on to somebody else in the meantime cannot be seen.
func (v *view) block(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	now, err := v.handle.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	index := slices.Index(now.Blocks, int32(min(q.Block, math.MaxInt32)))
	if index < 0 {
		return nil, telling.Wrong("Block", "told.not_held", "N", q.Block)
	}
	size := v.inf.engine.Pool().BlockSize
	f := &wire.BlockHeat{
		Query: q.ID, Block: q.Block, Layer: q.Layer, KVHead: q.Head,
		Dim: uint16(v.inf.engine.Model().Config().HeadDim), Filled: uint16(max(0, min(now.Computed-index*size, size))),
	}
	if f.Filled > 0 {
		f.K, f.V, err = v.handle.KV(ctx, int(q.Layer), int(q.Head), index*size, int(f.Filled))
	}
	return f, err
}

func (v *view) pieces(q *wire.Query) (wire.Frame, error) {
	if len(q.Tokens) > maxPieces {
		return nil, telling.Wrong("Tokens", "told.too_many", "N", len(q.Tokens), "Most", maxPieces)
	}
	t, vocab := v.inf.engine.Tokenizer(), v.inf.engine.Model().Config().Vocab
	f := &wire.Pieces{Query: q.ID, IDs: q.Tokens}
	for i, id := range q.Tokens {
		if id < 0 || int(id) >= vocab {
			return nil, telling.Wrong(fmt.Sprintf("Tokens[%d]", i), "told.range", "N", id, "Most", vocab-1)
		}
		f.Bytes = append(f.Bytes, t.Bytes(id))
		f.Special = append(f.Special, t.IsSpecial(id))
	}
	return f, nil
}

// merges tells how a text becomes tokens, word by word.
func merges(t *tokenizer.Tokenizer, q *wire.Query) (wire.Frame, error) {
	if len(q.Text) > maxMergesText {
		return nil, telling.Refuse(telling.CodeTooLong, "told.too_long_to_merge", "N", len(q.Text), "Most", maxMergesText)
	}
	f := &wire.Merges{Query: q.ID, Text: q.Text, Algorithm: t.Algorithm()}
	text := q.Text
	if len(text) > maxTold {
		cut := maxTold
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text, f.Cut = text[:cut], true
	}
	trace, err := t.Trace(text)
	if err != nil {
		return nil, &telling.BadField{Field: "Text", Why: telling.From(err.Error(), "told.not_encoded")}
	}
	left, at := maxSymbols, 0
	for i := range trace.PreTokens {
		p := &trace.PreTokens[i]
		left -= len(p.Symbols) * (len(p.Merges) + 1)
		if left < 0 {
			f.Cut = true
			break
		}
		w := toldWord(t, trace, p)
		w.Start, w.End = place(text, at, trace.Normalized[p.Start:p.End])
		at = int(w.End)
		f.Words = append(f.Words, w)
	}
	return f, nil
}

// place finds a word of the normalized text in the text itself, behind
// position from. SentencePiece writes spaces as ▁ and puts one in front of all.
func place(text string, from int, word string) (start, end uint32) {
	word = strings.ReplaceAll(word, "▁", " ")
	for _, w := range []string{word, strings.TrimPrefix(word, " ")} {
		if i := strings.Index(text[from:], w); i >= 0 {
			return uint32(from + i), uint32(from + i + len(w))
		}
	}
	return uint32(from), uint32(from) // rewritten beyond recognition: between its neighbours
}

// toldWord is a pre-token with the symbols after each of its merges.
func toldWord(t *tokenizer.Tokenizer, trace *tokenizer.Trace, p *tokenizer.PreToken) wire.Word {
	spell := func(s tokenizer.Symbol) []byte { return []byte(trace.Normalized[s.Start:s.End]) }
	w := wire.Word{IDs: p.IDs}
	for _, s := range p.Symbols {
		w.Initial = append(w.Initial, spell(s))
	}
	symbols := slices.Clone(w.Initial)
	for _, m := range p.Merges {
		symbols = slices.Concat(symbols[:m.Position], [][]byte{spell(m.Result)}, symbols[m.Position+2:])
		told := wire.Merge{Left: uint16(m.Position), Rank: int32(m.Rank), Symbols: symbols}
		if m.Scored {
			told.Rank, told.Score = -1, m.Score
		}
		w.Merges = append(w.Merges, told)
	}
	for _, id := range p.IDs {
		w.Pieces = append(w.Pieces, t.Bytes(id))
	}
	return w
}

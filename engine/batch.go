package engine

import (
	"vitrine/engine/backend"
	"vitrine/engine/model"
	"vitrine/engine/scheduler"
)

// maxAttentionBytes bounds the weights of one EventAttention. What a chunk of
// a long prompt would have beyond it is left out, the earliest rows first, and
// can be asked for with [Handle.Probe].
const maxAttentionBytes = 8 << 20

// part is one request's share of the step at hand.
type part struct {
	seq    *sequence
	row    int // its first row in the batch
	count  int // its rows
	drafts int // the last of them, whose tokens are guessed
	// position is the sequence's position that the last row computes, of those
	// that count: wrong guesses do not.
	position int
	first    int // the position that the first row computes
	// draws: the row before the drafts is the sequence's last token, so a token
	// is drawn behind it, and one behind each draft that is right.
	draws   bool
	prefill bool      // it had more than its last token to compute
	cached  int       // tokens that the prefix cache gave just before
	drawn   int       // tokens drawn in the end
	forked  bool      // the other outputs began here, and drew from the same logits
	timed   bool      // it watches where the time goes
	logits  []float32 // of the last drafts+1 rows, if it draws
	ahead   drawn     // its first token, if that is drawn already
	// attention: rows from … to row+count-1 are watched, their weights lie in
	// probs, a row after the other.
	watched int
	probs   []float32
}

// gather makes the batch of a step out of the decision.
func (e *Engine) gather(d *scheduler.Decision) []part {
	b := &e.step.batch
	*b = model.Batch{
		Tokens: b.Tokens[:0], Positions: b.Positions[:0], Slots: b.Slots[:0],
		Sequences: b.Sequences[:0], LogitRows: b.LogitRows[:0], Taps: b.Taps[:0],
	}
	e.step.scorings = e.step.scorings[:0]
	e.step.timed, e.step.draw = false, 0
	parts, pool := e.step.parts[:0], e.pool
	for _, share := range d.Shares {
		s := e.sequences[share.ID]
		known := share.Count - share.Drafts
		p := part{
			seq: s, row: len(b.Tokens), count: share.Count, drafts: share.Drafts,
			first: s.computed, position: s.computed + known - 1, cached: s.hit,
			draws: s.steps != 0 && s.computed+known == len(s.tokens), prefill: len(s.tokens)-s.computed > 1, timed: s.watch.Timing,
		}
		s.hit = 0
		s.look(p.draws && known == 1)
		if err := e.place(b, s, s.computed, share.Count); err != nil {
			// The plan counted the blocks, so this is a panic.
			if e.pool != pool || e.ended != nil { // all who run have ended, and the plan with them
				e.step.parts = parts[:0]
				return e.step.parts
			}
			e.step.failures = append(e.step.failures, failure{s, err})
			continue
		}
		if sc, ok := e.tapScores(b, s, p.row, known); ok {
			e.step.scorings = append(e.step.scorings, sc)
		}
		if p.draws {
			for r := p.row + known - 1; r < p.row+p.count; r++ {
				b.LogitRows = append(b.LogitRows, int32(r))
			}
		}
		e.step.timed = e.step.timed || p.timed
		parts = append(parts, p)
	}
	e.step.parts = parts
	e.pad(b, d.Padding)
	if e.step.timed || e.tellsAllReduces() {
		b.Timing = &e.step.timing
	}
	vocab := e.model.Config().Vocab
	e.step.logits = resize(e.step.logits, len(b.LogitRows)*vocab)
	b.Logits = e.step.logits
	rest := b.Logits
	for i := range parts {
		if p := &parts[i]; p.draws {
			n := (p.drafts + 1) * vocab
			p.logits, rest = rest[:n], rest[n:]
		}
	}
	e.tapAttention(parts)
	return parts
}

// failure is a sequence that the step at hand goes without, and why.
type failure struct {
	seq *sequence
	err error
}

// endFailures ends the requests of whom gather could not make a part.
func (e *Engine) endFailures() {
	for _, f := range e.step.failures {
		e.failRequest(f.seq, f.err)
	}
	clear(e.step.failures)
	e.step.failures = e.step.failures[:0]
}

// pad adds rows to the batch that nobody reads: a static batch's padding. Their
// keys and values go to the scratch blocks behind the pool's. A row sees those
// beside it in its block at most, so padding costs less attention here
// than in an engine that computes it at its sequence's length.
func (e *Engine) pad(b *model.Batch, rows int) {
	size := e.options.BlockSize
	for block := e.options.Blocks; rows > 0; block++ {
		n := min(rows, size)
		b.Sequences = append(b.Sequences, backend.Sequence{Start: len(b.Tokens), Count: n, Blocks: []int32{int32(block)}})
		for pos := range n {
			b.Tokens = append(b.Tokens, 0)
			b.Positions = append(b.Positions, int32(pos))
			b.Slots = append(b.Slots, int32(block*size+pos))
		}
		rows -= n
	}
}

// place adds count tokens of s from position first on to the batch, drafts
// behind the last one, and gives the sequence the blocks for them.
func (e *Engine) place(b *model.Batch, s *sequence, first, count int) error {
	block, copies, err := e.pool.Grow(&s.table, first+count)
	if err != nil {
		return err
	}
	if copies {
		err := e.guard("copying a block", func() error {
			e.model.Backend().CopyKV(e.kv, int(block.Dst), int(block.Src))
			return nil
		})
		if err != nil {
			e.evict(s) // nobody knows what is in its new block
			return err
		}
	}
	b.Sequences = append(b.Sequences, backend.Sequence{Start: len(b.Tokens), Count: count, First: first, Blocks: s.table.Blocks})
	for pos := first; pos < first+count; pos++ {
		b.Tokens = append(b.Tokens, s.token(pos))
		b.Positions = append(b.Positions, int32(pos))
		b.Slots = append(b.Slots, s.table.Slot(pos, e.options.BlockSize))
	}
	s.used = e.steps
	return nil
}

// tapAttention asks for the attention weights of the requests that are watched.
func (e *Engine) tapAttention(parts []part) {
	c := e.model.Config()
	heads := c.Layers * c.Heads
	need := 0
	for i := range parts {
		p := &parts[i]
		if !p.seq.watch.Attention || !p.seq.looked {
			continue
		}
		size := 0
		for p.watched < p.count {
			keys := p.seq.computed + p.count - p.watched
			if size+keys*heads > maxAttentionBytes {
				break
			}
			size += keys * heads
			p.watched++
		}
		need += size
	}
	e.step.probs = resize(e.step.probs, need)
	free := e.step.probs
	for i := range parts {
		p := &parts[i]
		start := free
		for r := p.count - p.watched; r < p.count; r++ {
			keys := p.seq.computed + r + 1
			for layer := range c.Layers {
				e.step.batch.Taps = append(e.step.batch.Taps, model.Tap{Point: model.Probs, Layer: layer, Row: p.row + r, Count: 1, Dst: free[:c.Heads*keys]})
				free = free[c.Heads*keys:]
			}
		}
		p.probs = start[:len(start)-len(free)]
	}
}

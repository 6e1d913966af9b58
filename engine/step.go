package engine

import (
	"fmt"
	"slices"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
	"vitrine/engine/scheduler"
)

// maxAttentionBytes bounds the weights of one EventAttention. What a chunk of
// a long prompt would have beyond it is left out, the earliest rows first, and
// can be asked for with [Handle.Probe].
const maxAttentionBytes = 8 << 20

// stepBuffers are reused from step to step.
type stepBuffers struct {
	batch    model.Batch
	logits   []float32
	probs    []float32
	scorings []scoring // of this step
	scores   []float32 // logits to score prompts with
	timing   model.Timing
	timed    bool          // somebody watches where the time goes
	draw     time.Duration // that the sampler took, if timed
}

// resize makes s a slice of n numbers, in the same memory if there is enough.
func resize(s []float32, n int) []float32 { return slices.Grow(s[:0], n)[:n] }

// part is one request's share of the step at hand.
type part struct {
	seq   *sequence
	row   int // its first row in the batch
	count int // its rows
	// position is the sequence's position that the last row computes.
	position int
	// draws: the last row is the sequence's last token, so a token is drawn.
	draws  bool
	timed  bool      // it watches where the time goes
	logits []float32 // of the last row, if it draws
	// attention: rows from … to row+count-1 are watched, their weights lie in
	// probs, a row after the other.
	watched int
	probs   []float32
}

// stepOnce plans and computes one step. It says whether there was anything to do.
func (e *Engine) stepOnce() bool {
	decision := scheduler.Plan(e.schedulerState())
	for _, id := range decision.Evicted {
		s := e.sequences[id]
		e.evict(s)
		if s.state == Waiting {
			e.setState(s, Preempted, "")
		}
	}
	for _, id := range decision.Preempted {
		s := e.sequences[id]
		e.evict(s)
		e.park(s, Preempted)
		e.waiting = slices.Insert(e.waiting, 0, s)
	}
	for _, id := range decision.Admitted {
		s := e.sequences[id]
		e.waiting = slices.DeleteFunc(e.waiting, func(o *sequence) bool { return o == s })
		e.running = append(e.running, s)
		e.setState(s, e.busy(s), "")
	}
	paused := 0
	for _, s := range slices.Clone(e.running) {
		if s.steps == 0 && s.computed >= s.target() {
			e.park(s, Paused)
			paused++
		}
	}
	if len(decision.Shares) == 0 {
		return len(decision.Evicted)+len(decision.Preempted)+len(decision.Admitted)+paused > 0
	}
	begin := time.Now()
	parts := e.gather(decision.Shares)
	if err := e.model.Forward(e.kv, &e.step.batch); err != nil {
		for _, p := range parts {
			e.finish(p.seq, FinishedAborted, err.Error())
		}
		return true
	}
	e.steps++
	info := StepInfo{Number: e.steps, Batch: len(e.step.batch.Tokens), Requests: len(parts), Duration: time.Since(begin)}
	if e.observer.Step != nil {
		e.observer.Step(info)
	}
	for i := range e.step.scorings {
		if sc := &e.step.scorings[i]; sc.seq.state.Finished() {
			continue
		} else if err := e.score(sc); err != nil {
			e.finish(sc.seq, FinishedAborted, err.Error())
		}
	}
	for i := range parts {
		if parts[i].seq.state.Finished() {
			parts[i].timed = false
			continue
		}
		e.conclude(&parts[i], info)
	}
	if e.step.timed {
		e.tellTimed(parts, info)
	}
	return true
}

// tellTimed tells those who watch where the time goes of the step, which the
// others were told of as soon as their token was drawn.
func (e *Engine) tellTimed(parts []part, info StepInfo) {
	t := &StepTiming{Spans: slices.Clone(e.step.timing.Spans), Draw: e.step.draw}
	for _, p := range parts {
		if p.timed {
			info.Position, info.Computed = p.position, p.count
			p.seq.tell(Event{Kind: EventStep, Step: info, Timing: t})
		}
	}
}

// schedulerState tells the scheduler what there is.
func (e *Engine) schedulerState() scheduler.State {
	s := scheduler.State{
		FreeBlocks: e.pool.Free(), BlockSize: e.options.BlockSize,
		MaxTokens: e.options.MaxBatchTokens, MaxRunning: e.options.MaxSequences,
	}
	view := func(q *sequence) scheduler.Sequence {
		v := scheduler.Sequence{ID: q.id, Tokens: q.target(), Computed: q.computed, Blocks: len(q.table.Blocks)}
		for _, b := range q.table.Blocks {
			info, _ := e.pool.Info(b)
			if info.Refs < 2 {
				break // and so are those behind it
			}
			v.Shared = append(v.Shared, scheduler.SharedBlock{Block: b, Refs: info.Refs})
		}
		if q.watch.Attention {
			v.MaxChunk = 128 // keeps the memory for the weights small
		}
		return v
	}
	for _, q := range e.running {
		s.Running = append(s.Running, view(q))
	}
	for _, q := range e.waiting {
		s.Waiting = append(s.Waiting, view(q))
	}
	if len(s.Running)+len(s.Waiting) == 0 {
		return s
	}
	for _, q := range e.sequences {
		if (q.state.Finished() || q.beam.idle()) && len(q.table.Blocks) > 0 {
			s.Parked = append(s.Parked, view(q))
		}
	}
	slices.SortFunc(s.Parked, func(a, b scheduler.Sequence) int {
		qa, qb := e.sequences[a.ID], e.sequences[b.ID]
		if qa.used != qb.used {
			return int(int64(qa.used) - int64(qb.used))
		}
		return int(a.ID) - int(b.ID)
	})
	return s
}

// evict frees a sequence's blocks; its tokens stay, to be recomputed.
func (e *Engine) evict(s *sequence) {
	s.computed = 0
	e.pool.Truncate(&s.table, 0)
}

// gather makes the batch of a step out of the shares.
func (e *Engine) gather(shares []scheduler.Share) []part {
	b := &e.step.batch
	*b = model.Batch{
		Tokens: b.Tokens[:0], Positions: b.Positions[:0], Slots: b.Slots[:0],
		Sequences: b.Sequences[:0], LogitRows: b.LogitRows[:0], Taps: b.Taps[:0],
	}
	e.step.scorings = e.step.scorings[:0]
	e.step.timed, e.step.draw = false, 0
	parts := make([]part, 0, len(shares))
	for _, share := range shares {
		s := e.sequences[share.ID]
		p := part{seq: s, row: len(b.Tokens), count: share.Count, position: s.computed + share.Count - 1, draws: s.steps != 0 && s.computed+share.Count == len(s.tokens), timed: s.watch.Timing}
		s.look(p.draws && p.count == 1)
		if err := e.place(b, s, s.computed, share.Count); err != nil {
			e.finish(s, FinishedAborted, err.Error()) // the plan counted the blocks, so this does not happen
			continue
		}
		if sc, ok := e.tapScores(b, s, p.row, p.count); ok {
			e.step.scorings = append(e.step.scorings, sc)
		}
		if p.draws {
			b.LogitRows = append(b.LogitRows, int32(p.row+p.count-1))
		}
		e.step.timed = e.step.timed || p.timed
		parts = append(parts, p)
	}
	if e.step.timed {
		b.Timing = &e.step.timing
	}
	vocab := e.model.Config().Vocab
	e.step.logits = resize(e.step.logits, len(b.LogitRows)*vocab)
	b.Logits = e.step.logits
	drawn := 0
	for i := range parts {
		if parts[i].draws {
			parts[i].logits = b.Logits[drawn*vocab : (drawn+1)*vocab]
			drawn++
		}
	}
	e.tapAttention(parts)
	return parts
}

// place adds count tokens of s from position first on to the batch, and gives
// the sequence the blocks for them.
func (e *Engine) place(b *model.Batch, s *sequence, first, count int) error {
	block, copies, err := e.pool.Grow(&s.table, first+count)
	if err != nil {
		return err
	}
	if copies {
		e.model.Backend().CopyKV(e.kv, int(block.Dst), int(block.Src))
	}
	b.Sequences = append(b.Sequences, backend.Sequence{Start: len(b.Tokens), Count: count, First: first, Blocks: s.table.Blocks})
	for pos := first; pos < first+count; pos++ {
		b.Tokens = append(b.Tokens, s.tokens[pos])
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

// conclude records what a step computed of one request, draws its next token
// and tells its reader.
func (e *Engine) conclude(p *part, info StepInfo) {
	s := p.seq
	first := s.computed
	s.computed += p.count
	e.pool.Fill(&s.table, s.computed)
	info.Position, info.Computed = p.position, p.count
	if p.watched > 0 {
		s.tell(Event{Kind: EventAttention, From: first + p.count - p.watched, Rows: p.watched, Weights: pack(p.probs), Step: info})
	}
	switch {
	case !p.draws:
		e.setState(s, e.busy(s), "")
	case s.beam != nil:
		e.report(s, p.logits)
	case s.forks == 0:
		e.draw(s, p.logits, info)
	default:
		if err := e.fork(s); err != nil {
			e.finish(s, FinishedAborted, err.Error())
			return
		}
		for _, o := range s.outputs {
			e.draw(o, p.logits, info)
		}
	}
	if !p.timed {
		s.tell(Event{Kind: EventStep, Step: info})
	}
}

// draw lets the sampler choose the next token and decides what that ends.
func (e *Engine) draw(s *sequence, logits []float32, info StepInfo) {
	pos := len(s.tokens)
	if s.watch.Logits && s.looked {
		s.tell(Event{Kind: EventLogits, Pos: pos, Logits: slices.Clone(logits)})
	}
	var begin time.Time
	if e.step.timed {
		begin = time.Now()
	}
	if s.grammar.complete() { // and somebody resumed it
		e.finish(s, FinishedStopped, structuredEnd)
		return
	}
	history, err := s.grammar.limit(s.history())
	var result sampler.Result
	if err == nil {
		result, err = e.sampler.Sample(logits, &s.params, history, pos)
	}
	if e.step.timed {
		e.step.draw += time.Since(begin)
	}
	if err != nil {
		e.finish(s, FinishedAborted, err.Error())
		return
	}
	s.tokens = append(s.tokens, result.Token)
	s.grammar.accept(result.Token)
	text, stopString := s.out.push(result.Token)
	state, reason := e.verdict(s, result.Token, stopString)
	if state.Finished() && !stopString {
		text += s.out.flush()
	}
	s.tell(Event{Kind: EventToken, Pos: pos, Token: result.Token, Result: result, Text: text, Step: info})
	if s.steps > 0 {
		s.steps--
	}
	switch {
	case state.Finished():
		e.finish(s, state, reason)
	case s.steps == 0:
		e.park(s, Paused)
	case s.state != Waiting: // as a fork does
		e.setState(s, Running, "")
	}
}

// verdict says whether the token that was just appended ends the answer.
func (e *Engine) verdict(s *sequence, token int32, stopString bool) (State, string) {
	generated := len(s.tokens) - s.turn().start
	switch {
	case s.params.Stops(token, generated):
		return FinishedStopped, fmt.Sprintf("token %d", token)
	case s.grammar.complete():
		return FinishedStopped, structuredEnd
	case stopString && generated >= s.params.MinTokens:
		return FinishedStopped, "stop string"
	case len(s.tokens)-s.turn().limitFrom >= s.params.MaxTokens:
		return FinishedLength, "max_tokens"
	case len(s.tokens) >= e.contextLimit():
		return FinishedLength, "context"
	}
	return Running, ""
}

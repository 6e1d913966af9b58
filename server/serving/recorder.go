package serving

import (
	"math"
	"slices"
	"sync"
	"time"

	"vitrine/engine"
	"vitrine/engine/kvcache"
	"vitrine/visualizer/wire"
)

// recorder makes records of what the observer of an engine is told. Its
// observer's functions run on the engine's goroutine, the others anywhere.
type recorder struct {
	mu       sync.Mutex
	clock    clock
	size     int  // slots a block
	looksUp  bool // prompts are looked up in the prefix cache
	incoming wire.HallRequest
	lives    map[uint32]*life
	blocks   []engine.BlockInfo // as they are
	owners   []uint32           // who held each block last
	touched  map[int32]struct{} // blocks that changed since the last record
	changed  []uint32           // requests that did, in order
	open     wire.HallRecord    // being made
	seq      uint64             // of the last record that was made
	ready    []wire.HallRecord  // made, to be taken
	made     chan struct{}      // has something when there are some
	meters   wire.HallMeters
	first    window      // times to first token, ms
	between  window      // inter-token latencies, ms
	rate     []drawn     // steps that drew, within rateWindow
	idle     *time.Timer // since the last step, to tell that nothing is drawn any more
}

// life is what is known of an output of a request that has not ended.
type life struct {
	wire.HallChange
	told     wire.HallRequest // what does not change of it
	prompt   int
	farthest int           // tokens that were computed at some time
	added    time.Duration // by the recorder's clock
	latest   time.Duration // when its latest token was drawn
	begun    bool          // it has been looked up in the prefix cache, or was forked off from one that was
}

// drawn is how many tokens a step drew, and when.
type drawn struct {
	at     time.Duration
	tokens int
}

// rateWindow is over how long tokens a second are counted.
const rateWindow = 4 * time.Second

func newRecorder(c wire.HallConfig) *recorder {
	r := &recorder{
		size: int(c.BlockSize), looksUp: c.PrefixCaching && c.Memory == wire.HallPaged, lives: map[uint32]*life{}, touched: map[int32]struct{}{}, made: make(chan struct{}, 1),
		blocks: make([]engine.BlockInfo, c.Blocks), owners: make([]uint32, c.Blocks),
	}
	for i := range r.blocks { // as a pool begins
		r.blocks[i] = engine.BlockInfo{Block: int32(i), Order: uint64(i) + 1}
	}
	r.idle = time.AfterFunc(rateWindow, r.rest)
	r.idle.Stop()
	r.clock.run()
	return r
}

func (r *recorder) observer() *engine.Observer {
	return &engine.Observer{Request: r.request, State: r.state, Block: r.block, Plan: r.plan}
}

// expect says what the request is that will be added next.
func (r *recorder) expect(q wire.HallRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incoming = q
}

func (r *recorder) request(info engine.RequestInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &life{
		HallChange: wire.HallChange{Request: info.Request, State: wire.StateWaiting, Tokens: uint32(info.Prompt)},
		told:       r.incoming, prompt: info.Prompt, added: r.clock.now(),
	}
	if first := r.lives[info.First]; first != nil { // which it is forked off from
		l.told, l.added, l.begun = first.told, first.added, true
	}
	q := &l.told
	q.ID, q.First, q.Index, q.Prompt, q.MaxTokens = info.Request, info.First, uint8(info.Index), uint32(info.Prompt), uint32(info.MaxTokens)
	r.open.Added = append(r.open.Added, *q)
	r.lives[q.ID] = l
	r.note(q.ID)
}

// note takes down that a request has changed.
func (r *recorder) note(id uint32) {
	if !slices.Contains(r.changed, id) {
		r.changed = append(r.changed, id)
	}
}

func (r *recorder) state(info engine.StateInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lives[info.Request]
	if l == nil {
		return
	}
	l.State = wire.RunState(info.State) + wire.StateWaiting // the same states in the same order
	if info.State == engine.Preempted {
		l.Preempted++
		r.meters.Preempted++
		r.event(wire.HallEvent{Kind: wire.HallPreempted, Request: info.Request})
	}
	if info.State == engine.Preempted || info.State.Finished() {
		l.Table, l.Computed = nil, 0
	}
	if info.State.Finished() {
		r.meters.Finished++
	}
	r.note(info.Request)
}

func (r *recorder) event(e wire.HallEvent) { r.open.Events = append(r.open.Events, e) }

func (r *recorder) block(info engine.BlockInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := info.Block
	if int(b) >= len(r.blocks) {
		return
	}
	switch info.Cause {
	case kvcache.Evicted:
		r.meters.Evicted++
		r.event(wire.HallEvent{Kind: wire.HallEvicted, Request: info.Owner, Block: uint32(b), Other: r.owners[b]})
	case kvcache.Taken:
		r.evictedFor(info)
	case kvcache.Copied:
		r.meters.Copied++
		r.evictedFor(info)
		r.event(wire.HallEvent{Kind: wire.HallCopied, Request: info.Owner, Block: uint32(b), Other: uint32(info.Source)})
	}
	if info.Owner != 0 {
		r.owners[b] = info.Owner
	}
	r.blocks[b] = info
	r.touched[b] = struct{}{}
}

// evictedFor says for whom a block was evicted, if it just was: it is taken as
// soon as the prefix cache has forgotten it.
func (r *recorder) evictedFor(info engine.BlockInfo) {
	if n := len(r.open.Events); n > 0 {
		if e := &r.open.Events[n-1]; e.Kind == wire.HallEvicted && e.Block == uint32(info.Block) {
			e.Request = info.Owner
		}
	}
}

func (r *recorder) plan(info engine.PlanInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock.stepped(info.Duration)
	now := r.clock.now()
	r.open.Step, r.open.Micros = info.Number, uint32(min(info.Duration.Microseconds(), math.MaxUint32))
	m := &r.meters
	m.Batch, m.Running = uint32(info.Padding), 0
	tokens := 0
	for i := range info.Parts {
		m.Batch += uint32(info.Parts[i].Count)
		if info.Parts[i].Count > 0 {
			m.Running++
		}
		tokens += info.Parts[i].Drawn
		r.part(&info.Parts[i], now)
	}
	m.PeakAtOnce = max(m.PeakAtOnce, m.Running)
	m.Drawn += uint64(tokens)
	if tokens > 0 {
		r.rate = append(r.rate, drawn{now, tokens})
	}
	r.close(now)
	r.idle.Reset(rateWindow)
}

// rest makes a record once no step was made for as long as tokens are counted, for the
// meters would go on to tell the last step's rate. While the clock stands so do they.
func (r *recorder) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock.now(); len(r.rate) > 0 && now-r.rate[len(r.rate)-1].at >= rateWindow {
		r.close(now)
	}
}

// part takes down what a step did for one request.
func (r *recorder) part(p *engine.PlanPart, now time.Duration) {
	part := wire.HallPart{Request: p.Request, First: uint32(p.First), Count: uint32(p.Count), Drafted: uint16(p.Drafted), Drawn: uint16(p.Drawn)}
	l := r.lives[p.Request]
	switch {
	case !p.Prefill:
		part.Phase = wire.HallDecode
	case l != nil && p.First < l.farthest:
		part.Phase = wire.HallRecompute
	}
	r.open.Parts = append(r.open.Parts, part)
	if l == nil {
		return
	}
	if p.Cached > 0 {
		r.event(wire.HallEvent{Kind: wire.HallHit, Request: p.Request, Count: uint32(p.Cached / r.size)})
		l.Cached = uint32(p.Cached)
	}
	if !l.begun && r.looksUp {
		l.begun = true
		r.meters.Lookups += uint64(l.prompt)
		r.meters.Hits += uint64(min(p.Cached, l.prompt))
	}
	computed := p.First + p.Count
	switch {
	case p.Drafted > 0: // those that were guessed wrong do not count
		computed = p.First + max(p.Drawn, 1)
		r.meters.Proposed++
		r.meters.Drafted += uint64(p.Drafted)
		r.meters.Accepted += uint64(max(p.Drawn-1, 0))
	case p.Count == 0: // it was forked off, and has what the first output has
		computed = 0
		if len(p.Blocks) > 0 { // unless its memory cannot be shared
			computed = p.First + 1
			r.event(wire.HallEvent{Kind: wire.HallForked, Request: p.Request, Other: l.told.First, Count: uint32(len(p.Blocks))})
		}
	}
	l.farthest = max(l.farthest, computed)
	l.Tokens += uint32(p.Drawn)
	if l.State < wire.StateStopped {
		l.Computed, l.Table = uint32(computed), table(p.Blocks)
	}
	if p.Drawn > 0 {
		if l.FirstMs == 0 {
			l.FirstMs = milliseconds(now - l.added)
			if l.told.Index == 0 { // one waits for the answer, not for each of several
				r.first.add(l.FirstMs)
			}
		} else {
			r.between.add(milliseconds(now-l.latest) / float32(p.Drawn))
		}
		l.latest = now
	}
	r.note(p.Request)
}

func table(blocks []int32) []uint32 {
	t := make([]uint32, len(blocks))
	for i, b := range blocks {
		t[i] = uint32(b)
	}
	return t
}

func milliseconds(d time.Duration) float32 { return float32(d.Seconds() * 1000) }

// flush makes a record of what has happened since the last step, if anything has.
func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changed) > 0 || len(r.touched) > 0 {
		r.close(r.clock.now())
	}
}

// close makes a record of what is open.
func (r *recorder) close(now time.Duration) {
	for _, id := range r.changed {
		if l := r.lives[id]; l != nil {
			r.open.Requests = append(r.open.Requests, l.HallChange)
			if l.State >= wire.StateStopped {
				delete(r.lives, id)
			}
		}
	}
	for b := range r.touched {
		r.open.Blocks = append(r.open.Blocks, r.wireBlock(b))
	}
	slices.SortFunc(r.open.Blocks, func(a, b wire.HallBlock) int { return int(a.Block) - int(b.Block) })
	r.seq++
	r.open.Seq, r.open.At = r.seq, uint64(now.Microseconds())
	r.measure(now)
	r.open.Meters = r.meters
	r.ready = append(r.ready, r.open)
	r.open, r.changed = wire.HallRecord{}, nil
	clear(r.touched)
	select {
	case r.made <- struct{}{}:
	default:
	}
}

func (r *recorder) wireBlock(b int32) wire.HallBlock {
	info := &r.blocks[b]
	return wire.HallBlock{
		Block: uint32(b), Refs: uint16(info.Refs), Owner: r.owners[b], Index: uint32(info.Index), Filled: uint16(info.Filled),
		Hashed: info.Hashed, Order: info.Order,
	}
}

// measure brings the meters up to date.
func (r *recorder) measure(now time.Duration) {
	m := &r.meters
	old, tokens := 0, 0
	for old < len(r.rate) && now-r.rate[old].at > rateWindow {
		old++
	}
	r.rate = append(r.rate[:0], r.rate[old:]...)
	m.Rate = 0
	if n := len(r.rate); n > 1 {
		for _, d := range r.rate[1:] {
			tokens += d.tokens
		}
		if span := now - r.rate[0].at; span > 0 {
			m.Rate = float32(float64(tokens) / span.Seconds())
		}
	}
	m.FirstMs, m.BetweenMs = r.first.median(), r.between.median()
	m.Held, m.Cached, m.Slots, m.Filled = 0, 0, 0, 0
	for i := range r.blocks {
		switch b := &r.blocks[i]; {
		case b.Refs > 0:
			m.Held++
			m.Slots += uint32(r.size)
			m.Filled += uint32(b.Filled)
		case b.Hashed:
			m.Cached++
		}
	}
	m.Waiting = 0
	for _, l := range r.lives {
		if l.State == wire.StateWaiting || l.State == wire.StatePreempted {
			m.Waiting++
		}
	}
}

// take gives the records that were made since it was last called.
func (r *recorder) take() []wire.HallRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	ready := r.ready
	r.ready = nil
	return ready
}

// pause stops the clock by which times are told, so that a pause is nobody's
// waiting time; steps made meanwhile move it on by what they took.
func (r *recorder) pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock.stop()
}

// resume lets the clock run on.
func (r *recorder) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock.run()
	r.idle.Reset(rateWindow)
}

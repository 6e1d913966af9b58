package cpu

import (
	"math"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/host"
)

// The softmax is computed online (Milakov and Gimelshein 2018; Dao et al. 2022,
// "FlashAttention", algorithm 1): over chunks of keys, with the sums so far
// rescaled when a greater score is met; and over spans of chunks, whose results
// are put together at the end ("Flash-Decoding"), so that one long sequence
// keeps all workers busy. Chunks and spans lie at fixed positions, so the result
// does not depend on who computes what.
const (
	chunkKeys = 128
	spanKeys  = 512
)

// attend is the operation Attention.
type attend struct {
	b          *Backend
	dst, q     *host.Matrix
	kv         *kvCache
	a          *backend.Attention
	group      int  // heads that share keys and values
	tileRows   int  // rows of a tile
	tiles      bool // many queries are computed as spanOfTiles does
	units      []unit
	tapOf      []int32   // a row: 1 + its tap, or 0
	tables     []int32   // groups of all sequences, one after the other
	partials   []float32 // results of spans computed apart
	stride     int       // numbers of a span's result
	splitSpans bool
	ahead      []aheadUnits // one a worker
}

// aheadUnits are the parts of a worker's share whose keys and values, of the next
// layer, are to be read ahead, and the group of the first that comes next.
type aheadUnits struct {
	unit, end, group int
	_                [40]byte // a cache line of its own
}

// unit is a part of the operation: a tile of rows of one sequence and a KV
// head; and, where spans are computed apart, one span.
type unit struct {
	seq, head  int
	first, n   int // rows of the sequence
	span       int // -1: all, and they are put together at once
	table, len int // the sequence's groups in tables; len 0: its blocks are no whole groups
	partial    int // where the span's result lies
}

// Attention computes a part for each tile of rows and group of heads that
// share keys, so that a key is read once for all of them.
//
// Scores are float32. Where products of a query and a key, or sums of them, are beyond
// that, which no model's are, the result of this query is not told, and may be NaN; that
// of others is what it is.
func (b *Backend) Attention(dst, q backend.Tensor, c backend.KVCache, a *backend.Attention) {
	t := &b.attend
	t.dst, t.q, t.kv, t.a = host.Of(dst), host.Of(q), kvOf(c), a
	config := t.kv.config
	t.group = a.Heads / config.KVHeads
	t.tileRows = max(1, b.kernels.Caches().ScoreRows(chunkKeys)/t.group)
	if t.tiles = b.batchVariant && b.kernels.Tiles(t.kv.format, config.HeadDim); t.tiles {
		t.tileRows *= 2
	}
	t.stride = t.group * (2 + t.kv.headRoom)

	rows, tiles, work, longest := 0, 0, 0, 0
	for i := range a.Sequences {
		s := &a.Sequences[i]
		rows += s.Count
		longest = max(longest, s.Count)
		tiles += (s.Count + t.tileRows - 1) / t.tileRows
		work += s.Count * (s.First + s.Count) * a.Heads * config.HeadDim
	}
	t.tapOf = grow(t.tapOf, rows)
	clear(t.tapOf)
	for i := range a.Probs {
		t.tapOf[a.Probs[i].Row] = int32(i + 1)
	}
	// Few tiles: the spans are shared out, a row at a time.
	t.splitSpans = longest == 1 && tiles*config.KVHeads < b.pool.workers*chunksPerWorker
	t.plan()
	if work < 1<<15 {
		t.run(0, 0, len(t.units))
	} else {
		b.pool.run(len(t.units), t)
	}
	t.putTogether()
	t.planAhead()
	for i := range a.Probs { // a row that was asked for twice
		if tap := &a.Probs[i]; t.tapOf[tap.Row] != int32(i+1) {
			copy(tap.Dst, a.Probs[t.tapOf[tap.Row]-1].Dst)
		}
	}
}

// plan lists the parts.
func (t *attend) plan() {
	t.units, t.tables = t.units[:0], t.tables[:0]
	partial := 0
	for i := range t.a.Sequences {
		s := &t.a.Sequences[i]
		table, groups := len(t.tables), 0
		if size := t.kv.config.BlockSize; size%kernel.Lanes == 0 {
			groups = (s.First + s.Count + kernel.Lanes - 1) / kernel.Lanes
			inBlock := size / kernel.Lanes
			for g := range groups {
				t.tables = append(t.tables, s.Blocks[g/inBlock]*int32(inBlock)+int32(g%inBlock))
			}
		}
		for head := range t.kv.config.KVHeads {
			for first := 0; first < s.Count; first += t.tileRows {
				u := unit{seq: i, head: head, first: first, n: min(t.tileRows, s.Count-first), span: -1, table: table, len: groups}
				if !t.splitSpans {
					t.units = append(t.units, u)
					continue
				}
				keys := s.First + first + 1
				for span := t.firstKey(keys) / spanKeys; span*spanKeys < keys; span++ {
					u.span, u.partial = span, partial
					t.units = append(t.units, u)
					partial += t.stride
				}
			}
		}
	}
	t.partials = grow(t.partials, partial)
}

// firstKey is the first key that a query sees which has keys behind it.
func (t *attend) firstKey(keys int) int {
	if t.a.Window > 0 {
		return max(keys-t.a.Window, 0)
	}
	return 0
}

// run implements task.
func (t *attend) run(worker, lo, hi int) {
	s := &t.b.scratch[worker]
	s.asked, s.next = nil, nil
	for i := lo; i < hi; i++ {
		s.next = nil
		if i+1 < hi {
			s.next = &t.units[i+1]
		}
		t.unit(s, &t.units[i])
	}
}

// unit computes a part.
func (t *attend) unit(s *scratch, u *unit) {
	seq, d, n := &t.a.Sequences[u.seq], t.kv.config.HeadDim, u.n*t.group
	// The queries of the heads of a group lie side by side in a row.
	s.query = grow(s.query, n*d)
	for r := range u.n {
		row := t.q.Row(seq.Start + u.first + r)
		copy(s.query[r*t.group*d:], row[u.head*t.group*d:(u.head+1)*t.group*d])
	}
	if u.span >= 0 {
		t.span(s, u, u.span, t.partials[u.partial:][:t.stride])
		return
	}
	last := seq.First + u.first + u.n // keys of the last row
	spans := (last + spanKeys - 1) / spanKeys
	first := t.firstKey(seq.First+u.first+1) / spanKeys
	s.out = grow(s.out, (spans-first)*u.n*t.stride)
	for span := first; span < spans; span++ {
		t.span(s, u, span, s.out[(span-first)*u.n*t.stride:][:u.n*t.stride])
	}
	for r := range u.n {
		t.finish(u, seq.First+u.first+r+1, first, spans, func(span int) []float32 {
			return s.out[((span-first)*u.n+r)*t.stride:][:t.stride]
		}, r)
	}
}

// span computes one span of keys for all rows of a part. A row's result in out
// is, for each head, the greatest score, the sum and the weighted values.
func (t *attend) span(s *scratch, u *unit, span int, out []float32) {
	if t.tiles && u.n*t.group >= leastTiled && u.len > 0 && t.spanOfTiles(s, u, span, out) {
		return
	}
	k, kv := t.b.kernels, t.kv
	seq, d, width := &t.a.Sequences[u.seq], kv.config.HeadDim, kv.headRoom
	n := u.n * t.group
	for i := range n {
		res := out[i*(2+width):][:2+width]
		clear(res)
		res[0] = -math.MaxFloat32
	}
	s.scores = grow(s.scores, n*chunkKeys)
	last := seq.First + u.first + u.n
	first := t.firstChunk(u, span)
	for chunk := first; chunk < min((span+1)*spanKeys, last); chunk += chunkKeys {
		keys := min(chunkKeys, last-chunk)
		groups := (keys + kernel.Lanes - 1) / kernel.Lanes
		keyGroups, valueGroups := t.memory(s, u, chunk, keys)
		if chunk == first && s.asked != u {
			keyGroups.Prefetch()
			valueGroups.Prefetch()
		}
		if chunk+chunkKeys < last {
			t.prefetch(u, chunk+chunkKeys, last)
		} else if s.next != nil && s.next != s.asked { // what the next part begins with
			n := s.next
			last := t.a.Sequences[n.seq].First + n.first + n.n
			t.prefetch(n, t.firstChunk(n, max(n.span, 0)), last)
			s.asked = n
		}
		k.Scores(s.scores, chunkKeys, s.query, d, k.Widen(&s.widened, keyGroups, n), d, n, t.a.Scale)
		for i := range n {
			seen := seq.First + u.first + i/t.group + 1 // keys that the row sees
			scores := s.scores[i*chunkKeys:][:groups*kernel.Lanes]
			hide(scores, t.firstKey(seen)-chunk, seen-chunk)
			t.keepScores(u, i, scores, chunk, seen)
			res := out[i*(2+width):][:2+width]
			if top := k.Greatest(scores); top > res[0] {
				if res[1] != 0 { // else there is nothing to rescale yet
					rescale := exp(res[0] - top)
					res[1] *= rescale
					k.Scale(res[2:], rescale)
				}
				res[0] = top
			}
			res[1] += k.ExpSum(scores, res[0])
		}
		valueGroups = k.Widen(&s.widened, valueGroups, n)
		if seen := seq.First + u.first + 1 - chunk; seen >= keys { // all rows see all keys
			k.Values(out[2:], 2+width, s.scores, chunkKeys, valueGroups, keys, d, n)
			continue
		}
		// Each row has its own keys: a weight of zero does not hide a value
		// that is infinite or none.
		for r := range u.n {
			seen := min(seq.First+u.first+r+1-chunk, keys)
			k.Values(out[r*t.stride+2:], 2+width, s.scores[r*t.group*chunkKeys:], chunkKeys, valueGroups, max(seen, 0), d, t.group)
		}
	}
}

// firstChunk is the first chunk of a span that a part's rows see keys of.
func (t *attend) firstChunk(u *unit, span int) int {
	return max(span*spanKeys, t.firstKey(t.a.Sequences[u.seq].First+u.first+1)/chunkKeys*chunkKeys)
}

// hide sets the scores before from and from to on to −∞.
func hide(scores []float32, from, to int) {
	for i := range scores[:max(min(from, len(scores)), 0)] {
		scores[i] = float32(math.Inf(-1))
	}
	for i := max(to, 0); i < len(scores); i++ {
		scores[i] = float32(math.Inf(-1))
	}
}

// memory is where the kernels find the keys and values of a chunk: in the
// cache, or, where a block is no whole number of groups, put together.
func (t *attend) memory(s *scratch, u *unit, chunk, keys int) (k, v kernel.Groups) {
	kv := t.kv
	first, groups := chunk/kernel.Lanes, (keys+kernel.Lanes-1)/kernel.Lanes
	if u.len > 0 {
		return t.groups(u, t.tables[u.table+first:][:groups])
	}
	blocks, size := t.a.Sequences[u.seq].Blocks, kv.config.BlockSize
	s.keys, s.values = grow(s.keys, groups*kv.keyGroup), grow(s.values, groups*kv.valueGroup)
	if keys%kernel.Lanes != 0 {
		clear(s.keys[(groups-1)*kv.keyGroup:])
	}
	s.table = s.table[:0]
	for g := range groups {
		s.table = append(s.table, int32(g))
	}
	fromKeys, fromValues := kv.headKeys(t.a.Layer, u.head), kv.headValues(t.a.Layer, u.head)
	for i := 0; i < keys; { // block after block
		at := chunk + i
		n := min(size-at%size, keys-i)
		kv.move(s.keys, fromKeys, s.values, fromValues, i, int(blocks[at/size])*size+at%size, n)
		i += n
	}
	return kernel.Groups{Format: kv.format, Memory: s.keys, Bytes: kv.keyGroup, Table: s.table},
		kernel.Groups{Format: kv.format, Memory: s.values, Bytes: kv.valueGroup, Table: s.table}
}

// groups are groups of a part's head in the cache.
func (t *attend) groups(u *unit, table []int32) (k, v kernel.Groups) {
	kv := t.kv
	return kernel.Groups{Format: kv.format, Memory: kv.headKeys(t.a.Layer, u.head), Bytes: kv.keyGroup, Table: table},
		kernel.Groups{Format: kv.format, Memory: kv.headValues(t.a.Layer, u.head), Bytes: kv.valueGroup, Table: table}
}

// prefetch asks for the chunk that comes next, while one is computed.
func (t *attend) prefetch(u *unit, chunk, last int) {
	if chunk >= last || u.len == 0 {
		return
	}
	groups := (min(chunkKeys, last-chunk) + kernel.Lanes - 1) / kernel.Lanes
	keys, values := t.groups(u, t.tables[u.table+chunk/kernel.Lanes:][:groups])
	keys.Prefetch()
	values.Prefetch()
}

// planAhead says what of the next layer is read ahead: what each worker will
// begin with. Prompts read little for what they compute.
func (t *attend) planAhead() {
	units := len(t.units)
	if units != len(t.a.Sequences)*t.kv.config.KVHeads || t.a.Layer+1 >= t.kv.config.Layers {
		units = 0
	}
	workers := t.b.pool.workers
	t.ahead = grow(t.ahead, workers)
	for w := range t.ahead {
		t.ahead[w] = aheadUnits{}
		t.ahead[w].unit, t.ahead[w].end = share(units, w, workers)
	}
}

// readAhead has the products of some panels read keys and values of the
// worker's next parts: pieces of them.
func (t *attend) readAhead(worker int, p *kernel.Panel, pieces int) {
	if len(t.ahead) == 0 {
		return
	}
	a, layer := &t.ahead[worker], t.a.Layer+1
	for ; a.unit < a.end && pieces > 0; pieces -= 2 {
		u := &t.units[a.unit]
		if a.group >= u.len {
			a.unit, a.group = a.unit+1, 0
			continue
		}
		group := int(t.tables[u.table+a.group])
		p.ReadLater(t.kv.headKeys(layer, u.head)[group*t.kv.keyGroup:][:t.kv.keyGroup])
		p.ReadLater(t.kv.headValues(layer, u.head)[group*t.kv.valueGroup:][:t.kv.valueGroup])
		a.group++
	}
}

// keepScores copies the scores of a tapped row to where its weights will be.
func (t *attend) keepScores(u *unit, i int, scores []float32, chunk, seen int) {
	tap := t.tapOf[t.a.Sequences[u.seq].Start+u.first+i/t.group]
	if tap == 0 {
		return
	}
	if n := min(len(scores), seen-chunk); n > 0 {
		copy(t.weights(u, tap, i%t.group, seen)[chunk:], scores[:n])
	}
}

// weights is the memory that a tap gave for one head's weights.
func (t *attend) weights(u *unit, tap int32, g, seen int) []float32 {
	return t.a.Probs[tap-1].Dst[(u.head*t.group+g)*seen:][:seen]
}

// putTogether joins the spans that were computed apart.
func (t *attend) putTogether() {
	if !t.splitSpans {
		return
	}
	for i := 0; i < len(t.units); {
		u := &t.units[i]
		seen := t.a.Sequences[u.seq].First + u.first + 1
		first, spans := u.span, (seen+spanKeys-1)/spanKeys
		t.finish(u, seen, first, spans, func(span int) []float32 {
			return t.partials[u.partial+(span-first)*t.stride:][:t.stride]
		}, 0)
		i += spans - first
	}
}

// finish joins the results of a row's spans, and turns the scores of a tapped
// row into weights.
func (t *attend) finish(u *unit, seen, first, spans int, span func(int) []float32, r int) {
	k, d, width := t.b.kernels, t.kv.config.HeadDim, t.kv.headRoom
	row := t.a.Sequences[u.seq].Start + u.first + r
	for g := range t.group {
		at := g * (2 + width)
		whole := span(first)[at:][:2+width]
		for i := first + 1; i < spans; i++ {
			part := span(i)[at:][:2+width]
			top := max(whole[0], part[0])
			a, b := exp(whole[0]-top), exp(part[0]-top)
			whole[0], whole[1] = top, whole[1]*a+part[1]*b
			k.Scale(whole[2:], a)
			k.Scale(part[2:], b)
			k.Add(whole[2:], part[2:])
		}
		inverse := 1 / whole[1]
		k.Scale(whole[2:], inverse)
		copy(t.dst.Row(row)[(u.head*t.group+g)*d:][:d], whole[2:])
		if tap := t.tapOf[row]; tap != 0 {
			t.softmax(t.weights(u, tap, g, seen), whole[0], inverse)
		}
	}
}

// softmax turns scores into weights, given their greatest and the inverse of
// the sum. What lies before the window was not computed.
func (t *attend) softmax(scores []float32, top, inverse float32) {
	from := t.firstKey(len(scores))
	clear(scores[:from])
	seen := scores[from:]
	n := len(seen) &^ (kernel.Lanes - 1) // the rest by Go's exponential, which differs in the last bits
	t.b.kernels.ExpSum(seen[:n], top)
	for i := n; i < len(seen); i++ {
		seen[i] = exp(seen[i] - top)
	}
	t.b.kernels.Scale(seen, inverse)
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

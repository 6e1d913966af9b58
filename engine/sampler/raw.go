package sampler

// rawDistribution is the softmax of a row of logits as the model gave it.
type rawDistribution struct {
	passes *passes
	logits []float32 // the caller's
	scale  scale

	summed   bool
	total    uint64  // sum of the weights
	logTotal float64 // ln Σ e^(z−top)
}

// sum returns the sum of the weights. It is computed once, where somebody asks.
func (d *rawDistribution) sum() uint64 {
	if !d.summed {
		d.summed = true
		d.total = d.passes.sum(d.scale, d.logits)
		d.logTotal = d.scale.logTotal(d.total)
	}
	return d.total
}

func (d *rawDistribution) logProb(z float32) float32 {
	d.sum()
	return float32(d.scale.exponent(z) - d.logTotal)
}

// topLogProbs returns the n most probable tokens of the raw distribution; −1 means all. It comes
// last of a run: the candidates' memory is used for it.
func (s *Sampler) topLogProbs(n int) []TokenLogProb {
	if n == 0 {
		return nil
	}
	logits := s.raw.logits
	if n < 0 {
		n = len(logits)
	}
	if s.edited {
		s.passes.scan(logits, &s.groups)
	}
	best := newBest(n, len(logits))
	if floor, ok := s.floorFor(n, s.raw.scale.top); ok {
		found := s.passes.collect(logits, floor, s.store.ids, s.store.keys)
		for i, id := range s.store.ids[:found] {
			best.offer(place{s.store.keys[i], id})
		}
	} else {
		best.offerAll(logits)
	}
	list := make([]TokenLogProb, 0, n)
	for i, p := range best.sorted() {
		list = append(list, TokenLogProb{Token: p.id, LogProb: s.raw.logProb(logits[p.id]), Rank: i + 1})
	}
	return list
}

// rankOf returns 1 plus the number of tokens before the token in the order.
func (p *passes) rankOf(logits []float32, token int32) int {
	z := logits[token]
	before, equal := p.count(logits[:token], z)
	after, _ := p.count(logits[token:], z)
	return 1 + before + equal + after
}

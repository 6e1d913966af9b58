package sampler

import "math"

// cut runs one of the stages that rescale or shorten the kept prefix, if p asks for it.
func (s *Sampler) cut(kind Kind, p *Params) {
	switch kind {
	case Temperature:
		if p.Temperature != 1 {
			s.scale = s.scale.at(p.Temperature)
			s.weighed, s.summed = false, false
			s.note(kind, float64(p.Temperature), 0)
		}
	case MinP:
		if p.MinP > 0 {
			s.cutMinP(p.MinP)
		}
	case TopK:
		if p.TopK > 0 {
			s.cutTopK(p.TopK)
		}
	case TopP:
		if p.TopP < 1 {
			s.cutTopP(p.TopP)
		}
	}
}

// cutMinP drops the tokens that weigh less than minP times the best.
func (s *Sampler) cutMinP(minP float32) {
	threshold := ceil(float64(minP) * float64(s.scale.one()))
	s.reachLogit(threshold)
	s.weigh()
	last := place{id: end.id}
	for i, k := range s.keys {
		if s.weights[i] >= threshold {
			last.key = max(last.key, k)
		}
	}
	before := s.held // of all tokens, if somebody wants to know
	s.keepThrough(last)
	s.note(MinP, float64(minP), share(threshold, before))
}

// cutTopK keeps the k largest logits and their equals.
func (s *Sampler) cutTopK(k int) {
	threshold := negInf
	if k < s.kept() {
		s.reach(k)
		last := place{key: s.atRank(k - 1).key, id: end.id}
		threshold = last.key.logit()
		s.keepThrough(last)
	}
	s.note(TopK, float64(k), s.scale.scaled(threshold))
}

// cutTopP keeps every token before which less than p of the probability lies.
func (s *Sampler) cutTopP(p float32) {
	before := s.sum()
	goal := ceil(float64(p) * float64(before)) // at least 1, at most the sum
	f := s.atWeight(goal - 1)
	s.keepThrough(f.place)
	s.note(TopP, float64(p), share(f.before+f.weight, before))
}

// ceil returns the smallest integer that is at least x, for x in [0, 2^63).
func ceil(x float64) uint64 { return uint64(int64(math.Ceil(x))) }

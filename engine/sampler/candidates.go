package sampler

import "math"

// Most draws look at a few tokens of the many that there are. The candidates are
// therefore not all tokens kept, but the first of them in the order, as many as some
// stage needs: those at or above a floor.

// kept returns the number of tokens kept.
func (s *Sampler) kept() int {
	if s.whole {
		return len(s.ids)
	}
	return s.alive // nothing was dropped before the candidates were whole
}

// collect makes candidates of all tokens at or above a floor, of those above −Inf.
func (s *Sampler) collect(floor float32) {
	floor = max(floor, -math.MaxFloat32)
	s.floor = floor
	n := s.passes.collect(s.logits, floor, s.store.ids, s.store.keys)
	s.ids, s.keys, s.weights = s.store.ids[:n], s.store.keys[:n], s.store.weights[:n]
	s.whole = n == s.alive
	s.weighed = false
}

// reach makes the first n tokens of those kept candidates, and all that equal the n-th.
func (s *Sampler) reach(n int) {
	s.reached = max(s.reached, n)
	if s.whole || len(s.ids) >= n {
		return
	}
	floor, _ := s.floorFor(n, s.scale.top)
	s.collect(floor)
}

// reachWeight makes the first tokens candidates so far that their weights add up to more
// than goal, which is less than the total.
func (s *Sampler) reachWeight(goal uint64) {
	const few = groupsOfRow / 4
	// A language model is seldom in doubt about more. If it is, the floor sinks to weights
	// that are e, e³, e⁷, … times smaller, and at last to the ground.
	step := 1 / s.scale.invT
	for s.weigh(); !s.whole && s.held <= goal; s.weigh() {
		switch {
		case s.reached < few:
			s.reach(few)
		case len(s.ids) > s.alive/4:
			s.collect(-math.MaxFloat32)
		default:
			s.collect(float32(float64(s.floor) - step))
			step *= 2
		}
	}
}

// reachLogit makes all tokens that weigh threshold or more candidates, threshold ≥ 1.
func (s *Sampler) reachLogit(threshold uint64) {
	if s.whole {
		return
	}
	// Half the threshold, for rounding; float32 rounds no logit below the floor that was not there.
	x := s.scale.logTotal(threshold) - math.Ln2
	floor := float32(float64(s.scale.top) + float64(x/s.scale.invT))
	s.collect(floor)
}

// floorFor returns a logit that at least n tokens of the row that was scanned last reach, and few
// more; top is its greatest logit. ok is false where all tokens above −Inf are the only answer.
//
// A group whose greatest logit reaches a floor has a token that does. So the floor is
// looked for among the groups' maxima, by bisection of the keys.
func (s *Sampler) floorFor(n int, top float32) (floor float32, ok bool) {
	reach := func(k key) int {
		above, equal := s.passes.count(s.groups.maxima, k.logit())
		return above + equal
	}
	low, high := keyOf(top)-1, keyOf(-math.MaxFloat32) // too few reach low
	if reach(high) < n {
		return high.logit(), false
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		found := reach(middle)
		if found < n {
			low = middle
			continue
		}
		high = middle
		if found <= n+n/8 {
			break
		}
	}
	return high.logit(), true
}

// weigh computes the candidates' weights for the current scale.
func (s *Sampler) weigh() {
	if !s.weighed {
		s.weighed = true
		s.held = s.passes.weigh(s.scale, s.keys, s.weights)
	}
}

// sum returns the sum of the weights of all tokens kept.
func (s *Sampler) sum() uint64 {
	switch {
	case s.whole:
		s.weigh()
		return s.held
	case s.summed:
	case !s.edited && s.scale == s.raw.scale:
		s.total = s.raw.sum()
	default:
		s.total = s.passes.sum(s.scale, s.logits)
	}
	s.summed = true
	return s.total
}

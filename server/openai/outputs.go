package openai

// siblings are the outputs of one request (n), as far as they have come in and
// have not ended.
type siblings struct {
	open  int
	most  int  // tokens that the longest one drew that ended by itself
	ended bool // there is such a one
}

// join takes in an output of the request whose first output is first.
func (m *Metrics) join(first uint32) *siblings {
	s := m.requests[first]
	if s == nil {
		s = &siblings{}
		m.requests[first] = s
	}
	s.open++
	return s
}

// leave takes note that an output has gone; the last one tells of all that
// ended by themselves.
func (m *Metrics) leave(t *timeline, ended bool) {
	s := t.siblings
	if s == nil {
		return
	}
	s.open--
	if ended && !t.disturbed {
		s.most, s.ended = max(s.most, t.drawn), true
	}
	if s.open > 0 {
		return
	}
	delete(m.requests, t.request)
	if s.ended {
		m.maxGeneration.Observe(float64(s.most))
	}
}

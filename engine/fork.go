package engine

import "slices"

// Fork makes a request of its own that stands where this one stands: with the same
// tokens and parameters, and with the same blocks until one of the two writes to one
// (copy-on-write; Kwon et al. 2023, section 4.4). So a chat can try another answer and
// come back to the first. The fork is held, paused and set aside, see [Handle.SetAside];
// log-probabilities of its prompt are not told again. A request with several outputs is
// refused.
func (h *Handle) Fork() (*Handle, error) {
	var fork *Handle
	err := h.do(func(e *Engine, s *sequence) error {
		if err := s.alone("Fork"); err != nil {
			return err
		}
		o := &sequence{
			tokens: slices.Clone(s.tokens), computed: s.computed, params: s.params, watch: s.watch, hold: true, aside: true,
			turns: slices.Clone(s.turns), used: s.used, counted: s.counted, queried: s.queried, prefixHit: s.prefixHit, priority: s.priority,
			group: newGroup(1, newMailbox(e.options.MaxUnread, e.drained)), grammar: s.grammar.clone(),
		}
		if s.state.Finished() {
			o.turn().limitFrom = len(o.tokens) // max_tokens counts anew, as it does for the request
		}
		o.table.Salt = s.table.Salt
		return e.takeIn(func() error {
			e.newSequence(o)
			if err := e.share(o, s); err != nil {
				return err
			}
			o.replay(e)
			e.setState(o, Paused, "")
			fork = &Handle{e, o}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return fork, nil
}

// SetAside pauses the request for the time being: its blocks may be taken from it when
// memory is short, and are computed again when it goes on. Those of a finished request may
// be taken anyway.
func (h *Handle) SetAside() error {
	return h.do(func(e *Engine, s *sequence) error {
		for _, o := range s.unfinished() {
			e.park(o, Paused)
			o.aside = true
		}
		return nil
	})
}

// TakeUp ends what SetAside or Fork began: what a paused request still has of its blocks
// it keeps. It owns those that it shares with others.
func (h *Handle) TakeUp() error {
	return h.do(func(e *Engine, s *sequence) error {
		for _, o := range s.outputs {
			o.aside = false
			e.pool.Lead(&o.table)
		}
		return nil
	})
}

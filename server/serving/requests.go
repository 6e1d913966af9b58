package serving

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"vitrine/engine"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// request is a request of a reader.
type request struct {
	reader  uint32
	handle  *engine.Handle
	outputs []*output // by their indices
}

// output is one of the answers to a request.
type output struct {
	id       uint32 // 0 until it is forked off
	request  *request
	finished bool
	pieces   [][]byte // what its tokens stand for
}

// finished reports whether every answer to the request has ended.
func (q *request) finished() bool {
	return !slices.ContainsFunc(q.outputs, func(o *output) bool { return !o.finished })
}

// add adds requests. Those that can never fit are left out; any other refusal ends it.
func (s *Server) add(c *conn, m *wire.HallAdd) error {
	text := strings.TrimSpace(m.Text)
	switch {
	case m.Count < 1 || m.Count > 64:
		return outside("count", m.Count, 1, 64)
	case m.MaxTokens > 1024:
		return outside("max_tokens", m.MaxTokens, 0, 1024)
	case m.Outputs > maxOutputs:
		return outside("outputs", m.Outputs, 1, maxOutputs)
	case m.Sort == wire.HallOwn && text == "":
		return telling.Wrong("text", "told.empty")
	case utf8.RuneCountInString(text) > maxText:
		return telling.Wrong("text", "told.too_many_characters", "N", utf8.RuneCountInString(text), "Most", maxText)
	}
	defer s.settle()
	if m.Count > 1 { // all of them come between the same two steps
		s.steer(0)
		defer s.hold()
	}
	var long *telling.Refusal
	n := 0
	for range m.Count {
		err := s.addOne(c.reader, m, c.locale, text)
		if own := (*telling.Refusal)(nil); errors.As(err, &own) && own.Code == telling.CodeTooLong {
			// The others may well fit.
			long = own
			n++
			continue
		}
		if err != nil {
			return err
		}
	}
	switch {
	case long == nil:
		return nil
	case m.Count == 1:
		return long
	}
	return &telling.Refusal{Code: telling.CodeTooLong, Field: long.Field, Why: telling.Of("told.not_added", "N", n, "Count", m.Count, "Detail", long.Why)}
}

// addOne adds one of the requests that m asks for.
func (s *Server) addOne(r *reader, m *wire.HallAdd, locale, text string) error {
	outputs, unfinished := max(int(m.Outputs), 1), 0
	for _, q := range s.order {
		for _, o := range q.outputs {
			if !o.finished {
				unfinished++
			}
		}
	}
	if unfinished+outputs > maxUnfinished {
		return telling.Refuse(telling.CodeBusy, "told.hall_full", "N", unfinished, "Most", maxUnfinished)
	}
	p := &prompter{s.model.Tokenizer, s.model.Template}
	t, err := p.make(m.Sort, s.numbers, locale, text, int(m.MaxTokens))
	if err != nil {
		return err
	}
	s.numbers++ // in any case: the next of the sort may be shorter
	if n, limit := len(t.request.Prompt), s.engine.MaxModelLen(); n >= limit {
		return &telling.Refusal{Code: telling.CodeTooLong, Field: "prompt", Why: telling.Of("told.too_long_for_hall", "Tokens", n, "Limit", limit)}
	}
	t.request.Params.N = outputs
	s.record.expect(wire.HallRequest{Reader: r.ID, Sort: m.Sort, Outputs: uint8(outputs), Title: t.title})
	handle, err := s.engine.Add(context.Background(), t.request)
	if err != nil {
		return err
	}
	q := &request{reader: r.ID, handle: handle}
	var pieces [][]byte
	for _, id := range t.request.Prompt {
		pieces = append(pieces, s.piece(id))
	}
	for range outputs {
		q.outputs = append(q.outputs, &output{request: q, pieces: slices.Clone(pieces)})
	}
	q.outputs[0].id = handle.ID()
	s.outputs[handle.ID()] = q.outputs[0]
	s.order = append(s.order, q)
	s.forget()
	go s.follow(s.epoch, q)
	return nil
}

// number takes down the numbers of outputs that were forked off.
func (s *Server) number(added []wire.HallRequest) {
	for i := range added {
		a := &added[i]
		if first := s.outputs[a.First]; a.Index > 0 && first != nil && int(a.Index) < len(first.request.outputs) {
			o := first.request.outputs[a.Index]
			o.id = a.ID
			s.outputs[o.id] = o
		}
	}
}

// forget drops the tokens of the oldest requests that have ended.
func (s *Server) forget() {
	for len(s.order) > maxRemembered && s.order[0].finished() {
		for _, o := range s.order[0].outputs {
			delete(s.outputs, o.id)
		}
		s.order = s.order[1:]
	}
}

// piece is what a token stands for; its name in the vocabulary if it stands for no text.
func (s *Server) piece(id int32) []byte {
	t := s.model.Tokenizer
	if b := t.Bytes(id); len(b) > 0 {
		return b
	}
	return []byte(t.Piece(id))
}

// follow reads a request's events to its end.
func (s *Server) follow(epoch uint32, q *request) {
	for {
		event, err := q.handle.Next(context.Background())
		if err != nil {
			s.do(q.end)
			return
		}
		switch o := q.outputs[event.Index]; {
		case event.Kind == engine.EventToken:
			s.do(func() { s.drawn(epoch, o, event.Token) })
		case event.Kind == engine.EventState && event.State.Finished():
			s.do(func() { o.finished = true })
		}
	}
}

// end takes note that all answers to the request have ended.
func (q *request) end() {
	for _, o := range q.outputs {
		o.finished = true
	}
}

// drawn takes note of a token and tells it to those who watch the output.
func (s *Server) drawn(epoch uint32, o *output, token int32) {
	if epoch != s.epoch {
		return
	}
	o.pieces = append(o.pieces, s.piece(token))
	n := len(o.pieces) - 1
	for c := range s.here {
		if c.watched == o.id && o.id != 0 {
			c.send(&wire.HallText{Request: o.id, From: uint32(n), Pieces: o.pieces[n:]})
		}
	}
}

// ofOthers counts the requests that wait or run and that the page may not end:
// those of other readers, unless it is on the server's own machine.
func (s *Server) ofOthers(c *conn) int {
	n := 0
	for _, q := range s.order {
		if !q.finished() && q.reader != c.reader.ID && !c.host {
			n++
		}
	}
	return n
}

// cancel ends the request that an output belongs to, or all of the reader's own.
// Those of others may be ended from the server's own machine alone.
func (s *Server) cancel(c *conn, id uint32) error {
	defer s.settle()
	which := s.order
	if id != 0 {
		o := s.outputs[id]
		if o == nil || o.request.finished() {
			return telling.Wrong("request", "told.not_running", "N", id)
		}
		if o.request.reader != c.reader.ID && !c.host {
			return telling.Refuse(codeNotYours, "told.not_yours_one", "N", id)
		}
		which = []*request{o.request}
	}
	for _, q := range which {
		if q.finished() || id == 0 && q.reader != c.reader.ID {
			continue
		}
		if err := q.handle.Abort(); err != nil && !errors.Is(err, engine.ErrReleased) {
			return err
		}
		q.end()
	}
	return nil
}

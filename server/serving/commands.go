package serving

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/source"
	"vitrine/visualizer"
	"vitrine/visualizer/wire"
)

// The codes of a wire.Problem that the hall sends.
const (
	codeBadField = "bad_field"
	codeTooLong  = "too_long"
	codeNoModel  = "no_model"
	codeBusy     = "busy"
	codeBadFrame = "bad_frame"
	codeInternal = "internal"
)

// badField says that a field of a command cannot be taken, and why.
type badField struct{ field, reason string }

func (e *badField) Error() string { return e.field + " " + e.reason }

// refusal is a problem that concerns no field.
type refusal struct{ code, reason string }

func (e *refusal) Error() string { return e.reason }

// problemOf puts an error into the page's terms.
func problemOf(err error) *wire.Problem {
	var (
		field  *badField
		own    *refusal
		param  *sampler.ParamError
		reject *engine.RequestError
		frame  *wire.Error
	)
	switch {
	case errors.As(err, &field):
		return &wire.Problem{Code: codeBadField, Field: field.field, Detail: err.Error()}
	case errors.As(err, &own):
		return &wire.Problem{Code: own.code, Detail: own.reason}
	case errors.As(err, &reject) && reject.Field == "prompt":
		return &wire.Problem{Code: codeTooLong, Field: reject.Field, Detail: err.Error()}
	case errors.As(err, &reject):
		return &wire.Problem{Code: codeBadField, Field: reject.Field, Detail: err.Error()}
	case errors.As(err, &param):
		return &wire.Problem{Code: codeBadField, Field: param.Field, Detail: err.Error()}
	case errors.As(err, &frame):
		return &wire.Problem{Code: codeBadFrame, Field: frame.Field, Detail: err.Error()}
	}
	return &wire.Problem{Code: codeInternal, Detail: err.Error()}
}

// obey carries a command out and tells the page what is wrong with it.
func (s *Server) obey(c *conn, command wire.Command) {
	if err := s.carryOut(c, command); err != nil {
		p := problemOf(err)
		if q, ok := command.(*wire.Query); ok {
			p.Query = q.ID
		}
		c.send(p)
	}
}

func (s *Server) carryOut(c *conn, command wire.Command) error {
	switch m := command.(type) {
	case *wire.HallJoin:
		s.join(c, m)
		return nil
	case *wire.Ping:
		c.send(&wire.Pong{Number: m.Number})
		return nil
	case *wire.Query:
		return s.answer(c, m)
	}
	switch {
	case c.reader == nil:
		return &refusal{codeBadFrame, "the first message has to be HallJoin, not " + command.Kind().String()}
	case s.engine == nil:
		return &refusal{codeNoModel, "there is no model yet"}
	}
	switch m := command.(type) {
	case *wire.HallAdd:
		return s.add(c, m)
	case *wire.HallArrivals:
		return s.arrivals(c, m)
	case *wire.HallCancel:
		return s.cancel(c, m.Request)
	case *wire.HallControl:
		return s.run(m.Op)
	case *wire.HallConfigure:
		if s.racing != nil {
			return errRacing
		}
		return s.tryToSetUp(m.Config)
	case *wire.HallWatch:
		c.watched = m.Request
		if o := s.outputs[m.Request]; o != nil {
			c.send(&wire.HallText{Request: o.id, Pieces: o.pieces})
		}
		return nil
	case *wire.HallStartRace:
		return s.startRace(c, m.Race)
	}
	return &refusal{codeBadFrame, "the hall does not know " + command.Kind().String()}
}

var errRacing = &refusal{codeBusy, "a race is being run; wait for its end, or end it"}

// sources are the texts of what computes the hall's numbers.
var sources = source.Trees{"engine": engine.Sources, "visualizer": visualizer.Sources, "server/serving": own}

// answer answers a question about the source of a function.
func (s *Server) answer(c *conn, q *wire.Query) error {
	if q.What != wire.QuerySource {
		return &badField{"What", fmt.Sprintf("is %d, want %d: the hall shows sources of functions only", q.What, wire.QuerySource)}
	}
	f, err := sources.Find(q.Text)
	if err != nil {
		return &badField{"Text", "is " + err.Error()}
	}
	c.send(&wire.Source{Query: q.ID, Func: q.Text, File: f.File, Line: uint32(f.Line), Text: f.Text})
	return nil
}

// add adds requests. Those that can never fit are left out; any other refusal ends it.
func (s *Server) add(c *conn, m *wire.HallAdd) error {
	text := strings.TrimSpace(m.Text)
	switch {
	case m.Count < 1 || m.Count > 64:
		return &badField{"count", fmt.Sprintf("is %d, want 1 to 64", m.Count)}
	case m.MaxTokens > 1024:
		return &badField{"max_tokens", fmt.Sprintf("is %d, want at most 1024", m.MaxTokens)}
	case m.Outputs > maxOutputs:
		return badOutputs(m.Outputs)
	case m.Sort == wire.HallOwn && text == "":
		return &badField{"text", "is empty, want what to ask"}
	case len(text) > maxText:
		return &badField{"text", fmt.Sprintf("is %d bytes long, want at most %d", len(text), maxText)}
	}
	defer s.settle()
	if m.Count > 1 { // all of them come between the same two steps
		s.steer(0)
		defer s.hold()
	}
	var refused error
	n := 0
	for range m.Count {
		err := s.addOne(c.reader, m, c.locale, text)
		if reject := (*engine.RequestError)(nil); errors.As(err, &reject) {
			// The others may well fit.
			refused = err
			n++
			continue
		}
		if err != nil {
			return err
		}
	}
	if refused != nil && m.Count > 1 {
		return fmt.Errorf("%d of %d requests were not added: %w", n, m.Count, refused)
	}
	return refused
}

func badOutputs(n uint8) error {
	return &badField{"outputs", fmt.Sprintf("are %d, want at most %d answers to a request", n, maxOutputs)}
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
		return &refusal{codeBusy, fmt.Sprintf("%d answers wait or run, want at most %d; wait for some of them to end", unfinished, maxUnfinished)}
	}
	p := &prompter{s.model.Tokenizer, s.model.Template}
	t, err := p.make(m.Sort, s.numbers, locale, text, int(m.MaxTokens))
	if err != nil {
		return err
	}
	s.numbers++
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

// cancel ends the request that an output belongs to, or all of the reader's own.
func (s *Server) cancel(c *conn, id uint32) error {
	defer s.settle()
	which := s.order
	if id != 0 {
		o := s.outputs[id]
		if o == nil || o.request.finished() {
			return &badField{"request", fmt.Sprintf("is %d, want one that waits or runs", id)}
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

// run steers the engine.
func (s *Server) run(op wire.HallOp) error {
	if s.racing != nil {
		return errRacing
	}
	if op == wire.HallStep && s.control.Paused {
		s.steer(1)
		return nil
	}
	s.control.Paused = op != wire.HallResume
	s.hold()
	s.nextArrival()
	s.toAll(&s.control)
	return nil
}

// arrivals lets requests arrive by themselves, or no longer.
func (s *Server) arrivals(c *conn, m *wire.HallArrivals) error {
	if m.On && !(m.Rate > 0 && m.Rate <= maxRate) {
		return &badField{"rate", fmt.Sprintf("is %g, want more than 0 and at most %d requests a second", m.Rate, maxRate)}
	}
	if m.Sort == wire.HallOwn {
		return &badField{"sort", "is the reader's own text, want another: requests that arrive by themselves have none"}
	}
	if m.Outputs > maxOutputs {
		return badOutputs(m.Outputs)
	}
	s.control.Arriving, s.control.Sort, s.control.Outputs, s.arriving = m.On, m.Sort, max(m.Outputs, 1), c.reader
	if m.On {
		s.control.Rate = m.Rate
	}
	s.nextArrival()
	s.toAll(&s.control)
	return nil
}

// nextArrival sets the time of the next arrival: of a Poisson process, in which
// the times between arrivals have the density λ·e^(−λt).
func (s *Server) nextArrival() {
	s.arrival.Stop()
	if s.control.Arriving && !s.control.Paused && s.racing == nil {
		s.arrival.Reset(exponential(float64(s.control.Rate), rand.Float64()))
	}
}

// exponential is −ln(1−u)/λ: a time with the density λ·e^(−λt), if u is uniform
// in [0, 1).
func exponential(rate, u float64) time.Duration {
	return time.Duration(-math.Log1p(-u) / rate * float64(time.Second))
}

func (s *Server) arrive() {
	if s.engine != nil && s.control.Arriving {
		// One that is refused is lost, as it is in a queue that is full.
		m := &wire.HallAdd{Sort: s.control.Sort, Outputs: s.control.Outputs}
		if err := s.addOne(s.arriving, m, s.localeOf(s.arriving), ""); err != nil {
			s.options.Log.Debug("hall: an arrival is refused", "error", err)
		}
		s.settle()
	}
	s.nextArrival()
}

func (s *Server) localeOf(r *reader) string {
	for c := range s.here {
		if c.reader == r {
			return c.locale
		}
	}
	return "en"
}

// startRace begins a race, or ends the one that runs.
func (s *Server) startRace(c *conn, kind wire.HallRaceKind) error {
	if kind == wire.HallRaceNone {
		if s.racing != nil {
			s.racing()
		}
		return nil
	}
	if s.racing != nil {
		return errRacing
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.racing = cancel
	s.hold()
	s.nextArrival()
	model, locale := s.model, c.locale
	s.raced.Go(func() {
		defer cancel()
		err := model.race(ctx, kind, locale, func(r wire.HallRace) {
			// On the goroutine of the race's engine, which may not wait.
			s.latest.Store(&r)
			select {
			case s.moved <- struct{}{}:
			default:
			}
		})
		s.do(func() { s.endRace(kind, err) })
	})
	return nil
}

// tellRace tells every page how far the race is.
func (s *Server) tellRace() {
	if race := s.latest.Swap(nil); race != nil {
		s.state.Apply(race)
		s.toAll(race)
	}
}

// endRace lets the hall go on.
func (s *Server) endRace(kind wire.HallRaceKind, err error) {
	s.tellRace()
	if err != nil {
		race := s.state.Race().Copy()
		race.Race, race.Running, race.Problem = kind, false, err.Error()
		if errors.Is(err, context.Canceled) {
			race.Problem = "it was ended"
		}
		s.state.Apply(&race)
		s.toAll(&race)
	}
	s.racing = nil
	s.hold()
	s.nextArrival()
}

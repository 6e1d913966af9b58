package serving

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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
	codeNotYours = "not_yours" // it would end requests of others
	codeGone     = "gone"      // the server is stopping
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
		if n := s.ofOthers(c); n > 0 {
			return &refusal{codeNotYours, fmt.Sprintf("an engine that is set up anew ends %d requests of others; wait until they are done", n)}
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

package serving

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"vitrine/engine"
	"vitrine/server/source"
	"vitrine/server/telling"
	"vitrine/visualizer"
	"vitrine/visualizer/wire"
)

// obey carries a command out and tells the page what is wrong with it.
func (s *Server) obey(c *conn, command wire.Command) {
	if err := s.carryOut(c, command); err != nil {
		if known := c.refuse(command, err); !known {
			s.options.Log.Warn("hall: a command failed", "command", command.Kind().String(), "error", err)
		}
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
	case *wire.Pace:
		if m.Millis > wire.MaxPace {
			return outside("Millis", m.Millis, 0, wire.MaxPace)
		}
		c.SetPace(time.Duration(m.Millis) * time.Millisecond)
		return nil
	case *wire.Query:
		return s.answer(c, m)
	}
	switch {
	case c.reader == nil:
		return telling.Refuse(telling.CodeBadFrame, "told.not_joined", "Kind", command.Kind())
	case s.engine == nil:
		return telling.Refuse(telling.CodeNoModel, "told.no_engine")
	}
	switch m := command.(type) {
	case *wire.HallAdd:
		return s.add(c, m)
	case *wire.HallArrivals:
		return s.arrivals(c, m)
	case *wire.HallCancel:
		return s.cancel(c, m.Request)
	case *wire.HallControl:
		return s.run(c, m.Op)
	case *wire.HallConfigure:
		if s.racing != nil {
			return errRacing
		}
		if n := s.ofOthers(c); n > 0 {
			return telling.Refuse(codeNotYours, "told.not_yours_all", "N", n)
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
	return telling.Refuse(telling.CodeBadFrame, "told.unexpected", "Kind", command.Kind())
}

var errRacing = telling.Refuse(telling.CodeBusy, "told.racing")

// sources are the texts of what computes the hall's numbers.
var sources = source.Trees{"engine": engine.Sources, "visualizer": visualizer.Sources, "server/serving": own}

// answer answers a question about the source of a function.
func (s *Server) answer(c *conn, q *wire.Query) error {
	if q.What != wire.QuerySource {
		return telling.Wrong("What", "told.only_sources", "N", q.What, "Want", wire.QuerySource)
	}
	f, err := sources.Find(q.Text)
	if err != nil {
		return &telling.BadField{Field: "Text", Why: telling.From("it is "+err.Error(), "told.no_source")}
	}
	c.send(&wire.Source{Query: q.ID, Func: q.Text, File: f.File, Line: uint32(f.Line), Text: f.Text})
	return nil
}

// run steers the engine. Everyone may pause it, have it make a step and let it run: a
// class looks at one engine together. Who paused it is named to all.
func (s *Server) run(c *conn, op wire.HallOp) error {
	if s.racing != nil {
		return errRacing
	}
	if op == wire.HallStep && s.control.Paused {
		s.steer(1)
		return nil
	}
	paused := op != wire.HallResume
	switch {
	case !paused:
		s.control.By = 0
	case !s.control.Paused:
		s.control.By = c.reader.ID
	}
	s.control.Paused = paused
	s.hold()
	s.nextArrival()
	s.toAll(&s.control)
	return nil
}

// arrivals lets requests arrive by themselves, or no longer.
func (s *Server) arrivals(c *conn, m *wire.HallArrivals) error {
	if m.On && !(m.Rate > 0 && m.Rate <= maxRate) {
		return telling.Wrong("rate", "told.arrivals", "N", m.Rate, "Most", maxRate)
	}
	if m.Sort == wire.HallOwn {
		return telling.Wrong("sort", "told.own_arrives")
	}
	if m.Outputs > maxOutputs {
		return outside("outputs", m.Outputs, 1, maxOutputs)
	}
	s.control.Arriving, s.control.Sort, s.control.Outputs, s.arriving = m.On, m.Sort, max(m.Outputs, 1), c.reader
	s.locale = c.locale
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
		if err := s.addOne(s.arriving, m, s.locale, ""); err != nil {
			s.options.Log.Debug("hall: an arrival is refused", "error", err)
		}
		s.settle()
	}
	s.nextArrival()
}

// startRace begins a race, or ends the one that runs: that of another from the server's
// own machine alone.
func (s *Server) startRace(c *conn, kind wire.HallRaceKind) error {
	switch {
	case kind != wire.HallRaceNone:
	case s.racing == nil:
		return nil
	case s.racer != c.reader && !c.host:
		return telling.Refuse(codeNotYours, "told.not_yours_race")
	default:
		s.racing()
		return nil
	}
	if s.racing != nil {
		return errRacing
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.racing, s.racer = cancel, c.reader
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
		race.Race, race.Running, race.Problem = kind, false, unfinished(err)
		if !errors.Is(err, context.Canceled) {
			s.options.Log.Warn("hall: a race failed", "error", err)
		}
		s.state.Apply(&race)
		s.toAll(&race)
	}
	s.racing = nil
	s.hold()
	s.nextArrival()
}

package remote

import (
	"context"
	"errors"
	"time"
)

// Report is how a server stands at a moment.
type Report struct {
	Gauges Gauges
	Err    error // why it could not be asked; nil while it answers
}

const (
	// watchInterval is the time between two questions for the gauges.
	watchInterval = time.Second
	// aliveInterval is the time between two signs of life of a server that has
	// no metrics.
	aliveInterval = 5 * time.Second
)

// ErrOtherModel says that a server came back with another model.
var ErrOtherModel = errors.New("the remote server serves another model now")

// Watch asks the server once a second how it stands, and tells it to report,
// until ctx is done or, when a server that was gone is back, it serves something
// else than before: then the error is [ErrOtherModel].
func (e *Engine) Watch(ctx context.Context, report func(Report)) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	mute, lost := false, false
	var m meter
	var asked time.Time
	for {
		if now := time.Now(); e.due(mute, now.Sub(asked)) {
			asked = now
			r := Report{Gauges: UnknownGauges()}
			if mute || lost {
				var info Info
				info, r.Err = e.ask(ctx)
				if r.Err == nil && lost && info != e.info {
					return ErrOtherModel
				}
			}
			if r.Err == nil && !mute {
				var s scraped
				s, r.Err = e.scrape(ctx)
				switch {
				case errors.Is(r.Err, ErrNoMetrics):
					mute, r.Err = true, nil
				case r.Err == nil:
					r.Gauges = m.read(s)
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			lost = r.Err != nil
			report(r)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// due says whether the server is to be asked, so long after the last time. One
// without metrics is asked for a sign of life only; an answer that is being
// written is one itself, and a question beside it makes llama-cpp-python break
// it off.
func (e *Engine) due(mute bool, since time.Duration) bool {
	return !mute || since >= aliveInterval && e.streams.Load() == 0
}

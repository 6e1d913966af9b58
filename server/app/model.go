package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"vitrine/engine"
	"vitrine/engine/chat"
	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/server/openai"
	"vitrine/server/serving"
	"vitrine/visualizer/wire"
)

// running is the engine with the model that belongs to it.
type running struct {
	engine  *engine.Engine
	model   *load.Model
	metrics *openai.Metrics
}

func (r *running) close() error { return errors.Join(r.engine.Close(), r.model.Close()) }

// loadModel fetches and loads the model and lets the sessions have it, and
// measures what its speed is held against. What goes wrong is told in the page and in the log; the server goes on, for the
// page still plays its recording, and tries again when the page asks for it.
func (a *App) loadModel(ctx context.Context, c Config, found *load.Found) {
	r, err := a.openModel(ctx, c, found)
	for ; err != nil; r, err = a.openModel(ctx, c, found) {
		if ctx.Err() != nil {
			return
		}
		a.log.Error("there is no model", "model", found.Name, "error", err)
		select {
		case <-a.again: // asked for while the last one was being tried
		default:
		}
		a.report(wire.Status{Phase: wire.PhaseFailed, Name: found.Title, Detail: failure(found.Title, err).Told()})
		select {
		case <-a.again:
		case <-ctx.Done():
			return
		}
	}
	a.use(r)
	a.measureBandwidth(ctx, r.model.Threads)
}

// retry has [App.loadModel], or [App.serveRemote], try once more, if it has failed.
func (a *App) retry() {
	select {
	case a.again <- struct{}{}:
	default:
	}
}

// use lets the sessions have the engine, which ends with the App.
func (a *App) use(r *running) {
	a.engine = r
	template, err := r.model.ChatTemplate()
	if err != nil && !errors.Is(err, chat.ErrNoTemplate) {
		a.log.Warn("the model's chat template cannot be used", "error", err)
	}
	info := describe(r, template != nil)
	a.sessions.SetEngine(r.engine, template, info)
	a.api.SetModel(openai.Model{Engine: r.engine, Template: template, Name: r.model.Name, Metrics: r.metrics})
	a.hall.SetModel(serving.Model{
		Model: r.model.Model, Tokenizer: r.model.Tokenizer, Template: template, Info: info, Turn: &a.turn,
		Steps: func() uint64 { return r.engine.Stats().Steps }, Fits: r.model.CheckPool,
	})
	a.health.set(wire.PhaseReady)
	a.log.Info("the model is ready", "model", r.model.Name, "backend", r.model.Backend().Name(), "threads", r.model.Threads,
		"loaded in", r.model.Loading.Round(time.Millisecond))
}

// openModel fetches and reads the model and starts its engine.
func (a *App) openModel(ctx context.Context, c Config, found *load.Found) (*running, error) {
	err := found.Fetch(ctx, func(e hub.Event) {
		a.report(statusOf(found.Title, e))
		if c.Fetched != nil {
			c.Fetched(e)
		}
	})
	if err != nil {
		return nil, err
	}
	options := c.Run
	options.Read = func(done, total int64) {
		a.report(wire.Status{Phase: wire.PhaseLoading, Name: found.Title, Received: uint64(done), Total: uint64(total)})
	}
	options.Read(0, 0)
	m, err := found.Open(options)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), m.Close())
	}
	o := c.Serving
	o.BlockSize = cmp.Or(o.BlockSize, engine.DefaultBlockSize)
	o.Blocks = cmp.Or(c.Blocks, m.PoolBlocks(o.BlockSize))
	if err := m.CheckPool(o.Blocks, o.BlockSize); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; take fewer with --kv-blocks", err), m.Close())
	}
	observer := a.sessions.Observer()
	metrics := openai.NewMetrics(m.Name, cmp.Or(o.MaxModelLen, m.Config().Context))
	told := metrics.Observer()
	observer.Request, observer.Plan = told.Request, told.Plan
	observer.State = func(s engine.StateInfo) {
		a.rest.state(s)
		told.State(s)
	}
	if a.events != nil {
		observer.Prefix = a.events.Publish
	}
	o.Turn, o.Observer, o.Log = &a.turn, observer, a.log
	e, err := engine.Start(m.Model, m.Tokenizer, o)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &running{e, m, metrics}, nil
}

// report tells the pages and GET /health how far the server is.
func (a *App) report(s wire.Status) {
	a.health.set(s.Phase)
	a.sessions.SetStatus(s)
	a.hall.SetPhase(s.Phase)
}

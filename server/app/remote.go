package app

import (
	"context"
	"errors"
	"time"

	"vitrine/server/openai"
	"vitrine/server/remote"
	"vitrine/visualizer/wire"
)

const (
	// firstRetry and lastRetry bound the time before a remote engine that does
	// not answer is tried again; it doubles in between.
	firstRetry = time.Second
	lastRetry  = 15 * time.Second
)

// newForward passes the API's requests on to the remote engine; nil if there is
// none.
func newForward(c Config) (*remote.Forward, error) {
	if c.Engine.URL == "" {
		return nil, nil //nolint:nilnil // there is nobody to pass them on to
	}
	f, err := remote.NewForward(c.Engine, remote.ForwardOptions{Refuse: openai.Refuse, WriteTimeout: writeTimeout, Log: c.Log})
	if err != nil {
		return nil, &ConfigError{"engine", err}
	}
	return f, nil
}

// serveRemote lets the sessions have a remote engine, until ctx is done. A
// server that is not there, or is no longer what it was, is tried again.
func (a *App) serveRemote(ctx context.Context, o remote.Options) {
	wait := firstRetry
	for ctx.Err() == nil {
		e, err := remote.Dial(ctx, o)
		if err == nil {
			wait = firstRetry
			a.useRemote(ctx, e, o.KVEvents)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		a.log.Warn("the remote engine does not answer; trying again", "error", err, "in", wait)
		select {
		case <-a.again: // asked for before this try had failed
		default:
		}
		a.report(wire.Status{Phase: wire.PhaseFailed, Name: o.URL, Detail: failure(o.URL, err).Told()})
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-a.again: // somebody at a page does not want to wait
		}
		wait = min(2*wait, lastRetry)
	}
}

// useRemote lets the sessions have a remote engine for as long as it serves the
// same model.
func (a *App) useRemote(ctx context.Context, e *remote.Engine, events remote.KVSource) {
	defer e.Close()
	info := e.Info()
	a.sessions.SetRemote(e)
	a.health.set(wire.PhaseReady)
	a.log.Info("the remote engine is ready", "address", info.Address, "model", info.Model, "server", info.Server, "version", info.Version)
	ctx, cancel := context.WithCancel(ctx)
	mirror := newRemoteBlocks(a.sessions)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		if events.Endpoint != "" {
			remote.KVEvents(ctx, a.log, events, mirror.apply)
		}
	}()
	err := e.Watch(ctx, func(r remote.Report) {
		mirror.resize(r.Gauges.Blocks)
		a.sessions.SetStanding(e, r, mirror.heard())
	})
	cancel()
	<-watching
	if errors.Is(err, remote.ErrOtherModel) {
		a.log.Info("the remote engine serves another model now", "address", info.Address)
	}
}

package app

import (
	"context"
	"errors"

	"vitrine/server/openai"
	"vitrine/server/session"
)

// Record has one conversation with the model of c and returns it as a
// recording, as [session.Record] does. Nothing is served.
func Record(ctx context.Context, c Config, o session.RecordOptions) (recording []byte, err error) {
	found, err := c.complete()
	if err != nil {
		return nil, err
	}
	a := &App{
		log:      c.Log,
		sessions: session.NewServer(session.Options{Version: c.Version, Log: c.Log}),
		api:      openai.New(openai.Options{}), // which nobody asks
		health:   newHealth(),
		rest:     newRest(),
	}
	defer func() { err = errors.Join(err, a.closeModel(context.WithoutCancel(ctx))) }()
	r, err := a.openModel(ctx, c, found)
	if err != nil {
		return nil, err
	}
	a.use(r)
	return session.Record(ctx, a.sessions, o)
}

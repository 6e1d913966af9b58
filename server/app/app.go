package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"vitrine/server/client"
	"vitrine/server/kvevents"
	"vitrine/server/openai"
	"vitrine/server/remote"
	"vitrine/server/serving"
	"vitrine/server/session"
	"vitrine/web"
)

// Time and size limits of a connection. The socket sets its own deadlines.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	maxBodyBytes      = 1 << 20
)

// App is a running server.
type App struct {
	log      *slog.Logger
	url      string
	http     *http.Server
	sessions *session.Server
	api      *openai.Server
	forward  *remote.Forward // in the place of api and hall: a remote engine runs the model; nil if none does
	hall     *serving.Server
	turn     sync.Mutex // held by the engine that computes: the chat's and the hall's share the model
	health   *health
	rest     *rest

	events  *kvevents.Publisher // of the prefix cache; nil if nobody wants them
	cancel  context.CancelFunc  // ends the work that goes on beside serving
	work    sync.WaitGroup
	again   chan struct{} // somebody asked for another try to come to a model
	engine  *running      // nil until the model is loaded; owned by the loading goroutine until work is done
	stopped chan struct{}
	err     error // why serving ended; read it after stopped
}

// Start begins to serve. It returns when the server listens; the error says
// why it cannot, or which field of the configuration is wrong. The work
// beside it ends with [App.Shutdown], or when ctx is cancelled.
func Start(ctx context.Context, c Config) (*App, error) {
	found, err := c.complete()
	if err != nil {
		return nil, err
	}
	pages, err := newPages(c, web.Page)
	if err != nil {
		return nil, err
	}
	hallPages, err := newPages(c, web.HallPage)
	if err != nil {
		return nil, err
	}
	static, err := staticTree()
	if err != nil {
		return nil, err
	}
	forward, err := newForward(c)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, c.Addr)
	if err != nil {
		return nil, err
	}
	var events *kvevents.Publisher
	if c.KVEvents.Endpoint != "" {
		c.KVEvents.Log = c.Log
		if events, err = kvevents.Listen(ctx, c.KVEvents); err != nil {
			return nil, errors.Join(&ConfigError{"kv-events-endpoint", err}, listener.Close())
		}
		c.Log.Info("KV events are published", "endpoints", events.Endpoints())
	}
	commands := c.commandLimit()
	a := &App{
		events:  events,
		log:     c.Log,
		url:     "http://" + reachable(listener.Addr()),
		api:     openai.New(openai.Options{Version: c.Version, Log: c.Log, MaxBody: maxBodyBytes, MaxWaiting: c.MaxWaiting, MaxLogProbs: c.MaxLogProbs, WriteTimeout: writeTimeout}),
		forward: forward,
		health:  newHealth(),
		rest:    newRest(),
		again:   make(chan struct{}, 1),
		stopped: make(chan struct{}),
	}
	a.sessions = session.NewServer(session.Options{
		Version: c.Version, Log: c.Log, MaxSessions: c.MaxSessions, WatchInterval: watchInterval, Retry: a.retry, Commands: commands,
	})
	a.hall = serving.NewServer(serving.Options{Version: c.Version, Log: c.Log, State: a.rest.hallState, Commands: commands})
	ctx, a.cancel = context.WithCancel(ctx)
	files, hallFiles := newClientFiles(client.Chat), newClientFiles(client.Hall)
	handler, err := gates(a.routes(pages, hallPages, static, files, hallFiles), &c)
	if err != nil {
		a.cancel()
		return nil, errors.Join(&ConfigError{"allowed-hosts", err}, listener.Close(), a.closeModel(ctx))
	}
	a.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(a.stopped)
		if err := a.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.err = fmt.Errorf("serving ended: %w", err)
		}
	}()
	a.work.Go(func() { files.load(ctx, c.Log) })
	a.work.Go(func() {
		select {
		case <-files.done: // the first page comes first
			hallFiles.load(ctx, c.Log)
		case <-ctx.Done():
		}
	})
	a.work.Go(func() {
		if c.Engine.URL != "" {
			a.serveRemote(ctx, c.Engine)
			return
		}
		a.loadModel(ctx, c, found)
	})
	return a, nil
}

// URL is where a browser on this machine finds the page, without a slash at
// the end.
func (a *App) URL() string { return a.url }

// Ready is closed when the model answers requests.
func (a *App) Ready() <-chan struct{} { return a.health.ready }

// Stopped is closed when the server no longer serves, by [App.Shutdown] or
// because it failed.
func (a *App) Stopped() <-chan struct{} { return a.stopped }

// Shutdown ends the server: what is still being built or loaded, the sessions
// with the engine, and the listener. Requests of the API that are being
// answered have until ctx is done; then their clients are told that they end, but for
// those that are passed on to a remote engine, which are cut off.
// The error tells why serving had ended before, or what did not end in time.
func (a *App) Shutdown(ctx context.Context) error {
	a.cancel()
	a.work.Wait()
	var errs []error
	listening := make(chan error, 1)
	go func() { listening <- a.http.Shutdown(ctx) }() // takes no more connections
	ended := 0
	var ending sync.WaitGroup
	ending.Go(func() { ended = a.api.Shutdown(ctx) })
	errs = append(errs, a.sessions.Close(ctx)) // at the same time
	ending.Wait()
	if ended > 0 {
		errs = append(errs, fmt.Errorf("%d requests were still running and were ended; --shutdown-timeout gives them longer", ended))
	}
	errs = append(errs, a.closeModel(ctx))
	if err := <-listening; err != nil {
		errs = append(errs, err, a.http.Close())
	}
	if a.forward != nil {
		a.forward.Close() // its connections are idle now
	}
	<-a.stopped
	return errors.Join(append(errs, a.err)...)
}

// closeModel ends the sessions, if they have not, and then what they run on and
// what is told of it.
func (a *App) closeModel(ctx context.Context) error {
	err := errors.Join(a.hall.Close(ctx), a.sessions.Close(ctx))
	if a.engine != nil {
		err = errors.Join(err, a.engine.close())
	}
	if a.events != nil {
		err = errors.Join(err, a.events.Close())
	}
	return err
}

// reachable turns the address that is listened on into one that a browser can
// go to: "every interface" is no destination.
func reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", fmt.Sprint(tcp.Port))
	}
	return addr.String()
}

// watchInterval lets a page that shows attention follow an answer five times a
// second, at little cost: while a fast model writes, it draws no more often.
const watchInterval = 200 * time.Millisecond

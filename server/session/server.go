package session

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/engine"
	"vitrine/engine/chat"
	"vitrine/server/guard"
	"vitrine/server/machine"
	"vitrine/server/remote"
	"vitrine/server/socket"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// Options sets up a [Server]. The zero value is good.
type Options struct {
	Version string       // of the program, told in the page
	Log     *slog.Logger // default: discards
	// MaxSessions bounds the sessions, with and without a page. When they are
	// all taken, the one longest without a page gives way; if every one has a
	// page, a new one is refused. Default 64.
	MaxSessions int
	// KeepAlive is how long a session waits for a page to come back. Default
	// 10 minutes.
	KeepAlive time.Duration
	// WriteTimeout is how long a page may take to read one frame before it is
	// disconnected. Default 15 seconds.
	WriteTimeout time.Duration
	// PingInterval is how often a connection is tried; after three times that
	// without a sign of life it is given up. Default 20 seconds.
	PingInterval time.Duration
	// WatchInterval is the least time between two tokens whose attention and
	// logits a page is sent while an answer is written without a pause; what it
	// misses it asks for. Default 0: each token's.
	WatchInterval time.Duration
	// Retry is called when a page asks to try once more after [wire.PhaseFailed]. It
	// must not wait. Default: nothing is tried again.
	Retry func()
	// Commands bounds the commands of pages by their addresses. Default: no bound.
	Commands *guard.RateLimit
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxSessions <= 0 {
		o.MaxSessions = 64
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 10 * time.Minute
	}
	if o.Retry == nil {
		o.Retry = func() {}
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 15 * time.Second
	}
	if o.PingInterval <= 0 {
		o.PingInterval = 20 * time.Second
	}
	return o
}

// Server holds the sessions and is the endpoint of their WebSockets. Its
// methods may be called from any goroutine.
type Server struct {
	options    Options
	pool       *poolMirror
	projecting chan struct{} // a projection holds much memory, so one at a time
	visited    chan struct{}
	visit      sync.Once

	mu       sync.Mutex
	sessions map[string]*session
	conns    map[*conn]struct{}
	current  *inference
	status   wire.Status
	memory   machine.Bandwidth // zero until it is measured
	standing wire.Remote       // of a remote engine, as it was last told
	closed   bool
	running  sync.WaitGroup // sessions and connections

	cutShort atomic.Int32 // answers that were being written when the server was closed
}

// inference is what sessions need to run, on an engine of this process or a
// remote one: it is made once for each engine and never changed.
type inference struct {
	engine       *engine.Engine // nil if the engine is remote
	remote       *remote.Engine // nil if it is not
	template     *chat.Template
	model        wire.Model
	longestToken int // bytes
}

func newInference(e *engine.Engine, t *chat.Template, m wire.Model) *inference {
	inf := &inference{engine: e, template: t, model: m, longestToken: 1}
	for id := range e.Tokenizer().VocabSize() {
		inf.longestToken = max(inf.longestToken, len(e.Tokenizer().Bytes(int32(id))))
	}
	return inf
}

func (inf *inference) prompter() *prompter {
	return &prompter{tokenizer: inf.engine.Tokenizer(), template: inf.template}
}

// NewServer makes a server without a model. It has to be closed.
func NewServer(o Options) *Server {
	return &Server{
		options: o.withDefaults(), pool: newPoolMirror(), projecting: make(chan struct{}, 1), visited: make(chan struct{}),
		sessions: map[string]*session{}, conns: map[*conn]struct{}{},
	}
}

// Observer is what the engine given to [Server.SetEngine] must be made with,
// so that the pages see the pool of KV blocks.
func (s *Server) Observer() *engine.Observer {
	return &engine.Observer{Block: func(b engine.BlockInfo) {
		s.pool.change(wire.BlockChange{
			Block: uint32(b.Block), Refs: uint16(b.Refs), Owner: b.Owner, Index: uint32(b.Index), Filled: uint16(b.Filled),
		})
	}}
}

// SetStatus tells every page how far the model is. Of many in a row a slow
// page sees the last.
func (s *Server) SetStatus(status wire.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	s.wake()
}

// retry has another try made if the last one failed.
func (s *Server) retry() {
	if s.currentStatus().Phase == wire.PhaseFailed {
		s.options.Retry()
	}
}

// SetEngine gives the sessions an engine, made with [Server.Observer], the
// model's chat template (nil if it has none) and its description for the page.
// With a second call the sessions move to another engine, and conversations
// begin anew. The engine stays the caller's, to be closed after the server.
func (s *Server) SetEngine(e *engine.Engine, t *chat.Template, m wire.Model) {
	inf := newInference(e, t, m)
	s.pool.setTotal(e.Pool().Blocks)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = inf
	s.status = wire.Status{Phase: wire.PhaseReady, Name: m.Name}
	s.wake()
}

// SetBandwidth tells every page how fast the machine reads memory, which is
// what the speed of a model is held against.
func (s *Server) SetBandwidth(b machine.Bandwidth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = b
	s.wake()
}

func (s *Server) bandwidth() machine.Bandwidth {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory
}

// Visited is closed when the first page has come.
func (s *Server) Visited() <-chan struct{} { return s.visited }

// wake lets every session look at what is new; the lock is held.
func (s *Server) wake() {
	for _, one := range s.sessions {
		socket.Signal(one.changed)
	}
}

func (s *Server) inference() *inference {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *Server) currentStatus() wire.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

var (
	errClosed = errors.New("session: the server is stopping")
	errFull   = telling.Refuse(telling.CodeBusy, "told.full")
)

// open finds a session by its name or makes a new one.
func (s *Server) open(id string) (found *session, resumed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, errClosed
	}
	if one := s.sessions[id]; one != nil {
		return one, true, nil
	}
	if len(s.sessions) >= s.options.MaxSessions && !s.evict() {
		return nil, false, errFull
	}
	one := newSession(s, rand.Text())
	s.sessions[one.id] = one
	s.running.Go(one.run)
	return one, false, nil
}

// evict ends the session that has been without a page for longest.
func (s *Server) evict() bool {
	var oldest *session
	var since int64
	for _, one := range s.sessions {
		if at := one.since.Load(); at != 0 && (oldest == nil || at < since) {
			oldest, since = one, at
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.sessions, oldest.id)
	close(oldest.quit)
	return true
}

// rename gives a session another name; it is called by its owner.
func (s *Server) rename(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[one.id] != one {
		return // it is about to end
	}
	delete(s.sessions, one.id)
	one.id = rand.Text()
	s.sessions[one.id] = one
}

// forget takes a session that ends by itself off the list.
func (s *Server) forget(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[one.id] == one {
		delete(s.sessions, one.id)
	}
}

// enter gives a link to the session that a page names, or to a new one.
func (s *Server) enter(id string, l *link) (*session, error) {
	for {
		one, resumed, err := s.open(id)
		if err != nil {
			return nil, err
		}
		l.resumed = resumed
		select {
		case one.attach <- l:
			s.visit.Do(func() { close(s.visited) })
			return one, nil
		case <-one.done: // it has just ended; look again
			s.forget(one)
		}
	}
}

// Close says goodbye in every page, ends the sessions and waits until what is
// queued for the pages is written, or until ctx is done; then the connections
// are cut. Answers that are being written end; how many is logged. The error is
// the context's, if it had to.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		for id, one := range s.sessions {
			close(one.quit)
			delete(s.sessions, id)
		}
		for c := range s.conns {
			if !c.entered.Load() {
				c.hangUp(closeGoingAway, errClosed.Error())
			}
		}
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		if n := s.cutShort.Swap(0); n > 0 {
			s.options.Log.Warn("session: the server is stopping; answers that were being written are cut short", "answers", n)
		}
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	<-done
	return ctx.Err()
}

package openai

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/engine"
	"vitrine/engine/chat"
)

// Options sets up a [Server]. The zero value is good.
type Options struct {
	Version string       // told by /version
	Log     *slog.Logger // default: discards
	// MaxBody bounds a request's body in bytes. Default 1 MiB.
	MaxBody int64
	// MaxWaiting bounds the requests that wait in the engine's queue, and those
	// that wait for their structured output to be compiled before that; one more
	// gets 429 with Retry-After. Default 1024.
	MaxWaiting int
	// MaxLogProbs bounds how many of the likeliest tokens a request may have told at each
	// place; -1 stands for the whole vocabulary. Default [DefaultMaxLogProbs].
	MaxLogProbs *int
	// WriteTimeout is how long a client may take to read what is written to it
	// at a time. Then its request is aborted. Default 30 seconds.
	WriteTimeout time.Duration
}

// DefaultMaxLogProbs is vLLM's default of --max-logprobs.
const DefaultMaxLogProbs = 20

func (o Options) withDefaults() Options {
	if o.MaxLogProbs == nil {
		most := DefaultMaxLogProbs
		o.MaxLogProbs = &most
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 1024
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 30 * time.Second
	}
	return o
}

// Model is what is served: an engine and what belongs to it.
type Model struct {
	Engine   *engine.Engine
	Template *chat.Template // nil if the model brings none
	Name     string         // under which clients ask for it
	Metrics  *Metrics       // whose Observer the engine was started with

	created     int64
	maxLogProbs int // see Options
}

// mostLogProbs is how many of the likeliest tokens are told at a place at most.
func (m *Model) mostLogProbs() int {
	vocab := m.Engine.Model().Config().Vocab
	if m.maxLogProbs < 0 {
		return vocab
	}
	return min(m.maxLogProbs, vocab)
}

// context is the longest sequence that the engine takes.
func (m *Model) context() int { return m.Engine.MaxModelLen() }

// Server is the API's handler. Its methods may be called from any goroutine.
type Server struct {
	options   Options
	mux       *http.ServeMux
	model     atomic.Pointer[Model]
	compiling chan struct{} // has an element for each structured output that is being compiled

	mu        sync.Mutex
	compilers int           // requests that wait for their structured output, or compile it
	active    int           // HTTP requests that are being answered
	draining  chan struct{} // closed when no more requests are taken
	idle      chan struct{} // closed when draining and none is active
	cutOff    context.Context
	cut       context.CancelCauseFunc // ends what is still running
	pace      float64                 // seconds that recent requests took, an exponential mean
}

// errStopping is why requests are ended by [Server.Shutdown].
var errStopping = errors.New("the server is stopping")

// New makes a server without a model: it answers 503 until [Server.SetModel].
func New(o Options) *Server {
	s := &Server{
		options: o.withDefaults(), mux: http.NewServeMux(), compiling: make(chan struct{}, maxCompiling),
		draining: make(chan struct{}), idle: make(chan struct{}),
	}
	s.cutOff, s.cut = context.WithCancelCause(context.Background())
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /v1/models":            s.listModels,
		"GET /v1/models/{model...}": s.oneModel,
		"POST /v1/completions":      s.completions,
		"POST /v1/chat/completions": s.chatCompletions,
		"POST /tokenize":            s.tokenize,
		"POST /detokenize":          s.detokenize,
		"GET /version":              s.version,
		"GET /metrics":              s.metrics,
	} {
		s.mux.HandleFunc(pattern, handler)
	}
	return s
}

// Has says whether a path belongs to the API, so that errors about it have
// the API's shape.
func Has(path string) bool {
	switch path {
	case "/tokenize", "/detokenize", "/version", "/metrics", "/v1":
		return true
	}
	return strings.HasPrefix(path, "/v1/")
}

// SetModel gives the server a model. The engine stays the caller's, to be
// closed after [Server.Shutdown].
func (s *Server) SetModel(m Model) {
	m.created, m.maxLogProbs = time.Now().Unix(), *s.options.MaxLogProbs
	if m.Metrics != nil {
		m.Metrics.attach(m.Engine)
	}
	s.model.Store(&m)
}

// ServeHTTP answers a request of the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	// The mux would say it as text. It knows which of 404 and 405 it is.
	refusal := statusOnly{header: http.Header{}}
	handler.ServeHTTP(&refusal, r)
	if refusal.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", refusal.header.Get("Allow"))
		writeError(w, refused(http.StatusMethodNotAllowed, "%s is not for %s, want %s", r.URL.Path, excerpt([]byte(r.Method)), refusal.header.Get("Allow")))
		return
	}
	writeError(w, refused(http.StatusNotFound, "there is nothing at %s", excerpt([]byte(r.URL.Path))))
}

// statusOnly is a writer that keeps nothing but the status and the headers.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }

// ready is the model, or why there is none.
func (s *Server) ready() (*Model, *Error) {
	m := s.model.Load()
	if m == nil {
		e := refused(http.StatusServiceUnavailable, "the model is not loaded yet; GET /health tells when it is")
		e.RetryAfter = 1
		return nil, e
	}
	return m, nil
}

// begin takes in a request of which the engine computes something. done must
// be called when it is answered; ctx ends with the client, or with the server.
func (s *Server) begin(r *http.Request) (ctx context.Context, m *Model, done func(), refusal *Error) {
	m, refusal = s.ready()
	if refusal != nil {
		return nil, nil, nil, refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.draining:
		return nil, nil, nil, refused(http.StatusServiceUnavailable, "%v", errStopping)
	default:
	}
	s.active++
	began := time.Now()
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(s.cutOff, func() { cancel(errStopping) })
	return ctx, m, func() {
		stop()
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.active--
		s.pace += (time.Since(began).Seconds() - s.pace) / 8
		s.settle()
	}, nil
}

// settle says that nothing runs any more; the lock is held.
func (s *Server) settle() {
	select {
	case <-s.draining:
	default:
		return
	}
	select {
	case <-s.idle:
	default:
		if s.active == 0 {
			close(s.idle)
		}
	}
}

// endGrace is how long requests that were cut off have to say so.
const endGrace = time.Second

// Shutdown takes no more requests and waits for those that run, until ctx is
// done. Then it ends them: their clients are told. It returns how many had to
// be ended. The engine can be closed after it.
func (s *Server) Shutdown(ctx context.Context) (ended int) {
	s.mu.Lock()
	select {
	case <-s.draining:
	default:
		close(s.draining)
	}
	s.settle()
	s.mu.Unlock()
	select {
	case <-s.idle:
		return 0
	case <-ctx.Done():
	}
	s.mu.Lock()
	ended = s.active
	s.mu.Unlock()
	s.cut(errStopping)
	select {
	case <-s.idle:
	case <-time.After(endGrace):
	}
	return ended
}

// queueFull refuses a request because others wait already, and says when to come
// again: after about the time that one takes.
func (s *Server) queueFull(waiting int) *Error {
	if m := s.model.Load(); m != nil && m.Metrics != nil {
		m.Metrics.rejected.Inc()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := refused(http.StatusTooManyRequests, "%d requests are waiting already, at most %d may", waiting, s.options.MaxWaiting)
	e.Type, e.Code = serverError, "queue_full"
	e.RetryAfter = int(math.Ceil(min(max(s.pace, 1), 60)))
	return e
}

// body reads a request's body as a JSON object. After that the connection's
// time is the answer's: a read deadline that passed would be taken for a client
// that has gone.
func (s *Server) body(w http.ResponseWriter, r *http.Request) (*object, *Error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" {
			return nil, refused(http.StatusUnsupportedMediaType, "the Content-Type is %s, want application/json", excerpt([]byte(kind)))
		}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.options.MaxBody))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, refused(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", long.Limit)
	}
	if err != nil {
		e := refused(http.StatusBadRequest, "the body could not be read: %v", err)
		e.Type = invalidRequest
		return nil, e
	}
	connection := http.NewResponseController(w)
	for _, set := range []func(time.Time) error{connection.SetReadDeadline, connection.SetWriteDeadline} {
		if err := set(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return nil, refused(http.StatusInternalServerError, "%v", err)
		}
	}
	o := parseObject(raw, "")
	return o, o.err
}

// answer writes a whole answer within the write timeout.
func (s *Server) answer(w http.ResponseWriter, v any) {
	// Where it is not supported, nothing is slow: a recorder of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
	writeJSON(w, http.StatusOK, v)
}

// fail writes an error within the write timeout.
func (s *Server) fail(w http.ResponseWriter, e *Error) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
	writeError(w, e)
}

// byPriority says whether a request's priority has a meaning.
func (m *Model) byPriority() bool { return m.Engine.Options().Policy == engine.Priority }

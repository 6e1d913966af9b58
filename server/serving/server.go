package serving

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/engine"
	"vitrine/engine/chat"
	"vitrine/engine/model"
	"vitrine/engine/tokenizer"
	"vitrine/server/guard"
	"vitrine/server/telling"
	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
)

// Options sets up a [Server]. The zero value is good.
type Options struct {
	Version string       // of the program, told in the page
	Log     *slog.Logger // default: discards
	// MaxReaders bounds the pages that are connected. Default 128.
	MaxReaders int
	// State is told of the states of the hall's requests, as an
	// [engine.Observer] is; may be nil.
	State func(engine.StateInfo)
	// Commands bounds the commands of pages by their addresses. Default: no bound.
	Commands *guard.RateLimit
}

// Model is what the hall runs on.
type Model struct {
	Model     *model.Model
	Tokenizer *tokenizer.Tokenizer
	Template  *chat.Template // nil if the model has none
	Info      wire.Model     // for the page
	Turn      sync.Locker    // shared with whoever else computes with the model; nil if nobody does
	// Steps is how many steps others have made with the model; nil if nobody does.
	Steps func() uint64
	// Fits says why a pool of so many blocks and slots a block cannot be made;
	// nil if any can.
	Fits func(blocks, blockSize int) error
}

// Limits of what readers may ask for.
const (
	maxUnfinished = 256  // answers to all readers
	maxOutputs    = 8    // answers to one request
	maxDrafts     = 16   // tokens guessed a step and answer
	maxRemembered = 1024 // requests whose tokens are kept
	maxText       = 2000 // characters of a reader's own text, as many as the field takes
	maxName       = 24   // characters of a reader's name
	maxRate       = 20   // arrivals a second
	maxReadersNum = 1024 // that are remembered
)

// defaultConfig is how the hall begins: with so little memory that thirty
// requests do not fit, and chunks so small that a prompt takes several steps.
var defaultConfig = wire.HallConfig{Blocks: 64, BlockSize: 16, BatchTokens: 64, Sequences: 16, PrefixCaching: true}

// Server is the hall and the endpoint of its WebSockets. Its methods may be
// called from any goroutine.
type Server struct {
	options Options
	calls   chan func()
	quit    chan struct{}
	once    sync.Once
	done    chan struct{}
	conns   sync.WaitGroup
	open    atomic.Int32 // connections
	turned  atomic.Int32 // and those that are being told that there is no room

	// Owned by the goroutine of loop.
	phase    wire.Phase // how far the model is
	model    *Model
	engine   *engine.Engine // nil until somebody is here and there is a model
	record   *recorder
	state    hall.Hall
	epoch    uint32
	config   wire.HallConfig
	control  wire.HallState
	arriving *reader // whose requests arrive by themselves
	locale   string  // of those
	racer    *reader // who began the race that runs
	arrival  *time.Timer
	readers  []*reader
	here     map[*conn]struct{}
	outputs  map[uint32]*output // of requests, by their numbers
	order    []*request         // oldest first
	numbers  int                // requests made so far, which tells them apart
	racing   context.CancelFunc
	raced    sync.WaitGroup
	latest   atomic.Pointer[wire.HallRace] // of the race, not yet sent
	moved    chan struct{}                 // there is one

	gathering bool // the engine has done something that is sent when gathered fires
	gathered  *time.Timer
	spreadAt  time.Time // when pages were last told of what the engine does
}

// reader is someone who has joined.
type reader struct {
	wire.HallReader
	secret string
	pages  int
}

// NewServer makes a hall without a model. It has to be closed.
func NewServer(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxReaders <= 0 {
		o.MaxReaders = 128
	}
	s := &Server{
		options: o, phase: wire.PhaseLoading, calls: make(chan func(), 64), quit: make(chan struct{}), done: make(chan struct{}), config: defaultConfig,
		control: wire.HallState{Rate: 0.5, Sort: wire.HallMixed, Outputs: 1}, arrival: time.NewTimer(time.Hour), here: map[*conn]struct{}{},
		outputs: map[uint32]*output{}, moved: make(chan struct{}, 1), gathered: time.NewTimer(time.Hour),
	}
	s.arrival.Stop()
	s.gathered.Stop()
	go s.loop()
	return s
}

// SetPhase tells pages how far the model is, as long as there is none.
func (s *Server) SetPhase(phase wire.Phase) {
	s.do(func() {
		if s.model != nil || phase == s.phase {
			return
		}
		s.phase = phase
		for c := range s.here {
			s.greet(c)
		}
	})
}

// SetModel gives the hall its model. It stays the caller's, to be closed after
// the hall.
func (s *Server) SetModel(m Model) {
	s.do(func() {
		s.model, s.phase = &m, wire.PhaseReady
		for c := range s.here {
			s.greet(c)
		}
		if len(s.here) > 0 {
			s.setUp(s.config)
		}
	})
}

// Close ends the hall: its race, its requests and its connections. How many
// requests had not ended is logged, and every page is told. The error is ctx's, if the pages did not go in time.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.quit) })
	<-s.done
	gone := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do runs f on the hall's goroutine, later, unless the hall ends.
func (s *Server) do(f func()) {
	select {
	case s.calls <- f:
	case <-s.quit:
	}
}

// loop owns the hall.
func (s *Server) loop() {
	defer close(s.done)
	defer s.end()
	for {
		var made chan struct{}
		if s.record != nil && !s.gathering {
			made = s.record.made
		}
		select {
		case <-s.quit:
			return
		case f := <-s.calls:
			f()
		case <-made:
			s.gather()
		case <-s.gathered.C:
			s.spread()
		case <-s.moved:
			s.tellRace()
		case <-s.arrival.C:
			s.arrive()
		}
	}
}

// end stops everything.
func (s *Server) end() {
	s.arrival.Stop()
	s.gathered.Stop()
	if s.racing != nil {
		s.racing()
	}
	s.raced.Wait()
	cut := 0
	for _, q := range s.order {
		if !q.finished() {
			cut++
		}
	}
	if cut > 0 {
		s.options.Log.Warn("hall: the server is stopping; requests that waited or ran have ended", "requests", cut)
	}
	s.stopEngine()
	for c := range s.here {
		c.send(stopping())
		c.goodbye()
	}
}

// whyStopping is why connections end with the server.
const whyStopping = "the server is stopping"

func (s *Server) stopEngine() {
	if s.engine != nil {
		if err := s.engine.Close(); err != nil {
			s.options.Log.Warn("hall: the engine did not close", "error", err)
		}
		s.engine = nil
	}
}

// setUp starts an engine anew and tells every page. An error leaves the hall as it was.
func (s *Server) setUp(c wire.HallConfig) {
	if err := s.tryToSetUp(c); err != nil {
		s.options.Log.Warn("hall: no engine", "error", err)
		p, _ := problemOf(err)
		s.toAll(p)
	}
}

func (s *Server) tryToSetUp(c wire.HallConfig) error {
	if err := s.check(c); err != nil {
		return err
	}
	record := newRecorder(c)
	o := record.observer()
	if told := s.options.State; told != nil {
		own := o.State
		o.State = func(info engine.StateInfo) { own(info); told(info) }
	}
	e, err := s.model.start(c, o)
	if err != nil {
		return fmt.Errorf("the hall's engine does not start: %w", err)
	}
	s.stopEngine()
	s.engine, s.record, s.config = e, record, c
	s.outputs, s.order = map[uint32]*output{}, nil
	s.epoch++
	s.state.Apply(&wire.HallSnapshot{Epoch: s.epoch, Config: c, Next: 1})
	s.hold()
	for conn := range s.here {
		conn.watched = 0
		conn.send(s.state.Snapshot())
		conn.send(&s.control)
	}
	return nil
}

// check refuses a configuration that cannot be.
func (s *Server) check(c wire.HallConfig) error {
	const slots = 1 << 15
	switch n := c.Blocks * uint32(c.BlockSize); {
	case c.Blocks < 4 || c.Blocks > 4096:
		return outside("blocks", c.Blocks, 4, 4096)
	case c.BlockSize < 1 || c.BlockSize > 256:
		return outside("block_size", c.BlockSize, 1, 256)
	case n > slots:
		return telling.Wrong("blocks", "told.slots", "N", n, "Most", slots)
	case c.BatchTokens < 1 || c.BatchTokens > 2048:
		return outside("batch_tokens", c.BatchTokens, 1, 2048)
	case c.Sequences < 1 || c.Sequences > 256:
		return outside("sequences", c.Sequences, 1, 256)
	case c.Drafts > maxDrafts:
		return outside("drafts", c.Drafts, 0, maxDrafts)
	}
	if s.model.Fits != nil {
		if err := s.model.Fits(int(c.Blocks), int(c.BlockSize)); err != nil {
			return noRoom(err)
		}
	}
	return nil
}

// hold lets the engine run or stand still, as the hall is to.
func (s *Server) hold() {
	n := -1
	s.record.resume()
	if s.control.Paused || s.racing != nil {
		n = 0
		s.record.pause()
	}
	s.steer(n)
}

// steer lets the engine make n steps; negative means no bound.
func (s *Server) steer(n int) {
	if err := s.engine.AllowSteps(context.Background(), n); err != nil && !errors.Is(err, engine.ErrClosed) {
		s.options.Log.Warn("hall: the engine cannot be steered", "error", err)
	}
}

// spreadInterval is the time between two times that pages are told of what a
// running engine does: each message wakes several threads of a browser, which
// takes time from an engine on the same machine.
const spreadInterval = 100 * time.Millisecond

// gather has what the engine has done sent, together with what it does in the
// next moment if it runs.
func (s *Server) gather() {
	wait := spreadInterval - time.Since(s.spreadAt)
	if s.control.Paused || wait <= 0 {
		s.spread()
		return
	}
	s.gathering = true
	s.gathered.Reset(wait)
}

// spread sends what the engine has done to every page.
func (s *Server) spread() {
	s.gathering, s.spreadAt = false, time.Now()
	s.gathered.Stop()
	for _, r := range s.record.take() {
		s.number(r.Added)
		s.state.Apply(&r)
		s.toAll(&r)
	}
}

// settle tells what a command has changed without a step.
func (s *Server) settle() {
	s.record.flush()
	s.spread()
}

// toAll sends a frame to every page.
func (s *Server) toAll(f wire.Frame) {
	if len(s.here) == 0 {
		return
	}
	b := wire.AppendFrame(nil, f)
	for c := range s.here {
		c.Push(b)
	}
}

// greet says who the reader is and what there is.
func (s *Server) greet(c *conn) {
	hello := &wire.HallHello{Version: s.options.Version, You: c.reader.ID, Secret: c.reader.secret, Phase: s.phase}
	if s.model != nil {
		hello.Model = s.model.Info
	}
	c.send(hello)
}

// join takes a page in.
func (s *Server) join(c *conn, j *wire.HallJoin) {
	joined := c.reader != nil
	if !joined {
		c.reader = s.readerOf(j.Secret)
		c.reader.pages++
		c.reader.Here = true
		s.here[c] = struct{}{}
	}
	c.locale = j.Locale
	c.reader.Name = firstLetters(j.Name, maxName)
	if j.Known && joined {
		s.tellReaders()
		return
	}
	s.greet(c)
	s.tellReaders()
	c.send(&s.control)
	if race := s.state.Race(); race.Race != wire.HallRaceNone {
		c.send(race)
	}
	switch {
	case s.model == nil:
	case s.engine == nil:
		s.setUp(s.config)
	default:
		c.send(s.state.Snapshot())
	}
}

// readerOf finds the reader who comes back, or makes a new one.
func (s *Server) readerOf(secret string) *reader {
	for _, r := range s.readers {
		if secret != "" && subtle.ConstantTimeCompare([]byte(r.secret), []byte(secret)) == 1 {
			return r
		}
	}
	if len(s.readers) >= maxReadersNum { // forget the first who is not here
		for i, r := range s.readers {
			if r.pages == 0 {
				s.readers = append(s.readers[:i], s.readers[i+1:]...)
				break
			}
		}
	}
	id := uint32(1)
	if n := len(s.readers); n > 0 {
		id = s.readers[n-1].ID + 1
	}
	r := &reader{HallReader: wire.HallReader{ID: id}, secret: rand.Text()}
	s.readers = append(s.readers, r)
	return r
}

// leave takes note that a page has gone. Without any, nothing more arrives.
func (s *Server) leave(c *conn) {
	if _, was := s.here[c]; !was {
		return
	}
	delete(s.here, c)
	c.reader.pages--
	c.reader.Here = c.reader.pages > 0
	s.tellReaders()
	if len(s.here) == 0 {
		s.control.Arriving = false
		s.nextArrival()
	}
}

func (s *Server) tellReaders() {
	f := &wire.HallReaders{}
	for _, r := range s.readers {
		f.Readers = append(f.Readers, r.HallReader)
	}
	s.state.Apply(f)
	s.toAll(f)
}

func firstLetters(text string, n int) string {
	letters := []rune(title(text))
	return string(letters[:min(n, len(letters))])
}

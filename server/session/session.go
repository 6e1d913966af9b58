package session

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"vitrine/engine"
	"vitrine/server/machine"
	"vitrine/visualizer/wire"
)

const (
	// maxCommands bounds the commands of a session that wait for their turn.
	maxCommands = 256
	// maxQueries bounds the questions that wait for their answer.
	maxQueries = 256
)

// session is one conversation. Its run method owns everything below the
// channels.
type session struct {
	id     string
	server *Server
	log    *slog.Logger

	attach   chan *link
	detach   chan *link
	commands chan command
	answers  chan *job
	changed  chan struct{} // the server has a new status or engine
	quit     chan struct{} // closed to end the session
	done     chan struct{} // closed when it has ended
	// since is when the last page left, in Unix nanoseconds; 0 while there is one.
	since atomic.Int64

	inf      *inference // nil before there is an engine
	link     *link      // nil while no page is there
	tree     tree
	handle   *engine.Handle       // nil before something was asked
	pump     *pump                // of handle
	speech   *speech              // of the message that is being written
	talk     *talk                // with a remote engine, while it answers
	heard    map[int]*wire.Logits // by position: what a remote engine has told of its choices
	settings settings
	seed     uint64 // of a conversation that named none
	seeded   bool   // seed is set
	rate     rate
	kvRead   uint64 // bytes of keys and values that the last step that drew a token has read
	queries  []*wire.Query
	job      *job // the question that is being answered
}

// command is what a page sent.
type command struct {
	from    *link
	command wire.Command
}

func newSession(server *Server, id string) *session {
	s := &session{
		id: id, server: server, log: server.options.Log.With("session", id[:min(len(id), 6)]),
		attach: make(chan *link), detach: make(chan *link), commands: make(chan command, maxCommands),
		answers: make(chan *job), changed: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		settings: settings{page: defaultParams()},
	}
	s.since.Store(time.Now().UnixNano())
	s.tree.restart()
	return s
}

// run owns the session until it is told to quit or nobody has come back for
// the time that the server keeps it.
//
// A panic is a mistake of this program. It ends this session, as net/http does
// with a request, and no other.
func (s *session) run() {
	defer close(s.done)
	defer s.end()
	defer func() {
		if v := recover(); v != nil {
			s.server.forget(s)
			s.fail(0, &mistake{v, debug.Stack()})
			s.hangUp(closeInternal, "the server has made a mistake")
		}
	}()
	keep := time.NewTimer(s.server.options.KeepAlive)
	defer keep.Stop()
	for {
		var events chan event
		if s.pump != nil {
			events = s.pump.events
		}
		var drained chan struct{}
		if s.link != nil {
			drained = s.link.out.drained
		}
		var words chan word
		if s.talk != nil {
			words = s.talk.words
		}
		select {
		case l := <-s.attach:
			keep.Stop()
			s.join(l)
		case l := <-s.detach:
			if l == s.link {
				s.leave()
				keep.Reset(s.server.options.KeepAlive)
			}
		case c := <-s.commands:
			if c.from == s.link {
				s.do(c.command)
			}
		case e, ok := <-events:
			if ok {
				s.event(e)
			} else {
				s.lose()
			}
		case w, ok := <-words:
			s.hear(w, ok)
		case j := <-s.answers:
			s.answered(j)
		case <-drained:
		case <-s.changed:
			s.refresh()
		case <-keep.C:
			s.server.forget(s)
			return
		case <-s.quit:
			s.sayGoodbye()
			return
		}
		s.nextQuery()
	}
}

// end frees what the session holds.
func (s *session) end() {
	if s.link != nil {
		s.leave()
	}
	s.letGo(s.tree.branches...)
	s.release()
	if s.job != nil {
		s.job.cancel()
		<-s.answers
	}
}

// join makes l the page that watches, and tells it everything, if the session
// is not new: a page that comes with a conversation of its own is about to give
// it back. The page before it is told that it was replaced, and the session
// gets another name, so that two pages that came by the same name cannot take
// it from each other for ever.
func (s *session) join(l *link) {
	if old := s.link; old != nil {
		s.leave()
		old.send(gone("session", "problem.gone_session"))
		old.hangUp(CloseTakenOver, "opened in another page")
		s.server.rename(s)
	}
	s.link = l
	s.since.Store(0)
	s.adopt()
	s.sayHello()
	if l.resumed {
		s.sayAll()
	}
	l.pool = s.server.pool.watch(l.out, s.request()) // after Hello, which comes first
	s.watch()
}

// leave parts from the page. The request runs on; nobody watches it.
func (s *session) leave() {
	l := s.link
	s.link = nil
	s.since.Store(time.Now().UnixNano())
	l.pool.stop()
	s.queries = nil
	if s.job != nil {
		s.job.cancel()
	}
	s.watch()
}

// refresh looks at what is new with the server.
func (s *session) refresh() {
	if s.link != nil {
		s.link.out.offerStatus(s.server.currentStatus())
	}
	if s.adopt() {
		s.sayHello()
	}
	s.sayMachine()
	s.sayRemote()
}

// adopt moves to the server's present engine, if it is another one. What was
// said to the one before is lost; the page hears of a session that was not
// resumed, and gives the conversation back if the model is the same.
func (s *session) adopt() bool {
	inf := s.server.inference()
	if inf == s.inf {
		return false
	}
	s.letGo(s.tree.branches...)
	s.release()
	s.inf = inf
	if len(s.tree.branches) > 1 || len(s.tree.active.tokens) > 0 {
		s.tree.restart()
		if s.link != nil {
			s.link.resumed = false
		}
	}
	return true
}

// sayGoodbye tells the page that the server stops.
func (s *session) sayGoodbye() {
	if moves(s.tree.active.state) {
		s.server.cutShort.Add(1)
	}
	if s.link != nil {
		const why = "the server is stopping"
		s.link.send(gone("server", "problem.gone_server"))
		s.hangUp(closeGoingAway, why)
	}
}

// hangUp ends the page's connection after what is queued.
func (s *session) hangUp(code int, reason string) {
	if s.link != nil {
		s.link.hangUp(code, reason)
	}
}

// say sends a frame to the page, if there is one.
func (s *session) say(f wire.Frame) {
	if s.link != nil {
		s.link.send(f)
	}
}

// fail tells the page that what it asked did not happen.
func (s *session) fail(query uint32, err error) {
	p, known := problemOf(err)
	if !known {
		var m *mistake
		if errors.As(err, &m) {
			s.log.Error("session: a mistake of this program", "err", err, "stack", string(m.stack))
		} else {
			s.log.Error("session: a command failed", "err", err)
		}
	}
	p.Query = query
	s.say(p)
}

// sayHello tells what the server is and how far it has come.
func (s *session) sayHello() {
	if s.link == nil {
		return
	}
	status := s.server.currentStatus()
	hello := &wire.Hello{Session: s.id, Resumed: s.link.resumed, Version: s.server.options.Version, Phase: status.Phase}
	if s.inf != nil {
		hello.Phase, hello.Model = wire.PhaseReady, s.inf.model
	}
	s.say(hello)
	s.link.out.offerStatus(status)
	s.link.machine, s.link.kvRead = machine.Bandwidth{}, 0 // the page forgets it
	s.link.remote = wire.Remote{}                          // and this
	s.sayMachine()
	s.sayRemote()
}

// sayMachine tells what a speed is held against, once it is known.
func (s *session) sayMachine() {
	b := s.server.bandwidth()
	if s.link == nil || s.inf == nil || s.inf.engine == nil || b == s.link.machine {
		return
	}
	s.link.machine = b
	s.say(&wire.Machine{
		StepBytes: uint64(s.inf.engine.Model().StepBytes()), BytesPerSecond: uint64(b.BytesPerSecond),
		Bytes: uint64(b.Bytes), Threads: uint16(b.Threads),
	})
	s.sayKVRead()
}

// maxToldAside bounds the tokens of the branches that are told besides the active one.
const maxToldAside = 1 << 17

// sayAll tells the whole conversation. The branches that do not go on are told first: the
// page keeps them, so that it can give them back.
func (s *session) sayAll() {
	if s.link == nil {
		return
	}
	s.link.out.discardVisuals()
	s.sayBranches()
	told := 0
	for _, b := range s.tree.branches {
		if b == s.tree.active || told+len(b.tokens) > maxToldAside {
			continue
		}
		told += len(b.tokens)
		aside := &wire.Aside{Branch: b.id, Tokens: b.tokens}
		for _, m := range b.messages {
			aside.Messages = append(aside.Messages, wire.RestoredMessage{Role: m.role, Text: m.text, First: uint32(m.first)})
		}
		s.say(aside)
	}
	s.sayTokens(0)
	s.sayMessages(0)
	s.sayState()
}

// sayTokens tells the active branch's tokens from position from on.
func (s *session) sayTokens(from int) {
	b := s.tree.active
	s.say(&wire.Tokens{Branch: b.id, From: uint32(from), Tokens: b.tokens[from:]})
}

// sayMessages tells the messages from number from on. The first that is told
// makes the page drop those behind it.
func (s *session) sayMessages(from int) {
	b := s.tree.active
	for i := from; i < len(b.messages); i++ {
		m := b.messages[i]
		s.say(&wire.Message{Index: uint16(i), Role: m.role, Text: m.text, First: uint32(m.first)})
	}
}

// sayState tells the request's state and the parameters in use.
func (s *session) sayState() {
	b := s.tree.active
	s.say(&wire.State{State: b.state, Branch: b.id, Params: s.settings.page, Seed: s.seedInUse(), Prompt: uint32(b.start)})
}

func (s *session) sayBranches() { s.say(s.tree.frame(s.branchLabel)) }

// branchLabelBytes is about as much as a label of the tree has room for.
const branchLabelBytes = 48

// branchLabel is the beginning of what follows a branch's fork.
func (s *session) branchLabel(b *branch) string {
	if s.inf == nil {
		return ""
	}
	first := b.tokens[b.fork:min(b.fork+16, len(b.tokens))]
	text := ""
	if s.inf.engine != nil {
		_, text = recite(s.inf.engine.Tokenizer(), nil, 0, first)
	} else {
		for _, t := range first {
			text += string(t.Bytes)
		}
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	for i := range text {
		if i > branchLabelBytes {
			return text[:i] + "…"
		}
	}
	return text
}

// request is the number of the session's request in the engine, 0 if it has none.
func (s *session) request() uint32 {
	if s.handle == nil {
		return 0
	}
	return s.handle.ID()
}

// seedInUse is the seed of the next draw.
func (s *session) seedInUse() uint64 {
	if s.settings.page.HasSeed {
		return s.settings.page.Seed
	}
	return s.seed
}

// release gives the request back to the engine.
func (s *session) release() {
	s.hangUpTalk()
	if s.handle == nil {
		return
	}
	if err := s.handle.Release(); err != nil {
		s.log.Debug("session: release", "err", err)
	}
	if s.pump != nil {
		s.pump.drain(func(event) {})
	}
	s.handle, s.pump, s.speech = nil, nil, nil
	s.own(0)
}

// letGo gives back the requests that are set aside for branches.
func (s *session) letGo(branches ...*branch) {
	for _, b := range branches {
		if b.aside == nil {
			continue
		}
		if err := b.aside.Release(); err != nil {
			s.log.Debug("session: release of a branch", "err", err)
		}
		b.aside = nil
	}
}

// own tells the page's view of the pool which request is the session's.
func (s *session) own(request uint32) {
	if s.link != nil && s.link.pool != nil {
		s.link.pool.setOwn(request)
	}
}

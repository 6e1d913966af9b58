package session

import (
	"slices"
	"strconv"

	"vitrine/visualizer/wire"
)

// Change says what a frame changed, as a set of bits: the views that show it
// have to be drawn anew. No bit means that the frame was not used, because it
// was late, did not fit or is only for giving the conversation back; such a frame does not belong into a recording.
type Change uint16

// What can change.
const (
	ChangeModel     Change = 1 << iota // Hello, Model, Remote
	ChangeStatus                       // Status
	ChangeTokens                       // Tokens, ActiveBranch and what hangs on them
	ChangeMessages                     // Messages
	ChangeState                        // State
	ChangeStep                         // LastStep
	ChangeAttention                    // Attention
	ChangeLogits                       // Logits
	ChangeBlocks                       // Pool
	ChangeBranches                     // Branches
	ChangeAnswer                       // one of the answers to queries
	ChangeProblem                      // LastProblem, Refusal
	ChangeTiming                       // Times
	ChangeMachine                      // Machine
)

// Session is everything the page knows. The zero value is not ready; see [New].
type Session struct {
	recorded bool

	hello    wire.Hello
	status   wire.Status
	state    wire.State
	step     wire.Step
	stepped  bool // step holds a step of this sequence
	messages []wire.Message
	branches []wire.Branch
	aside    map[uint32]line // by ID: branches that do not go on
	problem  wire.Problem
	machine  wire.Machine
	kvRead   uint64
	remote   *wire.Remote // nil for an engine of the server's own
	timings  timings

	sequence  sequence
	attention attention
	logits    lru[answerKey, *wire.Logits]
	answers   lru[answerKey, *answer]
	pieces    map[int32]Piece
	pool      pool
	wants     wants
}

// New is a session that knows nothing yet and asks a server.
func New() *Session {
	return &Session{
		attention: attention{limit: MaxAttentionBytes},
		logits:    newLRU[answerKey, *wire.Logits](MaxLogits),
		answers:   newLRU[answerKey, *answer](MaxAnswerBytes),
		pieces:    map[int32]Piece{},
		aside:     map[uint32]line{},
		pool:      newPool(),
		wants:     newWants(),
	}
}

// NewRecorded is a session that is fed from a recording: there is no one to
// ask, so [Session.Want] sends nothing, and answers are taken as they come.
func NewRecorded() *Session {
	s := New()
	s.recorded = true
	return s
}

// Recorded says whether the session is fed from a recording, so that the page
// can say so, and why what was not recorded has no answer.
func (s *Session) Recorded() bool { return s.recorded }

// Apply takes a frame from the server into account and says what changed. A
// frame that contradicts what is known changes nothing but [Session.LastProblem],
// whose code is then "bad_frame".
func (s *Session) Apply(f wire.Frame) Change {
	switch f := f.(type) {
	case *wire.Hello:
		return s.applyHello(f)
	case *wire.Status:
		s.status = *f
		return ChangeStatus
	case *wire.Tokens:
		return s.applyTokens(f)
	case *wire.Message:
		return s.applyMessage(f)
	case *wire.State:
		s.state = *f
		return ChangeState
	case *wire.Step:
		s.step, s.stepped = *f, true
		s.wants.stepped()
		return ChangeStep
	case *wire.Timing:
		s.timings.add(f)
		return ChangeTiming
	case *wire.Machine:
		s.machine = *f
		return ChangeMachine
	case *wire.KVRead:
		s.kvRead = f.Bytes
		return ChangeMachine
	case *wire.Remote:
		old := s.remote
		s.remote = f
		if old != nil && old.Detail == f.Detail && old.Blocks == f.Blocks {
			return ChangeBlocks // its gauges only
		}
		return ChangeModel
	case *wire.AttentionRows:
		return s.applyAttention(f)
	case *wire.Logits:
		return s.applyLogits(f)
	case *wire.Blocks:
		return s.pool.apply(f)
	case *wire.Branches:
		return s.applyBranches(f)
	case *wire.Problem:
		return s.applyProblem(f)
	case *wire.Pieces:
		return s.applyPieces(f)
	case *wire.Aside:
		return s.applyAside(f)
	case *wire.Pong:
		return 0 // the socket's business
	}
	return s.applyAnswer(f)
}

// applyHello begins a connection: what was asked on an earlier one is not
// answered any more, and the pool's deltas start anew. The conversation stays,
// so that it can be given back to a server that has lost it; with another
// model, whose tokens mean something else, it goes.
func (s *Session) applyHello(f *wire.Hello) Change {
	change := ChangeModel | ChangeStatus
	before := s.hello.Model
	s.hello = *f
	s.status.Phase = f.Phase
	s.wants.forget()
	s.pool.restart()
	if f.Phase == wire.PhaseReady {
		s.remote = nil // told anew if it is one
	}
	if s.machine != (wire.Machine{}) {
		s.machine, s.kvRead = wire.Machine{}, 0 // told anew; it may be another server
		change |= ChangeMachine
	}
	if f.Phase != wire.PhaseReady {
		s.hello.Model = before // known from before; the server is on its way to it
		return change
	}
	if before.Name != "" && !sameNumbers(&before, &f.Model) {
		s.attention.reset()
		s.logits.reset()
		s.answers.reset()
		s.timings = timings{}
		clear(s.pieces)
		change |= ChangeAttention | ChangeLogits | ChangeAnswer | ChangeTiming
		if before.Name != f.Model.Name || before.Vocab != f.Model.Vocab {
			s.sequence.cut(0)
			s.messages, s.branches = nil, nil
			clear(s.aside)
			s.state, s.step, s.stepped = wire.State{}, wire.Step{}, false
			change |= ChangeTokens | ChangeMessages | ChangeBranches | ChangeState | ChangeStep
		}
		s.attention.follow(&s.sequence, 0)
	}
	return change
}

// sameNumbers says whether two models compute the same values.
func sameNumbers(a, b *wire.Model) bool {
	return a.Name == b.Name && a.Quantization == b.Quantization && a.Backend == b.Backend &&
		a.Layers == b.Layers && a.Width == b.Width && a.Heads == b.Heads && a.Vocab == b.Vocab &&
		a.Parameters == b.Parameters
}

func (s *Session) applyTokens(f *wire.Tokens) Change {
	if int64(f.From) > int64(len(s.sequence.tokens)) {
		return s.badFrame("Tokens.From", "at most the "+strconv.Itoa(len(s.sequence.tokens))+
			" positions that are known, not "+strconv.FormatUint(uint64(f.From), 10))
	}
	change := ChangeTokens
	known := s.aside[f.Branch].tokens
	switch {
	case f.Branch != s.sequence.branch:
		s.leave()
		if f.From == 0 && len(s.messages) > 0 {
			s.messages = nil // those of the other branch; its own follow
			change |= ChangeMessages
		}
	case int(f.From) < len(s.sequence.tokens):
		known = slices.Clone(s.sequence.tokens)
	}
	s.sequence.set(f, known)
	delete(s.aside, f.Branch)
	s.attention.follow(&s.sequence, int(f.From))
	s.wants.cut(int(f.From))
	if f.From == 0 && len(f.Tokens) == 0 && len(s.messages) > 0 {
		s.messages = nil // a new conversation: nothing was said in it
		change |= ChangeMessages
	}
	if f.From == 0 && s.timings.any() {
		s.timings = timings{} // steps of another length
		change |= ChangeTiming
	}
	if s.stepped && s.step.Position >= f.From {
		s.stepped = false // what the step computed is gone
		change |= ChangeStep
	}
	return change
}

func (s *Session) applyMessage(f *wire.Message) Change {
	i := int(f.Index)
	if i > len(s.messages) {
		return s.badFrame("Message.Index", "at most the "+strconv.Itoa(len(s.messages))+
			" messages that are known, not "+strconv.Itoa(i))
	}
	switch {
	case i == len(s.messages):
		s.messages = append(s.messages, *f)
	case f.Append:
		m := &s.messages[i]
		m.Text += f.Text
		if f.First != 0 {
			m.First = f.First
		}
	default:
		s.messages = append(s.messages[:i], *f)
	}
	return ChangeMessages
}

func (s *Session) applyAttention(f *wire.AttentionRows) Change {
	if m := &s.hello.Model; m.Layers != 0 && (f.Layers != m.Layers || f.Heads != m.Heads) {
		return s.badFrame("AttentionRows.Layers", strconv.Itoa(int(m.Layers))+" layers of "+strconv.Itoa(int(m.Heads))+
			" heads, as the model has, not "+strconv.Itoa(int(f.Layers))+" of "+strconv.Itoa(int(f.Heads)))
	}
	if f.Branch != s.sequence.branch || !s.attention.add(&s.sequence, f) {
		return 0
	}
	s.wants.attended(&s.attention, int(f.From))
	return ChangeAttention
}

func (s *Session) applyLogits(f *wire.Logits) Change {
	if m := &s.hello.Model; m.Vocab != 0 && f.Vocab != m.Vocab {
		return s.badFrame("Logits.Vocab", strconv.FormatUint(uint64(m.Vocab), 10)+", as the model has, not "+
			strconv.FormatUint(uint64(f.Vocab), 10))
	}
	key, ok := s.logitsKey(int64(f.Position))
	if !ok || f.Branch != s.sequence.branch {
		return 0
	}
	s.logits.put(key, f, 1)
	s.wants.answered(key)
	return ChangeLogits
}

func (s *Session) applyProblem(f *wire.Problem) Change {
	if f.Query != 0 && !s.recorded && !s.wants.refused(f) {
		return 0
	}
	s.problem = *f
	return ChangeProblem
}

// badFrame remembers that a frame does not fit to what is known.
func (s *Session) badFrame(field, want string) Change {
	s.problem = wire.Problem{Code: "bad_frame", Field: field, Detail: "want " + want}
	return ChangeProblem
}

// Hello is the greeting of the current connection. Its model is the one known
// from before while the server is still on its way to one.
func (s *Session) Hello() *wire.Hello { return &s.hello }

// Model is the loaded model; its Name is empty until it is known.
func (s *Session) Model() *wire.Model { return &s.hello.Model }

// Remote says how an engine that runs elsewhere stands; nil if the server runs
// the model itself.
func (s *Session) Remote() *wire.Remote { return s.remote }

// Status is the server's way to a model.
func (s *Session) Status() *wire.Status { return &s.status }

// State is the state of the request and its parameters.
func (s *Session) State() *wire.State { return &s.state }

// LastStep is the engine's last step that moved this session; ok is false if
// there was none since the sequence began or was cut.
func (s *Session) LastStep() (step *wire.Step, ok bool) { return &s.step, s.stepped }

// LastProblem is the last thing that did not happen; its Code is empty if
// there was none. Its Query is 0 if it concerns a command or a frame; see
// [Session.Refusal] for those that concern a query.
func (s *Session) LastProblem() *wire.Problem { return &s.problem }

// Messages are the messages of the chat in order; their Append means nothing.
func (s *Session) Messages() []wire.Message { return s.messages }

// Branches are the lines of the conversation's tree.
func (s *Session) Branches() []wire.Branch { return s.branches }

// Tokens is the sequence of the active branch, by position.
func (s *Session) Tokens() []wire.Token { return s.sequence.tokens }

// ActiveBranch is the ID of the branch that [Session.Tokens] shows.
func (s *Session) ActiveBranch() uint32 { return s.sequence.branch }

// TextUpTo is the text of the tokens before position pos; for pos at or past
// the end that is all of them. Bytes that are no character, such as the
// beginning of one whose rest has not been drawn, are U+FFFD.
func (s *Session) TextUpTo(pos int) string {
	tokens := s.sequence.tokens
	pos = max(0, min(pos, len(tokens)))
	var b []byte
	for i := range tokens[:pos] {
		b = append(b, tokens[i].Bytes...)
	}
	return Text(b)
}

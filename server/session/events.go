package session

import (
	"math"
	"unicode/utf8"

	"vitrine/engine"
	"vitrine/engine/tokenizer"
	"vitrine/server/socket"
	"vitrine/visualizer/wire"
)

// runStates puts the engine's states into the page's terms.
var runStates = [...]wire.RunState{
	engine.Waiting: wire.StateWaiting, engine.Prefill: wire.StatePrefill, engine.Running: wire.StateRunning,
	engine.Paused: wire.StatePaused, engine.Preempted: wire.StatePreempted, engine.FinishedStopped: wire.StateStopped,
	engine.FinishedLength: wire.StateLengthCapped, engine.FinishedAborted: wire.StateAborted,
}

// stopString is the engine's reason when a stop string ended an answer: what
// comes after it in the last token is not part of the text.
const stopString = "stop string"

// event takes in what the engine tells of the session's request.
func (s *session) event(e event) {
	b := s.tree.active
	switch e.Kind {
	case engine.EventToken:
		if e.Pos != len(b.tokens) {
			s.log.Error("session: a token out of order", "position", e.Pos, "want", len(b.tokens))
			return
		}
		t := drawn(s.inf.engine.Tokenizer(), e.Event)
		b.tokens = append(b.tokens, t)
		s.say(&wire.Tokens{Branch: b.id, From: uint32(e.Pos), Tokens: []wire.Token{t}})
		s.speak(e.Pos, t.ID)
	case engine.EventState:
		s.setState(e.State, e.Reason)
	case engine.EventStep:
		s.step(e)
	case engine.EventAttention:
		if s.link != nil && s.link.views&wire.ViewAttention != 0 {
			c := s.inf.engine.Model().Config()
			s.link.out.offerAttention(wire.AttentionRows{
				Branch: b.id, From: uint32(e.From), Rows: uint16(e.Rows),
				Layers: uint16(c.Layers), Heads: uint16(c.Heads), Values: e.Weights,
			})
		}
	case engine.EventLogits:
		if s.link != nil && s.link.views&wire.ViewLogits != 0 {
			s.link.out.offerLogits(wholeLogits(b.id, e.Pos, e.Logits))
		}
	}
}

// wholeLogits is the logits of the whole vocabulary as a frame.
func wholeLogits(branch uint32, pos int, logits []float32) wire.Logits {
	return wire.Logits{
		Branch: branch, Position: uint32(pos), Vocab: uint32(len(logits)),
		Rest: float32(math.Inf(-1)), Values: logits,
	}
}

// drawn is a token of the sampler as the page knows it.
func drawn(t *tokenizer.Tokenizer, e engine.Event) wire.Token {
	token := given(t, e.Token)
	token.Flags |= wire.FlagDrawn
	token.LogProb, token.Prob = e.Result.LogProb, e.Result.Prob
	token.Draw = belowOne(e.Result.Draw)
	token.Kept = uint32(e.Result.Kept)
	token.Micros = uint32(min(e.Step.Duration.Microseconds(), math.MaxUint32))
	return token
}

// belowOne rounds a number of [0, 1) to float32 without reaching 1.
func belowOne(u float64) float32 {
	return min(float32(u), math.Nextafter32(1, 0))
}

// given is a token that was not drawn.
func given(t *tokenizer.Tokenizer, id int32) wire.Token {
	nan := float32(math.NaN())
	token := wire.Token{ID: id, Bytes: t.Bytes(id), LogProb: nan, Prob: nan, Draw: nan}
	switch {
	case t.IsSpecial(id):
		token.Flags |= wire.FlagSpecial
	case !utf8.Valid(token.Bytes):
		token.Flags |= wire.FlagByte
	}
	return token
}

// speak adds a drawn token to the message that is being written, or begins
// one.
func (s *session) speak(pos int, id int32) {
	b := s.tree.active
	m := b.open()
	if m == nil {
		b.messages = append(b.messages, message{role: wire.RoleAssistant, first: pos, end: stillOpen})
		m = b.open()
		s.speech = nil
		s.sayMessages(len(b.messages) - 1)
	}
	if s.speech == nil {
		s.reciteAloud(b)
		return
	}
	s.addText(m, s.speech.push(id))
}

// addText extends the last message.
func (s *session) addText(m *message, text string) {
	if text == "" {
		return
	}
	m.text += text
	s.say(&wire.Message{Index: uint16(len(s.tree.active.messages) - 1), Role: m.role, Append: true, Text: text, First: uint32(m.first)})
}

// recite writes the open message's text anew from its tokens, and says whether
// it is another one now. The engine does the same whenever tokens, stop strings
// or the end of an answer changed behind its back.
func (s *session) recite(b *branch) (changed bool) {
	m := b.open()
	if m == nil {
		s.speech = nil
		return false
	}
	speech, text := recite(s.inf.engine.Tokenizer(), s.settings.page.Stop, int(s.settings.page.MinTokens), b.tokens[m.first:])
	s.speech = speech
	changed = text != m.text
	m.text = text
	return changed
}

// reciteAloud tells the page the open message's text if it is another one now.
func (s *session) reciteAloud(b *branch) {
	if s.recite(b) {
		s.sayMessages(len(b.messages) - 1)
	}
}

// setState takes in the request's new state.
func (s *session) setState(state engine.State, reason string) {
	b := s.tree.active
	b.state = runStates[state]
	if state != engine.Running && !state.Finished() { // an answer's last step is told after its end
		s.rate.reset()
	}
	if state.Finished() {
		if m := b.open(); m != nil && s.speech != nil && reason != stopString {
			s.addText(m, s.speech.flush())
		}
		if state == engine.FinishedAborted && reason != "" {
			s.log.Error("session: the engine gave up a request", "err", reason)
			s.say(internal(reason))
		}
	}
	s.sayState()
	if state.Finished() || state == engine.Paused {
		s.sayBranches()
	}
	if state.Finished() && s.link != nil { // nothing more comes that this could wait for
		socket.Signal(s.link.hurry)
	}
}

// step tells of a step of the engine.
func (s *session) step(e event) {
	if s.link == nil {
		return
	}
	if state := s.tree.active.state; e.Step.Computed == 1 && (state == wire.StateRunning || finished(state)) {
		s.rate.add(e.at)
		s.kvRead = uint64(e.Step.KVBytes)
		s.sayKVRead()
	}
	s.link.out.offerStep(wire.Step{
		Number: e.Step.Number, Position: uint32(e.Step.Position), Computed: uint16(e.Step.Computed),
		Batch: uint16(e.Step.Batch), Requests: uint16(e.Step.Requests),
		Micros:         uint32(min(e.Step.Duration.Microseconds(), math.MaxUint32)),
		TokensPerSec:   s.rate.perSecond(),
		VisualsDropped: e.Dropped + s.link.out.visualsDropped(),
	})
	if e.Timing != nil && s.link.views&wire.ViewTiming != 0 {
		if f, ok := timingFrame(s.inf.engine.Model().Config().Layers, e.Step, e.Timing); ok {
			s.link.out.offerTiming(f)
		}
	}
}

// sayKVRead tells how many bytes of keys and values a step has read, where that makes a
// difference to the share of the memory's bandwidth that the page shows.
func (s *session) sayKVRead() {
	if s.link.machine.BytesPerSecond == 0 {
		return
	}
	if more := math.Abs(float64(s.kvRead) - float64(s.link.kvRead)); more > float64(s.inf.engine.Model().StepBytes())/100 {
		s.link.kvRead = s.kvRead
		s.say(&wire.KVRead{Bytes: s.kvRead})
	}
}

// lose gives up a request that the engine has closed.
func (s *session) lose() {
	s.letGo(s.tree.branches...)
	s.handle, s.pump, s.speech = nil, nil, nil
	s.tree.active.state = wire.StateAborted
	s.own(0)
	s.say(gone("engine", "problem.gone_engine"))
	s.sayState()
}

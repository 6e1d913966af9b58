package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/server/remote"
	"vitrine/visualizer/wire"
)

// A talk carries a remote engine's answer to the session's owner, as a pump
// does with an engine of this process.
type talk struct {
	words  chan word // closed at the end
	cancel context.CancelFunc
	began  bool // the first word has come
}

// word is a piece of an answer and when it arrived; the last one has the error
// that ended it, io.EOF if nothing was wrong.
type word struct {
	remote.Delta
	pieces [][]byte // what the prompt's ids stand for; such a word has nothing else
	err    error
	at     time.Time
}

// beginTalk asks the remote engine; open makes the request.
func (s *session) beginTalk(page wire.Params, open func(context.Context, *remote.Engine) (*remote.Stream, error)) error {
	ctx, cancel := context.WithCancel(context.Background())
	t := &talk{words: make(chan word), cancel: cancel}
	e := s.inf.remote
	send := func(w word) bool {
		w.at = time.Now()
		select {
		case t.words <- w:
			return true
		case <-ctx.Done(): // nobody listens any more
			return false
		}
	}
	go func() {
		defer close(t.words)
		defer cancel()
		var learning sync.WaitGroup
		defer learning.Wait()
		stream, err := open(ctx, e)
		if err != nil {
			send(word{err: err})
			return
		}
		defer stream.Close()
		for {
			d, err := stream.Next()
			if !send(word{Delta: d, err: err}) || err != nil {
				return
			}
			if d.Prompt != nil {
				// A long prompt takes a while to spell, for which the answer does not
				// wait. Without it the prompt's ids are still told.
				learning.Go(func() {
					if pieces, err := e.Pieces(ctx, d.Prompt); err == nil {
						send(word{pieces: pieces})
					}
				})
			}
		}
	}()
	s.talk, s.settings.page = t, page
	s.rate.reset()
	b := s.tree.active
	b.messages = append(b.messages, message{role: wire.RoleAssistant, first: len(b.tokens), end: stillOpen})
	b.state = wire.StateWaiting
	s.sayState()
	s.sayMessages(0)
	s.sayBranches()
	return nil
}

// hangUpTalk breaks the answer off, which makes the remote engine stop.
func (s *session) hangUpTalk() {
	if s.talk == nil {
		return
	}
	s.talk.cancel()
	s.talk = nil
}

// hear takes in a word of the remote engine; ok is false after the last.
func (s *session) hear(w word, ok bool) {
	switch {
	case !ok:
		s.talk = nil
		if s.writing() {
			s.endAnswer(wire.StateAborted)
		}
		return
	case w.err != nil && !errors.Is(w.err, io.EOF):
		s.talk.cancel()
		s.talk = nil
		s.endAnswer(wire.StateAborted)
		s.fail(0, w.err)
		return
	case w.err != nil:
		if s.writing() { // it did not say why it ended
			s.endAnswer(wire.StateStopped)
		}
		return
	}
	if w.pieces != nil {
		s.hearPieces(w.pieces)
		return
	}
	b := s.tree.active
	if !s.talk.began {
		s.talk.began = true
		s.hearPrompt(w)
	}
	for _, t := range w.Tokens {
		s.hearToken(t, w.at)
	}
	if m := b.open(); m != nil && w.Text != "" {
		s.addText(m, strings.ToValidUTF8(w.Text, "\uFFFD"))
	}
	if b.state == wire.StateWaiting && len(w.Tokens) > 0 {
		b.state = wire.StateRunning
		s.sayState()
	}
	switch w.Finish {
	case "":
	case "length":
		s.endAnswer(wire.StateLengthCapped)
	default:
		s.endAnswer(wire.StateStopped)
	}
}

// writing says whether the answer has not ended yet.
func (s *session) writing() bool {
	state := s.tree.active.state
	return state == wire.StateWaiting || state == wire.StateRunning
}

// endAnswer tells that the answer ended.
func (s *session) endAnswer(state wire.RunState) {
	b := s.tree.active
	if m := b.open(); m != nil {
		m.end = len(b.tokens)
	}
	b.state = state
	s.sayState()
	s.sayBranches()
}

// hearPrompt puts the prompt in front of the answer: its tokens if the remote
// engine told them, and otherwise each new message as one piece of text.
func (s *session) hearPrompt(w word) {
	b := s.tree.active
	keep := b.start
	if w.Prompt != nil {
		next := make([]wire.Token, len(w.Prompt))
		for i, id := range w.Prompt {
			next[i] = pieceOfText("")
			next[i].ID = id
		}
		keep = common(b.tokens, next)
		b.tokens = append(b.tokens[:keep:keep], next[keep:]...)
		for at := range s.heard {
			if at >= keep {
				delete(s.heard, at)
			}
		}
	} else {
		for i := range b.messages[:len(b.messages)-1] {
			m := &b.messages[i]
			if m.role != wire.RoleAssistant && m.end <= m.first && m.first >= b.start || m.role == wire.RoleSystem && b.start == 0 {
				m.first = len(b.tokens)
				b.tokens = append(b.tokens, pieceOfText(m.text))
				m.end = len(b.tokens)
			}
		}
	}
	b.start = len(b.tokens)
	last := len(b.messages) - 1
	b.messages[last].first = b.start
	s.forgetFrom(keep)
	s.sayTokens(keep)
	s.sayState()
	s.sayMessages(0)
}

// hearPieces tells what the prompt's ids stand for, from the first that was not
// known on.
func (s *session) hearPieces(pieces [][]byte) {
	b := s.tree.active
	from := len(b.tokens)
	tokens := slices.Clone(b.tokens) // the old ones may wait to be sent
	for i := min(b.start, len(pieces)) - 1; i >= 0; i-- {
		if !bytes.Equal(tokens[i].Bytes, pieces[i]) {
			tokens[i].Bytes, from = pieces[i], i
		}
	}
	if from < len(b.tokens) {
		b.tokens = tokens
		s.sayTokens(from)
	}
}

// hearToken adds a token of the answer.
func (s *session) hearToken(t remote.Token, at time.Time) {
	b := s.tree.active
	pos := len(b.tokens)
	token := pieceOfText("")
	token.ID, token.Bytes, token.Flags, token.LogProb = t.ID, t.Bytes, wire.FlagDrawn, float32(t.LogProb)
	b.tokens = append(b.tokens, token)
	s.say(&wire.Tokens{Branch: b.id, From: uint32(pos), Tokens: []wire.Token{token}})
	if f := choices(t); f != nil {
		f.Branch, f.Position = b.id, uint32(pos)
		if s.heard == nil {
			s.heard = map[int]*wire.Logits{}
		}
		s.heard[pos] = f
		if s.link != nil && s.link.views&wire.ViewLogits != 0 {
			s.link.out.offerLogits(*f)
		}
	}
	if s.link != nil {
		s.rate.add(at)
		s.link.out.offerStep(wire.Step{
			Position: uint32(pos), Computed: 1, TokensPerSec: s.rate.perSecond(), VisualsDropped: s.link.out.visualsDropped(),
		})
	}
}

// choices are the likeliest tokens at a place as cut logits: log-probabilities
// are logits whose exponentials add up to 1. The vocabulary's size is not told;
// it is at least as large as the ids say. nil if nothing was told.
func choices(t remote.Token) *wire.Logits {
	f := &wire.Logits{}
	known := map[int32]bool{}
	sum, largest := 0.0, int32(0)
	for _, c := range slices.Concat(t.Top, []remote.Candidate{t.Candidate}) {
		if c.ID == remote.Unknown || known[c.ID] || math.IsNaN(c.LogProb) || math.IsInf(c.LogProb, -1) {
			continue
		}
		known[c.ID] = true
		f.IDs, f.Values = append(f.IDs, c.ID), append(f.Values, float32(c.LogProb))
		sum += math.Exp(c.LogProb)
		largest = max(largest, c.ID)
	}
	if len(f.IDs) == 0 || len(t.Top) == 0 {
		return nil
	}
	f.Rest = float32(math.Log(max(1-sum, 0)))
	f.Vocab = 1 << max(bits.Len32(uint32(largest)), 8)
	return f
}

package session

import (
	"slices"

	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// defaultParams are the parameters before the page has said any.
func defaultParams() wire.Params {
	return wire.Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1, MaxTokens: 256}
}

// do carries out a command and tells the page if that failed.
func (s *session) do(c wire.Command) {
	var err error
	if s.inf != nil && s.inf.remote != nil {
		if handled, err := s.doRemote(c); handled {
			if err != nil {
				s.fail(0, err)
			}
			return
		}
	}
	switch c := c.(type) {
	case *wire.Chat:
		err = s.chat(c)
	case *wire.Complete:
		err = s.complete(c)
	case *wire.Restore:
		err = s.restore(c)
	case *wire.SetParams:
		err = s.setParams(c.Params)
	case *wire.Control:
		err = s.control(c)
	case *wire.Subscribe:
		s.subscribe(c.Views)
	case *wire.Pace:
		s.watch()
	case *wire.Retry:
		s.server.retry()
	case *wire.Query:
		s.ask(c)
	default:
		err = telling.Refuse(telling.CodeBadFrame, "told.unexpected", "Kind", c.Kind())
	}
	if err != nil {
		s.fail(0, err)
	}
}

// ready is the error of a command that needs a model before there is one.
func (s *session) ready() error {
	if s.inf != nil {
		return nil
	}
	return noModel(s.server.currentStatus())
}

// noModel says how far the model is.
func noModel(status wire.Status) error {
	switch status.Phase {
	case wire.PhaseDownloading:
		return telling.Refuse(telling.CodeNoModel, "told.downloading", "Received", status.Received, "Total", status.Total)
	case wire.PhaseLoading:
		return telling.Refuse(telling.CodeNoModel, "told.loading")
	case wire.PhaseFailed:
		return &telling.Refusal{Code: telling.CodeNoModel, Why: telling.Again(status.Detail)}
	}
	return telling.Refuse(telling.CodeNoModel, "told.no_model")
}

// limit is the longest sequence that the engine takes.
func (s *session) limit() int { return s.inf.engine.MaxModelLen() }

// fits refuses a prompt that leaves no room for an answer.
func (s *session) fits(tokens, have int) error {
	if tokens >= s.limit() {
		return &tooLong{tokens: tokens, have: have, limit: s.limit()}
	}
	return nil
}

// encodable refuses a text that has too many bytes for the context whatever
// its tokens are: encoding 2 MB takes a while.
func (s *session) encodable(text string) error {
	longest := s.inf.longestToken
	if least := (len(text) + longest - 1) / longest; least >= s.limit() {
		return &tooLong{tokens: least, atLeast: true, limit: s.limit()}
	}
	return nil
}

// settings are the parameters of a conversation as the page said them and as
// the engine takes them, checked.
type settings struct {
	page   wire.Params
	engine sampler.Params
}

// check checks parameters and gives a conversation without a seed one.
func (s *session) check(p wire.Params) (settings, error) {
	if !s.seeded {
		s.seed, s.seeded = newSeed(), true
	}
	e, err := samplerParams(p, s.seed, s.inf.engine.Model().Config().Vocab)
	return settings{p, e}, err
}

// chat adds a message and asks for the answer. Everything is checked before
// anything changes. An answer that is still being written ends where it is.
func (s *session) chat(c *wire.Chat) error {
	if err := s.ready(); err != nil {
		return err
	}
	p := s.inf.prompter()
	switch {
	case p.template == nil:
		return telling.Wrong("text", "told.no_template")
	case c.Text == "":
		return telling.Wrong("text", "told.empty")
	}
	if err := checkText("text", c.Text); err != nil {
		return err
	}
	if err := checkText("system", c.System); err != nil {
		return err
	}
	set, err := s.check(c.Params)
	if err != nil {
		return err
	}
	// A text that cannot fit whatever is around it is refused while the answer
	// before it still runs.
	if err := s.encodable(c.Text); err != nil {
		return err
	}
	if err := s.encodable(c.System); err != nil {
		return err
	}
	alone, err := p.encode(c.Text)
	if err != nil {
		return err
	}
	if err := s.fits(len(alone), 0); err != nil {
		return err
	}

	running, err := s.settle()
	if err != nil {
		return err
	}
	next, err := s.turn(p, c)
	if err != nil {
		s.carryOn(running)
		return err
	}
	if s.tree.active.plain {
		s.letGo(s.tree.branches...)
		s.release()
		s.tree.restart()
	}
	return s.begin(next, set, c.Paused)
}

// turn is the active branch with the user's message and the beginning of the
// answer behind it.
func (s *session) turn(p *prompter, c *wire.Chat) (*branch, error) {
	next := *s.tree.active
	if next.plain {
		next = branch{}
	}
	have, located := next.tokens, len(next.messages)
	next.messages = slices.Clone(next.messages)
	if m := next.open(); m != nil {
		m.end = len(have)
		if !finished(next.state) { // it ends here, so what was held back belongs to it, as if it had been stopped
			speech, text := recite(p.tokenizer, s.settings.page.Stop, int(s.settings.page.MinTokens), have[m.first:])
			m.text = text + speech.flush()
		}
	}
	if len(next.messages) == 0 && c.System != "" {
		next.messages = append(next.messages, message{role: wire.RoleSystem, text: c.System})
	}
	if len(next.messages)+2 > maxMessages {
		return nil, tooManyMessages(len(next.messages))
	}
	next.messages = append(next.messages, message{role: wire.RoleUser, text: c.Text})
	written := p.written(next.messages, have)
	rendered, err := p.render(written, true)
	if err != nil {
		return nil, err
	}
	keep, add, err := p.join(have, rendered)
	if err != nil {
		return nil, err
	}
	if err := s.fits(keep+len(add), keep); err != nil {
		return nil, err
	}
	next.tokens = withGiven(p.tokenizer, have[:keep:keep], add)
	if keep < len(have) {
		located = 0 // the text became other tokens, so every message may have moved
	}
	if err := p.locate(written, located, next.tokens); err != nil {
		return nil, err
	}
	for i := range written {
		next.messages[i].first, next.messages[i].end = written[i].first, written[i].end
	}
	next.start = len(next.tokens)
	next.messages = append(next.messages, message{role: wire.RoleAssistant, first: next.start, end: stillOpen})
	return &next, nil
}

// maxMessages bounds a conversation: each new one renders those before it.
const maxMessages = 512

// withGiven adds tokens that were not drawn.
func withGiven(t *tokenizer.Tokenizer, tokens []wire.Token, ids []int32) []wire.Token {
	for _, id := range ids {
		tokens = append(tokens, given(t, id))
	}
	return tokens
}

// complete continues a text as it is, on a new sequence.
func (s *session) complete(c *wire.Complete) error {
	if err := s.ready(); err != nil {
		return err
	}
	if err := checkText("text", c.Text); err != nil {
		return err
	}
	set, err := s.check(c.Params)
	if err != nil {
		return err
	}
	if err := s.encodable(c.Text); err != nil {
		return err
	}
	t := s.inf.engine.Tokenizer()
	tokens, err := t.Encode(c.Text, tokenizer.EncodeOptions{AddSpecial: true, ParseSpecial: true})
	if err != nil {
		return &telling.BadField{Field: "text", Why: telling.From(err.Error(), "told.not_encoded")}
	}
	if len(tokens) == 0 {
		return telling.Wrong("text", "told.empty")
	}
	if err := s.fits(len(tokens), 0); err != nil {
		return err
	}
	s.letGo(s.tree.branches...)
	s.release()
	s.tree.restart()
	return s.begin(&branch{
		plain: true, start: len(tokens), tokens: withGiven(t, nil, tokens),
		messages: []message{
			{role: wire.RoleUser, text: c.Text, end: len(tokens)},
			{role: wire.RoleAssistant, first: len(tokens), end: stillOpen},
		},
	}, set, c.Paused)
}

// begin puts a new prompt in the place of the active branch and lets it run.
func (s *session) begin(next *branch, set settings, paused bool) error {
	b := s.tree.active
	keep := common(b.tokens, next.tokens)
	next.id, next.parent, next.fork = b.id, b.parent, min(b.fork, keep)
	if err := s.load(next.tokens, set); err != nil {
		return err
	}
	*b = *next
	b.state = wire.StatePaused
	s.recite(b)
	s.sayTokens(keep)
	// The state goes before the messages: a page that sees the new message must
	// not take the old answer's end for the new one's.
	var err error
	if paused {
		s.sayState()
	} else {
		err = s.start(s.handle.Resume)
	}
	s.sayMessages(0)
	s.sayBranches()
	return err
}

// setParams changes what the next draws go by.
func (s *session) setParams(p wire.Params) error {
	if err := s.ready(); err != nil {
		return err
	}
	set, err := s.check(p)
	if err != nil {
		return err
	}
	restated := !slices.Equal(p.Stop, s.settings.page.Stop) || p.MinTokens != s.settings.page.MinTokens
	if s.handle != nil {
		running, err := s.settle()
		if err != nil {
			return err
		}
		err = s.handle.SetParams(set.engine)
		s.carryOn(running)
		if err != nil {
			return err
		}
	}
	s.settings = set
	if restated && s.speech != nil {
		s.reciteAloud(s.tree.active)
	}
	s.sayState()
	return nil
}

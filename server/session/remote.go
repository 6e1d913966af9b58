package session

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"vitrine/server/remote"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// SetRemote gives the sessions an engine that runs elsewhere in the place of
// one of this process. What it does not tell, the pages are told is not known.
// How it stands comes by [Server.SetStanding].
func (s *Server) SetRemote(e *remote.Engine) {
	info := e.Info()
	m := wire.Model{Name: info.Model, Title: info.Model, Backend: "remote", Context: uint32(min(info.Context, math.MaxUint32)), HasTemplate: true}
	s.pool.setTotal(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = &inference{remote: e, model: m}
	s.status = wire.Status{Phase: wire.PhaseReady, Name: info.Model}
	s.standing = standingOf(e, remote.Report{Gauges: remote.UnknownGauges()}, false)
	s.wake()
}

// SetStanding tells every page how the remote engine stands; blocks says that
// it publishes what happens to its blocks.
func (s *Server) SetStanding(e *remote.Engine, r remote.Report, blocks bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.current.remote != e {
		return
	}
	s.standing = standingOf(e, r, blocks)
	s.wake()
}

// standingOf puts a report into the page's terms.
func standingOf(e *remote.Engine, r remote.Report, blocks bool) wire.Remote {
	info, g := e.Info(), r.Gauges
	f := wire.Remote{
		Address: info.Address, IDs: e.IDs(), Blocks: blocks,
		Running: float32(g.Running), Waiting: float32(g.Waiting), KVUsage: float32(g.KVUsage), Hits: float32(g.Hits),
		Preemptions: float32(g.Preemptions), TTFT: float32(g.TTFT), ITL: float32(g.ITL),
	}
	f.Server = strings.TrimSpace(info.Server + " " + info.Version)
	if r.Err != nil {
		f.Detail = r.Err.Error()
	}
	return f
}

// sayRemote tells how a remote engine stands, if that has changed.
func (s *session) sayRemote() {
	if s.link == nil || s.inf == nil || s.inf.remote == nil {
		return
	}
	s.server.mu.Lock()
	now := s.server.standing
	s.server.mu.Unlock()
	if sameStanding(now, s.link.remote) {
		return
	}
	s.link.remote = now
	s.say(&now)
}

// sameStanding compares with NaN equal to itself.
func sameStanding(a, b wire.Remote) bool {
	return slices.Equal(wire.AppendFrame(nil, &a), wire.AppendFrame(nil, &b))
}

// elsewhere is the refusal of what only an engine of this process can do; key says what
// that is.
func elsewhere(key string) error { return telling.Refuse(codeRemote, key) }

// doRemote carries out a command on a remote engine. handled is false for a
// command that any session does in the same way.
func (s *session) doRemote(c wire.Command) (handled bool, err error) {
	switch c := c.(type) {
	case *wire.Chat:
		return true, s.chatRemote(c)
	case *wire.Complete:
		return true, s.completeRemote(c)
	case *wire.Restore:
		return true, s.restoreRemote(c)
	case *wire.SetParams:
		if _, err := s.remoteParams(c.Params); err != nil {
			return true, err
		}
		s.settings.page = c.Params
		s.sayState()
		return true, nil
	case *wire.Control:
		return true, s.controlRemote(c)
	}
	return false, nil
}

// controlRemote steers the request as far as it can be from afar.
func (s *session) controlRemote(c *wire.Control) error {
	switch c.Op {
	case wire.OpNew:
		s.restartRemote()
		s.sayAll()
		return nil
	case wire.OpAbort:
		if s.talk == nil || !s.writing() { // it may be spelling the prompt still
			return nil
		}
		s.hangUpTalk()
		s.endAnswer(wire.StateAborted)
		return nil
	case wire.OpPause:
		return elsewhere("told.elsewhere_pause")
	case wire.OpResume:
		return elsewhere("told.elsewhere_resume")
	case wire.OpStep:
		return elsewhere("told.elsewhere_step")
	case wire.OpRewind:
		return elsewhere("told.elsewhere_rewind")
	case wire.OpBranch, wire.OpSwitch:
		return elsewhere("told.elsewhere_branch")
	}
	return telling.Wrong("Op", "told.unknown", "N", uint8(c.Op))
}

// restartRemote drops the conversation.
func (s *session) restartRemote() {
	s.hangUpTalk()
	s.forgetFrom(0)
	s.heard = nil
	s.tree.restart()
}

// remoteParams are the parameters for a remote engine, checked as those of an
// engine of this process are, as far as it can be told without its vocabulary.
func (s *session) remoteParams(p wire.Params) (remote.Params, error) {
	out := remote.Params{}
	e, err := samplerParams(p, 0, math.MaxInt32)
	if err != nil {
		return out, err
	}
	if p.Order != wire.OrderVLLM {
		return out, telling.Wrong("order", "told.remote_order")
	}
	out = remote.Params{
		Temperature: p.Temperature, TopP: p.TopP, MinP: p.MinP, TopK: max(int(p.TopK), 0),
		PresencePenalty: p.PresencePenalty, FrequencyPenalty: p.FrequencyPenalty, RepetitionPenalty: p.RepetitionPenalty,
		MaxTokens: e.MaxTokens, MinTokens: e.MinTokens, IgnoreEOS: p.IgnoreEOS, Stop: p.Stop,
	}
	if p.HasSeed {
		if p.Seed > math.MaxInt64 {
			return out, telling.Wrong("seed", "told.range", "N", p.Seed, "Most", int64(math.MaxInt64))
		}
		seed := int64(p.Seed)
		out.Seed = &seed
	}
	if len(p.LogitBias) > 0 {
		if !s.inf.remote.IDs() {
			return out, telling.Wrong("logit_bias", "told.remote_ids")
		}
		out.LogitBias = map[int32]float32{}
		for _, b := range p.LogitBias {
			out.LogitBias[b.Token] = b.Bias
		}
	}
	return out, s.inf.remote.CheckParams(out)
}

// maxRemoteText bounds the text of one message, in bytes; the server judges
// its tokens.
const maxRemoteText = 1 << 20

// remoteText refuses a text that cannot be sent.
func remoteText(field, text string) error {
	if len(text) > maxRemoteText {
		return telling.Refuse(telling.CodeTooLong, "told.too_long_text", "Field", field, "N", len(text), "Most", maxRemoteText)
	}
	return checkText(field, text)
}

// chatRemote adds a message and asks for the answer.
func (s *session) chatRemote(c *wire.Chat) error {
	switch {
	case c.Text == "":
		return telling.Wrong("text", "told.empty")
	case c.Paused:
		return elsewhere("told.elsewhere_first")
	}
	if err := remoteText("text", c.Text); err != nil {
		return err
	}
	if err := remoteText("system", c.System); err != nil {
		return err
	}
	params, err := s.remoteParams(c.Params)
	if err != nil {
		return err
	}
	if len(s.tree.active.messages)+2 > maxMessages {
		return tooManyMessages(len(s.tree.active.messages))
	}
	s.hangUpTalk()
	if s.tree.active.plain {
		s.restartRemote()
	}
	b := s.tree.active
	if m := b.open(); m != nil {
		m.end = len(b.tokens)
	}
	b.start = len(b.tokens)
	if len(b.messages) == 0 && c.System != "" {
		b.messages = append(b.messages, message{role: wire.RoleSystem, text: c.System})
	}
	b.messages = append(b.messages, message{role: wire.RoleUser, text: c.Text, first: b.start, end: b.start})
	var said []remote.Message
	for _, m := range b.messages {
		said = append(said, remote.Message{Role: roleNames[m.role], Content: m.text})
	}
	return s.beginTalk(c.Params, func(ctx context.Context, e *remote.Engine) (*remote.Stream, error) { return e.Chat(ctx, said, params) })
}

// completeRemote continues a text as it is.
func (s *session) completeRemote(c *wire.Complete) error {
	switch {
	case c.Text == "":
		return telling.Wrong("text", "told.empty")
	case c.Paused:
		return elsewhere("told.elsewhere_first")
	}
	if err := remoteText("text", c.Text); err != nil {
		return err
	}
	params, err := s.remoteParams(c.Params)
	if err != nil {
		return err
	}
	s.restartRemote()
	s.sayTokens(0)
	b := s.tree.active
	b.plain = true
	b.messages = []message{{role: wire.RoleUser, text: c.Text}}
	return s.beginTalk(c.Params, func(ctx context.Context, e *remote.Engine) (*remote.Stream, error) {
		return e.Complete(ctx, c.Text, params)
	})
}

// restoreRemote takes in a conversation that this server has lost and the page
// kept. Only its texts are needed to go on; what the tokens were is not asked
// for again, so each message is one piece of text.
func (s *session) restoreRemote(c *wire.Restore) error {
	if _, err := s.remoteParams(c.Params); err != nil {
		return err
	}
	// With a remote engine there are no other branches than the active one.
	at := slices.IndexFunc(c.Branches, func(b wire.RestoredBranch) bool { return b.ID == c.Active })
	if at < 0 {
		return telling.Wrong("Active", "told.no_branch", "N", c.Active, "Have", len(c.Branches))
	}
	field, messages := fmt.Sprintf("Branches[%d].Messages", at), c.Branches[at].Messages
	if len(messages) > maxMessages {
		return telling.Wrong(field, "told.too_many", "N", len(messages), "Most", maxMessages)
	}
	for i, m := range messages {
		if err := remoteText(fmt.Sprintf("%s[%d].Text", field, i), m.Text); err != nil {
			return err
		}
	}
	s.restartRemote()
	b := s.tree.active
	for _, m := range messages {
		if m.Text == "" {
			continue
		}
		at := len(b.tokens)
		b.tokens = append(b.tokens, pieceOfText(m.Text))
		b.messages = append(b.messages, message{role: m.Role, text: m.Text, first: at, end: at + 1})
	}
	if len(b.tokens) > 0 {
		b.state = wire.StateStopped
	}
	s.settings.page = c.Params
	s.sayAll()
	return nil
}

// pieceOfText stands for a text whose tokens are not known.
func pieceOfText(text string) wire.Token {
	nan := float32(math.NaN())
	return wire.Token{ID: remote.Unknown, Bytes: []byte(text), LogProb: nan, Prob: nan, Draw: nan}
}

// checkRemote refuses the questions that a remote engine does not answer.
func (v *view) checkRemote(q *wire.Query) (needs int, err error) {
	switch q.What {
	case wire.QuerySource:
		if len(q.Text) > maxFuncName {
			return 0, telling.Wrong("Text", "told.no_function", "N", len(q.Text))
		}
		return 0, nil
	case wire.QueryPieces:
		if len(q.Tokens) > maxPieces {
			return 0, telling.Wrong("Tokens", "told.too_many", "N", len(q.Tokens), "Most", maxPieces)
		}
		return 0, nil
	case wire.QueryLogits:
		if v.heard == nil {
			return 0, elsewhere("told.elsewhere_choices")
		}
		return int(min(q.Position, math.MaxInt32)), nil
	}
	return 0, elsewhere("told.elsewhere_inside")
}

// answerRemote answers a question that checkRemote has let pass.
func (v *view) answerRemote(ctx context.Context, q *wire.Query) ([]wire.Frame, error) {
	switch q.What {
	case wire.QuerySource:
		f, err := findSource(q)
		if err != nil {
			return nil, err
		}
		return []wire.Frame{f}, nil
	case wire.QueryLogits:
		f := *v.heard
		return []wire.Frame{&f}, nil
	}
	texts, err := v.inf.remote.Pieces(ctx, q.Tokens)
	if err != nil {
		return nil, err
	}
	f := &wire.Pieces{Query: q.ID, IDs: q.Tokens, Bytes: texts, Special: make([]bool, len(texts))}
	return []wire.Frame{f}, nil
}

// SetPool tells every page the number of blocks of a remote engine's pool.
func (s *Server) SetPool(total int) { s.pool.setTotal(total) }

// SetBlock tells every page of a block of a remote engine's pool.
func (s *Server) SetBlock(c wire.BlockChange) { s.pool.change(c) }

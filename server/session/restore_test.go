package session

import (
	"slices"
	"testing"

	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

func TestResumeAfterDisconnect(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	p := visit(t, url, "")
	id := p.session()
	p.send(&wire.Chat{Text: "Hello", Params: params(300)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 40 })
	seen := p.tokens()
	p.close() // in the middle of the answer

	again := visit(t, url, id)
	again.see(func(s *vis.Session) {
		if !s.Hello().Resumed || s.Hello().Session != id {
			t.Errorf("Hello %+v, want session %s resumed", s.Hello(), id)
		}
	})
	again.waitState(wire.StateLengthCapped)
	tokens := again.tokens()
	for i, want := range seen {
		if tokens[i].ID != want.ID || tokens[i].Prob != want.Prob && want.Prob == want.Prob || tokens[i].Micros != want.Micros {
			t.Fatalf("token %d was %+v and is %+v", i, want, tokens[i])
		}
	}
	var prompt int
	again.see(func(s *vis.Session) { prompt = int(s.State().Prompt) })
	if len(tokens) != prompt+300 {
		t.Errorf("%d tokens, want all %d: the answer goes on without a page", len(tokens), prompt+300)
	}
	if m := again.messages(); len(m) != 2 || m[0].Text != "Hello" || m[1].Text == "" {
		t.Errorf("messages %+v", m)
	}
	again.ask(wire.Query{What: wire.QueryVector, Position: 3})
}

// After a restart the page gives the conversation back. It goes on with the
// tokens that would have come without the restart.
func TestRestore(t *testing.T) {
	set := params(30)
	set.PresencePenalty, set.FrequencyPenalty, set.RepetitionPenalty = 1, 0.5, 1.3

	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: set})
	p.waitState(wire.StateLengthCapped)
	p.send(&wire.Chat{Text: "More", Params: set})
	p.wait("the second answer", func() bool { return len(p.know.Messages()) == 4 && p.know.State().State == wire.StateLengthCapped })
	all, messages := p.tokens(), p.messages()
	cut := len(all) - 12
	// The connection was lost before the last of it came.
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Branch: s.ActiveBranch(), From: uint32(cut)}) })

	restore := &wire.Restore{Params: set}
	for _, token := range all[:cut] {
		restore.Tokens = append(restore.Tokens, wire.RestoredToken{ID: token.ID, Flags: token.Flags})
	}
	for _, m := range messages {
		restore.Messages = append(restore.Messages, wire.RestoredMessage{Role: m.Role, Text: m.Text, First: m.First})
	}
	p.close()
	p.waitClosed()
	q := visitWith(t, tiny(t, Options{}).serve(t), p.session(), p.know)
	q.see(func(s *vis.Session) {
		if s.Hello().Resumed {
			t.Error("a new server says that it had the session")
		}
	})
	q.send(restore)
	q.wait("the tokens", func() bool { return len(q.know.Tokens()) == cut && q.know.State().State == wire.StatePaused })
	for i, token := range q.tokens() {
		same := token.ID == all[i].ID && token.Flags == all[i].Flags && string(token.Bytes) == string(all[i].Bytes) &&
			(token.Prob == all[i].Prob || token.Prob != token.Prob)
		if !same || token.Prob != token.Prob && token.Flags&wire.FlagDrawn != 0 {
			t.Fatalf("token %d was %+v and is %+v", i, all[i], token)
		}
	}
	q.send(control(wire.OpResume))
	q.wait("the end", func() bool { return len(q.know.Tokens()) == len(all) })
	if !slices.Equal(q.ids(), ids(all)) {
		t.Errorf("goes on with %v, want %v", q.ids()[cut:], ids(all[cut:]))
	}
	q.wait("the same text", func() bool { m := q.know.Messages(); return len(m) == 4 && m[3].Text == messages[3].Text })

	// And the chat goes on.
	q.send(&wire.Chat{Text: "And?", Params: set})
	q.wait("a third answer", func() bool { return len(q.know.Messages()) == 6 })
	if got := q.ids(); !slices.Equal(got[:len(all)], ids(all)) {
		t.Error("the next turn changed the tokens before it")
	}
}

func TestBadRestore(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	good := []wire.RestoredToken{{ID: 65}, {ID: 66, Flags: wire.FlagDrawn}}
	for _, c := range []struct {
		restore wire.Restore
		code    string
		field   string
	}{
		{wire.Restore{}, codeBadField, "Tokens"},
		{wire.Restore{Tokens: []wire.RestoredToken{{ID: 65}, {ID: 320}}}, codeBadField, "Tokens[1].ID"},
		{wire.Restore{Tokens: []wire.RestoredToken{{ID: -1}}}, codeBadField, "Tokens[0].ID"},
		{wire.Restore{Tokens: make([]wire.RestoredToken, tinyContext)}, codeTooLong, "text"},
		{wire.Restore{Tokens: good, Messages: []wire.RestoredMessage{{First: 3}}}, codeBadField, "Messages[0].First"},
		{wire.Restore{Tokens: good, Messages: []wire.RestoredMessage{{First: 1}, {First: 0}}}, codeBadField, "Messages[1].First"},
		{wire.Restore{Tokens: good, Messages: make([]wire.RestoredMessage, maxMessages+1)}, codeBadField, "Messages"},
	} {
		c.restore.Params = params(5)
		if got := p.problem(&c.restore); got.Code != c.code || got.Field != c.field {
			t.Errorf("%+v: %+v, want %s of %s", c.restore, got, c.code, c.field)
		}
	}
	if n := len(p.ids()); n != 0 {
		t.Errorf("%d tokens are there after all", n)
	}
	// Tokens that all claim to be drawn, and none of a message, are taken too.
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Tokens: []wire.Token{{ID: 65}, {ID: 66}}}) })
	p.send(&wire.Restore{Tokens: []wire.RestoredToken{{ID: 65, Flags: wire.FlagDrawn}, {ID: 66, Flags: wire.FlagDrawn}}, Params: params(5)})
	p.wait("two tokens", func() bool { return len(p.know.Tokens()) == 2 })
	p.send(&wire.Control{Op: wire.OpStep, Count: 1})
	p.wait("a third", func() bool { return len(p.know.Tokens()) == 3 && len(p.know.Messages()) == 1 })
}

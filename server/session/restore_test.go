package session

import (
	"math"
	"slices"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/ref"
	"vitrine/server/telling"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

func TestResumeAfterDisconnect(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	p := visit(t, url, "")
	id := p.session()
	p.send(&wire.Chat{Text: "Hello", Params: params(300)})
	p.wait("some tokens", func() bool { return len(p.know.Tokens()) > 40 })
	seen := p.tokens()
	p.close() // in the middle of the answer
	// While the server takes it to be there, whoever comes takes the session over.
	for deadline := time.Now().Add(patience); r.server.connections() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection stays")
		}
	}

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

// restoreOf is a conversation of one branch as a page gives it back.
func restoreOf(set wire.Params, tokens []wire.Token, messages []wire.Message) *wire.Restore {
	var b wire.RestoredBranch
	for _, token := range tokens {
		b.Tokens = append(b.Tokens, wire.RestoredToken{ID: token.ID, Flags: token.Flags})
	}
	for _, m := range messages {
		b.Messages = append(b.Messages, wire.RestoredMessage{Role: m.Role, Text: m.Text, First: m.First})
	}
	return &wire.Restore{Params: set, Branches: []wire.RestoredBranch{b}}
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

	restore := restoreOf(set, all[:cut], messages)
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
	tree := func(b ...wire.RestoredBranch) wire.Restore { return wire.Restore{Active: 1, Branches: b} }
	one := func(tokens []wire.RestoredToken, m ...wire.RestoredMessage) wire.Restore {
		return tree(wire.RestoredBranch{ID: 1, Parent: 1, Tokens: tokens, Messages: m})
	}
	root := wire.RestoredBranch{ID: 1, Parent: 1, Tokens: good}
	for _, c := range []struct {
		restore wire.Restore
		code    string
		field   string
	}{
		{wire.Restore{}, telling.CodeBadField, "Branches"},
		{one(nil), telling.CodeBadField, "Active"},
		{one([]wire.RestoredToken{{ID: 65}, {ID: 320}}), telling.CodeBadField, "Branches[0].Tokens[1].ID"},
		{one([]wire.RestoredToken{{ID: -1}}), telling.CodeBadField, "Branches[0].Tokens[0].ID"},
		{one(make([]wire.RestoredToken, tinyContext)), telling.CodeTooLong, "text"},
		{one(good, wire.RestoredMessage{First: 3}), telling.CodeBadField, "Branches[0].Messages[0].First"},
		{one(good, wire.RestoredMessage{First: math.MaxUint32}), telling.CodeBadField, "Branches[0].Messages[0].First"},
		{one(good, wire.RestoredMessage{First: 1}, wire.RestoredMessage{First: 0}), telling.CodeBadField, "Branches[0].Messages[1].First"},
		{one(good, make([]wire.RestoredMessage, maxMessages+1)...), telling.CodeBadField, "Branches[0].Messages"},
		{tree(make([]wire.RestoredBranch, maxBranches+1)...), telling.CodeBadField, "Branches"},
		{tree(root, root), telling.CodeBadField, "Branches[1].ID"},
		{tree(wire.RestoredBranch{ID: 1 << 31, Parent: 1 << 31}), telling.CodeBadField, "Branches[0].ID"},
		{tree(root, wire.RestoredBranch{ID: 2, Parent: 9}), telling.CodeBadField, "Branches[1].Parent"},
		{tree(wire.RestoredBranch{ID: 2, Parent: 1}, root), telling.CodeBadField, "Branches[0].Parent"},
		{tree(root, wire.RestoredBranch{ID: 2, Parent: 1, Shared: 3}), telling.CodeBadField, "Branches[1].Shared"},
		{tree(root, wire.RestoredBranch{ID: 2, Parent: 1, Shared: math.MaxUint32}), telling.CodeBadField, "Branches[1].Shared"},
		{tree(wire.RestoredBranch{ID: 1, Parent: 1, Shared: 1}), telling.CodeBadField, "Branches[0].Shared"},
		{tree(root, wire.RestoredBranch{ID: 2, Parent: 1, Shared: 2, Fork: 3}), telling.CodeBadField, "Branches[1].Fork"},
		{tree(root, wire.RestoredBranch{ID: 2, Parent: 1, Shared: 2, Tokens: make([]wire.RestoredToken, tinyContext-1)}), telling.CodeTooLong, "text"},
		{wire.Restore{Active: 7, Branches: []wire.RestoredBranch{root}}, telling.CodeBadField, "Active"},
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
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Branch: 1, Tokens: []wire.Token{{ID: 65}, {ID: 66}}}) })
	drawn := one([]wire.RestoredToken{{ID: 65, Flags: wire.FlagDrawn}, {ID: 66, Flags: wire.FlagDrawn}})
	drawn.Params = params(5)
	p.send(&drawn)
	p.wait("two tokens", func() bool { return len(p.know.Tokens()) == 2 })
	p.send(&wire.Control{Op: wire.OpStep, Count: 1})
	p.wait("a third", func() bool { return len(p.know.Tokens()) == 3 && len(p.know.Messages()) == 1 })
}

// A branch that ended with a full context comes back with the others. It cannot go on, so
// turning to it is refused, and the active one stays as it is.
func TestRestoreOfAFullBranch(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Branch: 1, Tokens: []wire.Token{{ID: 65}, {ID: 66}}}) })
	mark := p.mark()
	p.send(&wire.Restore{Active: 1, Params: params(5), Branches: []wire.RestoredBranch{
		{ID: 1, Parent: 1, Tokens: []wire.RestoredToken{{ID: 65}, {ID: 66}}},
		{ID: 2, Parent: 1, Shared: 2, Fork: 2, Tokens: make([]wire.RestoredToken, tinyContext-2)},
	}})
	f := p.waitFrame("the tree", mark, func(f wire.Frame) bool { _, ok := f.(*wire.Branches); return ok })
	if b := f.(*wire.Branches).Branches; len(b) != 2 || b[1].Length != tinyContext {
		t.Fatalf("the branches are %+v", b)
	}
	p.settle()
	if got := p.problem(&wire.Control{Op: wire.OpSwitch, Branch: 2}); got.Code != telling.CodeTooLong {
		t.Errorf("turning to the full branch: %+v", got)
	}
	p.send(&wire.Control{Op: wire.OpStep, Count: 1})
	p.wait("a third token", func() bool { return len(p.know.Tokens()) == 3 && p.know.ActiveBranch() == 1 })
}

// What branches share is told once and held for each, so a short command could ask for
// any amount of memory.
func TestRestoreIsBoundedInAll(t *testing.T) {
	const context = 16 << 10
	r := start(t, tinyFolder(t, context), tinyTokenizer(t), nil, ref.New(), Options{}, engine.Options{Blocks: context / 16, BlockSize: 16})
	p := visit(t, r.serve(t), "")
	c := &wire.Restore{Active: 1, Params: params(5), Branches: []wire.RestoredBranch{{ID: 1, Parent: 1, Tokens: make([]wire.RestoredToken, context-1)}}}
	for i := range uint32(maxBranches - 1) {
		c.Branches = append(c.Branches, wire.RestoredBranch{ID: 2 + i, Parent: 1, Shared: context - 1})
	}
	if got := p.problem(c); got.Code != telling.CodeBadField || got.Field != "Branches" {
		t.Errorf("%d branches of %d tokens: %+v", len(c.Branches), context-1, got)
	}
}

// Where the engine refuses, the conversation is there all the same, as the page has it.
func TestRestoreWithoutAnEngine(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	p := visit(t, url, "")
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Branch: 1, Tokens: []wire.Token{{ID: 65}, {ID: 66}}}) })
	r.engine.Close()
	got := p.problem(&wire.Restore{Active: 1, Params: params(5), Branches: []wire.RestoredBranch{
		{ID: 1, Parent: 1, Tokens: []wire.RestoredToken{{ID: 65}, {ID: 66}}},
		{ID: 2, Parent: 1, Shared: 1, Fork: 1, Tokens: []wire.RestoredToken{{ID: 67}}},
	}})
	if got.Code != telling.CodeGone {
		t.Errorf("without an engine: %+v", got)
	}
	again := visit(t, url, p.session())
	again.wait("the conversation", func() bool { return len(again.know.Tokens()) == 2 && again.know.State().Params.MaxTokens == 5 })
	for _, page := range []*page{p, again} {
		page.see(func(s *vis.Session) {
			if _, missing := s.Restore(); missing != 0 && page == again || len(s.Branches()) != 2 || s.ActiveBranch() != 1 || s.State().State != wire.StateAborted {
				t.Errorf("branches %+v, %d is active, %v", s.Branches(), s.ActiveBranch(), s.State().State)
			}
		})
	}
}

// After a restart all branches are there again: one that did not go on is computed when
// it is turned to, and goes on with the tokens that would have come without the restart.
func TestRestoreBringsBackTheBranches(t *testing.T) {
	set := params(12)
	set.PresencePenalty, set.RepetitionPenalty = 1, 1.3
	url := tiny(t, Options{}).serve(t)
	p := visit(t, url, "")
	p.send(&wire.Chat{Text: "Hello", Params: set})
	p.waitState(wire.StateLengthCapped)
	trunk := p.tokens()
	var root uint32
	p.see(func(s *vis.Session) { root = s.ActiveBranch() })
	turnTo := func(p *page, branch uint32, want []int32) {
		t.Helper()
		p.send(&wire.Control{Op: wire.OpSwitch, Branch: branch})
		p.wait("the other branch", func() bool { return p.know.ActiveBranch() == branch && slices.Equal(ids(p.know.Tokens()), want) })
		p.settle()
	}
	type told struct {
		branch uint32
		tokens []wire.Token
	}
	var sides []told // a branch of the first line, and one of that
	for i := range 2 {
		at := len(trunk) - 8 + 3*i
		p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(at), Token: int32(70 + i)})
		p.wait("the branch is written", func() bool {
			return len(p.know.Branches()) == i+2 && len(p.know.Tokens()) > at+1 && p.know.State().State == wire.StateLengthCapped
		})
		p.settle()
		p.see(func(s *vis.Session) { sides = append(sides, told{s.ActiveBranch(), slices.Clone(s.Tokens())}) })
	}
	// The last tokens of one of them never came.
	cut := len(sides[1].tokens) - 3
	p.see(func(s *vis.Session) { s.Apply(&wire.Tokens{Branch: sides[1].branch, From: uint32(cut)}) })
	turnTo(p, root, ids(trunk))
	var tree []wire.Branch
	p.see(func(s *vis.Session) { tree = slices.Clone(s.Branches()) })

	// A page that is opened anew has them all, for it is told of them.
	anew := visit(t, url, p.session())
	anew.wait("the conversation", func() bool { return len(anew.know.Tokens()) == len(trunk) && len(anew.know.Messages()) == 2 })
	anew.settle()
	anew.see(func(s *vis.Session) {
		if _, missing := s.Restore(); missing > 0 {
			t.Errorf("%d of the branches are not told to a page that is opened anew", missing)
		}
	})
	anew.mu.Lock()
	for _, f := range anew.frames { // a page takes another branch from the first position on for another conversation
		if f, ok := f.(*wire.Tokens); ok && f.Branch != root {
			t.Errorf("branch %d is told as the active one", f.Branch)
		}
	}
	anew.mu.Unlock()

	p.waitClosed()
	q := visitWith(t, tiny(t, Options{}).serve(t), p.session(), p.know)
	var command *wire.Restore
	q.see(func(s *vis.Session) {
		missing := 0
		if command, missing = s.Restore(); missing > 0 {
			t.Errorf("%d branches are not known to the page", missing)
		}
	})
	if n := len(command.Branches[1].Tokens); n > 8 {
		t.Errorf("a branch tells %d tokens, though it shares all but 8 of them", n)
	}
	command.Params = set
	mark := q.mark()
	q.send(command)
	q.waitFrame("the tree", mark, func(f wire.Frame) bool { _, ok := f.(*wire.Branches); return ok })
	q.settle()
	q.see(func(s *vis.Session) {
		for i, b := range s.Branches() {
			want := tree[i]
			if i == 2 {
				want.Length = uint32(cut)
			}
			if b.ID != want.ID || b.Parent != want.Parent || b.Fork != want.Fork || b.Length != want.Length {
				t.Errorf("branch %d is %+v, was %+v", i, b, want)
			}
		}
	})
	if got := q.ids(); !slices.Equal(got, ids(trunk)) {
		t.Errorf("the active branch is %v, was %v", got, ids(trunk))
	}
	turnTo(q, sides[1].branch, ids(sides[1].tokens[:cut]))
	for i, token := range q.tokens() {
		if want := sides[1].tokens[i]; token.Flags != want.Flags || token.Prob != want.Prob && want.Prob == want.Prob || token.LogProb != want.LogProb && want.LogProb == want.LogProb {
			t.Errorf("token %d is %+v, was %+v", i, token, want)
		}
	}
	if m := q.messages(); len(m) != 2 || m[0].Text != "Hello" || m[1].Text == "" {
		t.Errorf("messages %+v", m)
	}
	q.send(&wire.Control{Op: wire.OpStep, Count: 3})
	q.wait("what the page had not got", func() bool { return len(q.know.Tokens()) == len(sides[1].tokens) })
	if got := q.ids(); !slices.Equal(got, ids(sides[1].tokens)) {
		t.Errorf("goes on with %v, want %v", got[cut:], ids(sides[1].tokens[cut:]))
	}
	turnTo(q, sides[0].branch, ids(sides[0].tokens))
	q.send(&wire.Control{Op: wire.OpBranch, Position: uint32(len(trunk) - 2), Token: 75})
	q.wait("one more branch", func() bool { return len(q.know.Branches()) == 4 })
	q.see(func(s *vis.Session) {
		for _, b := range tree {
			if s.ActiveBranch() == b.ID {
				t.Errorf("the new branch has the number %d, which is another's", b.ID)
			}
		}
	})
}

package session

import (
	"testing"

	"vitrine/visualizer/wire"
)

func TestTruncate(t *testing.T) {
	// Tokens: 0 1 | user 2 3 4 | 5 6 | assistant 7 8 9 | 10 | user 11 | 12 | assistant 13 …
	whole := func() *branch {
		return &branch{
			tokens: make([]wire.Token, 16), start: 13, fork: 8,
			messages: []message{
				{role: wire.RoleUser, first: 2, end: 5},
				{role: wire.RoleAssistant, first: 7, end: 10},
				{role: wire.RoleUser, first: 11, end: 12},
				{role: wire.RoleAssistant, first: 13, end: stillOpen},
			},
		}
	}
	for _, c := range []struct {
		pos      int
		messages int
		open     bool // the last message goes on
		start    int
	}{
		{16, 4, true, 13},
		{14, 4, true, 13},
		{13, 4, true, 13},
		{12, 3, true, 12}, // right behind the user's words: more of them may follow
		{11, 3, true, 11},
		{10, 2, true, 10},
		{7, 2, true, 7},
		{6, 1, false, 6}, // within the template: what is drawn belongs to no message yet
		{5, 1, true, 5},
		{3, 1, true, 3},
		{1, 0, false, 1},
		{0, 0, false, 0},
	} {
		b := whole()
		b.truncate(c.pos)
		if len(b.tokens) != c.pos || len(b.messages) != c.messages || (b.open() != nil) != c.open || b.start != c.start || b.fork != min(c.pos, 8) {
			t.Errorf("at %d: %d tokens, %d messages, open %v, start %d, fork %d; want %+v", c.pos, len(b.tokens), len(b.messages), b.open() != nil, b.start, b.fork, c)
		}
	}
}

// A branch is a copy: what happens to one leaves the other as it was.
func TestForkSharesNothing(t *testing.T) {
	var tr tree
	tr.restart()
	root := tr.active
	root.tokens = make([]wire.Token, 8, 32)
	root.messages = append(make([]message, 0, 8), message{first: 1, end: 3, text: "one"}, message{first: 4, end: stillOpen, text: "two"})
	b := tr.fork(5)
	b.tokens = append(b.tokens, wire.Token{ID: 77})
	b.open().text = "changed"
	b.messages = append(b.messages, message{text: "three"})
	root.tokens = append(root.tokens, wire.Token{ID: 88})
	if root.tokens[5].ID != 0 || b.tokens[5].ID != 77 || root.messages[1].text != "two" || len(root.messages) != 2 {
		t.Errorf("root %+v, branch %+v", root, b)
	}
	if b.parent != root.id || b.fork != 5 || tr.active != b || tr.find(root.id) != root || tr.find(99) != nil {
		t.Errorf("branch %+v", b)
	}
	tr.restart()
	if tr.active.id == root.id || tr.active.id == b.id || len(tr.branches) != 1 {
		t.Errorf("a new tree begins with branch %d, which was used", tr.active.id)
	}
}

func TestRun(t *testing.T) {
	given, drawn, forced := wire.Token{}, wire.Token{Flags: wire.FlagDrawn}, wire.Token{Flags: wire.FlagForced | wire.FlagSpecial}
	tokens := []wire.Token{drawn, given, given, drawn, forced, drawn, given}
	for _, c := range []struct {
		at, end int
		answer  bool
	}{{0, 3, false}, {1, 3, false}, {3, 6, true}, {4, 6, true}, {6, 7, false}} {
		if end, answer := run(tokens, c.at); end != c.end || answer != c.answer {
			t.Errorf("run at %d ends at %d, answer %v; want %+v", c.at, end, answer, c)
		}
	}
}

func TestRestoredMessages(t *testing.T) {
	tok := tinyTokenizer(t)
	var c wire.RestoredBranch
	for _, b := range []byte("..Hello..you") {
		c.Tokens = append(c.Tokens, wire.RestoredToken{ID: int32(b)})
	}
	c.Messages = []wire.RestoredMessage{{Role: wire.RoleUser, Text: "Hello", First: 2}, {Role: wire.RoleAssistant, Text: "you", First: 9}}
	b, err := restored(tok, 320, "Branches[0]", nil, &c)
	if err != nil {
		t.Fatal(err)
	}
	if m := b.messages; m[0].first != 2 || m[0].end != 7 || m[1].first != 9 || m[1].end != stillOpen {
		t.Errorf("messages %+v", m)
	}
}

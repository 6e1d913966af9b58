package session

import (
	"slices"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// maxBranches bounds a conversation's tree: each branch keeps its tokens.
const maxBranches = 128

// message is one message of a branch. Its text lies in the tokens
// first … end-1; what stands between messages belongs to the template.
type message struct {
	role  wire.Role
	text  string
	first int
	end   int // stillOpen while drawn tokens are added to it
}

const stillOpen = -1

// covers says whether a token at position pos would go on with m.
func (m *message) covers(pos int) bool { return pos >= m.first && (m.end == stillOpen || pos <= m.end) }

// branch is one line of the conversation. Branches share no tokens: a rewind of
// one leaves the others whole. Their keys and values they share (see [engine.Handle.Fork]).
type branch struct {
	id, parent uint32
	// aside is the request that holds the branch's blocks while another branch goes
	// on; nil if none does.
	aside    *engine.Handle
	fork     int // the first position that differs from the parent
	tokens   []wire.Token
	messages []message
	state    wire.RunState
	start    int  // where the current answer begins
	plain    bool // continues a text without a chat template
}

// truncate drops the tokens from position pos on, the messages that began
// behind it, and opens the one that it cuts.
func (b *branch) truncate(pos int) {
	b.tokens = slices.Clip(b.tokens[:pos])
	b.start, b.fork = min(b.start, pos), min(b.fork, pos)
	keep := len(b.messages)
	for keep > 0 && b.messages[keep-1].first > pos {
		keep--
	}
	b.messages = slices.Clip(b.messages[:keep])
	if keep > 0 && b.messages[keep-1].covers(pos) {
		b.messages[keep-1].end = stillOpen
	}
}

// open is the message that drawn tokens are added to, or nil.
func (b *branch) open() *message {
	if n := len(b.messages); n > 0 && b.messages[n-1].end == stillOpen {
		return &b.messages[n-1]
	}
	return nil
}

// copy is the branch as a new one that leaves it at position fork.
func (b *branch) copy(id uint32, fork int) *branch {
	c := *b
	c.id, c.parent, c.fork, c.aside = id, b.id, fork, nil
	c.tokens, c.messages = slices.Clone(b.tokens), slices.Clone(b.messages)
	c.truncate(fork)
	return &c
}

// common is the number of tokens at the beginning that two branches share.
func common(a, b []wire.Token) int {
	n := 0
	for n < min(len(a), len(b)) && a[n].ID == b[n].ID {
		n++
	}
	return n
}

// tree is the conversation: its branches in the order in which they were
// made, and the one that goes on. There is always an active branch, if an
// empty one.
type tree struct {
	branches []*branch
	active   *branch
	nextID   uint32 // never used twice in a session, so that the page cannot mix up branches
}

// restart drops everything and begins with one empty branch.
func (t *tree) restart() {
	b := &branch{id: t.nextID, parent: t.nextID}
	t.nextID++
	t.branches, t.active = []*branch{b}, b
}

// regrow puts restored branches, which keep their numbers, in the place of everything.
func (t *tree) regrow(branches []*branch, active *branch) {
	t.branches, t.active = branches, active
	for _, b := range branches {
		t.nextID = max(t.nextID, b.id+1)
	}
}

// find is the branch of that number, or nil.
func (t *tree) find(id uint32) *branch {
	for _, b := range t.branches {
		if b.id == id {
			return b
		}
	}
	return nil
}

// fork makes a branch of the active one at position pos and goes there.
func (t *tree) fork(pos int) *branch {
	b := t.active.copy(t.nextID, pos)
	t.nextID++
	t.branches = append(t.branches, b)
	t.active = b
	return b
}

// frame lists the tree for the page; label gives the beginning of a branch.
func (t *tree) frame(label func(*branch) string) *wire.Branches {
	f := &wire.Branches{Active: t.active.id}
	for _, b := range t.branches {
		f.Branches = append(f.Branches, wire.Branch{
			ID: b.id, Parent: b.parent, Fork: uint32(b.fork), Length: uint32(len(b.tokens)), Text: label(b),
		})
	}
	return f
}

package session

import (
	"slices"

	"vitrine/visualizer/wire"
)

// MaxRestoreBytes bounds a Restore on the wire; a server refuses messages that are
// longer than 4 MiB.
const MaxRestoreBytes = 3 << 20

// line is what is known of a branch that does not go on: its tokens and its messages,
// as they were when it was left.
type line struct {
	tokens   []wire.Token
	messages []wire.Message
}

// leave keeps the active branch before another takes its place, if it is still one
// of the conversation's, and the server has not told what became of it meanwhile.
func (s *Session) leave() {
	if _, told := s.aside[s.sequence.branch]; told {
		return
	}
	if s.lists(s.sequence.branch) && len(s.sequence.tokens) > 0 {
		s.aside[s.sequence.branch] = line{slices.Clone(s.sequence.tokens), slices.Clone(s.messages)}
	}
}

// applyAside keeps a branch that the page was not there for. Nothing of it is shown.
func (s *Session) applyAside(f *wire.Aside) Change {
	if !s.lists(f.Branch) {
		return 0
	}
	known := s.aside[f.Branch].tokens
	if f.Branch == s.sequence.branch { // the server has turned from it; the active one follows
		known = s.sequence.tokens
	}
	var told sequence
	told.set(&wire.Tokens{Branch: f.Branch, Tokens: f.Tokens}, known)
	messages := make([]wire.Message, len(f.Messages))
	for i, m := range f.Messages {
		messages[i] = wire.Message{Index: uint16(i), Role: m.Role, Text: m.Text, First: m.First}
	}
	s.aside[f.Branch] = line{told.tokens, messages}
	return 0
}

// lists says whether the conversation has a branch of that number.
func (s *Session) lists(branch uint32) bool {
	return slices.ContainsFunc(s.branches, func(b wire.Branch) bool { return b.ID == branch })
}

func (s *Session) applyBranches(f *wire.Branches) Change {
	s.branches = f.Branches
	for id := range s.aside {
		if !s.lists(id) {
			delete(s.aside, id)
		}
	}
	return ChangeBranches
}

// Restore is the conversation for a server that has lost it, but for the parameters.
// missing is how many branches are not in it: those that this page was never told of, and
// those that would make it too long.
func (s *Session) Restore() (command *wire.Restore, missing int) {
	command = &wire.Restore{Active: s.sequence.branch}
	branches := s.branches
	if !s.lists(command.Active) {
		branches = append(slices.Clip(branches), wire.Branch{ID: command.Active, Parent: command.Active})
	}
	told := map[uint32][]wire.Token{}
	room := MaxRestoreBytes - restoredSize(s.sequence.tokens, s.messages)
	for _, b := range branches {
		known := s.aside[b.ID]
		if b.ID == command.Active {
			known = line{s.sequence.tokens, s.messages}
		} else if size := restoredSize(known.tokens, known.messages); size > room || len(known.tokens) == 0 {
			missing++
			continue
		} else {
			room -= size
		}
		r := wire.RestoredBranch{ID: b.ID, Parent: b.Parent, Fork: min(b.Fork, uint32(len(known.tokens)))}
		parent, ok := told[b.Parent]
		if !ok {
			r.Parent = b.ID
		}
		shared := 0
		for shared < min(len(parent), len(known.tokens)) && restoredToken(&parent[shared]) == restoredToken(&known.tokens[shared]) {
			shared++
		}
		r.Shared = uint32(shared)
		for i := shared; i < len(known.tokens); i++ {
			r.Tokens = append(r.Tokens, restoredToken(&known.tokens[i]))
		}
		for _, m := range known.messages {
			r.Messages = append(r.Messages, wire.RestoredMessage{Role: m.Role, Text: m.Text, First: m.First})
		}
		told[b.ID] = known.tokens
		command.Branches = append(command.Branches, r)
	}
	return command, missing
}

func restoredToken(t *wire.Token) wire.RestoredToken {
	return wire.RestoredToken{ID: t.ID, Flags: t.Flags}
}

// restoredSize is at least what a branch takes in a Restore: whatever it shares with
// another is counted too.
func restoredSize(tokens []wire.Token, messages []wire.Message) int {
	size := 32 + 5*len(tokens)
	for i := range messages {
		size += 9 + len(messages[i].Text)
	}
	return size
}

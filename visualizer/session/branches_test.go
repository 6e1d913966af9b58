package session

import (
	"math"
	"strings"
	"testing"

	"vitrine/visualizer/wire"
)

// TestRestoreTellsTheTree: branches that were left are given back with what they share
// told once, and those that were never here are counted.
func TestRestoreTellsTheTree(t *testing.T) {
	s := began(1, 2, 3, 4)
	s.Apply(&wire.Message{Role: wire.RoleUser, Text: "Hi", First: 1})
	s.Apply(&wire.Branches{Branches: []wire.Branch{{ID: 0, Length: 4}}})
	s.Apply(tokens(5, 2, 7, 8))
	s.Apply(&wire.Message{Role: wire.RoleUser, Text: "Ho", First: 1})
	s.Apply(&wire.Branches{Active: 5, Branches: []wire.Branch{{ID: 0, Length: 4}, {ID: 5, Parent: 0, Fork: 2, Length: 4}, {ID: 6, Parent: 5, Fork: 9}}})
	command, missing := s.Restore()
	ids := func(ids ...int32) (all []wire.RestoredToken) {
		for _, id := range ids {
			all = append(all, wire.RestoredToken{ID: id})
		}
		return all
	}
	said := func(text string) []wire.RestoredMessage {
		return []wire.RestoredMessage{{Role: wire.RoleUser, Text: text, First: 1}}
	}
	require(t, "missing", missing, 1)
	require(t, "command", command, &wire.Restore{Active: 5, Branches: []wire.RestoredBranch{
		{Tokens: ids(1, 2, 3, 4), Messages: said("Hi")},
		{ID: 5, Parent: 0, Fork: 2, Shared: 2, Tokens: ids(7, 8), Messages: said("Ho")},
	}})

	s.Apply(&wire.Branches{Active: 5, Branches: []wire.Branch{{ID: 5, Parent: 0, Fork: 2, Length: 4}}})
	command, missing = s.Restore()
	require(t, "missing after the first is gone", missing, 0)
	require(t, "branches", command.Branches, []wire.RestoredBranch{{ID: 5, Parent: 5, Fork: 2, Tokens: ids(1, 2, 7, 8), Messages: said("Ho")}})

	// A new conversation: the list goes before the tokens.
	s.Apply(&wire.Branches{Active: 9, Branches: []wire.Branch{{ID: 9, Parent: 9}}})
	s.Apply(tokens(9, 0))
	require(t, "messages", len(s.Messages()), 0)
	command, missing = s.Restore()
	require(t, "missing of a new conversation", missing, 0)
	require(t, "the new conversation", command.Branches, []wire.RestoredBranch{{ID: 9, Parent: 9}})
	require(t, "what is kept", len(s.aside), 0)
}

// TestAsideIsOnlyKept: a page that comes back is told of the other branches, shows nothing
// of them, and gives them back as they were told, even one that it had for the active one.
func TestAsideIsOnlyKept(t *testing.T) {
	s := began(1, 2)
	s.Apply(&wire.Message{Role: wire.RoleUser, Text: "Hi"})
	listed := []wire.Branch{{ID: 0}, {ID: 1, Fork: 1}, {ID: 2, Fork: 1}}
	s.Apply(&wire.Branches{Branches: listed[:2]})
	s.Apply(drawn(0, 2, 0.5, 3))
	nan := float32(math.NaN())
	aside := func(f *wire.Tokens, text string) *wire.Aside {
		return &wire.Aside{Branch: f.Branch, Tokens: f.Tokens, Messages: []wire.RestoredMessage{{Role: wire.RoleUser, Text: text}}}
	}
	require(t, "change by a branch", s.Apply(aside(tokens(1, 0, 1, 7), "Ho")), Change(0))
	require(t, "change by one that is not there", s.Apply(aside(tokens(9, 0, 1), "Ha")), Change(0))
	require(t, "active branch", s.ActiveBranch(), uint32(0))
	require(t, "tokens shown", len(s.Tokens()), 3)
	require(t, "messages shown", len(s.Messages()), 1)

	s.Apply(&wire.Branches{Active: 2, Branches: listed}) // the server has gone on meanwhile
	s.Apply(aside(drawn(0, 0, nan, 1, 2, 3, 4), "Hi there"))
	s.Apply(tokens(2, 0, 1, 8))
	command, missing := s.Restore()
	require(t, "missing", missing, 0)
	var lengths []int
	for _, b := range command.Branches {
		lengths = append(lengths, int(b.Shared)+len(b.Tokens))
	}
	require(t, "tokens given back", lengths, []int{4, 2, 2})
	require(t, "messages given back", command.Branches[0].Messages[0].Text+command.Branches[1].Messages[0].Text, "Hi thereHo")
	s.Apply(drawn(0, 0, nan, 1, 2, 3, 4))
	require(t, "how a token was drawn", s.Tokens()[2].Prob, float32(0.5))
}

// drawn is a frame of tokens that were drawn with a probability.
func drawn(branch, from uint32, p float32, ids ...int32) *wire.Tokens {
	f := tokens(branch, from, ids...)
	for i := range f.Tokens {
		token := &f.Tokens[i]
		token.Flags, token.Prob, token.LogProb = wire.FlagDrawn, p, p
	}
	return f
}

// TestRestoreHasABound: what does not fit is left out, and never the active branch.
func TestRestoreHasABound(t *testing.T) {
	s := began(1, 2)
	long := strings.Repeat("x", MaxRestoreBytes*2/5)
	var branches []wire.Branch
	for id := range uint32(4) {
		branches = append(branches, wire.Branch{ID: id})
		s.Apply(&wire.Branches{Active: id, Branches: branches})
		s.Apply(tokens(id, 1, int32(id)))
		s.Apply(&wire.Message{Text: long})
	}
	command, missing := s.Restore()
	if size := len(wire.AppendCommand(nil, command)); missing != 2 || size > MaxRestoreBytes {
		t.Errorf("%d branches are left out, %d bytes are left; want 2, and at most %d", missing, size, MaxRestoreBytes)
	}
	// One that is too long alone takes no room from those behind it.
	line := s.aside[0]
	line.messages[0].Text = strings.Repeat("x", MaxRestoreBytes)
	command, missing = s.Restore()
	require(t, "missing beside a long one", missing, 2)
	require(t, "the first that is not", command.Branches[0].ID, uint32(1))
	require(t, "the last is the active one", command.Branches[len(command.Branches)-1].ID, uint32(3))
}

// TestDrawsStayKnown: a server to which the conversation was given back does not know
// how its tokens were drawn; what the page knows of the same tokens stays.
func TestDrawsStayKnown(t *testing.T) {
	nan := float32(math.NaN())
	s := began(1)
	s.Apply(&wire.Branches{Branches: []wire.Branch{{}, {ID: 1}}})
	s.Apply(drawn(0, 1, 0.5, 2, 3))
	s.Apply(drawn(0, 0, nan, 1, 2, 4))
	probs := func() (all []float32) {
		for _, token := range s.Tokens() {
			if token.Prob != token.Prob {
				token.Prob = -1
			}
			all = append(all, token.Prob)
		}
		return all
	}
	require(t, "the same branch", probs(), []float32{-1, 0.5, -1})
	s.Apply(drawn(1, 1, 0.25, 7))
	s.Apply(drawn(0, 1, nan, 2, 4))
	require(t, "turned back to", probs(), []float32{-1, 0.5, -1})
	s.Apply(drawn(1, 0, nan, 2, 7))
	require(t, "behind other tokens", probs(), []float32{-1, -1})
	s.Apply(drawn(1, 0, 0.75, 2))
	require(t, "told anew", probs(), []float32{0.75})
}

package link

import (
	"testing"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// talk is a conversation as the server tells it.
type talk struct {
	h      History
	s      *session.Session
	params wire.Params
	branch uint32
	next   int32 // the next token's id
	said   int
	kept   string // what the tab keeps
}

func newTalk() *talk {
	t := &talk{s: session.New(), params: dice(1, 1.5), next: 100}
	t.tell(&wire.Hello{Session: "s", Phase: wire.PhaseReady, Model: wire.Model{Name: "m", Vocab: 9999}})
	t.tell(&wire.Tokens{})
	return t
}

func dice(seed uint64, temperature float32) wire.Params {
	return wire.Params{Temperature: temperature, TopP: 1, RepetitionPenalty: 1, MaxTokens: 16, Seed: seed, HasSeed: true}
}

func (t *talk) tell(frames ...wire.Frame) {
	for _, f := range frames {
		if t.h.Apply(f) {
			t.kept = t.h.String()
		}
		t.s.Apply(f)
	}
}

func (t *talk) state(s wire.RunState) {
	t.tell(&wire.State{State: s, Branch: t.branch, Params: t.params, Seed: t.params.Seed})
}

// add tells n tokens.
func (t *talk) add(n int, flags wire.TokenFlag) {
	f := &wire.Tokens{Branch: t.branch, From: uint32(len(t.s.Tokens()))}
	for range n {
		f.Tokens = append(f.Tokens, wire.Token{ID: t.next, Flags: flags})
		t.next++
	}
	t.tell(f)
}

func (t *talk) message(role wire.Role, text string) {
	t.tell(&wire.Message{Index: uint16(t.said), Role: role, Text: text, First: uint32(len(t.s.Tokens()))})
	t.said++
}

// ask is a message of the user with four tokens of template, two of them before it.
func (t *talk) ask(text string) {
	t.add(2, wire.FlagSpecial)
	t.message(wire.RoleUser, text)
	t.add(2, wire.FlagSpecial)
	t.message(wire.RoleAssistant, "")
	t.state(wire.StateWaiting)
}

func (t *talk) rewind(to int) {
	t.tell(&wire.Tokens{Branch: t.branch, From: uint32(to)})
	t.state(wire.StatePaused)
}

// fragment is the link of the conversation as it stands, without the sums.
func (t *talk) fragment() string {
	base, steps := t.h.Steps(t.s, true, true)
	for i := range steps {
		steps[i].Sum = 0
	}
	return State{Steps: steps, Params: &base, Token: -1, Layer: -1, Head: -1, Key: -1}.Fragment()
}

func TestHistory(t *testing.T) {
	const first, other = "&temperature=1.5&n=16&seed=1", "dice=temperature:0.3,n:16,seed:99"
	tests := []struct {
		name string
		play func(*talk)
		want string
	}{
		{"one answer", func(t *talk) {
			t.ask("a")
			t.add(8, wire.FlagDrawn)
		}, "q=a&to=12:0" + first},
		{"nothing drawn yet", func(t *talk) { t.ask("a") }, "q=a&to=4:0" + first},
		{"rewound, and other dice", func(t *talk) {
			t.ask("a")
			t.add(8, wire.FlagDrawn)
			t.rewind(9)
			t.params = dice(99, 0.3)
			t.state(wire.StatePaused)
			t.add(5, wire.FlagDrawn)
		}, "q=a&to=9:0&" + other + "&to=14:0" + first},
		{"rewound before the other dice", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			t.params = dice(99, 0.3)
			t.state(wire.StatePaused)
			t.add(5, wire.FlagDrawn)
			t.rewind(6)
			t.params = dice(1, 1.5)
			t.state(wire.StatePaused)
			t.add(2, wire.FlagDrawn)
		}, "q=a&to=8:0" + first},
		{"two turns with different dice, the first cut", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			t.state(wire.StateAborted)
			t.params = dice(99, 0.3)
			t.ask("b")
			t.add(2, wire.FlagDrawn)
		}, "q=a&to=7:0&" + other + "&q=b&to=13:0" + first},
		{"two turns, the first stopped before its first token", func(t *talk) {
			t.ask("a")
			t.state(wire.StateAborted)
			t.params = dice(99, 0.3)
			t.ask("b")
			t.add(2, wire.FlagDrawn)
		}, "q=a&to=4:0&q=b&to=10:0&temperature=0.3&n=16&seed=99"},
		{"another token, and back to the first branch", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			t.branch = 1
			t.tell(&wire.Tokens{Branch: 1, From: 5, Tokens: []wire.Token{{ID: 7, Flags: wire.FlagForced}}})
			t.params = dice(99, 0.3)
			t.state(wire.StatePaused)
			t.add(2, wire.FlagDrawn)
			if got, want := t.fragment(), "q=a&to=5:0&force=5:7&to=6:0&"+other+"&to=8:0"+first; got != want {
				panic("the branch is " + got + ", want " + want)
			}
			t.branch = 0
			t.tell(&wire.Tokens{Branch: 0, From: 5, Tokens: []wire.Token{{ID: 105, Flags: wire.FlagDrawn}, {ID: 106, Flags: wire.FlagDrawn}}})
		}, "q=a&to=7:0" + first},
		{"the page is loaded anew", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			t.params = dice(99, 0.3)
			t.state(wire.StatePaused)
			t.add(2, wire.FlagDrawn)
			all, messages := t.s.Tokens(), t.s.Messages()
			t.h, t.s = History{}, session.New()
			t.h.Read(t.kept)
			t.tell(&wire.Hello{Session: "s", Resumed: true, Phase: wire.PhaseReady}, &wire.Tokens{Tokens: all})
			for i := range messages {
				t.tell(&messages[i])
			}
			t.state(wire.StatePaused)
			t.add(1, wire.FlagDrawn)
		}, "q=a&to=7:0&" + other + "&to=10:0" + first},
		{"a session that nothing is known of", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			all, messages := t.s.Tokens(), t.s.Messages()
			t.h, t.s = History{}, session.New()
			t.tell(&wire.Hello{Session: "s", Resumed: true, Phase: wire.PhaseReady}, &wire.Tokens{Tokens: all})
			for i := range messages {
				t.tell(&messages[i])
			}
			t.state(wire.StatePaused)
		}, "q=a&to=7:0" + first},
		{"a new chat", func(t *talk) {
			t.ask("a")
			t.add(3, wire.FlagDrawn)
			t.branch, t.said, t.params = 5, 0, dice(99, 0.3)
			t.tell(&wire.Tokens{Branch: 5})
			t.ask("b")
			t.add(1, wire.FlagDrawn)
		}, "q=b&to=5:0&temperature=0.3&n=16&seed=99"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newTalk()
			tt.play(c)
			if got := c.fragment(); got != tt.want {
				t.Errorf("the link is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// A remote engine cannot be told how far to draw, so its link does not.
func TestHistoryOfARemoteEngine(t *testing.T) {
	c := newTalk()
	c.ask("a")
	c.add(3, wire.FlagDrawn)
	c.params = dice(99, 0.3)
	c.ask("b")
	c.add(2, wire.FlagDrawn)
	_, steps := c.h.Steps(c.s, false, true)
	if got := (State{Steps: steps, Token: -1, Layer: -1, Head: -1, Key: -1}).Fragment(); got != "q=a&dice=temperature:0.3,n:16,seed:99&q=b" {
		t.Errorf("the link is %s", got)
	}
}

func TestSumTellsTokensApart(t *testing.T) {
	of := func(ids ...int32) uint32 {
		var tokens []wire.Token
		for _, id := range ids {
			tokens = append(tokens, wire.Token{ID: id})
		}
		return Sum(tokens)
	}
	seen := map[uint32]bool{of(): true}
	for _, ids := range [][]int32{{1}, {1, 1}, {257}, {1, 2}, {2, 1}, {0}, {0, 0}} {
		if sum := of(ids...); seen[sum] {
			t.Errorf("%v has the sum of others", ids)
		} else {
			seen[sum] = true
		}
	}
}

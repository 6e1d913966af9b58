package session

import (
	"math"
	"slices"
	"strings"
	"testing"

	"vitrine/server/telling"
	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// chatted is a page with a finished answer of n tokens.
func chatted(t *testing.T, url string, n uint32) *page {
	t.Helper()
	p := visit(t, url, "")
	p.send(&wire.Chat{Text: "Tell me the thing", Params: params(n)})
	p.waitState(wire.StateLengthCapped, wire.StateStopped)
	return p
}

func control(op wire.Op) *wire.Control { return &wire.Control{Op: op} }

func TestPauseAndStep(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(500), Paused: true})
	p.waitState(wire.StatePaused)
	n := len(p.ids())
	p.see(func(s *vis.Session) {
		if n == 0 || n != int(s.State().Prompt) {
			t.Errorf("paused with %d tokens, want those of the prompt, %d", n, s.State().Prompt)
		}
	})
	for _, count := range []int{1, 3} {
		p.send(&wire.Control{Op: wire.OpStep, Count: uint32(count)})
		n += count
		p.wait("the steps", func() bool { return len(p.know.Tokens()) == n && p.know.State().State == wire.StatePaused })
	}
	p.send(control(wire.OpResume))
	p.wait("more tokens", func() bool { return len(p.know.Tokens()) > n+5 })
	p.send(control(wire.OpPause))
	p.waitState(wire.StatePaused)
	n = len(p.ids())
	p.ask(wire.Query{What: wire.QueryPieces, Tokens: []int32{1}}) // a round trip in which nothing may come
	if got := len(p.ids()); got != n {
		t.Errorf("%d tokens were drawn while paused", got-n)
	}
	p.send(control(wire.OpAbort))
	p.waitState(wire.StateAborted)
}

// The draw depends on seed and position alone, so after a rewind the same
// tokens come again, with the same numbers, whatever the position.
func TestRewindDrawsTheSameAgain(t *testing.T) {
	for _, hasSeed := range []bool{true, false} {
		p := visit(t, tiny(t, Options{}).serve(t), "")
		set := params(20)
		set.HasSeed, set.PresencePenalty, set.RepetitionPenalty = hasSeed, 0.5, 1.2
		p.send(&wire.Chat{Text: "Hello", Params: set})
		p.waitState(wire.StateLengthCapped)
		before, messages := p.tokens(), p.messages()
		start := len(before) - 20
		for _, pos := range []int{start, start + 1, start + 10, len(before) - 1, start - 3} {
			p.send(&wire.Control{Op: wire.OpRewind, Position: uint32(pos)})
			p.wait("the rewind", func() bool { return len(p.know.Tokens()) == pos && p.know.State().State == wire.StatePaused })
			if pos < start {
				continue // the engine cannot draw a prompt again
			}
			p.wait("the cut answer", func() bool { return len(p.know.Messages()) == 2 })
			p.see(func(s *vis.Session) {
				if !strings.HasPrefix(messages[1].Text, s.Messages()[1].Text) {
					t.Errorf("rewound to %d: messages %+v", pos, s.Messages())
				}
			})
			p.send(&wire.Control{Op: wire.OpStep, Count: uint32(len(before) - pos)})
			p.wait("the same length", func() bool {
				return len(p.know.Tokens()) == len(before) && p.know.State().State >= wire.StatePaused
			})
			for i, token := range p.tokens() {
				b := before[i]
				b.Micros, token.Micros = 0, 0
				same := b.ID == token.ID && b.Flags == token.Flags && (b.Prob == token.Prob || b.Prob != b.Prob) && (b.Draw == token.Draw || b.Draw != b.Draw)
				if !same {
					t.Fatalf("rewound to %d: token %d was %+v and is %+v", pos, i, b, token)
				}
			}
			if got := p.messages(); pos < len(before)-1 && got[1].Text != messages[1].Text {
				t.Errorf("rewound to %d: the answer was %q and is %q", pos, messages[1].Text, got[1].Text)
			}
		}
	}
}

func TestRewindIntoThePrompt(t *testing.T) {
	p := chatted(t, tiny(t, Options{}).serve(t), 5)
	first := p.messages()[0].First
	p.send(&wire.Control{Op: wire.OpRewind, Position: first + 4})
	p.wait("the rewind", func() bool { return len(p.know.Tokens()) == int(first)+4 })
	p.wait("the message cut", func() bool { return len(p.know.Messages()) == 1 })
	if got, want := p.messages()[0].Text, text(p.tokens()[first:]); got != want || got == "" {
		t.Errorf("the cut message is %q, its tokens say %q", got, want)
	}
	p.send(&wire.Control{Op: wire.OpStep, Count: 2})
	p.wait("two tokens", func() bool { return len(p.know.Tokens()) == int(first)+6 })
	p.send(control(wire.OpRewind))
	p.wait("nothing left", func() bool { return len(p.know.Tokens()) == 0 })
	if got := p.problem(&wire.Control{Op: wire.OpStep, Count: 1}); got.Code != telling.CodeBadField {
		t.Errorf("a step without tokens: %+v", got)
	}
	p.send(&wire.Chat{Text: "Again", Params: params(3)})
	p.waitState(wire.StateLengthCapped)
}

func TestBranchAndSwitchBack(t *testing.T) {
	p := chatted(t, tiny(t, Options{}).serve(t), 16)
	old, messages := p.tokens(), p.messages()
	var main uint32
	p.see(func(s *vis.Session) { main = s.ActiveBranch() })
	fork := len(old) - 10
	other := old[fork].ID ^ 1
	p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(fork), Token: other})
	p.wait("the branch's end", func() bool {
		return p.know.ActiveBranch() != main && p.know.State().State == wire.StateLengthCapped && len(p.know.Branches()) == 2
	})
	branched := p.tokens()
	if !slices.Equal(ids(branched[:fork]), ids(old[:fork])) || branched[fork].ID != other {
		t.Fatalf("the branch at %d: %v, after %v", fork, ids(branched), ids(old))
	}
	chosen := branched[fork]
	if chosen.Flags&wire.FlagForced == 0 || chosen.Flags&wire.FlagDrawn != 0 || chosen.Prob == chosen.Prob {
		t.Errorf("the chosen token: %+v", chosen)
	}
	logits := p.ask(wire.Query{What: wire.QueryLogits, Position: uint32(fork)}).(*wire.Logits)
	var sum float64
	for _, z := range logits.Values {
		sum += math.Exp(float64(z))
	}
	if want := float64(logits.Values[other]) - math.Log(sum); math.Abs(want-float64(chosen.LogProb)) > 1e-4 {
		t.Errorf("the chosen token's log probability is %v, want %v", chosen.LogProb, want)
	}
	var side uint32
	p.see(func(s *vis.Session) {
		side = s.ActiveBranch()
		for _, b := range s.Branches() {
			if b.ID == side && (b.Parent != main || int(b.Fork) != fork || int(b.Length) != len(branched)) {
				t.Errorf("branch %+v, want parent %d and fork %d", b, main, fork)
			}
		}
	})

	p.send(&wire.Control{Op: wire.OpSwitch, Branch: main})
	p.wait("the way back", func() bool { return p.know.ActiveBranch() == main && len(p.know.Tokens()) == len(old) })
	p.wait("its state", func() bool { return p.know.State().State == wire.StateLengthCapped && p.know.State().Branch == main })
	for i, token := range p.tokens() {
		if token.ID != old[i].ID || token.Prob != old[i].Prob && token.Prob == token.Prob {
			t.Errorf("token %d was %+v and is %+v", i, old[i], token)
		}
	}
	p.wait("its messages", func() bool {
		m := p.know.Messages()
		return len(m) == len(messages) && m[len(m)-1].Text == messages[len(m)-1].Text
	})

	// What the page left is still there, and goes on from where it was.
	p.send(&wire.Control{Op: wire.OpSwitch, Branch: side})
	p.wait("the branch again", func() bool { return p.know.ActiveBranch() == side && len(p.know.Tokens()) == len(branched) })
	if !slices.Equal(p.ids(), ids(branched)) {
		t.Errorf("the branch was %v and is %v", ids(branched), p.ids())
	}
	p.send(&wire.Control{Op: wire.OpStep, Count: 4})
	p.wait("four more", func() bool { return len(p.know.Tokens()) == len(branched)+4 })

	p.send(control(wire.OpNew))
	p.wait("a new conversation", func() bool {
		return len(p.know.Tokens()) == 0 && len(p.know.Branches()) == 1 && p.know.State().State == wire.StateIdle
	})
}

// Branches share their blocks: the page sees those in common held twice, a copy where
// the other branch goes its own way, and its own table whole on the way there and back.
func TestBranchesShareBlocks(t *testing.T) {
	r := tiny(t, Options{})
	p := chatted(t, r.serve(t), 40)
	p.send(&wire.Subscribe{Views: wire.ViewBlocks})
	size := r.engine.Pool().BlockSize
	// table waits until the page's table is that of its tokens, and tells which blocks
	// are in it, and which of them more than one request holds.
	table := func() (blocks, shared []uint32) {
		t.Helper()
		p.settle()
		need := (len(p.tokens()) - 1 + size - 1) / size
		p.wait("the table", func() bool {
			blocks, shared = blocks[:0], shared[:0]
			for i, b := range p.know.Pool().Table {
				if int(b.Index) != i {
					return false
				}
				blocks = append(blocks, b.Block)
				if b.Refs > 1 {
					shared = append(shared, b.Block)
				}
			}
			return len(blocks) >= need
		})
		return blocks, shared
	}
	first, shared := table()
	if len(first) < 3 || len(shared) > 0 {
		t.Fatalf("one branch holds %v, %v with others", first, shared)
	}
	var main uint32
	p.see(func(s *vis.Session) { main = s.ActiveBranch() })
	old := p.tokens()
	fork := len(old) - size - size/2 // within a block that is not the last
	p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(fork), Token: old[fork].ID ^ 1})
	p.wait("the branch", func() bool { return p.know.ActiveBranch() != main })
	p.wait("blocks of its own", func() bool {
		t := p.know.Pool().Table
		return len(t) > fork/size && t[fork/size].Block != first[fork/size]
	})
	second, shared := table()
	if want := first[:fork/size]; !slices.Equal(shared, want) || second[fork/size] == first[fork/size] {
		t.Errorf("the branch at token %d holds %v, %v of them with others; the other branch holds %v; want its first %d in common", fork, second, shared, first, len(want))
	}
	p.send(&wire.Control{Op: wire.OpSwitch, Branch: main})
	p.wait("the way back", func() bool { return p.know.ActiveBranch() == main })
	p.wait("the blocks that the first branch held", func() bool { // the table of the other is told yet for a moment
		return slices.EqualFunc(p.know.Pool().Table, first, func(b wire.BlockChange, block uint32) bool { return b.Block == block })
	})
	p.send(control(wire.OpNew))
	p.wait("a new conversation", func() bool { return p.know.State().State == wire.StateIdle })
	p.wait("all blocks to be free", func() bool { return p.know.Pool().Used == 0 })
}

// A branch off a paused answer stays paused; a branch off a running one runs.
func TestBranchKeepsThePause(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(500), Paused: true})
	p.waitState(wire.StatePaused)
	n := len(p.ids())
	p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(n), Token: 'x'})
	p.wait("the branch", func() bool { return len(p.know.Tokens()) == n+1 && len(p.know.Branches()) == 2 })
	p.wait("its message", func() bool { return p.know.Messages()[1].Text == "x" })
	p.ask(wire.Query{What: wire.QueryPieces})
	if got := len(p.ids()); got != n+1 {
		t.Errorf("a paused branch drew %d tokens", got-n-1)
	}
	p.send(control(wire.OpResume))
	p.wait("it runs", func() bool { return len(p.know.Tokens()) > n+3 })
	p.send(&wire.Control{Op: wire.OpBranch, Position: uint32(n), Token: 'y'})
	p.wait("the next branch runs", func() bool { return len(p.know.Branches()) == 3 && len(p.know.Tokens()) > n+3 })
}

func TestFinishedAnswerGoesOn(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(6)})
	p.waitState(wire.StateLengthCapped)
	n := len(p.ids())
	p.send(control(wire.OpResume))
	p.wait("six more", func() bool { return len(p.know.Tokens()) == n+6 && p.know.State().State == wire.StateLengthCapped })
	m := p.messages()
	if want := text(p.tokens()[n-6:]); strings.ToValidUTF8(want, "") == want && m[1].Text != want {
		t.Errorf("the answer is %q, its tokens say %q", m[1].Text, want)
	}
}

func TestSetParams(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Chat{Text: "Hello", Params: params(100), Paused: true})
	p.waitState(wire.StatePaused)
	greedy := params(100)
	greedy.Temperature = 0
	p.send(&wire.SetParams{Params: greedy})
	p.wait("the parameters", func() bool { return p.know.State().Params.Temperature == 0 })
	n := len(p.ids())
	p.send(&wire.Control{Op: wire.OpStep, Count: 5})
	p.wait("five tokens", func() bool { return len(p.know.Tokens()) == n+5 })
	for _, token := range p.tokens()[n:] {
		if token.Prob != 1 || token.Kept != 1 {
			t.Errorf("a greedy token %+v", token)
		}
	}
	bad := greedy
	bad.TopP = 2
	if got := p.problem(&wire.SetParams{Params: bad}); got.Code != telling.CodeBadField || got.Field != "top_p" {
		t.Errorf("problem %+v", got)
	}
}

// A stop string ends the answer and is not part of its text, even where its
// beginning had been held back.
func TestStopString(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	p := chatted(t, url, 40)
	answer := p.messages()[1].Text
	at := strings.IndexFunc(answer[min(6, len(answer)):], func(r rune) bool { return r < 0x80 }) + 6
	stop := answer[at : at+2]
	set := params(40)
	set.Stop = []string{stop}
	p.send(&wire.Control{Op: wire.OpRewind, Position: p.messages()[1].First})
	p.waitState(wire.StatePaused)
	p.send(&wire.SetParams{Params: set})
	p.send(control(wire.OpResume))
	p.waitState(wire.StateStopped)
	if want := answer[:strings.Index(answer, stop)]; p.messages()[1].Text != want {
		t.Errorf("stopped by %q with the text %q, want %q", stop, p.messages()[1].Text, want)
	}
}

func TestComplete(t *testing.T) {
	p := visit(t, tiny(t, Options{}).serve(t), "")
	p.send(&wire.Complete{Text: "the inner", Params: params(7)})
	p.waitState(wire.StateLengthCapped)
	tokens := p.tokens()
	if got := text(tokens[:len(tokens)-7]); got != "the inner" {
		t.Errorf("the prompt became %q", got)
	}
	p.send(&wire.Chat{Text: "Hello", Params: params(3)})
	p.wait("a chat of its own", func() bool {
		return len(p.know.Tokens()) > 3 && p.know.Tokens()[0].Flags&wire.FlagSpecial != 0 && p.know.State().State == wire.StateLengthCapped
	})
}

package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/model"
	"vitrine/visualizer/wire"
)

// Whatever a page does, in whatever order: what it knows is what the session
// knows and what the engine has computed.
func TestRandomConversations(t *testing.T) {
	r := tiny(t, Options{})
	url := r.serve(t)
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 9))
			p := visit(t, url, "")
			var done []string
			for range 40 {
				c := randomCommand(rnd, p)
				done = append(done, fmt.Sprintf("%v %.200v", c.Kind(), c))
				p.send(c)
				if rnd.IntN(4) == 0 {
					continue // the next one comes while this one is at work
				}
				p.settle()
			}
			p.settle()
			tokens := p.ids()
			if len(tokens) == 0 {
				return
			}
			// The engine's sequence is the page's: the last vector depends on all of it.
			last := len(tokens) - 1
			v := p.ask(wire.Query{What: wire.QueryVector, Position: uint32(last), Layer: 3}).(*wire.Vector)
			want := probe(t, r.twin(t, tokens), last, 1, false, engine.At{Point: model.FinalNorm}).Row(engine.At{Point: model.FinalNorm}, 0)
			if !slices.Equal(v.Values, want) {
				t.Errorf("the engine has computed other tokens than the page has, after\n%s", strings.Join(done, "\n"))
			}
			// And so is the session's.
			q := visit(t, url, p.session())
			q.wait("the tokens", func() bool { return len(q.know.Tokens()) == len(tokens) })
			q.settle()
			if !slices.Equal(q.ids(), tokens) {
				t.Errorf("the session has %v, the page %v", q.ids(), tokens)
			}
			known := p.messages()
			if len(q.messages()) != len(known) {
				t.Fatalf("%d messages to the session, %d to the page, after\n%s", len(q.messages()), len(known), strings.Join(done, "\n"))
			}
			for i, m := range q.messages() {
				if known := known[i]; known.Text != m.Text || known.First != m.First || known.Role != m.Role {
					t.Errorf("message %d is %+v to the session and %+v to the page, after\n%s", i, m, known, strings.Join(done, "\n"))
				}
			}
		})
	}
}

// settle waits until every command sent has been carried out and no token is
// on its way.
func (p *page) settle() {
	p.t.Helper()
	p.ask(wire.Query{What: wire.QueryPieces, Tokens: []int32{1}})
	p.waitState(wire.StateIdle, wire.StatePaused, wire.StateStopped, wire.StateLengthCapped, wire.StateAborted)
}

func randomCommand(r *rand.Rand, p *page) wire.Command {
	p.mu.Lock()
	n := uint32(len(p.know.Tokens()))
	branches := slices.Clone(p.know.Branches())
	p.mu.Unlock()
	set := params(1 + r.Uint32N(6))
	set.Seed, set.IgnoreEOS = r.Uint64N(4), r.IntN(2) == 0
	if r.IntN(3) == 0 {
		set.Stop = []string{string(rune('a' + r.IntN(26)))}
	}
	words := []string{"Hello", "the inner", "你好", "<|im_end|>", "x", " y "}
	position := r.Uint32N(n + 2)
	switch r.IntN(14) {
	case 0, 1, 2:
		return &wire.Chat{Text: words[r.IntN(len(words))], System: words[r.IntN(len(words))], Params: set, Paused: r.IntN(4) == 0}
	case 3:
		return &wire.Complete{Text: words[r.IntN(len(words))], Params: set, Paused: r.IntN(4) == 0}
	case 4:
		return &wire.Control{Op: wire.OpRewind, Position: position}
	case 5, 6:
		return &wire.Control{Op: wire.OpBranch, Position: position, Token: r.Int32N(263)}
	case 7:
		if len(branches) > 0 {
			return &wire.Control{Op: wire.OpSwitch, Branch: branches[r.IntN(len(branches))].ID}
		}
	case 8:
		return &wire.Control{Op: wire.OpStep, Count: 1 + r.Uint32N(4)}
	case 9:
		return &wire.SetParams{Params: set}
	case 10:
		return &wire.Control{Op: []wire.Op{wire.OpPause, wire.OpResume, wire.OpAbort, wire.OpResume}[r.IntN(4)]}
	case 11:
		if r.IntN(4) == 0 {
			return &wire.Control{Op: wire.OpNew}
		}
	case 12:
		return &wire.Subscribe{Views: wire.Views(r.IntN(16))}
	}
	return &wire.Query{ID: 1, What: wire.QueryKind(r.IntN(13)), Position: position, Layer: uint16(r.IntN(4)), Head: uint16(r.IntN(3)), Key: r.Uint32N(position + 1), Text: "the"}
}

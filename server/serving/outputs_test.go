package serving

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vitrine/server/telling"
	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
)

// events lists what happened of a kind, over the whole record.
func (p *page) events(kind wire.HallEventKind) []wire.HallEvent {
	var all []wire.HallEvent
	for _, r := range p.hall.Records() {
		for _, e := range r.Events {
			if e.Kind == kind {
				all = append(all, e)
			}
		}
	}
	return all
}

// stepOn lets the paused hall make one more step.
func (p *page) stepOn() {
	p.t.Helper()
	n := p.hall.Now().Step + 1
	p.send(&wire.HallControl{Op: wire.HallStep})
	p.until("the step", func() bool { return p.hall.Now().Step == n })
}

// Three answers to one request are forked off when its prompt is computed: they
// share its blocks, and each but the last to write gets a copy of the one that
// was not full.
func TestForksShareAndCopy(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	p.send(&wire.HallControl{Op: wire.HallPause})
	p.send(&wire.HallAdd{Count: 1, Sort: wire.HallOwn, Text: "the of the of the", MaxTokens: 12, Outputs: 3})
	p.until("the request", func() bool { return len(p.hall.Now().Requests) == 1 })
	if q := p.hall.Now().Requests[0]; q.Outputs != 3 || q.Index != 0 || q.First != q.ID {
		t.Fatalf("before a step: %+v", q)
	}
	size := int(p.hall.Config().BlockSize)
	if n := p.hall.Now().Requests[0].Prompt; int(n)%size == 0 {
		t.Fatalf("the prompt's %d tokens fill its blocks; nothing would be copied", n)
	}
	for len(p.hall.Now().Requests) < 3 {
		p.stepOn()
	}
	forked := p.hall.Now().Step
	first := p.hall.Now().Requests[0]
	for i, q := range p.hall.Now().Requests {
		if q.First != first.ID || int(q.Index) != i || q.Title != first.Title || q.Prompt != first.Prompt || q.Tokens != q.Prompt+1 || q.Computed != q.Prompt ||
			!slices.Equal(q.Table, first.Table) || q.FirstMs <= 0 {
			t.Errorf("output %d is %+v, the first %+v", i, q, first)
		}
	}
	for _, b := range first.Table {
		if got := p.hall.Now().Blocks[b]; got.Refs != 3 || got.Owner != first.ID {
			t.Errorf("after the fork block %d is %+v", b, got)
		}
	}
	last := first.Table[len(first.Table)-1]
	if got := p.events(wire.HallForked); len(got) != 2 || got[0].Other != first.ID || int(got[0].Count) != len(first.Table) {
		t.Errorf("forks: %+v", got)
	}
	if m := p.hall.Now().Meters; m.Copied != 0 || m.Running != 1 || m.Drawn != 3 {
		t.Errorf("after the fork the meters say %+v", m)
	}
	p.stepOn()
	copies := p.events(wire.HallCopied)
	if m := p.hall.Now().Meters; m.Copied != 2 || len(copies) != 2 || m.Running != 3 {
		t.Fatalf("copies %+v, the meters say %+v", copies, m)
	}
	for _, e := range copies {
		q := p.hall.Now().Request(e.Request)
		if e.Other != last || e.Block == last || q == nil || q.Table[len(first.Table)-1] != e.Block {
			t.Errorf("the copy %+v of block %d is for %+v", e, last, q)
		}
	}
	now := p.hall.Now()
	if got := now.Blocks[last]; got.Refs != 1 {
		t.Errorf("who wrote last shares block %+v", got)
	}
	if len(first.Table) > 1 && now.Blocks[first.Table[0]].Refs != 3 {
		t.Errorf("the full block is %+v, want it shared by all", now.Blocks[first.Table[0]])
	}
	// Back in the record the fork is as it was.
	for i, r := range p.hall.Records() {
		if r.Step == forked {
			if m := p.hall.Moment(i); m.Blocks[last].Refs != 3 || m.Meters.Copied != 0 {
				t.Errorf("at step %d: block %+v, meters %+v", forked, m.Blocks[last], m.Meters)
			}
		}
	}
	// Whoever watches an output that was forked off reads its own answer.
	child := now.Requests[2]
	p.send(&wire.HallWatch{Request: child.ID})
	p.until("the text", func() bool { return len(p.hall.Pieces(child.ID)) == int(child.Tokens) })
	p.stepOn()
	p.until("one token more", func() bool { return len(p.hall.Pieces(child.ID)) == int(child.Tokens)+1 })
	if got := strings.Join(hall.Texts(p.hall.Pieces(child.ID)), ""); !strings.Contains(got, "the of the of the") {
		t.Errorf("the answer's tokens are %q", got)
	}
	// To cancel one output is to cancel the request.
	p.send(&wire.HallCancel{Request: child.ID})
	p.until("the end of all", func() bool { return p.finished() == 3 })
	if m := p.hall.Now().Meters; m.Held != 0 {
		t.Errorf("%d blocks are held in the end", m.Held)
	}
}

// However requests with several outputs are scheduled and remembered, all of
// them come to their end and give their blocks back, and one lookup is counted a request.
func TestForksUnderEveryRule(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	for _, c := range []wire.HallConfig{
		{Blocks: 24, BlockSize: 8, BatchTokens: 48, Sequences: 6, PrefixCaching: true},
		{Blocks: 64, BlockSize: 16, BatchTokens: 64, Sequences: 3, Policy: wire.HallStatic},
		{Blocks: 64, BlockSize: 16, BatchTokens: 64, Sequences: 4, Policy: wire.HallOneByOne},
		{Blocks: 64, BlockSize: 16, BatchTokens: 64, Sequences: 4, Memory: wire.HallContiguous},
		{Blocks: 64, BlockSize: 16, BatchTokens: 64, Sequences: 4, Memory: wire.HallNoCache},
	} {
		p.send(&wire.HallConfigure{Config: c})
		p.until("the new pool", func() bool { return p.hall.Config() == c && len(p.hall.Now().Requests) == 0 })
		p.send(&wire.HallAdd{Count: 5, Sort: wire.HallOwn, Text: "the of the of", MaxTokens: 9, Outputs: 4})
		p.until("the end of all", func() bool { return len(p.hall.Now().Requests) == 20 && p.finished() == 20 })
		m, looked := p.hall.Now().Meters, uint64(0)
		for _, q := range p.hall.Now().Requests {
			if q.Index == 0 && c.PrefixCaching {
				looked += uint64(q.Prompt)
			}
			if q.State == wire.StateAborted || q.Outputs != 4 || q.FirstMs <= 0 || q.Tokens > q.Prompt+9 {
				t.Errorf("%+v: %+v", c, q)
			}
		}
		if m.Held != 0 || m.Lookups != looked || m.Copied > 0 != (c.Memory == wire.HallPaged) {
			t.Errorf("%+v: the meters say %+v, prompts have %d tokens", c, m, looked)
		}
	}
}

// A cached block that is taken from the head of the free queue is told of, with who
// had computed it and who got it.
func TestEvictionsAreTold(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	p.send(&wire.HallConfigure{Config: wire.HallConfig{Blocks: 24, BlockSize: 8, BatchTokens: 48, Sequences: 4, PrefixCaching: true}})
	p.until("the new pool", func() bool { return p.hall.Config().Blocks == 24 })
	p.send(&wire.HallAdd{Count: 8, Sort: wire.HallShort})
	p.until("the end of all", func() bool { return len(p.hall.Now().Requests) == 8 && p.finished() == 8 })
	evictions := p.events(wire.HallEvicted)
	if len(evictions) == 0 || len(evictions) != int(p.hall.Now().Meters.Evicted) {
		t.Errorf("%d evictions are told, the meters say %d", len(evictions), p.hall.Now().Meters.Evicted)
	}
	for _, e := range evictions {
		if p.hall.Now().Request(e.Request) == nil || p.hall.Now().Request(e.Other) == nil || int(e.Block) >= len(p.hall.Now().Blocks) {
			t.Errorf("%+v: who got the block, or who had it, is unknown", e)
		}
	}
}

// answers are the texts of all outputs, in the order of their numbers, after
// the requests have been added anew to a hall with so many drafts.
func answers(p *page, drafts uint16) []string {
	c := wire.HallConfig{Blocks: 512, BlockSize: 8, BatchTokens: 64, Sequences: 8, PrefixCaching: true, Drafts: drafts}
	p.send(&wire.HallConfigure{Config: c})
	p.until("the new pool", func() bool { return p.hall.Config() == c && len(p.hall.Now().Requests) == 0 })
	p.send(&wire.HallAdd{Count: 4, Sort: wire.HallOwn, Text: "the of the of the of the of", MaxTokens: 300, Outputs: 2})
	p.until("the end of all", func() bool { return len(p.hall.Now().Requests) == 8 && p.finished() == 8 })
	var texts []string
	for _, q := range p.hall.Now().Requests {
		p.send(&wire.HallWatch{Request: q.ID})
		p.until("the text", func() bool { return len(p.hall.Pieces(q.ID)) == int(q.Tokens) })
		texts = append(texts, string(bytes.Join(p.hall.Pieces(q.ID), []byte("·"))))
	}
	return texts
}

// With speculation the answers are those without, and what was guessed and what
// was right is what the parts of the steps say.
func TestSpeculationIsCounted(t *testing.T) {
	plain, guessing := func() *page {
		_, url := open(t)
		return join(t, url, "")
	}, uint16(4)
	a := plain()
	want := answers(a, 0)
	if m := a.hall.Now().Meters; m.Drafted != 0 || m.Proposed != 0 || m.Accepted != 0 {
		t.Errorf("without speculation the meters say %+v", m)
	}
	b := plain() // whose requests have the same seeds
	if got := answers(b, guessing); !slices.Equal(got, want) {
		t.Errorf("the answers are\n%q\nwithout speculation\n%q", got, want)
	}
	m := b.hall.Now().Meters
	var proposed, drafted, accepted, drawn, several uint64
	for _, r := range b.hall.Records() {
		for _, p := range r.Parts {
			drawn += uint64(p.Drawn)
			if p.Drafted > 0 {
				proposed++
				drafted += uint64(p.Drafted)
				accepted += uint64(p.Drawn - 1)
			}
			if p.Drawn > 1 {
				several++
			}
			if p.Drafted > guessing || p.Drawn > p.Drafted+1 || p.Drafted > 0 && p.Count != uint32(p.Drafted)+1 {
				t.Errorf("a part is %+v", p)
			}
		}
	}
	if m.Proposed != proposed || m.Drafted != drafted || m.Accepted != accepted || m.Drawn != drawn || accepted == 0 || several == 0 {
		t.Errorf("the meters say %+v; the parts %d proposals, %d drafts, %d accepted, %d drawn, %d times several", m, proposed, drafted, accepted, drawn, several)
	}
	for i, r := range b.hall.Records() {
		at := b.hall.Moment(i)
		for j := range at.Requests {
			if q := &at.Requests[j]; q.Computed > q.Tokens {
				t.Fatalf("record %d: %+v has more computed than tokens", r.Seq, q)
			}
		}
	}
}

// Of several requests those that can never fit are refused, and the others come in.
func TestTheOthersComeIn(t *testing.T) {
	_, url := open(t)
	p := join(t, url, "")
	p.send(&wire.HallConfigure{Config: wire.HallConfig{Blocks: 16, BlockSize: 16, BatchTokens: 64, Sequences: 8, PrefixCaching: true}})
	p.until("the new pool", func() bool { return p.hall.Config().Blocks == 16 })
	p.send(&wire.HallAdd{Count: 8, Sort: wire.HallMixed})
	p.until("a problem", func() bool { return len(p.problems) == 1 })
	if got := p.problems[0]; got.Code != telling.CodeTooLong || got.Field != "prompt" || !strings.Contains(got.Detail, "2 of 8 requests were not added") {
		t.Errorf("the problem is %+v", got)
	}
	p.until("the end of the others", func() bool { return len(p.hall.Now().Requests) == 6 && p.finished() == 6 })
}

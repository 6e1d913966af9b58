package serving

import (
	"math"
	"testing"

	"vitrine/engine"
)

// Two requests in blocks of four tokens, counted by hand.
func TestMeter(t *testing.T) {
	m := newMeter(4)
	step := func(parts ...engine.PlanPart) { m.plan(engine.PlanInfo{Parts: parts}) }

	// A prompt of six tokens takes two blocks: 6 of 8 slots, a quarter is wasted.
	m.block(engine.BlockInfo{Block: 0, Refs: 1})
	m.block(engine.BlockInfo{Block: 1, Refs: 1})
	m.block(engine.BlockInfo{Block: 0, Refs: 1, Filled: 4})
	m.block(engine.BlockInfo{Block: 1, Refs: 1, Filled: 2})
	m.state(engine.StateInfo{Request: 2, State: engine.Waiting})
	m.state(engine.StateInfo{Request: 3, State: engine.Preempted})
	step(engine.PlanPart{Request: 1, Count: 6, Prefill: true, Drawn: 1})
	// The second has the first block in common with it and one of its own, with
	// one token in it: 7 of 12.
	m.state(engine.StateInfo{Request: 2, State: engine.Prefill})
	m.block(engine.BlockInfo{Block: 0, Refs: 2, Filled: 4})
	m.block(engine.BlockInfo{Block: 2, Refs: 1, Filled: 1})
	step(engine.PlanPart{Request: 1, Count: 1, Drawn: 1}, engine.PlanPart{Request: 2, Count: 3, Prefill: true, Drawn: 1})
	m.state(engine.StateInfo{Request: 3, State: engine.FinishedAborted})
	// The first ends; its full block stays in the prefix cache, which is no
	// reservation once nobody holds it: 1 of 4.
	m.block(engine.BlockInfo{Block: 1, Refs: 0})
	m.block(engine.BlockInfo{Block: 0, Refs: 0, Filled: 4, Hashed: true})
	step(engine.PlanPart{Request: 2, Count: 1, Drawn: 1})
	// The last ends. A step that leaves nothing reserved has no waste.
	m.block(engine.BlockInfo{Block: 2, Refs: 0})
	step(engine.PlanPart{Request: 2, Count: 1, Drawn: 1})

	if got, want := m.waste.value(), (2.0/8+5.0/12+3.0/4)/3; math.Abs(got-want) > 1e-12 {
		t.Errorf("a waste of %g, want %g", got, want)
	}
	if got := m.concurrent.value(); got != 5.0/4 || m.most != 2 {
		t.Errorf("%g requests in the mean and %d at most, want 1.25 and 2", got, m.most)
	}
	if got := m.queued.value(); got != 3.0/2 { // one, then two, while somebody waits
		t.Errorf("%g requests in the mean while others wait, want 1.5", got)
	}
	if m.prefill != 9 {
		t.Errorf("%d tokens of prompts, want 9", m.prefill)
	}
}

func TestMeanOfNothing(t *testing.T) {
	if got := (&mean{}).value(); got != 0 {
		t.Errorf("%g, want 0", got)
	}
}

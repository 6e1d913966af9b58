package hall

import (
	"slices"
	"testing"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
)

// life makes a hall in which request 1 reads its prompt, draws, is preempted,
// recomputed and ends, while request 2 waits and is then cancelled between two steps.
func life(t *testing.T) *Hall {
	t.Helper()
	h := joined(t)
	state := func(id uint32, s wire.RunState) wire.HallChange { return wire.HallChange{Request: id, State: s} }
	part := func(p wire.HallPhase) []wire.HallPart { return []wire.HallPart{{Request: 1, Phase: p, Count: 1}} }
	for i, r := range []wire.HallRecord{
		{Added: []wire.HallRequest{{ID: 1, First: 1, Reader: 1}, {ID: 2, First: 2, Reader: 9}}},
		{Step: 1, Parts: part(wire.HallPrefill), Requests: []wire.HallChange{state(1, wire.StateRunning)}},
		{Step: 2, Parts: part(wire.HallDecode)},
		{Step: 3, Requests: []wire.HallChange{state(1, wire.StatePreempted)}},
		{Step: 4, Parts: part(wire.HallRecompute), Requests: []wire.HallChange{state(1, wire.StateRunning)}},
		{Requests: []wire.HallChange{state(2, wire.StateAborted)}},
		{Step: 5, Parts: part(wire.HallDecode), Requests: []wire.HallChange{state(1, wire.StateStopped)}},
		{Step: 6},
	} {
		r.Seq = uint64(i + 1)
		if c := h.Apply(&r); c != ChangeRecord {
			t.Fatalf("record %d changes %b", i, c)
		}
	}
	return h
}

func TestChart(t *testing.T) {
	h := life(t)
	c := h.Chart(len(h.Records())-1, 10, 10)
	if len(c.Steps) != 6 || c.Row(1) != 0 || c.Row(2) != 1 || c.Row(3) != -1 || c.Hidden != 0 {
		t.Fatalf("the chart is %+v", c)
	}
	for id, want := range map[uint32][]paint.Work{
		1: {paint.WorkPrefill, paint.WorkDecode, paint.WorkPreempted, paint.WorkRecompute, paint.WorkEnd, paint.WorkNone},
		2: {paint.WorkWaiting, paint.WorkWaiting, paint.WorkWaiting, paint.WorkEnd, paint.WorkNone, paint.WorkNone},
	} {
		if got := c.Work[c.Row(id)]; !slices.Equal(got, want) {
			t.Errorf("request %d: %v, want %v", id, got, want)
		}
	}
	// A window behind the ends shows nobody; one of two columns, who is there in them.
	if c := h.Chart(len(h.Records())-1, 1, 10); len(c.Steps) != 1 || len(c.Requests) != 0 {
		t.Errorf("the last step alone: %+v", c)
	}
	if c := h.Chart(2, 2, 1); len(c.Steps) != 2 || len(c.Requests) != 1 || c.Requests[0].ID != 1 || c.Hidden != 1 {
		t.Errorf("two steps and one row: %+v", c)
	}
	for _, last := range []int{-5, -1, 0, 100} {
		h.Chart(last, 3, 3)
		new(Hall).Chart(last, 3, 3)
	}
}

func TestGrid(t *testing.T) {
	m := Moment{
		Requests: []Request{{HallRequest: wire.HallRequest{ID: 3, First: 3, Reader: 2}, HallChange: wire.HallChange{Table: []uint32{1}}}},
		Blocks: []wire.HallBlock{
			{Block: 0, Order: 9, Hashed: true, Owner: 3, Filled: 16}, {Block: 1, Refs: 2, Owner: 3, Filled: 4}, {Block: 2, Order: 4}, {Block: 3, Refs: 1, Owner: 5},
		},
	}
	if got := m.Queue(); !slices.Equal(got, []int{2, 0, 1, 0}) {
		t.Errorf("the queue is %v", got)
	}
	blocks := m.PaintBlocks(ByReader)
	for i, want := range []paint.BlockState{paint.BlockCached, paint.BlockShared, paint.BlockFree, paint.BlockUsed} {
		if blocks[i].State != want {
			t.Errorf("block %d is %d, want %d", i, blocks[i].State, want)
		}
	}
	if blocks[1].Hue != HueOf(2) || m.PaintBlocks(ByRequest)[1].Hue != HueOf(3) || blocks[2].Hue != 0 {
		t.Errorf("the hues are %+v", blocks)
	}
	if got := m.Holders(); len(got) != 4 || !slices.Equal(got[1], []uint32{3}) || got[0] != nil {
		t.Errorf("the blocks are held by %v", got)
	}
}

func TestMeters(t *testing.T) {
	f := &wire.HallMeters{Rate: 12.34, FirstMs: 1234, Held: 8, Slots: 128, Filled: 120, Lookups: 400, Hits: 100, Drawn: 5, Running: 3, Copied: 7, Evicted: 9, Proposed: 40, Drafted: 160, Accepted: 50}
	for m, want := range map[Meter]string{
		MeterRate: "12.3", MeterFirst: "1.23 s", MeterHeld: "12.5 %", MeterWaste: "6.2 %", MeterHits: "25.0 %", MeterRunning: "3", MeterWaiting: "0",
		MeterCopied: "7", MeterEvicted: "9", MeterAccepted: "31.2 %", MeterLength: "2.25",
	} {
		if v, ok := m.Of(f, 64); !ok || m.Text(v) != want {
			t.Errorf("meter %d is %q, %v, want %q", m, m.Text(v), ok, want)
		}
	}
	for _, m := range []Meter{MeterRate, MeterFirst, MeterBetween, MeterHeld, MeterWaste, MeterHits, MeterRunning, MeterAccepted, MeterLength} {
		if v, ok := m.Of(&wire.HallMeters{}, 0); ok {
			t.Errorf("meter %d tells %g of nothing", m, v)
		}
	}
	if lines := MeterWaste.Formula("waste", f, 64); len(lines) != 1 || lines[0].String() != "waste = (128 − 120)/128 = 6.2 %" {
		t.Errorf("the formula is %v", lines)
	}
	if lines := MeterLength.Formula("mean length", f, 64); len(lines) != 1 || lines[0].String() != "mean length = 1 + 50/40 = 2.25" {
		t.Errorf("the formula is %v", lines)
	}
}

// Every meter says which function measured it.
func TestMetersAreTraceable(t *testing.T) {
	for m := range NumMeters {
		if !slices.Contains(Functions(), m.Func()) {
			t.Errorf("meter %d is computed by %s", m, m.Func())
		}
	}
}

func TestRatios(t *testing.T) {
	r := &wire.HallRace{Race: wire.HallRaceKV, Runs: []wire.HallRun{{Done: true, Micros: 100, Drawn: 10}, {Done: true, Micros: 550, Drawn: 10}}}
	if got := Ratios(r); !slices.Equal(got, []float64{5.5}) {
		t.Errorf("KV cache: %v", got)
	}
	r.Race = wire.HallRaceBatch
	if got := Ratios(r); len(got) != 1 || got[0] < 5.49 || got[0] > 5.51 {
		t.Errorf("batching: %v", got)
	}
	r.Race = wire.HallRaceLookup
	if got := Ratios(r); len(got) != 1 || got[0] < 5.49 || got[0] > 5.51 {
		t.Errorf("prompt lookup: %v", got)
	}
	r.Runs[1].Done = false
	if got := Ratios(r); got != nil {
		t.Errorf("before the end: %v", got)
	}
	r.Runs[0].Curve = []wire.HallPoint{{X: 2, Y: 30}}
	if lines, x, y := Curves(r); len(lines) != 2 || len(lines[0]) != 2 || x != 2 || y != 30 {
		t.Errorf("the curves are %v, %g, %g", lines, x, y)
	}
}

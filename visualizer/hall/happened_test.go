package hall

import (
	"slices"
	"testing"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
)

// forked makes a hall in which request 1 computes its prompt, two outputs are
// forked off, and each that writes before the last copies the block they share.
func forked(t *testing.T) *Hall {
	t.Helper()
	h := joined(t)
	output := func(id uint32, index uint8) wire.HallRequest {
		return wire.HallRequest{ID: id, First: 1, Index: index, Outputs: 3, Reader: 1, Prompt: 20}
	}
	change := func(id uint32, table ...uint32) wire.HallChange {
		return wire.HallChange{Request: id, State: wire.StateRunning, Table: table}
	}
	for i, r := range []wire.HallRecord{
		{Added: []wire.HallRequest{output(1, 0), {ID: 2, First: 2, Outputs: 1, Reader: 1}}},
		{
			Step: 1, Parts: []wire.HallPart{{Request: 1, Phase: wire.HallPrefill, Count: 20, Drawn: 1}, {Request: 3, Phase: wire.HallDecode, First: 19, Drawn: 1}, {Request: 4, Phase: wire.HallDecode, First: 19, Drawn: 1}},
			Added:    []wire.HallRequest{output(3, 1), output(4, 2)},
			Requests: []wire.HallChange{change(1, 5, 6), change(3, 5, 6), change(4, 5, 6)},
			Blocks:   []wire.HallBlock{{Block: 5, Refs: 3, Owner: 1, Filled: 16, Hashed: true}, {Block: 6, Refs: 3, Owner: 1, Index: 1, Filled: 4}},
			Events:   []wire.HallEvent{{Kind: wire.HallForked, Request: 3, Other: 1, Count: 2}, {Kind: wire.HallForked, Request: 4, Other: 1, Count: 2}},
		},
		{
			Step: 2, Parts: []wire.HallPart{{Request: 1, Phase: wire.HallDecode, First: 20, Count: 1, Drawn: 1}, {Request: 3, Phase: wire.HallDecode, First: 20, Count: 4, Drafted: 3, Drawn: 3}},
			Requests: []wire.HallChange{change(1, 5, 0), change(3, 5, 1), change(4, 5, 6)},
			Blocks:   []wire.HallBlock{{Block: 0, Refs: 1, Owner: 1, Filled: 5}, {Block: 1, Refs: 1, Owner: 3, Filled: 7}, {Block: 6, Refs: 1, Owner: 4, Index: 1, Filled: 4}},
			Events: []wire.HallEvent{
				{Kind: wire.HallCopied, Request: 1, Block: 0, Other: 6}, {Kind: wire.HallEvicted, Request: 3, Block: 1, Other: 2}, {Kind: wire.HallCopied, Request: 3, Block: 1, Other: 6},
			},
		},
		{Requests: []wire.HallChange{{Request: 2, State: wire.StateAborted}}, Events: []wire.HallEvent{{Kind: wire.HallPreempted, Request: 4}}},
	} {
		r.Seq = uint64(i + 1)
		if c := h.Apply(&r); c != ChangeRecord {
			t.Fatalf("record %d changes %b", i, c)
		}
	}
	return h
}

func TestOutputsOfARequest(t *testing.T) {
	h := forked(t)
	m := h.Moment(1)
	var names []string
	for i := range m.Requests {
		names = append(names, m.Requests[i].Name())
	}
	if want := []string{"r1a", "r2", "r1b", "r1c"}; !slices.Equal(names, want) {
		t.Errorf("the outputs are called %v, want %v", names, want)
	}
	if m.Name(3) != "r1b" || m.Name(99) != "r…" {
		t.Errorf("by number they are %s and %s", m.Name(3), m.Name(99))
	}
	holders := m.Holders()
	if !slices.Equal(holders[6], []uint32{1, 3, 4}) || holders[0] != nil {
		t.Errorf("after the fork the blocks are held by %v", holders)
	}
	after := h.Moment(2)
	if got := after.Holders(); !slices.Equal(got[6], []uint32{4}) || !slices.Equal(got[5], []uint32{1, 3, 4}) {
		t.Errorf("after the copies the blocks are held by %v", got)
	}
	hues := map[int]bool{}
	for _, id := range []uint32{1, 3, 4} {
		hues[m.Hue(id, ByRequest)] = true
	}
	if len(hues) != 3 || m.Hue(1, ByReader) != m.Hue(4, ByReader) {
		t.Errorf("the outputs have the hues %v", hues)
	}
	// In the chart a request's outputs stand together.
	c := h.Chart(3, 10, 10)
	var rows []uint32
	for i := range c.Requests {
		rows = append(rows, c.Requests[i].ID)
	}
	if !slices.Equal(rows, []uint32{1, 3, 4, 2}) {
		t.Errorf("the rows are %v", rows)
	}
	if got := c.Tokens(c.Row(3)); !slices.Equal(got, []int{1, 3}) || c.Work[c.Row(4)][0] != paint.WorkDecode {
		t.Errorf("output 3 drew %v, output 4 did %v", got, c.Work[c.Row(4)])
	}
	if want := []Fork{{0, 0, 1}, {0, 0, 2}}; !slices.Equal(c.Forks, want) {
		t.Errorf("the forks are %v, want %v", c.Forks, want)
	}
	// With too few rows those go that only wait.
	if c := h.Chart(2, 10, 3); c.Hidden != 1 || c.Row(2) != -1 {
		t.Errorf("three rows: %+v", c)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"r7"}, "r7"},
		{[]string{"r4a", "r4b"}, "r4ab"},
		{[]string{"r4a", "r4b", "r7", "r12c"}, "r4ab·7·12c"},
	} {
		if got := Names(c.names); got != c.want {
			t.Errorf("%v is written %q, want %q", c.names, got, c.want)
		}
	}
}

func TestHappened(t *testing.T) {
	h := forked(t)
	var got []wire.HallEventKind
	for _, e := range h.Happened(99, 4) {
		got = append(got, e.Kind)
		if r := h.Records()[e.Index]; e.Seq != r.Seq || e.Step != 2 {
			t.Errorf("%+v is of record %d, step %d", e, r.Seq, e.Step)
		}
	}
	if want := []wire.HallEventKind{wire.HallPreempted, wire.HallCopied, wire.HallEvicted, wire.HallCopied}; !slices.Equal(got, want) {
		t.Errorf("the latest events are %v, want %v", got, want)
	}
	if events := h.Happened(1, 4); len(events) != 2 || events[0].Request != 4 || events[0].Step != 1 {
		t.Errorf("up to the fork: %+v", events)
	}
	for _, last := range []int{-1, -9, 0} {
		if events := h.Happened(last, 4); len(events) != 0 {
			t.Errorf("up to %d: %+v", last, events)
		}
	}
	if marks := Marks(&h.Records()[2]); !slices.Equal(marks, []Mark{{0, 6}, {1, -1}, {1, 6}}) {
		t.Errorf("the marks are %v", marks)
	}
}

package engine

import (
	"slices"
	"testing"

	"vitrine/engine/sampler"
)

// The prefix cache is asked for those whom the policy admits first, and not for those who
// wait behind them or have too much to read already.
func TestAdmissible(t *testing.T) {
	slow := newMailbox(0, newSignal())
	slow.put(Event{Kind: EventToken, Result: sampler.Result{TopLogProbs: make([]sampler.TokenLogProb, 8)}})
	if !slow.full() {
		t.Fatal("the slow reader's mailbox is not full")
	}
	ready := newMailbox(1<<20, newSignal())
	// The queue: priorities, with the sequences' numbers from 1 on in the order of arrival.
	queue := func(priorities ...int) (waiting []*sequence) {
		for i, p := range priorities {
			waiting = append(waiting, &sequence{id: uint32(i + 1), priority: p, group: newGroup(1, ready)})
		}
		return waiting
	}
	stuck := func(waiting []*sequence, at ...int) []*sequence {
		for _, i := range at {
			waiting[i].box = slow
		}
		return waiting
	}
	preempted := queue(0, 0, 0)
	slices.Reverse(preempted) // who was preempted is at the head
	for _, c := range []struct {
		name    string
		waiting []*sequence
		policy  Policy
		most    int
		want    []uint32
	}{
		{"nobody waits", nil, Priority, 2, nil},
		{"all fit", queue(3, 1, 2), Priority, 3, []uint32{1, 2, 3}},
		{"in the order of arrival", queue(3, 1, 2, 0), FirstComeFirstServed, 2, []uint32{1, 2}},
		{"in the order of the queue", preempted, FirstComeFirstServed, 2, []uint32{3, 2}},
		{"in the order of priority", queue(3, 1, 2, 0), Priority, 2, []uint32{4, 2}},
		{"the last has the first place", queue(5, 5, 5, 5, -1), Priority, 1, []uint32{5}},
		{"of equal priorities the first to come", queue(1, 0, 0, 1, 0), Priority, 2, []uint32{2, 3}},
		{"slow readers take no place", stuck(queue(0, 0, 0), 0, 1), FirstComeFirstServed, 1, []uint32{3}},
		{"nor by priority", stuck(queue(2, 0, 1), 1), Priority, 1, []uint32{3}},
		{"a static batch", queue(3, 1, 2), StaticBatching, 2, []uint32{1, 2}},
	} {
		order := slices.Clone(c.waiting)
		var got []uint32
		next := admissible(nil, c.waiting, c.policy, c.most)
		for _, q := range next {
			got = append(got, q.id)
		}
		for _, q := range next[len(next):cap(next)] {
			if q != nil {
				t.Errorf("%s: %d is kept behind them", c.name, q.id)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if !slices.Equal(order, c.waiting) {
			t.Errorf("%s: the queue itself is in another order", c.name)
		}
	}
}

package scheduler_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"vitrine/engine/scheduler"
)

type seq = scheduler.Sequence
type shares = []scheduler.Share

func TestPlan(t *testing.T) {
	base := scheduler.State{FreeBlocks: 10, BlockSize: 16, MaxTokens: 64, MaxRunning: 4}
	with := func(change func(*scheduler.State)) scheduler.State { s := base; change(&s); return s }
	for _, c := range []struct {
		name  string
		state scheduler.State
		want  scheduler.Decision
	}{
		{"nothing to do", base, scheduler.Decision{}},
		{"a prompt is admitted whole", with(func(s *scheduler.State) {
			s.Waiting = []seq{{ID: 1, Tokens: 20}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 20}}}},
		{"a long prompt is cut by the budget", with(func(s *scheduler.State) {
			s.Waiting = []seq{{ID: 1, Tokens: 100}, {ID: 2, Tokens: 3}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 64}}}},
		{"decoding comes before a prompt, which gets the rest of the budget", with(func(s *scheduler.State) {
			s.Running = []seq{{ID: 1, Tokens: 33, Computed: 32, Blocks: 2}}
			s.Waiting = []seq{{ID: 2, Tokens: 100}}
		}), scheduler.Decision{Admitted: []uint32{2}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 63}}}},
		{"a chunk is bounded by its request", with(func(s *scheduler.State) {
			s.Running = []seq{{ID: 1, Tokens: 60, MaxChunk: 8}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 8}}}},
		{"the limit of requests holds", with(func(s *scheduler.State) {
			s.MaxRunning = 1
			s.Running = []seq{{ID: 1, Tokens: 2, Computed: 1, Blocks: 1}}
			s.Waiting = []seq{{ID: 2, Tokens: 1}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},
		{"the head of the queue waits for blocks and nobody overtakes it", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Waiting = []seq{{ID: 1, Tokens: 32}, {ID: 2, Tokens: 1}}
		}), scheduler.Decision{}},
		{"parked requests are evicted before anyone is preempted", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: 1}, {ID: 2, Tokens: 5, Computed: 4, Blocks: 1}}
			s.Parked = []seq{{ID: 7, Blocks: 0}, {ID: 8, Blocks: 2}, {ID: 9, Blocks: 2}}
		}), scheduler.Decision{Evicted: []uint32{8}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"the last admitted is preempted and nobody new comes in", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: 1}, {ID: 2, Tokens: 20, Computed: 19, Blocks: 2}}
			s.Waiting = []seq{{ID: 3, Tokens: 1}}
		}), scheduler.Decision{Preempted: []uint32{2}, Shares: shares{{ID: 1, Count: 1}}}},
		{"what does not fit alone gives way", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: 1}}
		}), scheduler.Decision{Preempted: []uint32{1}}},
	} {
		if got := scheduler.Plan(c.state); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// Whatever the state, a plan stays within the budget, the blocks and the
// tokens that there are, and names nobody twice.
func TestPlanKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scheduler.State{
			FreeBlocks: rapid.IntRange(0, 20).Draw(t, "free"), BlockSize: rapid.IntRange(1, 32).Draw(t, "block size"),
			MaxTokens: rapid.IntRange(1, 100).Draw(t, "budget"), MaxRunning: rapid.IntRange(1, 6).Draw(t, "limit"),
		}
		all := map[uint32]seq{}
		add := func(list *[]seq, holds bool) {
			for range rapid.IntRange(0, 4).Draw(t, "requests") {
				q := seq{ID: uint32(len(all) + 1), Tokens: rapid.IntRange(1, 200).Draw(t, "tokens"), MaxChunk: rapid.IntRange(0, 10).Draw(t, "chunk")}
				if holds {
					q.Computed = rapid.IntRange(0, q.Tokens).Draw(t, "computed")
					q.Blocks = (q.Computed + s.BlockSize - 1) / s.BlockSize
				}
				all[q.ID] = q
				*list = append(*list, q)
			}
		}
		add(&s.Running, true)
		add(&s.Waiting, false)
		add(&s.Parked, true)
		d := scheduler.Plan(s)

		free, budget, seen := s.FreeBlocks, s.MaxTokens, map[uint32]bool{}
		for _, id := range append(append([]uint32{}, d.Evicted...), d.Preempted...) {
			if seen[id] {
				t.Fatalf("request %d gives its blocks back twice", id)
			}
			seen[id] = true
			free += all[id].Blocks
		}
		for _, share := range d.Shares {
			q := all[share.ID]
			if seen[share.ID] {
				t.Fatalf("request %d computes after it was evicted, or twice", share.ID)
			}
			seen[share.ID] = true
			if share.Count < 1 || q.Computed+share.Count > q.Tokens || q.MaxChunk > 0 && share.Count > q.MaxChunk {
				t.Fatalf("request %+v computes %d tokens", q, share.Count)
			}
			budget -= share.Count
			free -= max((q.Computed+share.Count+s.BlockSize-1)/s.BlockSize-q.Blocks, 0)
		}
		if budget < 0 || free < 0 {
			t.Fatalf("the plan %+v overdraws: %d tokens, %d blocks left", d, budget, free)
		}
		if len(d.Preempted) > 0 && len(d.Admitted) > 0 {
			t.Fatalf("the plan %+v preempts and admits", d)
		}
	})
}

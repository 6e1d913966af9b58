package scheduler_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"vitrine/engine/scheduler"
)

type seq = scheduler.Sequence
type held = scheduler.SharedBlock
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
		{"a sequence that writes to a shared block takes one to copy it to", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Running = []seq{
				{ID: 1, Tokens: 21, Computed: 20, Blocks: 2, Shared: []held{{0, 2}, {1, 2}}},
				{ID: 2, Tokens: 21, Computed: 20, Blocks: 2, Shared: []held{{0, 2}, {1, 2}}}, // has the block to itself then
			}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"and gives way where there is none", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Running = []seq{
				{ID: 1, Tokens: 21, Computed: 20, Blocks: 2, Shared: []held{{0, 3}, {1, 3}}},
				{ID: 2, Tokens: 21, Computed: 20, Blocks: 2, Shared: []held{{0, 3}, {1, 3}}},
				{ID: 3, Tokens: 33, Computed: 32, Blocks: 2, Shared: []held{{0, 3}}},
			}
		}), scheduler.Decision{Preempted: []uint32{3}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"a shared block is free when the last one leaves it", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{
				{ID: 1, Tokens: 33, Computed: 16, Blocks: 1},
				{ID: 2, Tokens: 17, Computed: 16, Blocks: 1, Shared: []held{{0, 2}}},
				{ID: 3, Tokens: 17, Computed: 16, Blocks: 1, Shared: []held{{0, 2}}},
			}
		}), scheduler.Decision{Preempted: []uint32{3, 2, 1}}},
		{"waiting sequences lose their blocks from the end of the queue before anyone is preempted", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: 1}, {ID: 2, Tokens: 5, Computed: 4, Blocks: 1}}
			s.Waiting = []seq{{ID: 3, Tokens: 17, Computed: 16, Blocks: 1}, {ID: 4, Tokens: 17, Computed: 16, Blocks: 1}, {ID: 5, Tokens: 1}}
		}), scheduler.Decision{Evicted: []uint32{4}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"the head of the queue waits for what runs", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 16, Computed: 15, Blocks: 1}}
			s.Waiting = []seq{{ID: 2, Tokens: 1}, {ID: 3, Tokens: 17, Computed: 16, Blocks: 1}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},
		{"and takes the blocks of those behind it if nothing does", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Waiting = []seq{{ID: 2, Tokens: 1}, {ID: 3, Tokens: 17, Computed: 16, Blocks: 1}}
		}), scheduler.Decision{Evicted: []uint32{3}, Admitted: []uint32{2}, Shares: shares{{ID: 2, Count: 1}}}},
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

// tables are the block tables of the sequences of a state, to carry a plan out on.
type tables struct {
	blocks map[uint32][]int32
	refs   map[int32]int
	next   int32
}

// hold gives sequence id the first shared blocks of another's table and own
// ones of its own.
func (b *tables) hold(id, other uint32, shared, own int) {
	table := append([]int32{}, b.blocks[other][:shared]...)
	for range own {
		table = append(table, b.next)
		b.next++
	}
	for _, block := range table {
		b.refs[block]++
	}
	b.blocks[id] = table
}

// shared are the blocks at the head of a table that others hold as well.
func (b *tables) shared(id uint32) (out []held) {
	for _, block := range b.blocks[id] {
		if b.refs[block] > 1 {
			out = append(out, held{Block: block, Refs: b.refs[block]})
		}
	}
	return out
}

// free takes a sequence's blocks away and counts those that nobody holds then.
func (b *tables) free(id uint32) (n int) {
	for _, block := range b.blocks[id] {
		if b.refs[block]--; b.refs[block] == 0 {
			n++
		}
	}
	b.blocks[id] = nil
	return n
}

// Whatever the state, a plan stays within the budget, the blocks and the
// tokens that there are, and names nobody twice; and the head of the queue is
// let in in the end, if it fits at all.
func TestPlanKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scheduler.State{
			FreeBlocks: rapid.IntRange(0, 20).Draw(t, "free"), BlockSize: rapid.IntRange(1, 32).Draw(t, "block size"),
			MaxTokens: rapid.IntRange(1, 100).Draw(t, "budget"), MaxRunning: rapid.IntRange(1, 6).Draw(t, "limit"),
		}
		memory := tables{blocks: map[uint32][]int32{}, refs: map[int32]int{}}
		all := map[uint32]seq{}
		add := func(list *[]seq) {
			for range rapid.IntRange(0, 4).Draw(t, "requests") {
				q := seq{ID: uint32(len(all) + 1), Tokens: rapid.IntRange(1, 200).Draw(t, "tokens"), MaxChunk: rapid.IntRange(0, 10).Draw(t, "chunk")}
				q.Computed = rapid.IntRange(0, q.Tokens).Draw(t, "computed")
				if rapid.Bool().Draw(t, "holds nothing") {
					q.Computed = 0
				}
				q.Blocks = (q.Computed + s.BlockSize - 1) / s.BlockSize
				other, shared := uint32(rapid.IntRange(0, len(all)).Draw(t, "forked from")), 0
				if other > 0 {
					shared = rapid.IntRange(0, min(q.Blocks, len(memory.blocks[other]))).Draw(t, "shared")
				}
				memory.hold(q.ID, other, shared, q.Blocks-shared)
				all[q.ID] = q
				*list = append(*list, q)
			}
		}
		var paused []seq // hold blocks and are none of the scheduler's business
		for _, list := range []*[]seq{&s.Running, &s.Waiting, &s.Parked, &paused} {
			add(list)
		}
		for _, list := range [][]seq{s.Running, s.Waiting, s.Parked} {
			for i := range list {
				list[i].Shared = memory.shared(list[i].ID)
			}
		}
		d := scheduler.Plan(s)

		free, budget, seen := s.FreeBlocks, s.MaxTokens, map[uint32]bool{}
		for _, id := range append(append([]uint32{}, d.Evicted...), d.Preempted...) {
			if seen[id] {
				t.Fatalf("request %d gives its blocks back twice", id)
			}
			seen[id] = true
			free += memory.free(id)
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
			if at := q.Computed / s.BlockSize; at < q.Blocks && memory.refs[memory.blocks[q.ID][at]] > 1 {
				memory.refs[memory.blocks[q.ID][at]]-- // copied
				free--
			}
		}
		if budget < 0 || free < 0 {
			t.Fatalf("the plan %+v overdraws: %d tokens, %d blocks left", d, budget, free)
		}
		if len(d.Preempted) > 0 && len(d.Admitted) > 0 {
			t.Fatalf("the plan %+v preempts and admits", d)
		}
		if len(s.Running) == 0 && len(s.Waiting) > 0 && len(paused) == 0 && len(d.Admitted) == 0 {
			head := s.Waiting[0]
			if head.Blocks+free >= (head.Tokens+s.BlockSize-1)/s.BlockSize+1 {
				t.Fatalf("the plan %+v lets nobody in, with %d blocks free", d, free)
			}
		}
	})
}

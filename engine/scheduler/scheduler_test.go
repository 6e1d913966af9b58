package scheduler_test

import (
	"cmp"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vitrine/engine/kvcache"
	"vitrine/engine/scheduler"
)

type seq = scheduler.Sequence
type run = kvcache.Run
type shares = []scheduler.Share

func TestPlan(t *testing.T) {
	base := scheduler.State{FreeBlocks: 10, BlockSize: 16, MaxTokens: 64, MaxRunning: 4}
	next := int32(1000)
	own := func(n int) (blocks []int32) { // blocks that nobody else holds
		for range n {
			next++
			blocks = append(blocks, next)
		}
		return blocks
	}
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
			s.Running = []seq{{ID: 1, Tokens: 33, Computed: 32, Blocks: own(2)}}
			s.Waiting = []seq{{ID: 2, Tokens: 100}}
		}), scheduler.Decision{Admitted: []uint32{2}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 63}}}},
		{"a chunk is bounded by its request", with(func(s *scheduler.State) {
			s.Running = []seq{{ID: 1, Tokens: 60, MaxChunk: 8}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 8}}}},
		{"the limit of requests holds", with(func(s *scheduler.State) {
			s.MaxRunning = 1
			s.Running = []seq{{ID: 1, Tokens: 2, Computed: 1, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 2, Tokens: 1}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},
		{"the head of the queue waits for blocks and nobody overtakes it", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Waiting = []seq{{ID: 1, Tokens: 32}, {ID: 2, Tokens: 1}}
		}), scheduler.Decision{}},
		{"parked requests are evicted before anyone is preempted", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 2, Tokens: 5, Computed: 4, Blocks: own(1)}}
			s.Parked = []seq{{ID: 7, Blocks: own(0)}, {ID: 8, Blocks: own(2)}, {ID: 9, Blocks: own(2)}}
		}), scheduler.Decision{Evicted: []uint32{8}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"the last admitted is preempted and nobody new comes in", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 2, Tokens: 20, Computed: 19, Blocks: own(2)}}
			s.Waiting = []seq{{ID: 3, Tokens: 1}}
		}), scheduler.Decision{Preempted: []uint32{2}, Shares: shares{{ID: 1, Count: 1}}}},
		{"a sequence that writes to a shared block takes one to copy it to", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Running = []seq{
				{ID: 1, Tokens: 21, Computed: 20, Blocks: []int32{0, 1}},
				{ID: 2, Tokens: 21, Computed: 20, Blocks: []int32{0, 1}}, // has the block to itself then
			}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"and gives way where there is none", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.Running = []seq{
				{ID: 1, Tokens: 21, Computed: 20, Blocks: []int32{0, 1}},
				{ID: 2, Tokens: 21, Computed: 20, Blocks: []int32{0, 1}},
				{ID: 3, Tokens: 33, Computed: 32, Blocks: append([]int32{0}, own(1)...)},
			}
		}), scheduler.Decision{Preempted: []uint32{3}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"a shared block is free when the last one leaves it", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{
				{ID: 1, Tokens: 33, Computed: 16, Blocks: own(1)},
				{ID: 2, Tokens: 17, Computed: 16, Blocks: []int32{0}},
				{ID: 3, Tokens: 17, Computed: 16, Blocks: []int32{0}},
			}
		}), scheduler.Decision{Preempted: []uint32{3, 2, 1}}},
		{"waiting sequences lose their blocks from the end of the queue before anyone is preempted", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 2, Tokens: 5, Computed: 4, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 3, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 4, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 5, Tokens: 1}}
		}), scheduler.Decision{Evicted: []uint32{4}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}}},
		{"who comes in beside others leaves the watermark free", with(func(s *scheduler.State) {
			s.Watermark, s.FreeBlocks = 3, 5
			s.Running = []seq{{ID: 1, Tokens: 16, Computed: 15, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 2, Tokens: 32}, {ID: 3, Tokens: 1}}
		}), scheduler.Decision{Admitted: []uint32{2}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 32}}}},
		{"who comes in alone need not", with(func(s *scheduler.State) {
			s.Watermark, s.FreeBlocks = 3, 2
			s.Waiting = []seq{{ID: 2, Tokens: 32}}
		}), scheduler.Decision{Admitted: []uint32{2}, Shares: shares{{ID: 2, Count: 32}}}},
		{"nor who has blocks already, such as a beam between two steps", with(func(s *scheduler.State) {
			s.Watermark, s.FreeBlocks = 3, 3
			s.Running = []seq{{ID: 1, Tokens: 16, Computed: 15, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 2, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 3, Tokens: 16, Computed: 15, Blocks: own(1)}, {ID: 4, Tokens: 1}}
		}), scheduler.Decision{Admitted: []uint32{2, 3}, Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}, {ID: 3, Count: 1}}}},
		{"who runs grows into it", with(func(s *scheduler.State) {
			s.Watermark, s.FreeBlocks = 3, 1
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: own(1)}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},
		{"the head of the queue waits for what runs", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 16, Computed: 15, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 2, Tokens: 1}, {ID: 3, Tokens: 17, Computed: 16, Blocks: own(1)}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},
		{"and takes the blocks of those behind it if nothing does", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Waiting = []seq{{ID: 2, Tokens: 1}, {ID: 3, Tokens: 17, Computed: 16, Blocks: own(1)}}
		}), scheduler.Decision{Evicted: []uint32{3}, Admitted: []uint32{2}, Shares: shares{{ID: 2, Count: 1}}}},
		{"what does not fit alone gives way", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Running = []seq{{ID: 1, Tokens: 17, Computed: 16, Blocks: own(1)}}
		}), scheduler.Decision{Preempted: []uint32{1}}},
		{"cached blocks are not computed, and free ones of them are taken", with(func(s *scheduler.State) {
			s.FreeBlocks = 4 // two of them cached
			s.Waiting = []seq{{ID: 1, Tokens: 50, Cached: []int32{7, 8}}, {ID: 2, Tokens: 40, Cached: []int32{7, 8}}, {ID: 3, Tokens: 1}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 18}}}},
		{"cached blocks that others hold take nothing", with(func(s *scheduler.State) {
			s.FreeBlocks = 2
			s.Running = []seq{{ID: 9, Tokens: 33, Computed: 32, Blocks: []int32{7, 8}}}
			s.Waiting = []seq{{ID: 1, Tokens: 33, Cached: []int32{7, 8}}, {ID: 2, Tokens: 1}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 9, Count: 1}, {ID: 1, Count: 1}}}},
		{"cached blocks are free again when the one who held them is evicted", with(func(s *scheduler.State) {
			s.FreeBlocks = 0
			s.Parked = []seq{{ID: 9, Blocks: []int32{7, 8, 9}}}
			s.Waiting = []seq{{ID: 1, Tokens: 33, Cached: []int32{7, 8}}, {ID: 2, Tokens: 1}}
		}), scheduler.Decision{Evicted: []uint32{9}, Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 1}}}},
		{"drafts are computed where there is room", with(func(s *scheduler.State) {
			s.FreeBlocks = 1
			s.MaxTokens = 8
			s.Running = []seq{
				{ID: 1, Tokens: 31, Computed: 30, Drafts: 3, Blocks: own(2)},
				{ID: 2, Tokens: 31, Computed: 30, Drafts: 3, Blocks: own(2)}, // no block left for the third token
				{ID: 3, Tokens: 4, Computed: 3, Drafts: 9, Blocks: own(1)},
			}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 4, Drafts: 3}, {ID: 2, Count: 2, Drafts: 1}, {ID: 3, Count: 2, Drafts: 1}}}},
		{"and never before the prompt is computed", with(func(s *scheduler.State) {
			s.MaxTokens = 8
			s.Running = []seq{{ID: 1, Tokens: 20, Drafts: 3}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 8}}}},

		{"priority: the least runs first, whoever came first", with(func(s *scheduler.State) {
			s.Policy, s.MaxTokens = scheduler.Priority, 10
			s.Waiting = []seq{{ID: 1, Priority: 5, Tokens: 4}, {ID: 2, Priority: 5, Tokens: 3}, {ID: 3, Priority: -1, Tokens: 5}}
		}), scheduler.Decision{Admitted: []uint32{3, 1, 2}, Shares: shares{{ID: 3, Count: 5}, {ID: 1, Count: 4}, {ID: 2, Count: 1}}}},
		{"priority: the lowest is preempted, though another came last", with(func(s *scheduler.State) {
			s.Policy, s.FreeBlocks = scheduler.Priority, 0
			s.Running = []seq{
				{ID: 1, Priority: 9, Tokens: 17, Computed: 16, Blocks: own(1)},
				{ID: 2, Priority: 0, Tokens: 17, Computed: 16, Blocks: own(1)},
				{ID: 3, Priority: 1, Tokens: 8, Computed: 7, Blocks: own(1)},
			}
		}), scheduler.Decision{Preempted: []uint32{1}, Shares: shares{{ID: 2, Count: 1}, {ID: 3, Count: 1}}}},
		{"priority: the one that came last of equals", with(func(s *scheduler.State) {
			s.Policy, s.FreeBlocks = scheduler.Priority, 0
			s.Running = []seq{{ID: 4, Tokens: 17, Computed: 16, Blocks: own(1)}, {ID: 2, Tokens: 17, Computed: 16, Blocks: own(1)}}
		}), scheduler.Decision{Preempted: []uint32{4}, Shares: shares{{ID: 2, Count: 1}}}},

		{"one at a time: nobody beside the first", with(func(s *scheduler.State) {
			s.Policy = scheduler.OneAtATime
			s.Waiting = []seq{{ID: 1, Tokens: 4}, {ID: 2, Tokens: 3}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 4}}}},
		{"one at a time: nor while it decodes", with(func(s *scheduler.State) {
			s.Policy = scheduler.OneAtATime
			s.Running = []seq{{ID: 1, Tokens: 4, Computed: 3, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 2, Tokens: 3}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}}}},

		{"static: a batch is formed of what fits", with(func(s *scheduler.State) {
			s.Policy, s.FreeBlocks = scheduler.StaticBatching, 3
			s.Waiting = []seq{{ID: 1, Tokens: 20}, {ID: 2, Tokens: 3}, {ID: 3, Tokens: 9}}
		}), scheduler.Decision{Admitted: []uint32{1, 2}, Batch: 2}},
		{"static: prompts are padded on the left to the longest", with(func(s *scheduler.State) {
			s.Policy, s.Batch = scheduler.StaticBatching, 3
			s.Running = []seq{{ID: 1, Tokens: 20}, {ID: 2, Tokens: 3}, {ID: 3, Tokens: 9}}
			s.Waiting = []seq{{ID: 4, Tokens: 1}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 20}, {ID: 2, Count: 3}, {ID: 3, Count: 9}}, Padding: 28, Batch: 3}},
		{"static: and computed column by column where the budget is short", with(func(s *scheduler.State) {
			s.Policy, s.Batch, s.MaxTokens = scheduler.StaticBatching, 3, 50
			s.Running = []seq{{ID: 1, Tokens: 20}, {ID: 2, Tokens: 3}, {ID: 3, Tokens: 9}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 16}, {ID: 3, Count: 5}}, Padding: 27, Batch: 3}},
		{"static: who has finished is padding until all have", with(func(s *scheduler.State) {
			s.Policy, s.Batch = scheduler.StaticBatching, 3
			s.Running = []seq{{ID: 2, Tokens: 4, Computed: 3, Blocks: own(1)}}
			s.Waiting = []seq{{ID: 4, Tokens: 1}}
		}), scheduler.Decision{Shares: shares{{ID: 2, Count: 1}}, Padding: 2, Batch: 3}},
		{"static: drafts are padded too", with(func(s *scheduler.State) {
			s.Policy, s.Batch = scheduler.StaticBatching, 2
			s.Running = []seq{{ID: 1, Tokens: 4, Computed: 3, Drafts: 3, Blocks: own(1)}, {ID: 2, Tokens: 4, Computed: 3, Blocks: own(1)}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 4, Drafts: 3}, {ID: 2, Count: 1}}, Padding: 3, Batch: 2}},
		{"static: nobody is preempted for drafts", with(func(s *scheduler.State) {
			s.Policy, s.Batch, s.FreeBlocks = scheduler.StaticBatching, 2, 0
			s.Running = []seq{{ID: 1, Tokens: 16, Computed: 15, Drafts: 3, Blocks: own(1)}, {ID: 2, Tokens: 4, Computed: 3, Blocks: own(1)}}
		}), scheduler.Decision{Shares: shares{{ID: 1, Count: 1}, {ID: 2, Count: 1}}, Batch: 2}},

		{"contiguous: the first run that is long enough", with(func(s *scheduler.State) {
			s.Memory, s.FreeBlocks, s.FreeRuns = scheduler.Contiguous, 9, []run{{First: 0, Count: 2}, {First: 5, Count: 6}, {First: 20, Count: 1}}
			s.Waiting = []seq{{ID: 1, Tokens: 20, Reserve: 4}, {ID: 2, Tokens: 2, Reserve: 2}, {ID: 3, Tokens: 3, Reserve: 3}, {ID: 4, Tokens: 1, Reserve: 1}}
		}), scheduler.Decision{
			Admitted: []uint32{1, 2}, Reserved: []scheduler.Reservation{{ID: 1, Run: run{First: 5, Count: 4}}, {ID: 2, Run: run{First: 0, Count: 2}}},
			Shares: shares{{ID: 1, Count: 20}, {ID: 2, Count: 2}},
		}},
		{"contiguous: parked ones are evicted, one a plan, until there is a run", with(func(s *scheduler.State) {
			s.Memory, s.FreeBlocks = scheduler.Contiguous, 0
			s.Waiting = []seq{{ID: 1, Tokens: 20, Reserve: 4}}
			s.Parked = []seq{{ID: 8, Blocks: own(2)}, {ID: 9, Blocks: own(2)}}
		}), scheduler.Decision{Evicted: []uint32{8}}},
		{"contiguous: a reservation that is too short is given up", with(func(s *scheduler.State) {
			s.Memory, s.FreeBlocks, s.FreeRuns = scheduler.Contiguous, 6, []run{{First: 0, Count: 6}}
			s.Waiting = []seq{{ID: 1, Tokens: 20, Computed: 19, Blocks: own(2), Reserve: 4, Reserved: 2}}
		}), scheduler.Decision{Evicted: []uint32{1}}},
		{"contiguous: who holds a reservation goes on in it", with(func(s *scheduler.State) {
			s.Memory, s.FreeBlocks = scheduler.Contiguous, 0
			s.Waiting = []seq{{ID: 1, Tokens: 20, Computed: 19, Blocks: own(2), Reserve: 2, Reserved: 2}}
		}), scheduler.Decision{Admitted: []uint32{1}, Shares: shares{{ID: 1, Count: 1}}}},
		{"contiguous: who may become longer than it was to gives way", with(func(s *scheduler.State) {
			s.Memory, s.FreeBlocks = scheduler.Contiguous, 0
			s.Running = []seq{{ID: 1, Tokens: 20, Computed: 19, Blocks: own(2), Reserve: 3, Reserved: 2}}
		}), scheduler.Decision{Preempted: []uint32{1}}},
	} {
		c.state.Refs = holders(c.state)
		if got := scheduler.Plan(c.state); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

// holders counts the sequences of a state that hold a block.
func holders(s scheduler.State) func(int32) int {
	return func(block int32) (n int) {
		for _, list := range [][]seq{s.Running, s.Waiting, s.Parked} {
			for _, q := range list {
				if slices.Contains(q.Blocks, block) {
					n++
				}
			}
		}
		return n
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
			Policy:     scheduler.Policy(rapid.IntRange(0, int(scheduler.OneAtATime)).Draw(t, "policy")),
			FreeBlocks: rapid.IntRange(0, 20).Draw(t, "free"), Watermark: rapid.IntRange(0, 3).Draw(t, "watermark"), BlockSize: rapid.IntRange(1, 32).Draw(t, "block size"),
			MaxTokens: rapid.IntRange(1, 100).Draw(t, "budget"), MaxRunning: rapid.IntRange(1, 6).Draw(t, "limit"),
		}
		memory := tables{blocks: map[uint32][]int32{}, refs: map[int32]int{}}
		all := map[uint32]seq{}
		add := func(list *[]seq) {
			for range rapid.IntRange(0, 4).Draw(t, "requests") {
				q := seq{
					ID: uint32(len(all) + 1), Priority: rapid.IntRange(-2, 2).Draw(t, "priority"),
					Tokens: rapid.IntRange(1, 200).Draw(t, "tokens"), MaxChunk: rapid.IntRange(0, 10).Draw(t, "chunk"),
				}
				q.Computed = rapid.IntRange(0, q.Tokens).Draw(t, "computed")
				if rapid.Bool().Draw(t, "holds nothing") {
					q.Computed = 0
				}
				if q.MaxChunk == 0 && q.Computed == q.Tokens-1 {
					q.Drafts = rapid.IntRange(0, 5).Draw(t, "drafts")
				}
				blocks := (q.Computed + s.BlockSize - 1) / s.BlockSize
				other, shared := uint32(rapid.IntRange(0, len(all)).Draw(t, "forked from")), 0
				if other > 0 {
					shared = rapid.IntRange(0, min(blocks, len(memory.blocks[other]))).Draw(t, "shared")
				}
				memory.hold(q.ID, other, shared, blocks-shared)
				q.Blocks = memory.blocks[q.ID]
				all[q.ID] = q
				*list = append(*list, q)
			}
		}
		var paused []seq // hold blocks and are none of the scheduler's business
		for _, list := range []*[]seq{&s.Running, &s.Waiting, &s.Parked, &paused} {
			add(list)
		}
		// What waits may find blocks of others, or free ones, in the cache.
		cachedFree := rapid.IntRange(0, s.FreeBlocks).Draw(t, "free and cached")
		for i := range s.Waiting {
			q := &s.Waiting[i]
			if len(q.Blocks) > 0 {
				continue
			}
			for b := range int32(rapid.IntRange(0, (q.Tokens-1)/s.BlockSize).Draw(t, "hits")) {
				if int(b) < cachedFree && rapid.Bool().Draw(t, "free") {
					q.Cached = append(q.Cached, -1-b)
				} else if memory.refs[b] > 0 && !writes(all, b, s.BlockSize) {
					q.Cached = append(q.Cached, b)
				} else {
					break
				}
			}
			all[q.ID] = *q
		}
		s.Batch = len(s.Running) + rapid.IntRange(0, 2).Draw(t, "left the batch")
		s.Refs = func(b int32) int { return memory.refs[b] }
		d := scheduler.Plan(s)

		free, budget, seen := s.FreeBlocks, s.MaxTokens, map[uint32]bool{}
		for _, id := range append(slices.Clone(d.Evicted), d.Preempted...) {
			if seen[id] {
				t.Fatalf("request %d gives its blocks back twice", id)
			}
			seen[id] = true
			free += memory.free(id)
		}
		for _, id := range d.Admitted {
			for _, b := range all[id].Cached {
				if memory.refs[b]++; memory.refs[b] == 1 {
					free--
				}
			}
		}
		for _, share := range d.Shares {
			q := all[share.ID]
			if seen[share.ID] {
				t.Fatalf("request %d computes after it was evicted, or twice", share.ID)
			}
			seen[share.ID] = true
			computed := max(q.Computed, len(q.Cached)*s.BlockSize)
			if share.Count < 1 || share.Drafts > q.Drafts || computed+share.Count-share.Drafts > q.Tokens || q.MaxChunk > 0 && share.Count > q.MaxChunk {
				t.Fatalf("request %+v computes %+v", q, share)
			}
			if share.Drafts > 0 && computed+share.Count-share.Drafts != q.Tokens {
				t.Fatalf("request %+v computes drafts before its tokens: %+v", q, share)
			}
			budget -= share.Count
			free -= max((computed+share.Count+s.BlockSize-1)/s.BlockSize-len(q.Blocks)-len(q.Cached), 0)
			if at := q.Computed / s.BlockSize; at < len(q.Blocks) && memory.refs[memory.blocks[q.ID][at]] > 1 {
				memory.refs[memory.blocks[q.ID][at]]-- // copied
				free--
			}
		}
		budget -= d.Padding
		if s.Policy == scheduler.StaticBatching && s.Batch > s.MaxTokens {
			budget = 0 // the engine forms no such batch
		}
		if budget < 0 || free < 0 || d.Padding < 0 {
			t.Fatalf("the plan %+v overdraws: %d tokens, %d blocks left", d, budget, free)
		}
		if len(d.Preempted) > 0 && len(d.Admitted) > 0 {
			t.Fatalf("the plan %+v preempts and admits", d)
		}
		if s.Policy == scheduler.Priority {
			checkPriority(t, s, d, all)
		}
		if len(s.Running) == 0 && len(s.Waiting) > 0 && len(paused) == 0 && len(d.Admitted) == 0 {
			head := s.Waiting[0]
			if s.Policy == scheduler.Priority {
				head = slices.MinFunc(s.Waiting, inOrder)
			}
			if len(head.Blocks)+free >= (head.Tokens+s.BlockSize-1)/s.BlockSize+1 {
				t.Fatalf("the plan %+v lets nobody in, with %d blocks free", d, free)
			}
		}
	})
}

// writes says whether somebody who holds a block writes to it next. The cache
// gives no such block.
func writes(all map[uint32]seq, block int32, size int) bool {
	for _, q := range all {
		if i := slices.Index(q.Blocks, block); i >= 0 && q.Computed < (i+1)*size {
			return true
		}
	}
	return false
}

func inOrder(a, b seq) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ID, b.ID))
}

// checkPriority: who is preempted comes behind all that go on, and who is
// admitted before all that wait on.
func checkPriority(t *rapid.T, s scheduler.State, d scheduler.Decision, all map[uint32]seq) {
	t.Helper()
	for _, id := range d.Preempted {
		for _, share := range d.Shares {
			if inOrder(all[id], all[share.ID]) < 0 {
				t.Fatalf("the plan %+v preempts request %d before %d", d, id, share.ID)
			}
		}
	}
	for _, q := range s.Waiting {
		for _, id := range d.Admitted {
			if !slices.Contains(d.Admitted, q.ID) && inOrder(q, all[id]) < 0 {
				t.Fatalf("the plan %+v admits request %d before %d", d, id, q.ID)
			}
		}
	}
}

// A plan for requests that all run takes no memory, by every policy, with drafts and
// with blocks that several hold.
func TestPlanDoesNotAllocate(t *testing.T) {
	for _, policy := range []scheduler.Policy{scheduler.FirstComeFirstServed, scheduler.Priority, scheduler.StaticBatching, scheduler.OneAtATime} {
		s := scheduler.State{Policy: policy, BlockSize: 16, FreeBlocks: 500, MaxTokens: 256, MaxRunning: 64, Batch: 32}
		for i := range uint32(32) {
			s.Running = append(s.Running, seq{ID: i + 1, Priority: int(i * 7 % 5), Tokens: 40, Computed: 39, Drafts: 2, Blocks: []int32{0, 1, int32(i) + 2}})
		}
		s.Refs = func(b int32) int { return max(1, 3-int(b)) }
		var p scheduler.Planner
		p.Plan(s)
		if n := testing.AllocsPerRun(50, func() {
			if d := p.Plan(s); len(d.Shares) == 0 {
				t.Fatal("nothing is computed")
			}
		}); n > 0 {
			t.Errorf("%v: a plan allocates %v times", policy, n)
		}
		if got, want := *p.Plan(s), scheduler.Plan(s); !reflect.DeepEqual(got.Shares, want.Shares) || got.Padding != want.Padding {
			t.Errorf("%v: a planner that has planned before plans %+v, want %+v", policy, got, want)
		}
	}
}

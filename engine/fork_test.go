package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/kvcache"
)

// A fork shares its blocks until somebody writes: the one in the middle of a block gets
// a copy, nothing is computed twice, and each goes on as if it were alone.
func TestForkSharesBlocks(t *testing.T) {
	causes := map[kvcache.Cause]int{}
	e := tiny(t, cpu.New(2), engine.Options{BlockSize: 4, Observer: &engine.Observer{
		Block: func(b engine.BlockInfo) { causes[b.Cause]++ },
	}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := rand.New(rand.NewPCG(41, 42))
	ids, p := prompt(r, 13), greedy(8)
	want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: p, CacheSalt: "alone"})).ids

	h := add(t, e, engine.Request{Prompt: ids, Params: p, Hold: true})
	if got := collect(t, h).ids; !slices.Equal(got, want) {
		t.Fatalf("the first answer is %v, want %v", got, want)
	}
	before, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fork, err := h.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := fork.Snapshot(ctx); err != nil || !slices.Equal(s.Blocks, before.Blocks) || !slices.Equal(s.Tokens, before.Tokens) || s.Computed != before.Computed || s.State != engine.Paused {
		t.Fatalf("the fork is %+v (%v), want it to stand where %+v does", s, err, before)
	}
	// The other answer, from within a block on.
	const at = 13 + 2
	other := (want[2] + 1) % 320
	if err := errors.Join(h.Rewind(at), h.Append([]int32{other}, true), h.Resume()); err != nil {
		t.Fatal(err)
	}
	copies := func() int {
		t.Helper()
		if _, err := e.CheckPool(); err != nil { // also waits for the step
			t.Fatal(err)
		}
		return causes[kvcache.Copied]
	}
	for s := engine.Running; !s.Finished(); {
		ev, err := h.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventState {
			s = ev.State
		}
	}
	if n := copies(); n != 1 {
		t.Errorf("%d blocks were copied, want 1", n)
	}
	branch, err := h.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if shared := at / 4; !slices.Equal(branch.Blocks[:shared], before.Blocks[:shared]) || branch.Blocks[shared] == before.Blocks[shared] {
		t.Errorf("the branch holds %v, the fork %v, want the first %d in common and no other", branch.Blocks, before.Blocks, shared)
	}
	fresh := collect(t, add(t, e, engine.Request{Prompt: append(slices.Clone(ids), append(slices.Clone(want[:2]), other)...), Params: greedy(5), CacheSalt: "fresh"})).ids
	if got := branch.Tokens[at+1:]; !slices.Equal(got, fresh) {
		t.Errorf("the branch says %v, a fresh request %v", got, fresh)
	}
	// And back: nothing of the first answer is lost, or computed again.
	computed := e.Stats().ComputedTokens
	if err := errors.Join(h.SetAside(), fork.TakeUp(), fork.Step(3)); err != nil {
		t.Fatal(err)
	}
	var more []int32
	for len(more) < 3 {
		ev, err := fork.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventToken {
			more = append(more, ev.Token)
		}
	}
	if got := e.Stats().ComputedTokens - computed; got > 4 {
		t.Errorf("%d tokens were computed for three more", got)
	}
	longer := append(slices.Clone(ids), want...)
	if fresh := collect(t, add(t, e, engine.Request{Prompt: longer, Params: greedy(3), CacheSalt: "longer"})).ids; !slices.Equal(more, fresh) {
		t.Errorf("the fork goes on with %v, a fresh request with %v", more, fresh)
	}
	if err := errors.Join(h.Release(), fork.Release()); err != nil {
		t.Fatal(err)
	}
	if free, err := e.CheckPool(); err != nil || free != e.Pool().Blocks {
		t.Errorf("%d of %d blocks are free: %v", free, e.Pool().Blocks, err)
	}
}

// What is set aside gives way to who runs, and is computed again when it goes on; what is
// only paused keeps its blocks.
func TestSetAsideGivesWay(t *testing.T) {
	ctx, r := context.Background(), rand.New(rand.NewPCG(43, 44))
	ids := prompt(r, 12)
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Blocks: 8})
	want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: greedy(6), CacheSalt: "alone"})).ids
	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(6), Hold: true, Paused: true})
	collect(t, h)
	if err := h.SetAside(); err != nil {
		t.Fatal(err)
	}
	if n := len(collect(t, add(t, e, engine.Request{Prompt: prompt(r, 24), Params: greedy(4)})).ids); n != 4 {
		t.Fatalf("the other request drew %d tokens, want 4", n)
	}
	if s, err := h.Snapshot(ctx); err != nil || len(s.Blocks) != 0 || s.State != engine.Paused {
		t.Fatalf("what is set aside is %+v (%v), want it paused and without blocks", s, err)
	}
	if err := errors.Join(h.TakeUp(), h.Resume()); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, h).ids; !slices.Equal(got, want) {
		t.Errorf("it goes on with %v, want %v", got, want)
	}
}

// Of what two hold, the one that leads is the owner.
func TestTakeUpOwnsBlocks(t *testing.T) {
	owners := map[int32]uint32{}
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Observer: &engine.Observer{
		Block: func(b engine.BlockInfo) { owners[b.Block] = b.Owner },
	}})
	r := rand.New(rand.NewPCG(45, 46))
	h := add(t, e, engine.Request{Prompt: prompt(r, 10), Params: greedy(3), Hold: true})
	collect(t, h)
	fork, err := h.Fork()
	if err != nil {
		t.Fatal(err)
	}
	for _, lead := range []*engine.Handle{h, fork, h} {
		if err := lead.TakeUp(); err != nil {
			t.Fatal(err)
		}
		s, err := lead.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range s.Blocks {
			if owners[b] != lead.ID() {
				t.Errorf("block %d belongs to %d, want %d", b, owners[b], lead.ID())
			}
		}
		if _, err := e.CheckPool(); err != nil {
			t.Fatal(err)
		}
	}
}

package kvcache_test

import (
	"runtime"
	"slices"
	"testing"

	"vitrine/engine/kvcache"
)

// filled makes a table with the given tokens, computed and known to the cache.
func filled(t *testing.T, p *kvcache.Pool, owner uint32, salt string, tokens []int32) *kvcache.Table {
	t.Helper()
	table := &kvcache.Table{Owner: owner, Salt: salt}
	grow(t, p, table, len(tokens))
	p.Fill(table, len(tokens))
	p.Register(table, tokens)
	return table
}

func TestMatch(t *testing.T) {
	p := newPool(t, 20, 4)
	ids := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	a := filled(t, p, 1, "", ids)
	salted := filled(t, p, 2, "pepper", ids)
	for _, c := range []struct {
		name   string
		salt   string
		tokens []int32
		want   []int32
	}{
		{"the same", "", ids, a.Blocks[:2]},
		{"a longer one", "", append(slices.Clone(ids), 11, 12, 13), a.Blocks[:2]},
		{"never the last token", "", ids[:8], a.Blocks[:1]},
		{"nor of a single block", "", ids[:4], nil},
		{"but all before it", "", ids[:9], a.Blocks[:2]},
		{"another first token", "", []int32{0, 2, 3, 4, 5, 6, 7, 8, 9}, nil},
		{"the second block elsewhere", "", []int32{5, 6, 7, 8, 9}, nil},
		{"another second block", "", []int32{1, 2, 3, 4, 5, 6, 7, 0, 9}, a.Blocks[:1]},
		{"the salt of the other", "pepper", ids, salted.Blocks[:2]},
		{"a salt of nobody", "mint", ids, nil},
		{"no tokens", "", nil, nil},
	} {
		if got := p.Match(nil, &kvcache.Table{Salt: c.salt}, c.tokens); !slices.Equal(got, c.want) {
			t.Errorf("%s: blocks %v, want %v", c.name, got, c.want)
		}
	}
}

// A block is found when its keys and values are written and its hash told, not
// before, and not when it is written to again.
func TestHashedWhenWritten(t *testing.T) {
	p := newPool(t, 8, 4)
	ids := []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	find := func() int { return len(p.Match(nil, &kvcache.Table{}, ids)) }
	a := &kvcache.Table{Owner: 1}
	grow(t, p, a, 9)
	for _, c := range []struct{ filled, found int }{{0, 0}, {3, 0}, {4, 1}, {7, 1}, {8, 2}, {9, 2}} {
		p.Fill(a, c.filled)
		p.Register(a, ids)
		if n := find(); n != c.found {
			t.Errorf("with %d tokens written %d blocks are found, want %d", c.filled, n, c.found)
		}
	}
	p.Truncate(a, 6)
	if n := find(); n != 1 {
		t.Errorf("%d blocks are found while the second one's holder has gone back into it, want 1", n)
	}
	grow(t, p, a, 7)
	p.Truncate(a, 0)
	if n := find(); n != 1 {
		t.Errorf("%d blocks are found after the second was written to again, want 1", n)
	}
	if err := p.Check([]*kvcache.Table{a}); err != nil {
		t.Error(err)
	}
}

// Free blocks are found until somebody needs them: a sequence's tail goes before
// its head, what was used long ago before what was used just now, and a hit
// counts as use.
func TestCachedUntilEvicted(t *testing.T) {
	p := newPool(t, 6, 2)
	old, young := []int32{1, 2, 3, 4, 5, 6}, []int32{7, 8, 9, 10, 11, 12}
	a, b := filled(t, p, 1, "", old), filled(t, p, 2, "", young)
	first := slices.Clone(a.Blocks)
	p.Truncate(a, 0)
	p.Truncate(b, 0)
	if s := p.Stats(); s.Cached != 6 || s.Held != 0 || p.Free() != 6 {
		t.Fatalf("the pool says %+v, want 6 blocks free and cached", s)
	}
	has := func(tokens []int32) int { return len(p.Match(nil, &kvcache.Table{}, append(slices.Clone(tokens), 0))) }
	// Somebody comes who needs the beginning of the old one, and leaves.
	c := &kvcache.Table{Owner: 3}
	hit := p.Match(nil, c, old[:3])
	if err := p.Attach(c, hit); err != nil || !slices.Equal(hit, first[:1]) {
		t.Fatalf("blocks %v were found, want %v (%v)", hit, first[:1], err)
	}
	if info, _ := p.Info(hit[0]); info.Cause != kvcache.Hit || info.Refs != 1 || info.Order != 0 || info.Filled != 2 {
		t.Errorf("the block that was found says %+v", info)
	}
	p.Truncate(c, 0)
	taken := &kvcache.Table{Owner: 4}
	for i, want := range []struct{ old, young int }{{2, 3}, {1, 3}, {1, 2}, {1, 1}, {1, 0}, {0, 0}} {
		grow(t, p, taken, 2*(i+1))
		if has(old) != want.old || has(young) != want.young {
			t.Errorf("after %d blocks were taken %d and %d are found, want %d and %d", i+1, has(old), has(young), want.old, want.young)
		}
	}
	if s := p.Stats(); s.Evictions != 6 || s.Cached != 0 {
		t.Errorf("the pool says %+v, want 6 evictions", s)
	}
	if err := p.Check([]*kvcache.Table{taken}); err != nil {
		t.Error(err)
	}
}

// Two who compute the same at the same time keep their blocks; the first one's are found.
func TestTheSameTwice(t *testing.T) {
	p := newPool(t, 8, 2)
	ids := []int32{1, 2, 3, 4, 5}
	a, b := filled(t, p, 1, "", ids), filled(t, p, 2, "", ids)
	if got := p.Match(nil, &kvcache.Table{}, ids); !slices.Equal(got, a.Blocks[:2]) {
		t.Errorf("blocks %v are found, want those of the first, %v", got, a.Blocks[:2])
	}
	if err := p.Check([]*kvcache.Table{a, b}); err != nil {
		t.Error(err)
	}
}

// The hashes of two pools differ unless they are told not to, so nobody outside
// can look for two prefixes that collide.
func TestSeed(t *testing.T) {
	hash := func(seed uint64) kvcache.Hash {
		p := newPool(t, 2, 2)
		if seed != 0 {
			p.EnablePrefixCaching(seed)
		}
		a := filled(t, p, 1, "", []int32{1, 2})
		return p.HashOf(a.Blocks[0])
	}
	seen := map[kvcache.Hash]bool{}
	for _, seed := range []uint64{0, 0, 0, 1, 2} {
		seen[hash(seed)] = true
	}
	if len(seen) != 5 {
		t.Errorf("five pools, three of random seeds, have %d hashes of the same block", len(seen))
	}
	if !seen[hash(1)] || !seen[hash(2)] {
		t.Error("pools of the same seed hash differently")
	}
}

// A hash that another content has as well gives nothing away: the tokens are compared.
func TestCollision(t *testing.T) {
	p := newPool(t, 4, 2)
	a := filled(t, p, 1, "", []int32{1, 2, 3})
	p.Forge(a.Blocks[0], []int32{8, 9}) // says that it holds these, under the hash of the others
	if got := p.Match(nil, &kvcache.Table{}, []int32{1, 2, 3}); len(got) != 0 {
		t.Errorf("blocks %v are found for tokens that they do not hold", got)
	}
}

// A pool without a prefix cache takes no memory for one, finds nothing and remembers
// nothing.
func TestWithoutPrefixCache(t *testing.T) {
	const blocks, size = 4096, 64
	bytes := func(caching bool) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := kvcache.NewPool(blocks, size)
		if err != nil {
			t.Fatal(err)
		}
		if caching {
			p.EnablePrefixCaching(0)
		}
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(p)
		return after.TotalAlloc - before.TotalAlloc
	}
	const perBlock = 160 // its record and one holder
	if got := bytes(false); got > blocks*perBlock {
		t.Errorf("a pool without a prefix cache takes %d bytes a block, want at most %d", got/blocks, perBlock)
	}
	if got := bytes(true); got < blocks*4*size {
		t.Errorf("a pool with a prefix cache takes %d bytes a block, fewer than its tokens", got/blocks)
	}

	p, err := kvcache.NewPool(8, 2)
	if err != nil {
		t.Fatal(err)
	}
	p.OnPrefix = func(e kvcache.PrefixEvent) {
		if e.Kind != kvcache.AllBlocksCleared {
			t.Errorf("the prefix cache that is not there tells %+v", e)
		}
	}
	ids := []int32{1, 2, 3, 4, 5}
	a := filled(t, p, 1, "", ids)
	if got := p.Match(nil, &kvcache.Table{}, ids); len(got) > 0 {
		t.Errorf("blocks %v are found", got)
	}
	if n := testing.AllocsPerRun(10, func() { p.Register(a, ids); p.Match(nil, a, ids) }); n > 0 {
		t.Errorf("to register and to match allocate %v times", n)
	}
	p.Release(a)
	p.Reset()
	if err := p.Check(nil); err != nil {
		t.Error(err)
	}
}

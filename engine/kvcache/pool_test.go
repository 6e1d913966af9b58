package kvcache_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vitrine/engine/kvcache"
)

func newPool(t *testing.T, blocks, size int) *kvcache.Pool {
	t.Helper()
	p, err := kvcache.NewPool(blocks, size)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestGrowAndTruncate(t *testing.T) {
	p := newPool(t, 4, 16)
	a, b := kvcache.Table{Owner: 1}, kvcache.Table{Owner: 2}
	for _, step := range []struct {
		table *kvcache.Table
		n     int
		held  int
	}{{&a, 0, 0}, {&a, 1, 1}, {&a, 16, 1}, {&a, 17, 2}, {&b, 32, 2}} {
		if err := p.Grow(step.table, step.n); err != nil {
			t.Fatal(err)
		}
		if len(step.table.Blocks) != step.held {
			t.Errorf("%d tokens hold %d blocks, want %d", step.n, len(step.table.Blocks), step.held)
		}
	}
	if err := p.Grow(&a, 33); !errors.Is(err, kvcache.ErrNoFreeBlocks) {
		t.Errorf("growing into a full pool: %v, want ErrNoFreeBlocks", err)
	}
	p.Fill(&b, 20)
	if info, _ := p.Info(b.Blocks[0]); info.Filled != 16 {
		t.Errorf("the first block of 20 tokens holds %d", info.Filled)
	}
	if info, _ := p.Info(b.Blocks[1]); info.Filled != 4 {
		t.Errorf("the second block of 20 tokens holds %d", info.Filled)
	}
	freed := b.Blocks[1]
	p.Truncate(&b, 10)
	if info, _ := p.Info(b.Blocks[0]); info.Filled != 10 {
		t.Errorf("after truncating to 10 the block holds %d", info.Filled)
	}
	if info, _ := p.Info(freed); info.Refs != 0 || info.Filled != 0 || info.Owner != 0 {
		t.Errorf("the freed block says %+v", info)
	}
	if err := p.Check([]*kvcache.Table{&a, &b}); err != nil {
		t.Error(err)
	}
}

// The tail of a freed sequence is handed out again before its head, and what
// was freed first goes first.
func TestEvictionOrder(t *testing.T) {
	p := newPool(t, 3, 1)
	a := kvcache.Table{Owner: 1}
	if err := p.Grow(&a, 3); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(a.Blocks)
	slices.Reverse(want)
	p.Truncate(&a, 0)
	b := kvcache.Table{Owner: 2}
	if err := p.Grow(&b, 3); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(b.Blocks, want) {
		t.Errorf("blocks %v, want %v", b.Blocks, want)
	}
}

func TestOnChangeTellsEverything(t *testing.T) {
	p := newPool(t, 5, 4)
	seen := map[int32]kvcache.BlockInfo{}
	p.OnChange = func(b kvcache.BlockInfo) { seen[b.Block] = b }
	a := kvcache.Table{Owner: 9}
	if err := p.Grow(&a, 11); err != nil {
		t.Fatal(err)
	}
	p.Fill(&a, 11)
	p.Truncate(&a, 5)
	for b := range int32(5) {
		info, _ := p.Info(b)
		if told, ok := seen[b]; ok && told != info {
			t.Errorf("block %d is %+v and was told as %+v", b, info, told)
		} else if !ok && info.Refs != 0 {
			t.Errorf("block %d is held and was never told of", b)
		}
	}
}

// Random operations on several sequences keep the books right.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 32).Draw(t, "block size")
		p, err := kvcache.NewPool(rapid.IntRange(1, 40).Draw(t, "blocks"), size)
		if err != nil {
			t.Fatal(err)
		}
		tables := make([]*kvcache.Table, 4)
		for i := range tables {
			tables[i] = &kvcache.Table{Owner: uint32(i + 1)}
		}
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			table := tables[rapid.IntRange(0, len(tables)-1).Draw(t, "sequence")]
			n := rapid.IntRange(0, 20*size).Draw(t, "tokens")
			switch rapid.IntRange(0, 2).Draw(t, "operation") {
			case 0:
				before := slices.Clone(table.Blocks)
				if err := p.Grow(table, n); err != nil && !slices.Equal(before, table.Blocks) {
					t.Fatalf("a failed Grow changed the table")
				}
			case 1:
				p.Truncate(table, n)
			case 2:
				p.Fill(table, min(n, len(table.Blocks)*size))
			}
			if err := p.Check(tables); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestBadSizes(t *testing.T) {
	for _, c := range [][2]int{{0, 16}, {-1, 16}, {1 << 29, 16}, {4, 0}, {4, 1 << 13}} {
		if _, err := kvcache.NewPool(c[0], c[1]); err == nil {
			t.Errorf("a pool of %d blocks of %d was made", c[0], c[1])
		}
	}
}

package kvcache_test

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
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
	p.EnablePrefixCaching(0)
	return p
}

// grow gives a table blocks of its own for n tokens.
func grow(t *testing.T, p *kvcache.Pool, table *kvcache.Table, n int) {
	t.Helper()
	if c, copies, err := p.Grow(table, n); err != nil || copies {
		t.Fatalf("growing sequence %d to %d tokens: copy %v (%v), error %v", table.Owner, n, copies, c, err)
	}
}

func TestGrowAndTruncate(t *testing.T) {
	p := newPool(t, 4, 16)
	a, b := kvcache.Table{Owner: 1}, kvcache.Table{Owner: 2}
	for _, step := range []struct {
		table *kvcache.Table
		n     int
		held  int
	}{{&a, 0, 0}, {&a, 1, 1}, {&a, 16, 1}, {&a, 17, 2}, {&b, 32, 2}} {
		grow(t, p, step.table, step.n)
		if len(step.table.Blocks) != step.held {
			t.Errorf("%d tokens hold %d blocks, want %d", step.n, len(step.table.Blocks), step.held)
		}
	}
	if _, _, err := p.Grow(&a, 33); !errors.Is(err, kvcache.ErrNoFreeBlocks) {
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
	grow(t, p, &a, 3)
	want := slices.Clone(a.Blocks)
	slices.Reverse(want)
	p.Truncate(&a, 0)
	b := kvcache.Table{Owner: 2}
	grow(t, p, &b, 3)
	if !slices.Equal(b.Blocks, want) {
		t.Errorf("blocks %v, want %v", b.Blocks, want)
	}
}

func TestOnChangeTellsEverything(t *testing.T) {
	p := newPool(t, 5, 4)
	seen := map[int32]kvcache.BlockInfo{}
	p.OnChange = func(b kvcache.BlockInfo) { seen[b.Block] = b }
	a := kvcache.Table{Owner: 9}
	grow(t, p, &a, 11)
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

// A fork takes no block until it writes, and then one for the last block only;
// who is left with a block to itself writes where it is.
func TestFork(t *testing.T) {
	p := newPool(t, 6, 4)
	a, b, c := kvcache.Table{Owner: 1}, kvcache.Table{Owner: 2}, kvcache.Table{Owner: 3}
	grow(t, p, &a, 10)
	p.Fill(&a, 10)
	for _, fork := range []*kvcache.Table{&b, &c} {
		if err := p.Fork(fork, &a); err != nil {
			t.Fatal(err)
		}
	}
	tables := []*kvcache.Table{&a, &b, &c}
	check := func(free int, refs ...int) {
		t.Helper()
		if err := p.Check(tables); err != nil {
			t.Error(err)
		}
		if p.Free() != free {
			t.Errorf("%d blocks are free, want %d", p.Free(), free)
		}
		for i, want := range refs {
			if info, _ := p.Info(int32(i)); info.Refs != want {
				t.Errorf("block %d has %d references, want %d", i, info.Refs, want)
			}
		}
	}
	check(3, 3, 3, 3)
	if err := p.Fork(&b, &a); err == nil {
		t.Error("a sequence that holds blocks was forked into")
	}
	// Two copy the last block, the third may keep it.
	for i, table := range []*kvcache.Table{&b, &a} {
		want := kvcache.Copy{Dst: int32(3 + i), Src: 2}
		if got, copies, err := p.Grow(table, 11); err != nil || !copies || got != want {
			t.Errorf("sequence %d copies %v (%v, %v), want %v", table.Owner, got, copies, err, want)
		}
		p.Fill(table, 11)
		if table.Blocks[2] != want.Dst {
			t.Errorf("sequence %d has blocks %v, want the copy %d last", table.Owner, table.Blocks, want.Dst)
		}
	}
	check(1, 3, 3, 1, 1, 1)
	grow(t, p, &c, 11)
	p.Fill(&c, 11)
	check(1, 3, 3, 1)
	// The owner goes, and the block is the next one's.
	p.Truncate(&a, 0)
	check(2, 2, 2, 1)
	if info, _ := p.Info(0); info.Owner != 2 {
		t.Errorf("block 0 belongs to sequence %d, want 2", info.Owner)
	}
	p.Truncate(&b, 0)
	p.Truncate(&c, 0)
	check(6)
	// No copy without a block to copy to, and nothing changes.
	grow(t, p, &a, 23)
	p.Fill(&a, 23)
	if err := p.Fork(&b, &a); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Grow(&b, 24); !errors.Is(err, kvcache.ErrNoFreeBlocks) {
		t.Errorf("writing to a shared block of a full pool: %v, want ErrNoFreeBlocks", err)
	}
	check(0, 2, 2, 2)
}

// Random operations on several sequences keep the books right, and a sequence
// reads what it wrote, whoever forked from whom, and whatever it found in the
// prefix cache.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 32).Draw(t, "block size")
		p, err := kvcache.NewPool(rapid.IntRange(1, 40).Draw(t, "blocks"), size)
		if err != nil {
			t.Fatal(err)
		}
		p.EnablePrefixCaching(0)
		told := map[int32]kvcache.BlockInfo{}
		p.OnChange = func(b kvcache.BlockInfo) { told[b.Block] = b }
		known := map[kvcache.Hash]bool{}
		p.OnPrefix = func(e kvcache.PrefixEvent) {
			switch e.Kind {
			case kvcache.BlockStored:
				if known[e.Hash] || len(e.Tokens) != size {
					t.Fatalf("a block with %d tokens is stored, it was known: %v", len(e.Tokens), known[e.Hash])
				}
				known[e.Hash] = true
			case kvcache.BlockRemoved:
				if !known[e.Hash] {
					t.Fatalf("block %x is removed and was not known", e.Hash)
				}
				delete(known, e.Hash)
			case kvcache.AllBlocksCleared:
				clear(known)
			}
		}
		m := &machine{t: t, p: p, memory: make([]state, p.Blocks()*size)}
		for i := range 5 {
			m.tables = append(m.tables, &kvcache.Table{Owner: uint32(i + 1), Salt: []string{"", "", "", "a", "a"}[i]})
		}
		m.tokens = make([][]int32, len(m.tables))
		for range rapid.IntRange(1, 60).Draw(t, "operations") {
			i := rapid.IntRange(0, len(m.tables)-1).Draw(t, "sequence")
			table := m.tables[i]
			switch rapid.IntRange(0, 6).Draw(t, "operation") {
			case 0, 1: // write more
				m.write(i, rapid.IntRange(0, 3*size).Draw(t, "more tokens"))
			case 2: // go back
				n := rapid.IntRange(0, len(m.tokens[i])).Draw(t, "tokens kept")
				m.tokens[i] = m.tokens[i][:n]
				p.Truncate(table, n)
			case 3:
				m.fork(i, rapid.IntRange(0, len(m.tables)-1).Draw(t, "forked from"))
			case 4: // start over, with the tokens of another and what the cache has of them
				from := rapid.IntRange(0, len(m.tables)-1).Draw(t, "begins like")
				m.begin(i, slices.Clone(m.tokens[from]))
			case 5:
				runs := p.FreeRuns(nil)
				if len(runs) == 0 || len(table.Blocks) > 0 {
					break
				}
				run := runs[rapid.IntRange(0, len(runs)-1).Draw(t, "run")]
				run.Count = int32(rapid.IntRange(1, int(run.Count)).Draw(t, "blocks"))
				if err := p.Reserve(table, run); err != nil {
					t.Fatal(err)
				}
			case 6:
				m.tokens[i] = nil
				p.Release(table)
				if rapid.IntRange(0, 9).Draw(t, "reset") == 0 {
					p.Reset()
				}
			}
			if err := p.Check(m.tables); err != nil {
				t.Fatal(err)
			}
			m.read()
			hashed := 0
			for b := range int32(p.Blocks()) {
				if info, _ := p.Info(b); info.Hashed {
					hashed++
					if !known[p.HashOf(b)] {
						t.Fatalf("the prefix cache knows block %d and did not say so", b)
					}
				}
				// A free block's place is told when it has one for the second time.
				if info, _ := p.Info(b); told[b] != info && (told[b] != kvcache.BlockInfo{} || info.Refs > 0) {
					t.Fatalf("block %d is %+v and was told as %+v", b, info, told[b])
				}
			}
			if hashed != len(known) {
				t.Fatalf("%d blocks are known by what was told, want %d", len(known), hashed)
			}
		}
	})
}

// state is what a slot holds: a hash of the salt and the tokens up to its own,
// as keys and values depend on all of them.
type state uint64

func states(salt string, tokens []int32) []state {
	h := fnv.New64a()
	_, _ = h.Write([]byte(salt))
	var out []state
	for _, id := range tokens {
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
		out = append(out, state(h.Sum64()))
	}
	return out
}

// machine is a pool with memory behind it, and the sequences that use it.
type machine struct {
	t      *rapid.T
	p      *kvcache.Pool
	memory []state
	tables []*kvcache.Table
	tokens [][]int32
}

// write computes n more tokens of a sequence, of an alphabet of two, so that
// different sequences often hold the same.
func (m *machine) write(i, n int) {
	table, size := m.tables[i], m.p.BlockSize()
	had := len(m.tokens[i])
	before := slices.Clone(table.Blocks)
	c, copies, err := m.p.Grow(table, had+n)
	if err != nil {
		if !slices.Equal(before, table.Blocks) {
			m.t.Fatalf("a failed Grow changed the table")
		}
		return
	}
	if copies {
		copy(m.memory[int(c.Dst)*size:int(c.Dst+1)*size], m.memory[int(c.Src)*size:int(c.Src+1)*size])
	}
	same := int32(rapid.IntRange(0, 1).Draw(m.t, "token"))
	for range n {
		m.tokens[i] = append(m.tokens[i], same)
	}
	for pos, s := range states(table.Salt, m.tokens[i]) {
		if pos >= had {
			m.memory[table.Slot(pos, size)] = s
		}
	}
	m.p.Fill(table, had+n)
	m.p.Register(table, m.tokens[i])
}

func (m *machine) fork(child, parent int) {
	if child == parent || m.tables[child].Salt != m.tables[parent].Salt {
		return
	}
	free, held := m.p.Free(), len(m.tables[child].Blocks)
	if err := m.p.Fork(m.tables[child], m.tables[parent]); (err != nil) != (held > 0) {
		m.t.Fatalf("forking into %d blocks: %v", held, err)
	} else if err == nil {
		m.tokens[child] = slices.Clone(m.tokens[parent])
	}
	if m.p.Free() != free {
		m.t.Fatalf("a fork took %d blocks", free-m.p.Free())
	}
}

// begin makes a sequence begin anew with the tokens that the cache has of those given.
func (m *machine) begin(i int, tokens []int32) {
	table := m.tables[i]
	m.tokens[i] = nil
	m.p.Release(table)
	found := m.p.Match(nil, table, tokens)
	if n := len(found) * m.p.BlockSize(); n > 0 && n >= len(tokens) {
		m.t.Fatalf("all of %d tokens were found, in %d blocks", len(tokens), len(found))
	}
	if err := m.p.Attach(table, found); err != nil {
		m.t.Fatal(err)
	}
	m.tokens[i] = tokens[:len(found)*m.p.BlockSize()]
	m.p.Truncate(table, len(m.tokens[i])) // the rest will be others
}

// read proves that every sequence finds what it wrote.
func (m *machine) read() {
	for i, table := range m.tables {
		for pos, want := range states(table.Salt, m.tokens[i]) {
			if got := m.memory[table.Slot(pos, m.p.BlockSize())]; got != want {
				m.t.Fatalf("sequence %d reads %d at %d, want %d", table.Owner, got, pos, want)
			}
		}
	}
}

func TestBadSizes(t *testing.T) {
	for _, c := range [][2]int{{0, 16}, {-1, 16}, {1 << 29, 16}, {4, 0}, {4, 1 << 13}} {
		if _, err := kvcache.NewPool(c[0], c[1]); err == nil {
			t.Errorf("a pool of %d blocks of %d was made", c[0], c[1])
		}
	}
}

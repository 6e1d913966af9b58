package kvcache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// Hash names what a full block holds and all that stands before it: SHA-256 of
// the hash of the block before, the block's token ids and, in the first block,
// the salt. The chain begins with the pool's seed (vLLM, "Automatic Prefix
// Caching"; Zheng et al. 2024, "SGLang", keep a tree instead).
type Hash [sha256.Size]byte

// content is what the prefix cache knows of a block: everything that its keys
// and values depend on.
type content struct {
	hash, parent Hash
	salt         string // of the sequence, in its first block
	tokens       []int32
}

// PrefixEvent is a change of what the prefix cache knows. What was stored less
// what was removed since, after the last time that all was cleared, is what it
// knows now. The names are those of vLLM's KV events.
type PrefixEvent struct {
	Kind PrefixEventKind
	Hash Hash // of the block that was stored or removed

	// BlockStored: the hash of the block before it, if First is false, its
	// token ids and its salt, as far as it is the first.

	Parent Hash
	First  bool // it begins its sequence
	Tokens []int32
	Salt   string
}

// PrefixEventKind tells the kinds of [PrefixEvent] apart.
type PrefixEventKind uint8

// The kinds of changes.
const (
	BlockStored      PrefixEventKind = iota + 1 // a full block can be found from now on
	BlockRemoved                                // a block was forgotten: it is to be written to
	AllBlocksCleared                            // everything was forgotten
)

// prefixCache finds blocks by what they hold. Of several that hold the same it
// knows the first.
type prefixCache struct {
	seed     Hash
	blocks   map[Hash]int32
	contents []content // of each block of the pool; nil without a prefix cache
	buffer   []byte    // for what is hashed
}

// EnablePrefixCaching gives the pool a prefix cache, and the memory that it takes: every
// full block that [Pool.Register] is told of can be found again. It must be called before any
// block is taken. Hashes are those of every pool with the same seed; 0 means a random
// one.
func (p *Pool) EnablePrefixCaching(seed uint64) {
	n := len(p.blocks)
	c := prefixCache{blocks: make(map[Hash]int32, n), contents: make([]content, n)}
	if seed == 0 {
		_, _ = rand.Read(c.seed[:]) // it never fails, or ends the process
	} else {
		binary.LittleEndian.PutUint64(c.seed[:], seed)
	}
	tokens := make([]int32, n*p.blockSize) // every block has some in time, and no step shall take memory
	for i := range c.contents {
		c.contents[i].tokens = tokens[i*p.blockSize:][:0:p.blockSize]
	}
	p.cache = c
}

// hash is the next link of the chain.
func (c *prefixCache) hash(parent Hash, salt string, tokens []int32) Hash {
	b := append(c.buffer[:0], parent[:]...)
	for _, id := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	b = append(b, salt...) // behind a fixed number of bytes, so nothing else reads the same
	c.buffer = b
	return sha256.Sum256(b)
}

// link returns what the i-th block of a table's tokens is to hold, and
// remembers its hash.
func (p *Pool) link(t *Table, tokens []int32, i int) content {
	c := content{parent: p.cache.seed, tokens: tokens[i*p.blockSize : (i+1)*p.blockSize]}
	if i == 0 {
		c.salt = t.Salt
	} else {
		c.parent = t.hashes[i-1]
	}
	if i == len(t.hashes) {
		t.hashes = append(t.hashes, p.cache.hash(c.parent, c.salt, c.tokens))
	}
	c.hash = t.hashes[i]
	return c
}

// same says whether two blocks hold the same: their hashes may agree by
// accident, or by somebody's hard work, so everything is compared.
func (c *content) same(o *content) bool {
	return c.hash == o.hash && c.parent == o.parent && c.salt == o.salt && slices.Equal(c.tokens, o.tokens)
}

// Match appends to found the blocks that hold the keys and values of the first
// tokens, from the first block on as far as there are any, and returns it. At least
// the last token is never among them: its logits have to be computed. Nor is a
// block that one who holds it has gone back into ([Pool.Truncate]) and may write to
// next: he would have to copy it then, which no plan has counted. The table
// is only used for its salt, and to keep the hashes for the next time: its
// tokens must be the same then as far as it was not truncated.
func (p *Pool) Match(found []int32, t *Table, tokens []int32) []int32 {
	if p.cache.contents == nil {
		return found
	}
	for i := range max(len(tokens)-1, 0) / p.blockSize {
		want := p.link(t, tokens, i)
		b, ok := p.cache.blocks[want.hash]
		if !ok || !p.cache.contents[b].same(&want) || p.written(b) {
			break
		}
		found = append(found, b)
	}
	return found
}

// written says whether somebody who holds a block writes to it next.
func (p *Pool) written(b int32) bool {
	block := &p.blocks[b]
	return slices.ContainsFunc(block.holders, func(t *Table) bool { return t.filled < (block.info.Index+1)*p.blockSize })
}

// Attach gives a table that holds nothing the blocks that [Pool.Match] found
// for it. Those that were free are not any more.
func (p *Pool) Attach(t *Table, found []int32) error {
	if len(t.Blocks) > 0 {
		return fmt.Errorf("kvcache: sequence %d holds %d blocks, want none to attach cached ones to", t.Owner, len(t.Blocks))
	}
	t.filled, t.offered = len(found)*p.blockSize, len(found)
	for i, b := range found {
		block := &p.blocks[b]
		if len(block.holders) == 0 {
			p.removeFree(b)
			block.info.Index = i
		}
		block.holders = append(block.holders, t)
		t.Blocks = append(t.Blocks, b)
		p.changed(b, Hit)
	}
	return nil
}

// Register tells the prefix cache of the table's full blocks. It must be called
// after their keys and values are written and [Pool.Fill] has said so. Without a prefix cache
// it does nothing.
func (p *Pool) Register(t *Table, tokens []int32) {
	if p.cache.contents == nil {
		return
	}
	for ; t.offered < t.filled/p.blockSize; t.offered++ {
		c := p.link(t, tokens, t.offered)
		b := t.Blocks[t.offered]
		if _, known := p.cache.blocks[c.hash]; known || p.blocks[b].info.Hashed {
			continue
		}
		c.tokens = append(p.cache.contents[b].tokens[:0], c.tokens...)
		p.cache.contents[b] = c
		p.blocks[b].info.Hashed = true
		p.cache.blocks[c.hash] = b
		p.changed(b, Hashed)
		if p.OnPrefix != nil {
			p.OnPrefix(PrefixEvent{Kind: BlockStored, Hash: c.hash, Parent: c.parent, First: t.offered == 0, Tokens: c.tokens, Salt: c.salt})
		}
	}
}

// forget takes a block out of the prefix cache, and says so.
func (p *Pool) forget(b int32) {
	if !p.blocks[b].info.Hashed {
		return
	}
	hash := p.cache.contents[b].hash
	p.drop(b)
	if p.OnPrefix != nil {
		p.OnPrefix(PrefixEvent{Kind: BlockRemoved, Hash: hash})
	}
}

// drop takes a block out of the prefix cache, if it is in it.
func (p *Pool) drop(b int32) {
	block := &p.blocks[b]
	if !block.info.Hashed {
		return
	}
	known := &p.cache.contents[b]
	if len(block.holders) == 0 {
		p.stats.Cached--
	}
	delete(p.cache.blocks, known.hash)
	*known = content{tokens: known.tokens[:0]} // its memory is used again
	block.info.Hashed = false
	p.stats.Evictions++
	p.changed(b, Evicted)
}

// Reset empties the prefix cache. Blocks that are held stay held.
func (p *Pool) Reset() {
	for b := range p.blocks {
		p.drop(int32(b))
	}
	if p.OnPrefix != nil {
		p.OnPrefix(PrefixEvent{Kind: AllBlocksCleared})
	}
}

package kvcache

// HashOf is the hash of a block that the prefix cache knows.
func (p *Pool) HashOf(b int32) Hash { return p.blocks[b].content.hash }

// Forge makes the prefix cache believe that a block holds other tokens than its
// hash is of, as if two had the same hash.
func (p *Pool) Forge(b int32, tokens []int32) { p.blocks[b].content.tokens = tokens }

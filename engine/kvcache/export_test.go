package kvcache

// HashOf is the hash of a block that the prefix cache knows.
func (p *Pool) HashOf(b int32) Hash { return p.cache.contents[b].hash }

// Forge makes the prefix cache believe that a block holds other tokens than its
// hash is of, as if two had the same hash.
func (p *Pool) Forge(b int32, tokens []int32) { p.cache.contents[b].tokens = tokens }

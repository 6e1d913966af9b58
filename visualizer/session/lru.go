package session

// lru is a map whose entries have sizes; when their sum passes the limit, the
// least recently used ones go. The newest entry stays whatever its size, so
// that an answer that was waited for can be read at least once.
type lru[K comparable, V any] struct {
	limit, used int
	nodes       map[K]*node[K, V]
	first, last *node[K, V] // most and least recently used
}

type node[K comparable, V any] struct {
	key        K
	value      V
	size       int
	prev, next *node[K, V]
}

func newLRU[K comparable, V any](limit int) lru[K, V] {
	return lru[K, V]{limit: limit, nodes: map[K]*node[K, V]{}}
}

// get is the value of k, which becomes the most recently used.
func (c *lru[K, V]) get(k K) (v V, ok bool) {
	n := c.nodes[k]
	if n == nil {
		return v, false
	}
	c.unlink(n)
	c.link(n)
	return n.value, true
}

// put sets the value of k and makes room for it.
func (c *lru[K, V]) put(k K, v V, size int) {
	if n := c.nodes[k]; n != nil {
		c.remove(n)
	}
	n := &node[K, V]{key: k, value: v, size: size}
	c.nodes[k] = n
	c.used += size
	c.link(n)
	for c.used > c.limit && c.last != n {
		c.remove(c.last)
	}
}

func (c *lru[K, V]) reset() { *c = newLRU[K, V](c.limit) }

func (c *lru[K, V]) remove(n *node[K, V]) {
	c.unlink(n)
	delete(c.nodes, n.key)
	c.used -= n.size
}

// link puts n first.
func (c *lru[K, V]) link(n *node[K, V]) {
	n.prev, n.next = nil, c.first
	if c.first != nil {
		c.first.prev = n
	} else {
		c.last = n
	}
	c.first = n
}

func (c *lru[K, V]) unlink(n *node[K, V]) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		c.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		c.last = n.prev
	}
}

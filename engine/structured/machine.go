package structured

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
)

const (
	// maxStates bounds the bytes that a machine remembers states with. What is
	// beyond is forgotten and found anew.
	maxStates = 16 << 20
	// maxWork bounds the instructions that one mask may take, to tenths of a second.
	// Masks take some thousands as a rule.
	maxWork = 2_000_000
	// maxSaved bounds the instructions that all the texts of one answer's outputs may
	// take at once, beyond refill for each of their calls: to about a second. A token takes
	// some thousands at first, and nearly none when others were there before.
	maxSaved = 4_000_000
	refill   = 5_000
)

// machine runs a program for any number of texts. It finds the states of the
// deterministic automaton as they are met (Thompson 1968; Cox 2007, "Regular
// Expression Matching Can Be Simple And Fast") and remembers them.
type machine struct {
	*program
	vocabulary *Vocabulary

	mu     sync.Mutex
	states map[string]*state
	nodes  map[string]*node
	made   []*state // those that remember something of this generation
	gen    uint32
	held   int    // bytes that are remembered
	lastID uint64 // of a node
	work   int    // instructions since the last call from outside
	most   int    // that may be taken until the next one
	start  *state
	dead   *state
	root   *node
	key    []byte
	search closure
	path   []*state
}

// node is a set of places to return to. The stacks of all ways to read a text
// share their nodes (Tomita 1985, "An efficient context-free parsing algorithm
// for natural languages"), so that they do not multiply with its depth.
type node struct {
	id     uint64
	depth  int32
	frames []frame
}

// frame is a place to return to.
type frame struct {
	ret    pc
	parent *node
}

// item is a place that has been reached, and how it was.
type item struct {
	at   pc
	node *node
}

// state is what has been read, as far as it matters for what may come.
type state struct {
	items []item // instructions that read a byte, sorted
	ends  bool   // the text may end here
	gen   uint32
	next  []*state // [classes], nil where it is not known yet
	mask  []uint64
	// plain is the state behind each of plainBytes, if it is the same for all;
	// the machine's dead state if it is not, and nil where it is not known.
	plain *state
}

func newMachine(p *program, v *Vocabulary) (*machine, error) {
	m := &machine{program: p, vocabulary: v, dead: &state{}, root: &node{}, path: make([]*state, v.depth+1), most: maxWork}
	m.reset()
	m.search.begin()
	m.walk(m.rules[0].start, m.root)
	m.start = m.settle()
	// The first mask is the broadest as a rule: what is hopeless is found here.
	if _, err := m.maskOf(m.start); err != nil {
		return nil, err
	}
	return m, nil
}

// reset forgets all states and nodes. Those in use stay good: they know what
// they are, but no longer what follows.
func (m *machine) reset() {
	for _, s := range m.made {
		s.next, s.mask, s.plain = nil, nil, nil
	}
	m.states, m.nodes, m.made = map[string]*state{}, map[string]*node{}, nil
	m.gen++
	m.held = 0
}

// remembers counts a state in, to be cut loose by the next reset.
func (m *machine) remembers(s *state, bytes int) {
	if s.gen != m.gen {
		s.gen = m.gen
		m.made = append(m.made, s)
	}
	m.held += bytes
}

// allowance is what the outputs of one answer may still take together of the
// machine, which serves all answers: one that is costly must not hold up the
// others for long. It is guarded by the machine's lock.
type allowance struct{ left int }

// begin starts a call from outside. The caller ends it with end.
func (m *machine) begin(a *allowance) {
	a.left = min(a.left+refill, maxSaved)
	m.work, m.most = 0, min(maxWork, a.left)
}

// end takes what the call took.
func (m *machine) end(a *allowance) { a.left = max(a.left-m.work, 0) }

// spent reports whether the call may take no more. What is found then is not the truth.
func (m *machine) spent() bool { return m.work > m.most }

// step reads a byte.
func (m *machine) step(s *state, b byte) *state {
	if s.next != nil {
		if t := s.next[m.class[b]]; t != nil {
			return t
		}
	}
	return m.discover(s, b)
}

// discover finds the state behind s and a byte.
func (m *machine) discover(s *state, b byte) *state {
	if m.held > maxStates {
		m.reset()
	}
	m.search.begin()
	for _, it := range s.items {
		if in := &m.insts[it.at]; in.lo <= b && b <= in.hi {
			m.walk(in.out[0], it.node)
		}
	}
	t := m.settle()
	if m.spent() {
		return m.dead // not the truth: nobody may remember it
	}
	if s.next == nil {
		s.next = make([]*state, m.classes)
		m.remembers(s, 8*m.classes)
	}
	s.next[m.class[b]] = t
	return t
}

// closure is the search for the places that can be reached without reading.
type closure struct {
	seen  map[item]struct{}
	todo  []item
	found []item
	calls map[int32][]frame // by the rule that is called
	ends  bool
}

// maxCleared bounds the places of a search whose map is used again.
const maxCleared = 1 << 12

func (c *closure) begin() {
	if c.seen == nil {
		c.seen, c.calls = map[item]struct{}{}, map[int32][]frame{}
	}
	if len(c.seen) > maxCleared { // to clear a map takes as long as it ever was large
		c.seen = map[item]struct{}{}
	}
	clear(c.seen)
	clear(c.calls)
	c.todo, c.found, c.ends = c.todo[:0], nil, false
}

// walk follows a place as far as it goes without reading a byte, and without
// the rules that are called.
func (m *machine) walk(at pc, n *node) {
	c := &m.search
	c.todo = append(c.todo, item{at, n})
	for len(c.todo) > 0 && !m.spent() {
		it := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		if it.node.depth+m.need[it.at] > maxDepth || m.need[it.at] == never {
			continue
		}
		if _, ok := c.seen[it]; ok {
			continue
		}
		c.seen[it] = struct{}{}
		m.work++
		switch in := &m.insts[it.at]; in.op {
		case opByte:
			c.found = append(c.found, it)
		case opSplit:
			for _, o := range in.out {
				c.todo = append(c.todo, item{o, it.node})
			}
		case opCall:
			c.calls[in.rule] = append(c.calls[in.rule], frame{in.out[0], it.node})
		case opMatch:
			c.ends = c.ends || it.node == m.root
			for _, f := range it.node.frames {
				c.todo = append(c.todo, item{f.ret, f.parent})
			}
		}
	}
}

// settle follows the calls, and returns the state that has been reached. All
// that call a rule at the same byte share its node: so a rule is entered when
// all who do are known, those that begin with others first.
func (m *machine) settle() *state {
	c := &m.search
	for len(c.calls) > 0 && !m.spent() {
		first := int32(-1)
		for r := range c.calls {
			if first < 0 || m.rules[r].rank < m.rules[first].rank {
				first = r
			}
		}
		frames := c.calls[first]
		delete(c.calls, first)
		m.walk(m.rules[first].start, m.intern(frames))
	}
	if len(c.found) == 0 && !c.ends {
		return m.dead
	}
	slices.SortFunc(c.found, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.node.id, b.node.id))
	})
	m.key = m.key[:0]
	if c.ends {
		m.key = append(m.key, 1)
	}
	for _, it := range c.found {
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(it.at))
		m.key = binary.LittleEndian.AppendUint64(m.key, it.node.id)
	}
	if s, ok := m.states[string(m.key)]; ok {
		return s
	}
	s := &state{items: c.found, ends: c.ends}
	m.states[string(m.key)] = s
	m.remembers(s, 128+2*len(m.key))
	return s
}

// intern returns the node with the frames.
func (m *machine) intern(frames []frame) *node {
	slices.SortFunc(frames, func(a, b frame) int {
		return cmp.Or(cmp.Compare(a.ret, b.ret), cmp.Compare(a.parent.id, b.parent.id))
	})
	frames = slices.Compact(frames)
	m.key = m.key[:0]
	for _, f := range frames {
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(f.ret))
		m.key = binary.LittleEndian.AppendUint64(m.key, f.parent.id)
	}
	if n, ok := m.nodes[string(m.key)]; ok {
		return n
	}
	m.lastID++
	n := &node{id: m.lastID, frames: frames}
	for _, f := range frames {
		n.depth = max(n.depth, f.parent.depth+1)
	}
	m.nodes[string(m.key)] = n
	m.held += 128 + 2*len(m.key)
	return n
}

// inString reports whether any plain token may follow.
func (m *machine) inString(s *state) bool {
	for range plainLength {
		if s = m.behindPlain(s); s == m.dead {
			return false
		}
	}
	return true
}

// behindPlain is the state behind each of plainBytes, or dead if it is not one.
func (m *machine) behindPlain(s *state) *state {
	if s.plain != nil {
		return s.plain
	}
	t := m.step(s, plainBytes[0])
	for _, b := range plainBytes[1:] {
		if t == m.dead {
			break
		}
		if m.step(s, b) != t {
			t = m.dead
		}
	}
	if m.spent() {
		return m.dead // not the truth: nobody may remember it
	}
	s.plain = t
	m.remembers(s, 8)
	return t
}

// maskOf returns the tokens that may follow, a bit each. The error is ErrTooComplex.
func (m *machine) maskOf(s *state) ([]uint64, error) {
	if s.mask != nil {
		return s.mask, nil
	}
	v := m.vocabulary
	mask := make([]uint64, v.words())
	if s.ends {
		for _, id := range v.eos {
			mask[id/64] |= 1 << (id % 64)
		}
	}
	path := m.path
	path[0] = s
	nodes := v.nodes
	if m.inString(s) {
		for i, word := range v.plain {
			mask[i] |= word
		}
		nodes = v.rest
	}
	for i := 0; i < len(nodes) && !m.spent(); {
		n := &nodes[i]
		t := m.step(path[n.depth], n.label)
		if t == m.dead {
			i = int(n.end)
			continue
		}
		path[n.depth+1] = t
		for id := n.token; id >= 0; id = v.same[id] {
			mask[id/64] |= 1 << (id % 64)
		}
		i++
	}
	clear(path)
	if m.spent() {
		return nil, ErrTooComplex
	}
	s.mask = mask
	m.remembers(s, 8*len(mask))
	return mask, nil
}

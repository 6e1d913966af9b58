package structured

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

const (
	// maxProgram bounds the instructions of a program, and so the memory of a
	// constraint and the time to read it.
	maxProgram = 100_000
	// maxBuilt bounds the steps to build a program. Most find an instruction that
	// there is already, so that the bound of those is no bound of the time.
	maxBuilt = 4_000_000
	// maxDepth bounds the calls that are open at a time: how deep values of a
	// recursive schema nest.
	maxDepth = 256
	// never is the need of an instruction from which no text ends.
	never = math.MaxInt32
)

// pc is the place of an instruction.
type pc int32

// op is what an instruction does.
type op uint8

const (
	opFail  op = iota // nothing goes on from here
	opByte            // reads a byte lo … hi and goes on at out[0]
	opSplit           // goes on at each of out
	opCall            // reads what a rule reads and goes on at out[0]
	opMatch           // ends the rule
)

// inst is an instruction of a program.
type inst struct {
	op     op
	lo, hi byte
	rule   int32
	out    []pc
}

// rule is a part of the program that is called by other parts, or by itself.
type rule struct {
	name  string // for errors of finish: the JSON pointer of a schema
	start pc
	rank  int // a rule that begins with a call of another has a lower rank than that
}

// program is a grammar over bytes: a nondeterministic automaton that calls
// rules (Woods 1970, "Transition network grammars for natural language
// analysis"). Rule 0 is the text as a whole. Without calls it is what Thompson
// 1968 makes of a regular expression.
type program struct {
	insts []inst
	rules []rule
	// need[p] is the least number of calls that have to be open at a time, beyond
	// those that are, to come from p to the end of its rule.
	need []int32
	// class numbers the bytes so that no instruction tells two of a class apart.
	class   [256]uint8
	classes int
}

// A frag is a part of a program that goes on at next; it returns where the part
// begins. Parts are built from the end, so that what follows is known.
type frag func(next pc) pc

// builder makes a program.
type builder struct {
	alphabet *[256]bool // the bytes that have a token
	insts    []inst
	rules    []rule
	seen     map[string]pc // instructions that there are already
	built    int           // steps so far
	full     bool          // it takes too many instructions or steps
}

// fail and match are the first two instructions of each program.
const (
	pcFail  pc = 0
	pcMatch pc = 1
)

func newBuilder(alphabet *[256]bool) *builder {
	return &builder{
		alphabet: alphabet, seen: map[string]pc{},
		insts: []inst{pcFail: {op: opFail}, pcMatch: {op: opMatch}},
	}
}

// add appends an instruction, unless there is an equal one.
func (b *builder) add(i inst) pc {
	if !b.spend(1 + len(i.out)) {
		return pcFail
	}
	key := binary.LittleEndian.AppendUint32([]byte{byte(i.op), i.lo, i.hi}, uint32(i.rule))
	for _, o := range i.out {
		key = binary.LittleEndian.AppendUint32(key, uint32(o))
	}
	if p, ok := b.seen[string(key)]; ok {
		return p
	}
	p := b.grow(i)
	if !b.full {
		b.seen[string(key)] = p
	}
	return p
}

// spend counts steps, and reports whether they may be taken.
func (b *builder) spend(steps int) bool {
	if b.built += steps; b.built > maxBuilt {
		b.full = true
	}
	return !b.full
}

// tooLarge is the reason to refuse what fills the builder.
func (b *builder) tooLarge() string {
	if b.built > maxBuilt {
		return fmt.Sprintf("its grammar takes more than %d steps to build", maxBuilt)
	}
	return fmt.Sprintf("its grammar takes more than %d instructions", maxProgram)
}

func (b *builder) grow(i inst) pc {
	if len(b.insts) >= maxProgram {
		b.full = true
		return pcFail
	}
	b.insts = append(b.insts, i)
	return pc(len(b.insts) - 1)
}

// newRule makes room for a rule whose start is set later.
func (b *builder) newRule(name string) int32 {
	b.rules = append(b.rules, rule{name: name, start: pcFail})
	return int32(len(b.rules) - 1)
}

// define makes f the body of a rule.
func (b *builder) define(r int32, f frag) { b.rules[r].start = f(pcMatch) }

// bytes reads one byte of lo … hi that has a token of its own. What has none
// could not be written, and a mask might come to be empty for it.
func (b *builder) bytes(lo, hi byte) frag {
	return func(next pc) pc {
		var outs []pc
		for c := int(lo); c <= int(hi); {
			end := c
			for end <= int(hi) && b.alphabet[end] {
				end++
			}
			if end > c {
				outs = append(outs, b.add(inst{op: opByte, lo: byte(c), hi: byte(end - 1), out: []pc{next}}))
			}
			c = end + 1
		}
		return b.split(outs...)
	}
}

// split goes on at any of outs.
func (b *builder) split(outs ...pc) pc {
	if !b.spend(1 + len(outs)) {
		return pcFail
	}
	outs = slices.DeleteFunc(outs, func(p pc) bool { return p == pcFail })
	slices.Sort(outs)
	switch outs = slices.Compact(outs); len(outs) {
	case 0:
		return pcFail
	case 1:
		return outs[0]
	}
	return b.add(inst{op: opSplit, out: outs})
}

// call reads what a rule reads.
func (b *builder) call(r int32) frag {
	return func(next pc) pc { return b.add(inst{op: opCall, rule: r, out: []pc{next}}) }
}

// text reads exactly s.
func (b *builder) text(s string) frag {
	return func(next pc) pc {
		for i := len(s) - 1; i >= 0 && !b.full; i-- {
			next = b.bytes(s[i], s[i])(next)
		}
		return next
	}
}

// seq reads one part after the other.
func (b *builder) seq(parts ...frag) frag {
	return func(next pc) pc {
		for _, f := range slices.Backward(parts) {
			if b.full {
				return pcFail
			}
			next = f(next)
		}
		return next
	}
}

// any reads one of the parts.
func (b *builder) any(parts ...frag) frag {
	return func(next pc) pc {
		outs := make([]pc, len(parts))
		for i, f := range parts {
			if b.full {
				return pcFail
			}
			outs[i] = f(next)
		}
		return b.split(outs...)
	}
}

// optional reads the part or nothing.
func (b *builder) optional(f frag) frag {
	return func(next pc) pc { return b.split(f(next), next) }
}

// star reads the part any number of times.
func (b *builder) star(f frag) frag {
	return func(next pc) pc {
		loop := b.grow(inst{op: opSplit})
		if b.full {
			return pcFail
		}
		body := f(loop)
		b.insts[loop].out = slices.Compact([]pc{body, next})
		return loop
	}
}

// repeat reads the part at least least times, and at most most, which is
// negative for no bound.
func (b *builder) repeat(f frag, least, most int) frag {
	return func(next pc) pc {
		at := next
		if most < 0 {
			at = b.star(f)(next)
		}
		for i := least; i < most && !b.full; i++ {
			at = b.split(f(at), next)
		}
		for i := 0; i < least && !b.full; i++ {
			at = f(at)
		}
		return at
	}
}

// finish proves that a program of the rules can be run, and completes it.
func (b *builder) finish() (*program, error) {
	if b.full {
		return nil, &Error{Reason: "is too large: " + b.tooLarge()}
	}
	p := &program{insts: b.insts, rules: b.rules}
	p.findNeeds()
	if p.need[p.rules[0].start] > maxDepth {
		return nil, errorf(p.rules[p.culprit()].name,
			"has no value: what it asks for is contradictory, endless, nests more than %d deep, or is made of bytes that no token stands for", maxDepth)
	}
	if err := p.rank(); err != nil {
		return nil, err
	}
	p.classify()
	for r := range p.rules {
		p.rules[r].name = "" // a constraint is kept, and pointers are long
	}
	return p, nil
}

// findNeeds computes need as the least fixed point, the least needs first (Knuth 1977, "A
// Generalization of Dijkstra's Algorithm"): each instruction is settled once, however far it
// is from the end of its rule and in whatever order the instructions stand.
func (p *program) findNeeds() {
	p.need = make([]int32, len(p.insts))
	for i := range p.need {
		p.need[i] = never
	}
	before := p.predecessors()
	p.need[pcMatch] = 0
	now, next := []pc{pcMatch}, []pc(nil)
	for level := int32(0); len(now) > 0; level++ {
		for len(now) > 0 {
			at := now[len(now)-1]
			now = now[:len(now)-1]
			if p.need[at] < level {
				continue // it has come to need less since it was noted
			}
			for _, from := range before(at) {
				need := level
				if in := &p.insts[from]; in.op == opCall {
					inside, behind := p.need[p.rules[in.rule].start], p.need[in.out[0]]
					if inside > level || behind > level {
						continue // one of them is not settled, and the call comes again with it
					}
					need = max(inside+1, behind)
				}
				switch {
				case need >= p.need[from]:
					continue
				case need == level:
					now = append(now, from)
				default:
					next = append(next, from)
				}
				p.need[from] = need
			}
		}
		now, next = next, now
	}
}

// predecessors finds the instructions that go on at one, or call the rule that begins there.
func (p *program) predecessors() func(pc) []pc {
	each := func(do func(from, to pc)) {
		for i := range p.insts {
			in := &p.insts[i]
			switch in.op {
			case opByte, opSplit, opCall:
				for _, to := range in.out {
					do(pc(i), to)
				}
			default:
				continue
			}
			if in.op == opCall {
				do(pc(i), p.rules[in.rule].start)
			}
		}
	}
	// Those of instruction i lie in all[ends[i]:ends[i+1]] when all are there.
	ends := make([]int32, len(p.insts)+2)
	each(func(_, to pc) { ends[to+2]++ })
	for i := 2; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	all := make([]pc, ends[len(ends)-1])
	each(func(from, to pc) {
		all[ends[to+1]] = from
		ends[to+1]++
	})
	return func(at pc) []pc { return all[ends[at]:ends[at+1]] }
}

// culprit follows the rules without a value from rule 0 to one that calls no
// other such rule that was not met before.
func (p *program) culprit() int32 {
	at, met := int32(0), map[int32]bool{}
	for {
		met[at] = true
		next := int32(-1)
		p.reach(p.rules[at].start, func(in *inst) bool {
			if in.op == opCall && next < 0 && !met[in.rule] && p.need[p.rules[in.rule].start] > maxDepth {
				next = in.rule
			}
			return true
		})
		if next < 0 {
			return at
		}
		at = next
	}
}

// reach visits the instructions that can be reached within a rule. follow says
// whether to go on behind one.
func (p *program) reach(from pc, follow func(*inst) bool) {
	seen, todo := map[pc]bool{from: true}, []pc{from}
	for len(todo) > 0 {
		in := &p.insts[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if !follow(in) {
			continue
		}
		for _, o := range in.out {
			if !seen[o] {
				seen[o] = true
				todo = append(todo, o)
			}
		}
	}
}

// rank orders the rules by what they begin with. A rule that begins with itself
// would call itself for ever.
func (p *program) rank() error {
	const open, closed = 1, 2
	var (
		mark  = make([]uint8, len(p.rules))
		next  = len(p.rules)
		visit func(r int32) error
	)
	begins := func(r int32) (rules []int32, empty bool) {
		p.reach(p.rules[r].start, func(in *inst) bool {
			switch in.op {
			case opCall:
				rules = append(rules, in.rule)
			case opMatch:
				empty = true
			}
			return in.op == opSplit
		})
		return rules, empty
	}
	visit = func(r int32) error {
		switch mark[r] {
		case open:
			return &Error{Pointer: p.rules[r].name, Reason: "refers back to itself with nothing in between"}
		case closed:
			return nil
		}
		mark[r] = open
		rules, empty := begins(r)
		if empty && r != 0 {
			return &Error{Pointer: p.rules[r].name, Reason: "may be empty"}
		}
		for _, other := range rules {
			if err := visit(other); err != nil {
				return err
			}
		}
		mark[r] = closed
		next--
		p.rules[r].rank = next
		return nil
	}
	for r := range p.rules {
		if err := visit(int32(r)); err != nil {
			return err
		}
	}
	return nil
}

// classify numbers the bytes.
func (p *program) classify() {
	var begins [257]bool
	for i := range p.insts {
		if in := &p.insts[i]; in.op == opByte {
			begins[in.lo], begins[int(in.hi)+1] = true, true
		}
	}
	n := 0
	for c := range 256 {
		if c > 0 && begins[c] {
			n++
		}
		p.class[c] = uint8(n)
	}
	p.classes = n + 1
}

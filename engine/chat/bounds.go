package chat

import (
	"errors"
	"fmt"
	"time"

	"github.com/ardanlabs/jinja"
)

// Bounds that no rendering of a real template comes near. Those on values and on
// the whole grow with the conversation, so that a long one can be rendered.
const (
	maxTemplate = 64 << 10 // bytes of a template
	maxDepth    = 32       // values within values
	maxRange    = 1 << 16  // numbers in one range
	maxIndex    = 1 << 24  // of a slice

	baseTurns    = 100_000 // turns of all loops and calls of macros
	messageTurns = 256     // … and as many more for each message
	baseValue    = 64 << 10
	baseTotal    = 64 << 20        // bytes of all that is written out or stored
	maxTime      = 5 * time.Second // checked at each turn and value

	// maxEffort is what one expression may make, in bytes.
	maxEffort = 2 << 30
)

// Overheads, in bytes, that measuring counts.
const (
	nodeSize    = 32
	messageSize = 4 * nodeSize
)

// budget is what one rendering may spend.
type budget struct {
	texts    []string // of the template
	turns    int      // left
	value    int      // bytes that a value may have
	total    int      // bytes left
	deadline time.Time
}

func newBudget(p *program, messages []Message) (*budget, error) {
	input := 0
	for _, m := range messages {
		input += len(m.Role) + len(m.Content) + messageSize
	}
	b := &budget{
		texts: p.texts, turns: baseTurns + len(messages)*messageTurns, value: baseValue + 2*input, total: baseTotal + 64*input,
		deadline: time.Now().Add(maxTime),
	}
	if max(1, p.growth)*b.value > maxEffort {
		return nil, fmt.Errorf("chat: a conversation of %d bytes is too long for this template", input)
	}
	return b, nil
}

// functions are those that a secured template calls.
func (b *budget) functions() map[string]jinja.Value {
	all := map[string]func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error){
		textCall: b.text, outCall: b.written, keepCall: b.kept, turnCall: b.turn, boundCall: bound, "range": rangeOf,
	}
	values := make(map[string]jinja.Value, len(all))
	for name, f := range all {
		values[name] = jinja.NewCallable(name, f)
	}
	return values
}

// spend takes bytes off the total.
func (b *budget) spend(n int) error {
	b.total -= n
	switch {
	case b.total < 0:
		return errors.New("it makes too much text")
	case time.Now().After(b.deadline):
		return fmt.Errorf("it takes longer than %v", maxTime)
	}
	return nil
}

// text returns a text of the template.
func (b *budget) text(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	t := b.texts[args[0].AsInt()]
	return jinja.NewString(t), b.spend(len(t))
}

// written measures a value that is written out.
func (b *budget) written(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 1 || len(kwargs) != 0 {
		return jinja.Undefined(), errors.New("want one expression between {{ and }}")
	}
	m := meter{left: b.total}
	if err := m.measure(args[0], 0); err != nil {
		return jinja.Undefined(), err
	}
	return args[0], b.spend(b.total - m.left)
}

// kept measures a value that is stored, and copies it: a value never holds itself,
// nor shares what a template may change.
func (b *budget) kept(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 1 || len(kwargs) != 0 {
		return jinja.Undefined(), errors.New("want one expression to store")
	}
	m := meter{left: b.value}
	c, err := m.clone(args[0], 0)
	if err != nil {
		return jinja.Undefined(), err
	}
	return c, b.spend(b.value - m.left)
}

// turn counts a turn of a loop or a call of a macro, and measures the values that
// are its own. It is false.
func (b *budget) turn(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if b.turns--; b.turns < 0 {
		return jinja.Undefined(), errors.New("its loops take too many turns")
	}
	for _, a := range args {
		m := meter{left: b.value}
		if err := m.measure(a, 0); err != nil {
			return jinja.Undefined(), err
		}
	}
	return jinja.NewBool(false), b.spend(nodeSize)
}

// meter counts the bytes of values.
type meter struct{ left int }

// take counts a value without what it holds.
func (m *meter) take(bytes, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("a value nests deeper than %d", maxDepth)
	}
	if m.left -= bytes + nodeSize; m.left < 0 {
		return errors.New("a value is too long")
	}
	return nil
}

// measure counts a value and all that it holds.
func (m *meter) measure(v jinja.Value, depth int) error {
	if err := m.take(length(v), depth); err != nil {
		return err
	}
	switch {
	case v.IsList():
		for _, item := range v.AsList().Items {
			if err := m.measure(item, depth+1); err != nil {
				return err
			}
		}
	case v.IsDict():
		d := v.AsDict()
		for _, key := range d.Keys {
			if err := m.take(len(key), depth); err != nil {
				return err
			}
			if err := m.measure(d.Data[key], depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// length returns the bytes of a string, and 0 for another value.
func length(v jinja.Value) int {
	if v.IsString() {
		return len(v.AsString())
	}
	return 0
}

// clone copies a value and all that it holds, and counts it. A function is not
// copied: kept under another name it could be called unseen.
func (m *meter) clone(v jinja.Value, depth int) (jinja.Value, error) {
	if err := m.take(length(v), depth); err != nil {
		return jinja.Undefined(), err
	}
	switch {
	case v.IsCallable():
		return jinja.Undefined(), nil
	case v.IsList():
		items := make([]jinja.Value, 0, min(v.AsList().Len(), m.left/nodeSize))
		for _, item := range v.AsList().Items {
			c, err := m.clone(item, depth+1)
			if err != nil {
				return jinja.Undefined(), err
			}
			items = append(items, c)
		}
		return jinja.NewList(items), nil
	case v.IsDict():
		return m.cloneDict(v.AsDict(), depth)
	}
	return v, nil
}

func (m *meter) cloneDict(d *jinja.Dict, depth int) (jinja.Value, error) {
	c := jinja.NewDict()
	for _, key := range d.Keys {
		if err := m.take(len(key), depth); err != nil {
			return jinja.Undefined(), err
		}
		v, err := m.clone(d.Data[key], depth+1)
		if err != nil {
			return jinja.Undefined(), err
		}
		c.AsDict().Set(key, v)
	}
	return c, nil
}

// bound keeps the bound of a slice within reason: the library runs over all numbers
// between two.
func bound(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) != 1 || !args[0].IsInt() {
		return jinja.Undefined(), errors.New("a slice has a bound that is no integer")
	}
	return jinja.NewInt(min(max(args[0].AsInt(), -maxIndex), maxIndex)), nil
}

// rangeOf is Jinja's range([start, ]stop[, step]) with a bound.
func rangeOf(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if len(args) < 1 || len(args) > 3 {
		return jinja.Undefined(), fmt.Errorf("range: %d arguments, want 1 to 3", len(args))
	}
	var n [3]int64
	for i, a := range args {
		if !a.IsInt() {
			return jinja.Undefined(), fmt.Errorf("range: argument %d is no integer", i+1)
		}
		n[i] = a.AsInt()
	}
	from, to, step := int64(0), n[0], int64(1)
	if len(args) > 1 {
		from, to = n[0], n[1]
	}
	if len(args) == 3 {
		step = n[2]
	}
	if step == 0 {
		return jinja.Undefined(), errors.New("range: the step is 0")
	}
	var list []jinja.Value
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if len(list) == maxRange {
			return jinja.Undefined(), fmt.Errorf("range: more than %d numbers", maxRange)
		}
		list = append(list, jinja.NewInt(i))
	}
	return jinja.NewList(list), nil
}

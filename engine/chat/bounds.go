package chat

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// The library bounds nothing, so every loop and macro of a template is made
// to call turn first, which ends a rendering that takes too many turns, too
// long, or too much memory.
const (
	turnName = "__vitrine_turn"
	turnCall = "{%% if %s() %%}{%% endif %s%%}"

	baseTurns    = 10_000 // turns of a rendering,
	messageTurns = 64     // and as many more for each message
	maxTime      = 5 * time.Second
	maxMemory    = 256 << 20 // bytes that the heap may grow by
	maxRange     = 1 << 16   // numbers in one range
)

// opening matches the tag that opens a loop or a macro, up to its end.
var opening = regexp.MustCompile(`\{%[-+]?\s*(?:for|macro)\b(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^"'%]|%[^}])*?([-+]?)%\}`)

// bounded adds the call of turn to each loop and macro. A tag that strips the
// white space behind it leaves that to the call, which now stands there.
func bounded(source string) string {
	var out strings.Builder
	end := 0
	for _, m := range opening.FindAllStringSubmatchIndex(source, -1) {
		strip := ""
		if source[m[2]:m[3]] == "-" {
			strip = "-"
		}
		out.WriteString(source[end:m[1]])
		fmt.Fprintf(&out, turnCall, turnName, strip)
		end = m[1]
	}
	out.WriteString(source[end:])
	return out.String()
}

// budget is what one rendering may spend.
type budget struct {
	turns    int
	deadline time.Time
	memory   uint64 // the heap may grow to so many bytes
}

func newBudget(messages int) *budget {
	return &budget{baseTurns + messages*messageTurns, time.Now().Add(maxTime), heapBytes() + maxMemory}
}

func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// turn is the function that templates call as turnName.
func (b *budget) turn([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
	b.turns--
	switch {
	case b.turns < 0:
		return jinja.Undefined(), errors.New("its loops take too many turns")
	case time.Now().After(b.deadline):
		return jinja.Undefined(), fmt.Errorf("it takes longer than %v", maxTime)
	case heapBytes() > b.memory:
		return jinja.Undefined(), fmt.Errorf("it takes more than %d MiB of memory", maxMemory>>20)
	}
	return jinja.NewBool(false), nil
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

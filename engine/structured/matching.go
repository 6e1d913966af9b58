package structured

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxMatching bounds the bytes of a schema's listed values times the steps that
// its pattern takes for each, to some tenths of a second.
const maxMatching = 20_000_000

// matcher is an expression for the library, which makes one of each pattern of a
// schema. Only those beside listed values are ever matched, so that it is made
// when it is needed: repeats make an expression many times larger than its text.
type matcher struct {
	tree *syntax.Regexp
	text string
	made func() *regexp.Regexp // nil for what package regexp refuses
}

// newMatcher judges the syntax of an expression.
func newMatcher(text string) (jsonschema.Regexp, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("is too large: %d bytes long, want at most %d", len(text), maxExpression)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &matcher{tree, text, sync.OnceValue(func() *regexp.Regexp {
		re, err := regexp.Compile(text)
		if err != nil {
			return nil
		}
		return re
	})}, nil
}

// String returns the expression.
func (m *matcher) String() string { return m.text }

// MatchString reports whether the expression matches anywhere in a text.
func (m *matcher) MatchString(text string) bool {
	re := m.made()
	return re != nil && re.MatchString(text)
}

// steps is about the number of instructions of the expression for package
// regexp, which takes each of them for each byte of a text at worst.
func (m *matcher) steps() int {
	var steps func(re *syntax.Regexp) int
	steps = func(re *syntax.Regexp) int {
		n := 1 + len(re.Rune)
		for _, sub := range re.Sub {
			n += steps(sub)
		}
		if re.Op == syntax.OpRepeat {
			n *= max(re.Min, re.Max, 1)
		}
		return min(n, maxMatching)
	}
	return steps(m.tree)
}

package structured

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
)

const (
	// maxBranches bounds the ways to begin and end an expression that has anchors.
	maxBranches = 1000
	// maxExpression bounds the bytes of an expression, and maxNodes the nodes and
	// characters of its syntax tree, over all branches.
	maxExpression = 128 << 10
	maxNodes      = 1 << 20
)

// branch is a way to match an expression: its parts, and whether they stand at
// the beginning and at the end of the text.
type branch struct {
	parts      []*syntax.Regexp
	begin, end bool
}

// pattern reads texts that the expression matches, written with s: as a whole,
// or if search is set anywhere in them. Its syntax is that of Go's package
// regexp.
func (b *builder) pattern(expression string, s spelling, search bool) (frag, error) {
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("is too large: %d bytes long, want at most %d", len(expression), maxExpression)
	}
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	t := tree{anchored: map[*syntax.Regexp]bool{}, size: map[*syntax.Regexp]int{}}
	if t.look(re); t.size[re] > maxNodes {
		return nil, errNodes
	}
	branches, err := t.anchors(branch{parts: []*syntax.Regexp{re}})
	if err != nil {
		return nil, err
	}
	var all []frag
	padding := b.star(s(anyRune))
	for _, br := range branches {
		var parts []frag
		if search && !br.begin {
			parts = append(parts, padding)
		}
		for _, re := range br.parts {
			f, err := b.expression(re, s)
			if err != nil {
				return nil, err
			}
			parts = append(parts, f)
		}
		if search && !br.end {
			parts = append(parts, padding)
		}
		all = append(all, b.seq(parts...))
	}
	return b.any(all...), nil
}

var errNodes = fmt.Errorf("is too large: its syntax tree has more than %d nodes and characters, over all ways to begin and end it", maxNodes)

// tree is what is known of the nodes of a syntax tree.
type tree struct {
	anchored map[*syntax.Regexp]bool // those that have an anchor
	size     map[*syntax.Regexp]int  // nodes and characters of each
}

// look finds what is known of a node, and of those below it.
func (t *tree) look(re *syntax.Regexp) {
	size, anchored := 1+len(re.Rune), re.Op == syntax.OpBeginText || re.Op == syntax.OpEndText
	for _, sub := range re.Sub {
		t.look(sub)
		size += t.size[sub]
		anchored = anchored || t.anchored[sub]
	}
	t.size[re], t.anchored[re] = size, anchored
}

// anchors takes the anchors off the ends of an expression. One that is
// somewhere else is refused later. Each branch is read on its own, so that all
// of them together are bounded.
func (t *tree) anchors(br branch) ([]branch, error) {
	todo, done := []branch{br}, []branch(nil)
	nodes, copied := 0, 0
	for len(todo) > 0 {
		if len(todo)+len(done) > maxBranches {
			return nil, fmt.Errorf("has ^ and $ in more than %d places", maxBranches)
		}
		br := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch at := t.end(br.parts); {
		case at < 0:
			for _, re := range br.parts {
				nodes += t.size[re]
			}
			if nodes > maxNodes {
				return nil, errNodes
			}
			done = append(done, br)
		case br.parts[at].Op == syntax.OpBeginText && at == 0:
			todo = append(todo, branch{br.parts[1:], true, br.end})
		case br.parts[at].Op == syntax.OpEndText && at == len(br.parts)-1:
			todo = append(todo, branch{br.parts[:at], br.begin, true})
		default:
			re := br.parts[at]
			var inside [][]*syntax.Regexp
			switch re.Op {
			case syntax.OpCapture, syntax.OpConcat:
				inside = [][]*syntax.Regexp{re.Sub}
			case syntax.OpAlternate:
				for _, sub := range re.Sub {
					inside = append(inside, []*syntax.Regexp{sub})
				}
			default:
				return nil, fmt.Errorf("has ^ or $ in %s, want them at the ends only", re)
			}
			for _, parts := range inside {
				if copied += len(br.parts) + len(parts); copied > maxNodes {
					return nil, errNodes
				}
				todo = append(todo, branch{slices.Concat(br.parts[:at], parts, br.parts[at+1:]), br.begin, br.end})
			}
		}
	}
	return done, nil
}

// end is the first part or the last one, if it has an anchor, or -1.
func (t *tree) end(parts []*syntax.Regexp) int {
	for _, at := range []int{0, len(parts) - 1} {
		if at >= 0 && at < len(parts) && t.anchored[parts[at]] {
			return at
		}
	}
	return -1
}

// expression builds one node of the syntax tree.
func (b *builder) expression(re *syntax.Regexp, s spelling) (frag, error) {
	subs := make([]frag, len(re.Sub))
	for i, sub := range re.Sub {
		var err error
		if subs[i], err = b.expression(sub, s); err != nil {
			return nil, err
		}
	}
	switch re.Op {
	case syntax.OpNoMatch:
		return b.any(), nil
	case syntax.OpEmptyMatch:
		return b.seq(), nil
	case syntax.OpLiteral:
		var parts []frag
		for _, r := range re.Rune {
			parts = append(parts, s(folds(r, re.Flags&syntax.FoldCase != 0)))
		}
		return b.seq(parts...), nil
	case syntax.OpCharClass:
		var spans []span
		for i := 0; i+1 < len(re.Rune); i += 2 {
			spans = append(spans, span{re.Rune[i], re.Rune[i+1]})
		}
		return s(spans), nil
	case syntax.OpAnyCharNotNL:
		return s(without(anyRune, []span{{'\n', '\n'}})), nil
	case syntax.OpAnyChar:
		return s(anyRune), nil
	case syntax.OpCapture, syntax.OpConcat:
		return b.seq(subs...), nil
	case syntax.OpAlternate:
		return b.any(subs...), nil
	case syntax.OpStar:
		return b.star(subs[0]), nil
	case syntax.OpPlus:
		return b.repeat(subs[0], 1, -1), nil
	case syntax.OpQuest:
		return b.optional(subs[0]), nil
	case syntax.OpRepeat:
		return b.repeat(subs[0], re.Min, re.Max), nil
	case syntax.OpBeginText, syntax.OpEndText:
		return nil, fmt.Errorf("has %s in the middle, want it at the ends only", re)
	}
	return nil, fmt.Errorf("has %s, which is not supported: want no line anchors and no word boundaries", re)
}

// folds are the characters that count as r.
func folds(r rune, fold bool) []span {
	spans := []span{{r, r}}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			spans = append(spans, span{f, f})
		}
	}
	return spans
}

// choices reads one of the texts. Texts with a common beginning share it, so
// that there is one way only to read each.
func (b *builder) choices(texts []string) frag {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	texts = slices.Compact(texts)
	return func(next pc) pc { return b.choiceTree(texts, 0, next) }
}

// choiceTree reads what is left of sorted texts that are the same in their first depth bytes.
func (b *builder) choiceTree(texts []string, depth int, next pc) pc {
	first, last, common := texts[0], texts[len(texts)-1], depth
	for common < min(len(first), len(last)) && first[common] == last[common] {
		common++
	}
	var outs []pc
	if len(first) == common {
		outs, texts = append(outs, next), texts[1:]
	}
	for len(texts) > 0 && !b.full {
		c := texts[0][common]
		n := slices.IndexFunc(texts, func(s string) bool { return s[common] != c })
		if n < 0 {
			n = len(texts)
		}
		outs = append(outs, b.choiceTree(texts[:n], common, next))
		texts = texts[n:]
	}
	return b.text(first[depth:common])(b.split(outs...))
}

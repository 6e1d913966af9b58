package structured

import (
	"slices"
	"unicode/utf8"
)

// maxIndent is the number of spaces that may stand before a line of JSON.
// Without a bound a model could go on with spaces for ever.
const maxIndent = 32

// grammar is JSON (RFC 8259) as rules, each made when it is first asked for. Where
// space may stand it is nothing, one space, or a new line and its indent:
// behind an opening bracket, a comma and a colon, and before a closing bracket.
type grammar struct {
	*builder
	rules map[string]int32
}

func newGrammar(b *builder) *grammar { return &grammar{b, map[string]int32{}} }

// named returns the rule of that name, whose body is made once.
func (g *grammar) named(name string, body func() frag) int32 {
	if r, ok := g.rules[name]; ok {
		return r
	}
	r := g.newRule("")
	g.rules[name] = r
	g.define(r, body())
	return r
}

// space reads what may stand between two tokens of JSON.
func (g *grammar) space() frag {
	return g.optional(g.call(g.named("space", func() frag {
		return g.any(g.text(" "), g.seq(g.text("\n"), g.repeat(g.bytes(' ', ' '), 0, maxIndent)))
	})))
}

// comma reads what stands between two values.
func (g *grammar) comma() frag { return g.seq(g.text(","), g.space()) }

// char reads a character of a string: as it is, or escaped. Halves of surrogate
// pairs are left out, as they stand for no character.
func (g *grammar) char() frag {
	return g.call(g.named("char", func() frag {
		hex := g.any(g.bytes('0', '9'), g.bytes('a', 'f'), g.bytes('A', 'F'))
		unicode := g.any(
			g.seq(g.any(g.bytes('0', '9'), g.bytes('a', 'c'), g.bytes('A', 'C'), g.bytes('e', 'f'), g.bytes('E', 'F')), hex, hex, hex),
			g.seq(g.any(g.text("d"), g.text("D")), g.bytes('0', '7'), hex, hex))
		escape := []frag{g.seq(g.text("u"), unicode)}
		for _, c := range `"\/bfnrt` {
			escape = append(escape, g.text(string(c)))
		}
		return g.any(g.plain(without(anyRune, escaped)), g.seq(g.text(`\`), g.any(escape...)))
	}))
}

// str reads a string of least to most characters; most is negative for no bound.
func (g *grammar) str(least, most int) frag {
	return g.seq(g.text(`"`), g.repeat(g.char(), least, most), g.text(`"`))
}

// digits reads any number of digits.
func (g *grammar) digits() frag { return g.star(g.bytes('0', '9')) }

// integer reads a whole number.
func (g *grammar) integer() frag {
	return g.seq(g.optional(g.text("-")), g.any(g.text("0"), g.seq(g.bytes('1', '9'), g.digits())))
}

// number reads a number, with an exponent below 100.
func (g *grammar) number() frag {
	digit := g.bytes('0', '9')
	return g.seq(g.integer(),
		g.optional(g.seq(g.text("."), digit, g.digits())),
		g.optional(g.seq(g.any(g.text("e"), g.text("E")), g.optional(g.any(g.text("+"), g.text("-"))), g.repeat(digit, 1, 2))))
}

// value is the rule of any value.
func (g *grammar) value() int32 {
	if r, ok := g.rules["value"]; ok {
		return r // also while it is being made: values hold values
	}
	r := g.newRule("")
	g.rules["value"] = r
	g.define(r, g.any(g.call(g.object()), g.array(nil, g.call(r), 0, -1), g.str(0, -1), g.number(),
		g.text("true"), g.text("false"), g.text("null")))
	return r
}

// object is the rule of any object.
func (g *grammar) object() int32 {
	if r, ok := g.rules["object"]; ok {
		return r
	}
	r := g.newRule("")
	g.rules["object"] = r
	g.define(r, g.members(nil, g.seq(g.str(0, -1), g.colon(), g.call(g.value()))))
	return r
}

// colon reads what stands between a name and its value.
func (g *grammar) colon() frag { return g.seq(g.text(":"), g.space()) }

// array reads least to most items, the first of them as listed; most is negative
// for no bound.
func (g *grammar) array(listed []frag, item frag, least, most int) frag {
	at := func(i int) frag {
		if i < len(listed) {
			return listed[i]
		}
		return item
	}
	return func(next pc) pc {
		end := g.seq(g.space(), g.text("]"))(next)
		// tail is where an array goes on that has i items, from the last i that
		// makes a difference down to the first.
		tail, last := end, most
		if most < 0 {
			tail, last = g.star(g.seq(g.comma(), item))(end), max(least, len(listed), 1)
		}
		for i := last - 1; i >= 1 && !g.full; i-- {
			tail = g.seq(g.comma(), at(i))(tail)
			if i >= least {
				tail = g.split(tail, end)
			}
		}
		var outs []pc
		if least == 0 {
			outs = append(outs, g.text("]")(next))
		}
		if most != 0 {
			outs = append(outs, at(0)(tail))
		}
		return g.seq(g.text("["), g.space())(g.split(outs...))
	}
}

// A member is one of an object's properties.
type member struct {
	name     string
	value    frag
	required bool
}

// members reads an object: the properties in their order, those that are not
// required or not, and then any number of others, if other is not nil.
func (g *grammar) members(properties []member, other frag) frag {
	return func(next pc) pc {
		// Two places a property: none has been written before it, or some have.
		none, some := g.text("}")(next), g.seq(g.space(), g.text("}"))(next)
		if other != nil {
			some = g.star(g.seq(g.comma(), other))(some)
			none = g.split(other(some), none)
		}
		for _, p := range slices.Backward(properties) {
			written := g.seq(g.text(`"`+quote(p.name)+`"`), g.colon(), p.value)(some)
			following := g.comma()(written)
			if p.required {
				none, some = written, following
			} else {
				none, some = g.split(written, none), g.split(following, some)
			}
		}
		return g.seq(g.text("{"), g.space())(none)
	}
}

// nameBesides reads a name that is none of those given. It has no escapes, so
// that there is one way to write each name.
func (g *grammar) nameBesides(names []string) frag {
	unescaped := without(anyRune, escaped)
	anything := g.seq(g.star(g.plain(unescaped)), g.text(`"`))
	var besides func(names []string) frag
	besides = func(names []string) frag {
		var (
			parts []frag
			ended bool // a name ends here
			first []span
			rest  = map[rune][]string{}
		)
		for _, n := range names {
			if n == "" {
				ended = true
				continue
			}
			r, size := utf8.DecodeRuneInString(n)
			if rest[r] == nil {
				first = append(first, span{r, r})
			}
			rest[r] = append(rest[r], n[size:])
		}
		if !ended {
			parts = append(parts, g.text(`"`))
		}
		for _, s := range first {
			parts = append(parts, g.seq(g.plain(without([]span{s}, escaped)), besides(rest[s.lo])))
		}
		parts = append(parts, g.seq(g.plain(without(unescaped, first)), anything))
		return g.any(parts...)
	}
	return g.seq(g.text(`"`), besides(names))
}

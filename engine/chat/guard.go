package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// program is a template made safe for the library.
type program struct {
	source string   // in which calls of the guard's functions stand
	texts  []string // what the template writes out between its tags
	growth int      // the largest of all expressions
}

// secure rewrites a template so that what it does is bounded. White space is taken
// care of here too: the library takes away that of a text which does not touch the
// tag.
//
// Every text becomes a call, every value written out or stored is measured, and
// every turn of a loop is counted:
//
//	text              {{ __text(7) }}
//	{{ E }}           {{ __out(E) }}
//	{% set x = E %}   {% set x = __keep(E) %}
//	{% set x %}       {% set x %} … {% endset %}{% set x = __keep(x) %}
//	{% for x in E %}  {% for x in E %}{% if __turn(x) %}{% endif %}
//	{% macro f(x) %}  {% macro f(x) %}{% if __turn(x) %}{% endif %}
//
// And a name that is set in a loop's body gets the value that it has outside back
// at each turn, as in Jinja, for the library keeps it from turn to turn; so does
// one that is set in a block assignment, behind it:
//
//	{% for … %} … {% set y = E %}
//	{% set __y_1 = y %}{% for … %}{% set y = __y_1 %} … {% set y = __keep(E) %}
//
// A line of the result is that line of the template, for the library's errors.
func secure(source string) (*program, error) {
	segments, err := scan(source)
	if err != nil {
		return nil, err
	}
	w := writer{line: 1}
	for _, s := range segments {
		if s.text != "" {
			w.put("{{", fmt.Sprintf("%s(%d)", textCall, len(w.texts)), "}}")
			w.texts = append(w.texts, s.text)
		}
		if s.tag == nil || s.tag.kind == '#' {
			continue
		}
		w.reach(s.tag.line)
		if err := w.tag(s.tag); err != nil {
			return nil, fmt.Errorf("line %d: %w", s.tag.line, err)
		}
	}
	return &program{strings.Join(w.parts, ""), w.texts, w.growth}, nil
}

// writer writes the secured template.
type writer struct {
	parts  []string
	line   int // of the result
	texts  []string
	growth int
	scopes []*scope // the open bodies
}

// scope is the body of a loop, a block assignment or a macro.
type scope struct {
	before  int      // an empty part before it, -1 for a macro
	restore int      // an empty part where names get their outside values back
	items   []string // names of a loop's items
	set     []string // other names that the body sets
	target  string   // of a block assignment
}

// reach has the next tag stand on a line, behind a comment of as many lines as it
// takes.
func (w *writer) reach(line int) {
	if n := line - w.line; n > 0 {
		w.parts = append(w.parts, "{#"+strings.Repeat("\n", n)+"#}")
		w.line = line
	}
}

// put writes a tag.
func (w *writer) put(open, body, closer string) {
	w.parts = append(w.parts, open+body+closer)
	w.line += strings.Count(body, "\n")
}

// expression secures an expression.
func (w *writer) expression(body string) (string, error) {
	g, err := guardExpression(body)
	w.growth = max(w.growth, g.growth)
	return g.text, err
}

// tag writes a tag of the template.
func (w *writer) tag(t *tag) error {
	if t.kind == '{' {
		e, err := w.expression(t.body)
		if err != nil {
			return err
		}
		w.put("{{", outCall+"("+e+")", "}}")
		return nil
	}
	keyword, rest := cutName(strings.TrimSpace(t.body))
	switch keyword {
	case "if", "elif":
		e, err := w.expression(rest)
		if err != nil {
			return err
		}
		w.put("{%", keyword+" "+e, "%}")
	case "for":
		return w.loop(rest)
	case "set":
		return w.assignment(rest)
	case "macro":
		return w.macro(rest)
	case "endfor", "endset", "endmacro":
		w.put("{%", keyword, "%}")
		w.close()
	case "else", "endif", "break", "continue", "generation", "endgeneration":
		if rest != "" {
			return fmt.Errorf("unexpected %q behind %s", rest, keyword)
		}
		w.put("{%", keyword, "%}")
	default:
		return fmt.Errorf("the statement %q is not supported: want if, for, set, macro, break, continue or generation", keyword)
	}
	return nil
}

// turn writes the call that counts a turn and measures the values of names.
func (w *writer) turn(names []string) {
	w.put("{%", fmt.Sprintf("if %s(%s)", turnCall, strings.Join(names, ", ")), "%}{% endif %}")
}

// loop writes "for names in E [if condition]".
func (w *writer) loop(rest string) error {
	names, rest, err := cutNames(rest)
	if err != nil {
		return err
	}
	keyword, rest := cutName(rest)
	if keyword != "in" {
		return errors.New("want in behind the names of a loop")
	}
	iterated, condition, found, err := cutCondition(rest)
	if err != nil {
		return err
	}
	e, err := w.expression(iterated)
	if err != nil {
		return err
	}
	body := "for " + strings.Join(names, ", ") + " in " + e
	if found {
		c, err := w.expression(condition)
		if err != nil {
			return err
		}
		body += fmt.Sprintf(" if %s() or (%s)", turnCall, c)
	}
	s := &scope{before: w.empty(), items: names}
	w.put("{%", body, "%}")
	w.turn(names)
	s.restore = w.empty()
	w.scopes = append(w.scopes, s)
	return nil
}

// empty adds an empty part and returns its index.
func (w *writer) empty() int {
	w.parts = append(w.parts, "")
	return len(w.parts) - 1
}

// sets tells the body around, if there is one, of a name that it sets.
func (w *writer) sets(name string) {
	if len(w.scopes) == 0 {
		return
	}
	s := w.scopes[len(w.scopes)-1]
	if !slices.Contains(s.items, name) && !slices.Contains(s.set, name) {
		s.set = append(s.set, name)
	}
}

// close ends a body.
func (w *writer) close() {
	n := len(w.scopes)
	if n == 0 {
		return // the library says that nothing is open
	}
	s := w.scopes[n-1]
	w.scopes = w.scopes[:n-1]
	if s.target != "" {
		s.restore = w.empty()
	}
	if s.before >= 0 {
		for _, name := range s.set {
			outside := fmt.Sprintf("__%s_%d", name, s.before)
			w.parts[s.before] += fmt.Sprintf("{%%set %s = %s%%}", outside, name)
			w.parts[s.restore] += fmt.Sprintf("{%%set %s = %s%%}", name, outside)
		}
	}
	if s.target != "" {
		w.put("{%", fmt.Sprintf("set %s = %s(%s)", s.target, keepCall, s.target), "%}")
	}
}

// assignment writes "set name = E", or "set name" that a block follows.
func (w *writer) assignment(rest string) error {
	target, rest := cutName(rest)
	if attribute, ok := strings.CutPrefix(rest, "."); ok {
		var name string
		name, rest = cutName(attribute)
		if name == "" {
			return errors.New("want a name behind the dot")
		}
		target += "." + name
	}
	if err := checkName(target); err != nil {
		return err
	}
	if !strings.Contains(target, ".") {
		w.sets(target)
	}
	value, ok := strings.CutPrefix(rest, "=")
	switch {
	case target == "":
		return errors.New("want a name behind set")
	case ok:
		e, err := w.expression(value)
		if err != nil {
			return err
		}
		w.put("{%", fmt.Sprintf("set %s = %s(%s)", target, keepCall, e), "%}")
	case rest == "" && !strings.Contains(target, "."):
		w.scopes = append(w.scopes, &scope{before: w.empty(), items: []string{target}, target: target})
		w.put("{%", "set "+target, "%}")
	default:
		return fmt.Errorf("unexpected %q behind set %s", rest, target)
	}
	return nil
}

// macro writes "macro name(parameters)". The library cuts parameters at every comma,
// so that a default may have none.
func (w *writer) macro(rest string) error {
	name, rest := cutName(rest)
	inner, opened := strings.CutPrefix(rest, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	if !opened || !closed || name == "" {
		return errors.New("want macro name(parameters)")
	}
	if err := checkName(name); err != nil {
		return err
	}
	var names, parameters []string
	for part := range strings.SplitSeq(inner, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		parameter, rest := cutName(part)
		if parameter == "" {
			return fmt.Errorf("macro %s: a parameter has no name", name)
		}
		if err := checkName(parameter); err != nil {
			return err
		}
		names = append(names, parameter)
		value, ok := strings.CutPrefix(rest, "=")
		if !ok && rest != "" {
			return fmt.Errorf("macro %s: unexpected %q behind %s", name, rest, parameter)
		}
		if ok {
			e, err := w.expression(value)
			if err != nil {
				return fmt.Errorf("macro %s: %w", name, err)
			}
			parameter += "=" + e
		}
		parameters = append(parameters, parameter)
	}
	w.put("{%", fmt.Sprintf("macro %s(%s)", name, strings.Join(parameters, ", ")), "%}")
	w.turn(names)
	w.scopes = append(w.scopes, &scope{before: -1})
	return nil
}

// cutName returns the name that s begins with, and what follows it.
func cutName(s string) (name, rest string) {
	s = strings.TrimSpace(s)
	n := 0
	for n < len(s) && (isLetter(s[n]) || n > 0 && isDigit(s[n])) {
		n++
	}
	return s[:n], strings.TrimSpace(s[n:])
}

// cutNames returns the names, one or two, that a loop gives its items.
func cutNames(s string) (names []string, rest string, err error) {
	for rest = s; ; {
		var name string
		name, rest = cutName(rest)
		if name == "" {
			return nil, "", errors.New("want the name of a loop's items")
		}
		if err := checkName(name); err != nil {
			return nil, "", err
		}
		names = append(names, name)
		after, more := strings.CutPrefix(rest, ",")
		if !more {
			break
		}
		rest = after
	}
	if len(names) > 2 {
		return nil, "", fmt.Errorf("%d names of a loop's items: want one or two", len(names))
	}
	return names, rest, nil
}

// cutCondition cuts "E if condition" at an if outside of all brackets.
func cutCondition(s string) (iterated, condition string, found bool, err error) {
	tokens, err := lex(s)
	if err != nil {
		return "", "", false, err
	}
	depth := 0
	for _, t := range tokens {
		switch {
		case t.kind == tokenSign && strings.ContainsAny(t.text, "([{"):
			depth++
		case t.kind == tokenSign && strings.ContainsAny(t.text, ")]}"):
			depth--
		case t.kind == tokenName && t.text == "recursive" && depth == 0:
			return "", "", false, errors.New("recursive loops are not supported")
		case t.kind == tokenName && t.text == "if" && depth == 0 && !found:
			iterated, condition, found = s[:t.begin], s[t.end:], true
		}
	}
	if !found {
		iterated = s
	}
	return iterated, condition, found, nil
}

package chat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The functions that a guarded template calls. A template cannot name them: names
// that begin with two underscores are refused.
const (
	textCall  = "__text"  // writes out a text of the template
	outCall   = "__out"   // measures what is written out
	keepCall  = "__keep"  // measures and copies what is stored
	turnCall  = "__turn"  // counts a turn of a loop or a call of a macro
	boundCall = "__bound" // keeps a slice's bound within reason
)

// maxGrowth is how many times the longest value that an expression uses its
// result may be long. The expressions of real templates stay below 100.
const maxGrowth = 512

// macroGrowth is what the result of a macro counts for: it is as long as what the
// macro writes.
const macroGrowth = 64

// guarded is an expression made safe.
type guarded struct {
	text   string // the expression with calls of the guard's functions
	growth int    // how many times a value's length its result may have
}

// guardExpression checks an expression and has what it stores measured. The
// library evaluates without bounds, so whatever could make much of little is
// refused here: what is left makes at most maxGrowth of the values stored.
func guardExpression(body string) (guarded, error) {
	tokens, err := lex(body)
	if err != nil {
		return guarded{}, err
	}
	g := guard{body: body, tokens: tokens}
	growth, err := g.walk("", "")
	if err != nil {
		return guarded{}, err
	}
	if growth > maxGrowth {
		return guarded{}, fmt.Errorf("the expression could make %d times as much of a text: want at most %d times", growth, maxGrowth)
	}
	return guarded{g.out.String() + body[g.copied:], growth}, nil
}

// guard walks over the tokens of an expression. It need not know the precedence of
// operators: their results are at most the sum of their operands.
type guard struct {
	body   string
	tokens []token
	at     int
	depth  int
	out    strings.Builder // the expression up to copied, with what was inserted
	copied int
}

func (g *guard) peek() token { return g.tokens[g.at] }

// isSign reports whether the token n ahead is an operator or a bracket.
func (g *guard) isSign(n int, text string) bool {
	i := g.at + n
	return i < len(g.tokens) && g.tokens[i].kind == tokenSign && g.tokens[i].text == text
}

// insert puts text into the expression before byte at.
func (g *guard) insert(at int, text string) {
	g.out.WriteString(g.body[g.copied:at])
	g.out.WriteString(text)
	g.copied = at
}

// wrap puts a call around the expression up to one of the signs in stop.
func (g *guard) wrap(call, stop string) error {
	begin := g.at
	g.insert(g.peek().begin, call+"(")
	if _, err := g.walk(stop, ""); err != nil {
		return err
	}
	if g.at == begin {
		return errors.New("an expression is missing")
	}
	g.insert(g.tokens[g.at-1].end, ")")
	return nil
}

// maxNesting is how deep brackets may nest.
const maxNesting = 100

// walk goes to one of the signs in stop, or to the end where stop is empty, and
// returns the sum of the growths of all operands on the way. The signs in pass may
// stand between operands, besides the operators.
func (g *guard) walk(stop, pass string) (growth int, err error) {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > maxNesting {
		return 0, fmt.Errorf("brackets nest deeper than %d", maxNesting)
	}
	for {
		t := g.peek()
		switch {
		case t.kind == tokenEnd && stop != "":
			return 0, fmt.Errorf("a bracket is not closed: want %q", stop[len(stop)-1:])
		case t.kind == tokenEnd:
			return growth, nil
		case t.kind == tokenName && t.text == "is":
			err = g.test()
		case t.kind == tokenName && isKeyword[t.text]:
			g.at++
		case t.kind != tokenSign || strings.ContainsAny(t.text, "([{"):
			var n int
			n, err = g.operand()
			growth = min(growth+n, 2*maxGrowth)
		case strings.Contains(stop, t.text):
			return growth, nil
		case t.text == "*" || t.text == "**":
			err = fmt.Errorf("the operator %s is not supported: it can make a text of any length", t.text)
		case isOperator[t.text] || strings.Contains(pass, t.text):
			g.at++
		default:
			err = fmt.Errorf("unexpected %q", t.text)
		}
		if err != nil {
			return 0, err
		}
	}
}

var isOperator = set("+", "-", "/", "//", "%", "~", "==", "!=", "<=", ">=", "<", ">")

var isKeyword = set("and", "or", "not", "in", "is", "if", "else")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// test passes over "is [not] name"; a test's arguments are operands.
func (g *guard) test() error {
	g.at++
	if g.peek().text == "not" {
		g.at++
	}
	if g.peek().kind != tokenName {
		return errors.New("a test has no name")
	}
	g.at++
	return nil
}

// operand walks over a name, a literal or a bracket and what is applied to it:
// attributes, subscripts, calls and filters.
func (g *guard) operand() (growth int, err error) {
	if growth, err = g.atom(); err != nil {
		return 0, err
	}
	for {
		n, factor := 0, 1
		switch {
		case g.isSign(0, "."):
			n, factor, err = g.attribute()
		case g.isSign(0, "["):
			n, err = g.subscript()
		case g.isSign(0, "|"):
			n, factor, err = g.filter()
		case g.isSign(0, "("):
			err = errors.New("only a name or a method can be called")
		default:
			return growth, nil
		}
		if err != nil {
			return 0, err
		}
		growth = min(growth*factor+n, 2*maxGrowth)
	}
}

// atom walks over what an operand begins with.
func (g *guard) atom() (growth int, err error) {
	t := g.peek()
	g.at++
	switch {
	case t.kind == tokenSign: // an opening bracket
		n, err := g.walk(closing[t.text], ",:")
		g.at++
		return max(n, 1), err
	case t.kind != tokenName:
		return 1, nil
	}
	if err := checkName(t.text); err != nil {
		return 0, err
	}
	if !g.isSign(0, "(") {
		return 1, nil
	}
	g.at++
	args, err := g.arguments(nil)
	growth, known := functions[t.text]
	if !known {
		growth = macroGrowth
	}
	if growth == 0 {
		return 0, fmt.Errorf("the function %s is not supported", t.text)
	}
	return growth + args.growth, err
}

var closing = map[string]string{"(": ")", "[": "]", "{": "}"}

// functions are the global functions, with the growth of their results; 0 where
// the guard cannot measure them.
var functions = map[string]int{
	"range": 1, "namespace": 1, "dict": 1, "raise_exception": 1, "strftime_now": 10, "joiner": 0, "cycler": 0,
}

// checkName refuses the names that are the guard's.
func checkName(name string) error {
	if strings.HasPrefix(name, "__") {
		return fmt.Errorf("the name %s is not supported: it begins with two underscores", name)
	}
	return nil
}

// attribute walks over ".name" or ".name(…)".
func (g *guard) attribute() (growth, factor int, err error) {
	g.at++
	t := g.peek()
	g.at++
	if t.kind == tokenNumber {
		return 0, 1, nil
	}
	if t.kind != tokenName {
		return 0, 0, errors.New("want a name behind the dot")
	}
	if err := checkName(t.text); err != nil {
		return 0, 0, err
	}
	if !g.isSign(0, "(") {
		if mutating[t.text] || t.text == "replace" {
			return 0, 0, fmt.Errorf("the method %s can only be called", t.text)
		}
		return 0, 1, nil
	}
	g.at++
	var wrapped func() error
	if mutating[t.text] {
		wrapped = g.stored
	} else if !methods[t.text] {
		return 0, 0, fmt.Errorf("the method %s is not supported", t.text)
	}
	args, err := g.arguments(wrapped)
	if err != nil {
		return 0, 0, err
	}
	factor = 1
	if t.text == "replace" {
		factor, err = args.replacing()
	}
	return args.growth, factor, err
}

// methods are the methods that may be called; mutating ones store their argument.
var (
	methods = set("strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "upper", "lower", "title",
		"capitalize", "count", "find", "items", "keys", "values", "get", "pop", "cycle")
	mutating = set("append", "update")
)

// stored walks over an argument that a method stores.
func (g *guard) stored() error {
	if g.isSign(0, ")") {
		return errors.New("a method that stores has no argument")
	}
	return g.wrap(keepCall, ",)")
}

// arguments are those of a call or a filter.
type arguments struct {
	list   []argument
	growth int // of all
}

// argument is one of them.
type argument struct {
	name   string // "" for one given by its place
	tokens []token
}

// literal returns the string or the number that an argument is, if it is no other
// expression.
func (a argument) literal(kind tokenKind) (text string, ok bool) {
	if len(a.tokens) != 1 || a.tokens[0].kind != kind {
		return "", false
	}
	return a.tokens[0].text, true
}

// arguments walks to the end of a list of arguments; first, where it is not nil,
// walks over the first of them.
func (g *guard) arguments(first func() error) (args arguments, err error) {
	if first != nil {
		if err := first(); err != nil {
			return args, err
		}
		args.growth = 1
	}
	for !g.isSign(0, ")") {
		if g.isSign(0, ",") {
			g.at++
			continue
		}
		var a argument
		if g.peek().kind == tokenName && g.isSign(1, "=") {
			a.name = g.peek().text
			g.at += 2
		}
		begin := g.at
		n, err := g.walk(",)", "")
		if err != nil {
			return args, err
		}
		a.tokens = g.tokens[begin:g.at]
		args.list = append(args.list, a)
		args.growth = min(args.growth+n, 2*maxGrowth)
	}
	g.at++
	return args, nil
}

// text returns the string at a place of the list, which must be written out.
func (a arguments) text(i int) (string, error) {
	if i < len(a.list) && a.list[i].name == "" {
		if text, ok := a.list[i].literal(tokenString); ok {
			return text, nil
		}
	}
	return "", errors.New("want a string written out in its place")
}

// replacing returns by how much replace lengthens a text.
func (a arguments) replacing() (factor int, err error) {
	with, err := a.text(1)
	if err != nil {
		return 0, fmt.Errorf("the second argument of replace: %w", err)
	}
	what, err := a.text(0)
	if err != nil || what == "" {
		return 1 + len(with), nil //nolint:nilerr // what is not written out may be empty: then something goes before each character
	}
	return max(1, (len(with)+len(what)-1)/len(what)), nil
}

// filter walks over "| name" or "| name(…)".
func (g *guard) filter() (growth, factor int, err error) {
	g.at++
	t := g.peek()
	if t.kind != tokenName {
		return 0, 0, errors.New("want a filter's name behind |")
	}
	g.at++
	var args arguments
	if g.isSign(0, "(") {
		g.at++
		if args, err = g.arguments(nil); err != nil {
			return 0, 0, err
		}
	}
	grows, ok := filters[t.text]
	if !ok {
		return 0, 0, fmt.Errorf("the filter %s is not supported", t.text)
	}
	factor = 1
	if grows != nil {
		if factor, err = grows(args); err != nil {
			return 0, 0, fmt.Errorf("the filter %s: %w", t.text, err)
		}
	}
	return args.growth, factor, nil
}

// filters are those that may be used, with the factor by which they lengthen a
// text; nil for those that do not.
var filters = map[string]func(arguments) (int, error){
	"tojson": growthOfJSON, "join": growthOfJoin, "indent": growthOfIndent,
	"replace": func(a arguments) (int, error) { return a.replacing() },
	"string":  times(5), "escape": times(5), "e": times(5), // quotes and commas around each character; &#34;
	"fromjson": nil, "from_json": nil, "items": nil, "default": nil, "d": nil, "trim": nil, "lower": times(2), "upper": times(2),
	"title": times(2), "capitalize": times(2), "first": nil, "last": nil, "length": nil, "count": nil, "reverse": nil,
	"sort": nil, "unique": nil, "list": nil, "int": nil, "float": nil, "safe": nil, "round": nil, "abs": nil, "map": nil,
	"select": nil, "reject": nil, "selectattr": nil, "rejectattr": nil, "wordcount": nil, "dictsort": nil, "max": nil,
	"min": nil, "sum": nil,
}

func times(n int) func(arguments) (int, error) {
	return func(arguments) (int, error) { return n, nil }
}

// growthOfJSON: a control character takes six bytes; indentation is repeated on
// every line, and separators stand between all parts.
func growthOfJSON(args arguments) (int, error) {
	factor := 6
	for _, a := range args.list {
		switch {
		case a.name == "indent" || a.name == "":
			n, err := a.width()
			if err != nil {
				return 0, err
			}
			factor += n * maxDepth
		case a.name == "separators":
			n, err := a.separators()
			if err != nil {
				return 0, err
			}
			factor += n
		}
	}
	return factor, nil
}

// separators returns the length of all separators, which must be written out.
func (a argument) separators() (int, error) {
	n := 0
	for _, t := range a.tokens {
		switch {
		case t.kind == tokenString:
			n += len(t.text)
		case t.kind != tokenSign || t.text != "(" && t.text != ")" && t.text != ",":
			return 0, errors.New("want separators written out")
		}
	}
	return n, nil
}

func growthOfJoin(args arguments) (int, error) {
	for i, a := range args.list {
		if a.name == "" {
			separator, err := args.text(i)
			return 1 + len(separator), err
		}
	}
	return 1, nil
}

func growthOfIndent(args arguments) (int, error) {
	for i, a := range args.list {
		if i == 0 && a.name == "" || a.name == "width" {
			n, err := a.width()
			return 1 + n, err
		}
	}
	return 5, nil
}

// width returns a number of spaces, which must be written out.
func (a argument) width() (int, error) {
	const most = 64
	text, ok := a.literal(tokenNumber)
	if !ok {
		return 0, errors.New("want a number written out")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > most {
		return 0, fmt.Errorf("%s spaces: want at most %d", text, most)
	}
	return n, nil
}

// subscript walks over "[…]". The library runs over all numbers between the bounds
// of a slice, so these are kept within reason.
func (g *guard) subscript() (growth int, err error) {
	g.at++
	for slice := g.isSlice(); !g.isSign(0, "]"); {
		switch {
		case g.isSign(0, ":"):
			g.at++
		case slice:
			err = g.wrap(boundCall, ":]")
		default:
			_, err = g.walk("]", "")
		}
		if err != nil {
			return 0, err
		}
	}
	g.at++
	return 0, nil
}

// isSlice reports whether the subscript at hand has a colon of its own.
func (g *guard) isSlice() bool {
	depth := 0
	for _, t := range g.tokens[g.at:] {
		if t.kind != tokenSign {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth == 0 {
				return false
			}
			depth--
		case ":":
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

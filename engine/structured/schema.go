package structured

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// annotations are the keywords that ask for nothing.
var annotations = []string{
	"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples",
	"deprecated", "readOnly", "writeOnly",
}

// keywords are those that ask for something of one type of values.
var keywords = map[string][]string{
	"string":  {"minLength", "maxLength", "pattern", "format"},
	"number":  {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
	"integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
	"object":  {"properties", "required", "additionalProperties"},
	"array":   {"prefixItems", "items", "minItems", "maxItems"},
	"boolean": nil,
	"null":    nil,
}

// types are the types of JSON schema, in the order in which they are tried.
var types = []string{"object", "array", "string", "number", "integer", "boolean", "null"}

// heads are the keywords that say alone what a value is.
var heads = []string{"$ref", "enum", "const", "anyOf", "oneOf", "allOf"}

// maxResolved bounds the steps to follow all references, some tenths of a second.
const maxResolved = 100_000

// schema turns a JSON schema into rules.
type schema struct {
	*grammar
	root     document
	rules    map[string]int32 // by the schema's pointer
	todo     []string         // pointers of rules that are not defined yet
	check    func(pointer string) (*jsonschema.Schema, error)
	compared int                           // pairs of schemas
	looked   int                           // at values and names, to compare schemas
	texts    map[*document]map[string]bool // canonical ones of listed values
	resolved int                           // steps to follow references
}

// compileSchema defines a rule as the texts that are valid against a schema.
func compileSchema(b *builder, root int32, text string) error {
	doc, err := read(text)
	if err != nil {
		return err
	}
	s := &schema{grammar: newGrammar(b), root: doc, rules: map[string]int32{}, texts: map[*document]map[string]bool{}}
	if err := s.validate(text); err != nil {
		return err
	}
	start, err := s.rule("")
	if err != nil {
		return err
	}
	b.define(root, b.call(start))
	for len(s.todo) > 0 {
		pointer := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		f, err := s.body(pointer, doc.at(pointer))
		if err != nil {
			return err
		}
		b.define(s.rules[pointer], f)
		if b.full {
			return errorf(pointer, "is too large, with what comes before it: %s", b.tooLarge())
		}
	}
	return nil
}

// place is the name of the schema for the library. Nothing is at that address.
const place = "vitrine:schema"

// refuseLoader refuses to load what the schema does not hold itself.
type refuseLoader struct{}

func (refuseLoader) Load(string) (any, error) {
	return nil, errors.New("is somewhere else, want what the schema holds itself")
}

// validate has the library judge the schema itself.
func (s *schema) validate(text string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return errorf("", "is not JSON: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(refuseLoader{})
	c.UseRegexpEngine(newMatcher)
	if err := c.AddResource(place, value); err != nil {
		return librarysError(err)
	}
	if _, err := c.Compile(place); err != nil {
		return librarysError(err)
	}
	s.check = func(pointer string) (*jsonschema.Schema, error) {
		return c.Compile(place + "#" + (&url.URL{Fragment: pointer}).EscapedFragment())
	}
	return nil
}

// librarysError finds the place that the library complains about.
func librarysError(err error) error {
	var refused *jsonschema.SchemaValidationError
	if errors.As(err, &refused) {
		err = refused.Err
	}
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		pointer := ""
		for _, step := range invalid.InstanceLocation {
			pointer = join(pointer, step)
		}
		lines := strings.Split(invalid.Error(), "\n")
		return errorf(pointer, "is no JSON schema: %s", strings.TrimLeft(lines[len(lines)-1], "- "))
	}
	return errorf("", "is no JSON schema: %s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "jsonschema: "), place, ""))
}

// rule returns the rule of the schema at a pointer, which is defined later. A
// schema that only refers to another one has that one's rule.
func (s *schema) rule(pointer string) (int32, error) {
	pointer, err := s.resolve(pointer)
	if err != nil {
		return 0, err
	}
	if r, ok := s.rules[pointer]; ok {
		return r, nil
	}
	r := s.newRule(pointer)
	s.rules[pointer] = r
	s.todo = append(s.todo, pointer)
	return r, nil
}

// resolve follows references, and allOf of one schema, which is how references
// get a description in older drafts.
func (s *schema) resolve(pointer string) (string, error) {
	for met := map[string]bool{}; ; {
		if met[pointer] {
			return "", errorf(pointer, "refers back to itself with nothing in between")
		}
		met[pointer] = true
		if len(met) > 1 {
			s.resolved++
		}
		if s.resolved > maxResolved {
			return "", errorf(pointer, "is where references take too long to follow, want fewer that lead to other references")
		}
		doc := s.root.at(pointer)
		if doc == nil {
			return "", errorf(pointer, "is not there")
		}
		if doc.value != isObject {
			return pointer, nil
		}
		if err := s.known(pointer, doc); err != nil {
			return "", err
		}
		switch ref, all := doc.get("$ref"), doc.get("allOf"); {
		case ref != nil:
			if err := alone(pointer, doc, "$ref"); err != nil {
				return "", err
			}
			to, _ := ref.value.(string)
			local, ok := strings.CutPrefix(to, "#")
			unescaped, err := url.PathUnescape(local)
			if !ok || err != nil || unescaped != "" && unescaped[0] != '/' {
				return "", errorf(join(pointer, "$ref"), "is %q, want a place in this schema such as #/$defs/name", to)
			}
			if s.root.at(unescaped) == nil {
				return "", errorf(join(pointer, "$ref"), "is %q, and nothing is there", to)
			}
			pointer = unescaped
		case all != nil && len(all.content) == 1:
			if err := alone(pointer, doc, "allOf"); err != nil {
				return "", err
			}
			pointer = join(join(pointer, "allOf"), "0")
		default:
			return pointer, nil
		}
	}
}

// known refuses keywords that are not supported.
func (s *schema) known(pointer string, doc *document) error {
	for i, name := range doc.names {
		supported := name == "type" || slices.Contains(annotations, name) || slices.Contains(heads, name)
		for _, list := range keywords {
			supported = supported || slices.Contains(list, name)
		}
		switch value := &doc.content[i]; {
		case name == "uniqueItems" && value.value == false:
		case name == "$id" && pointer != "":
			return errorf(join(pointer, name), "is supported at the root only")
		case !supported:
			return errorf(join(pointer, name), "is not supported")
		}
	}
	return nil
}

// alone refuses what stands beside a keyword that says alone what a value is.
func alone(pointer string, doc *document, head string) error {
	for _, name := range doc.names {
		if name != head && !slices.Contains(annotations, name) {
			return errorf(join(pointer, name), "beside %s is not supported", head)
		}
	}
	return nil
}

// body builds the rule of a schema.
func (s *schema) body(pointer string, doc *document) (frag, error) {
	switch doc.value {
	case true:
		return s.call(s.value()), nil
	case false:
		return s.any(), nil
	case isObject:
	default:
		return nil, errorf(pointer, "is not a schema, want an object, true or false")
	}
	for _, head := range heads {
		list := doc.get(head)
		if list == nil {
			continue
		}
		switch head {
		case "enum", "const":
			return s.values(pointer, doc)
		case "allOf":
			return nil, errorf(join(pointer, head), "of several schemas is not supported, want one schema that says all")
		}
		if err := alone(pointer, doc, head); err != nil {
			return nil, err
		}
		if head == "oneOf" {
			if err := s.exclusive(join(pointer, head), list); err != nil {
				return nil, err
			}
		}
		var parts []frag
		for i := range list.content {
			r, err := s.rule(fmt.Sprintf("%s/%d", join(pointer, head), i))
			if err != nil {
				return nil, err
			}
			parts = append(parts, s.call(r))
		}
		return s.any(parts...), nil
	}
	names := typesOf(doc)
	if names == nil {
		return s.call(s.value()), nil
	}
	var parts []frag
	for _, name := range names {
		f, err := s.typed(pointer, doc, name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, f)
	}
	return s.any(parts...), nil
}

// typesOf returns the types that a schema's text gives, or the types that its
// keywords are about; nil if there are neither.
func typesOf(doc *document) []string {
	given, some := doc.get("type"), func(list []string) bool {
		return slices.ContainsFunc(list, func(k string) bool { return doc.get(k) != nil })
	}
	var names []string
	for _, name := range types {
		switch {
		case given == nil && some(keywords[name]) && name != "integer",
			given != nil && given.value == name,
			given != nil && slices.ContainsFunc(given.content, func(d document) bool { return d.value == name }):
			names = append(names, name)
		}
	}
	if slices.Contains(names, "number") { // and so is every integer
		names = slices.DeleteFunc(names, func(n string) bool { return n == "integer" })
	}
	return names
}

// typed builds the values of one type.
func (s *schema) typed(pointer string, doc *document, name string) (frag, error) {
	switch name {
	case "object":
		return s.objectOf(pointer, doc)
	case "array":
		return s.arrayOf(pointer, doc)
	case "string":
		return s.stringOf(pointer, doc)
	case "number", "integer":
		return s.numberOf(pointer, doc, name == "integer")
	case "boolean":
		return s.any(s.text("true"), s.text("false")), nil
	}
	return s.text("null"), nil
}

// bounds reads two counts, of which most is negative for no bound.
func bounds(pointer string, doc *document, leastName, mostName string) (least, most int, err error) {
	least, most = 0, -1
	for _, b := range []struct {
		name string
		to   *int
	}{{leastName, &least}, {mostName, &most}} {
		if d := doc.get(b.name); d != nil {
			n, ok := d.count()
			if !ok {
				return 0, 0, errorf(join(pointer, b.name), "is not a number of things")
			}
			*b.to = n
		}
	}
	if most >= 0 && most < least {
		return 0, 0, errorf(join(pointer, mostName), "is less than %s", leastName)
	}
	return least, most, nil
}

// objectOf builds objects. Their properties come in the order in which the
// schema names them. Others come only where additionalProperties allows them in
// so many words: a model should not be led to invent names.
func (s *schema) objectOf(pointer string, doc *document) (frag, error) {
	var list []member
	var required, names []string
	is, there := map[string]bool{}, map[string]bool{}
	if d := doc.get("required"); d != nil {
		for _, name := range d.content {
			if text, ok := name.value.(string); ok {
				if len(text) > maxName {
					return nil, errorf(join(pointer, "required"), "has a name of %d bytes, want at most %d", len(text), maxName)
				}
				required, is[text] = append(required, text), true
			}
		}
	}
	if d := doc.get("properties"); d != nil {
		for _, name := range d.names {
			r, err := s.rule(join(join(pointer, "properties"), name))
			if err != nil {
				return nil, err
			}
			list = append(list, member{name, s.call(r), is[name]})
			names, there[name] = append(names, name), true
		}
	}
	var other *int32
	additional := doc.get("additionalProperties")
	if additional != nil && additional.value != false {
		r, err := s.rule(join(pointer, "additionalProperties"))
		if err != nil {
			return nil, err
		}
		other = &r
	}
	for i, name := range required {
		switch {
		case there[name]:
			continue
		case additional != nil && additional.value == false:
			return nil, errorf(fmt.Sprintf("%s/%d", join(pointer, "required"), i), "is %q, which additionalProperties forbids", name)
		case other != nil:
			list = append(list, member{name, s.call(*other), true})
		default:
			list = append(list, member{name, s.call(s.value()), true})
		}
		names, there[name] = append(names, name), true
	}
	if other == nil {
		if additional == nil && doc.get("properties") == nil && required == nil {
			return s.call(s.object()), nil // nothing is said but that it is an object
		}
		return s.members(list, nil), nil
	}
	return s.members(list, s.seq(s.nameBesides(names), s.colon(), s.call(*other))), nil
}

// arrayOf builds arrays. Behind the items that prefixItems lists others come only
// where items allows them in so many words, or minItems asks for them.
func (s *schema) arrayOf(pointer string, doc *document) (frag, error) {
	least, most, err := bounds(pointer, doc, "minItems", "maxItems")
	if err != nil {
		return nil, err
	}
	var listed []frag
	if d := doc.get("prefixItems"); d != nil {
		if draft := s.root.get("$schema"); draft != nil && !strings.Contains(draft.text(), "2020-12") {
			return nil, errorf(join(pointer, "prefixItems"), "is of JSON Schema 2020-12, and $schema names another draft")
		}
		for i := range d.content {
			r, err := s.rule(fmt.Sprintf("%s/%d", join(pointer, "prefixItems"), i))
			if err != nil {
				return nil, err
			}
			listed = append(listed, s.call(r))
		}
	}
	item := s.value()
	switch d := doc.get("items"); {
	case d == nil && listed != nil && least <= len(listed):
		if most < 0 || most > len(listed) {
			most = len(listed)
		}
	case d == nil:
	case d.value == isArray:
		return nil, errorf(join(pointer, "items"), "is a list, which is not supported, want one schema for all items, or prefixItems")
	default:
		if item, err = s.rule(join(pointer, "items")); err != nil {
			return nil, err
		}
	}
	return s.array(listed, s.call(item), least, most), nil
}

func (s *schema) stringOf(pointer string, doc *document) (frag, error) {
	least, most, err := bounds(pointer, doc, "minLength", "maxLength")
	if err != nil {
		return nil, err
	}
	for _, k := range []string{"pattern", "format"} {
		d := doc.get(k)
		if d == nil {
			continue
		}
		for _, other := range keywords["string"] {
			if other != k && doc.get(other) != nil {
				return nil, errorf(join(pointer, other), "beside %s is not supported", k)
			}
		}
		expression, _ := d.value.(string)
		search := true
		if k == "format" {
			format := expression
			if expression, search = formats[format], false; expression == "" {
				return nil, errorf(join(pointer, k), "is %q, want one of %s", format, formatNames())
			}
		}
		f, err := s.pattern(expression, s.quoted, search)
		if err != nil {
			return nil, errorf(join(pointer, k), "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return s.seq(s.text(`"`), f, s.text(`"`)), nil
	}
	return s.str(least, most), nil
}

// numberOf builds numbers in the bounds that the schema gives.
func (s *schema) numberOf(pointer string, doc *document, whole bool) (frag, error) {
	var low, high *big.Rat
	var lowOpen, highOpen bool
	var steps *multiple
	for _, name := range keywords["number"] {
		d := doc.get(name)
		if d == nil {
			continue
		}
		n, ok := d.value.(json.Number)
		if !ok {
			return nil, errorf(join(pointer, name), "is not a number")
		}
		d10, _, err := parseDecimal(n.String())
		if err != nil {
			return nil, errorf(join(pointer, name), "%v", err)
		}
		if name == "multipleOf" {
			if steps, err = newMultiple(d10); err != nil {
				return nil, errorf(join(pointer, name), "%v", err)
			}
			continue
		}
		v, ok := new(big.Rat).SetString(n.String())
		if !ok {
			return nil, errorf(join(pointer, name), "is not a number")
		}
		open := strings.HasPrefix(name, "exclusive")
		if strings.HasSuffix(strings.ToLower(name), "minimum") {
			if low == nil || v.Cmp(low) > 0 || v.Cmp(low) == 0 && open {
				low, lowOpen = v, open
			}
		} else if high == nil || v.Cmp(high) < 0 || v.Cmp(high) == 0 && open {
			high, highOpen = v, open
		}
	}
	switch free := low == nil && high == nil && steps == nil; {
	case free && whole:
		return s.integer(), nil
	case free:
		return s.number(), nil
	}
	return s.between(low, lowOpen, high, highOpen, whole, steps), nil
}

// between reads numbers from low to high, either of which may be nil, without an
// exponent, those that steps allows. Those below zero are a minus and an amount.
func (g *grammar) between(low *big.Rat, lowOpen bool, high *big.Rat, highOpen, whole bool, steps *multiple) frag {
	zero := limit{}
	var parts []frag
	if high == nil || high.Sign() >= 0 {
		least, most := zero, (*limit)(nil)
		if low != nil && low.Sign() >= 0 {
			least = newLimit(low, lowOpen, whole, +1)
		}
		if high != nil {
			l := newLimit(high, highOpen, whole, -1)
			most = &l
		}
		parts = append(parts, g.amounts(least, most, whole, steps))
	}
	if low == nil || low.Sign() < 0 {
		least, most := limit{open: true}, (*limit)(nil)
		if high != nil && high.Sign() < 0 {
			least = newLimit(new(big.Rat).Neg(high), highOpen, whole, +1)
		}
		if low != nil {
			l := newLimit(new(big.Rat).Neg(low), lowOpen, whole, -1)
			most = &l
		}
		parts = append(parts, g.seq(g.text("-"), g.amounts(least, most, whole, steps)))
	}
	return g.any(parts...)
}

// newLimit makes a limit of an amount. One for whole numbers is rounded up or
// down to a whole number that is in the range.
func newLimit(v *big.Rat, open, whole bool, direction int) limit {
	if whole {
		n, rest := new(big.Int).QuoRem(v.Num(), v.Denom(), new(big.Int))
		switch {
		case direction > 0 && (rest.Sign() > 0 || open):
			n.Add(n, big.NewInt(1))
		case direction < 0 && rest.Sign() == 0 && open:
			n.Sub(n, big.NewInt(1))
		}
		if n.Sign() < 0 { // below every amount
			return limit{open: true}
		}
		v, open = new(big.Rat).SetInt(n), false
	}
	// Its decimal digits end: it was read from some.
	digits, exact := v.FloatPrec()
	if !exact {
		digits = maxDigits
	}
	d, _, err := parseDecimal(v.FloatString(digits))
	if err != nil { // cannot be: the digits were counted when it was read
		return limit{open: true}
	}
	return limit{d, open}
}

// values builds the values that enum and const list, those of them that the
// schema's other keywords allow.
func (s *schema) values(pointer string, doc *document) (frag, error) {
	for _, name := range doc.names {
		switch name {
		case "properties", "additionalProperties", "prefixItems", "items", "anyOf", "oneOf", "allOf":
			return nil, errorf(join(pointer, name), "beside enum or const is not supported")
		}
	}
	judge, err := s.check(pointer)
	if err != nil {
		return nil, librarysError(err)
	}
	if m, ok := judge.Pattern.(*matcher); ok {
		size := 0
		for _, v := range listed(doc) {
			size += len(v.text())
		}
		if size*m.steps() > maxMatching {
			return nil, errorf(join(pointer, "pattern"), "is too large to be matched with the values listed, want a smaller one or none")
		}
	}
	// The library would compare each value with each, to find out that it is listed.
	others := *judge
	if doc.get("enum") != nil {
		others.Enum = nil
	} else {
		others.Const = nil
	}
	var texts []string
	for _, v := range listed(doc) {
		text := v.text()
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return nil, errorf(pointer, "has a value that is not JSON: %v", err)
		}
		if others.Validate(value) == nil {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return nil, errorf(pointer, "has no value: none of those listed is valid")
	}
	return s.choices(texts), nil
}

// listed are the values that enum or const lists.
func listed(doc *document) []document {
	if d := doc.get("enum"); d != nil {
		return d.content
	}
	if d := doc.get("const"); d != nil {
		return []document{*d}
	}
	return nil
}
